//! The journal's head: the promotion at hand, and where the one lies that was finished before it.
//!
//! One ConfigMap holds it, which is written again at each stage, over the version that was read. All that is
//! large lies in bundles that it names.

use super::Journal;
use crate::model::bundle::PartBundle;
use crate::model::format::{FormatVersion, Rest};
use serde::{Deserialize, Serialize};

/// What the head's ConfigMap holds: the promotion at hand, and where the last one lies that was finished before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// Of this document.
    #[serde(default = "FormatVersion::first")]
    pub format_version: FormatVersion,
    /// The promotion at hand, or the last one where none is.
    pub current: Journal,
    /// The finished promotion before it, which can still be reverted where `current` was reverted itself.
    // One and no more: pre-images are kept until the next promotion is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// The head as it was before a rehearsal, which ends with it; in that phase alone.
    // Whole: what could be reverted before can be reverted after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<Head>>,
    /// What a later program wrote beside it.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Head {
    /// Of a rehearsal, in front of the head that is there.
    pub fn rehearsing(current: Journal, before: Option<Head>) -> Self {
        Self {
            before: before.map(Box::new),
            ..Self::new(current, None)
        }
    }

    /// Of a promotion, in front of the one that was finished before it.
    pub fn new(current: Journal, previous: Option<Previous>) -> Self {
        Self {
            format_version: FormatVersion::default(),
            current,
            previous,
            before: None,
            rest: Rest::new(),
        }
    }
}

/// The finished promotion before the one at hand. Its journal lies in a bundle of its own: the head is written again and
/// again, and has to fit into one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Previous {
    /// Where its journal lies; none in a head that holds it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<PartBundle>,
    /// Its pre-images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartBundle>,
    /// Its journal, until the bundle is certainly there.
    // In the head first, then in the bundle: a run that is killed in between has left it in one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<Box<Journal>>,
}

impl Previous {
    /// Everything that it needs in the cluster.
    pub fn into_bundles(self) -> Vec<PartBundle> {
        self.parts.into_iter().chain(self.bundle).collect()
    }

    /// Its bundle is there: the head need not hold the journal itself.
    pub fn drop_stored_journal(&mut self) {
        // Without a bundle this is the only copy.
        if self.bundle.is_some() {
            self.journal = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_names_the_bundle_of_the_promotion_before() {
        let named = PartBundle::named("a", false);
        // As it is once the bundle is there.
        let previous = Previous {
            bundle: Some(named),
            parts: Vec::new(),
            journal: None,
        };

        let text = serde_json::to_string(&previous).unwrap();
        assert_eq!(serde_json::from_str::<Previous>(&text).unwrap(), previous);
    }
}
