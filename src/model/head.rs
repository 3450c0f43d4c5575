//! The journal's head: the promotion at hand, and where the one lies that was finished before it.

use super::bundle::Bundle;
use super::journal::Journal;
use serde::{Deserialize, Serialize};

/// What the head's ConfigMap holds: the promotion at hand, and where the last one lies that was finished before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// The promotion at hand, or the last one where none is.
    pub current: Journal,
    /// The finished promotion before it, which can still be reverted where `current` was reverted itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
}

/// The finished promotion before the one at hand. Its journal lies in a bundle of its own: the head is written again and
/// again, and has to fit into one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "WrittenPrevious")]
pub struct Previous {
    /// Where its journal lies; none in a head that holds it itself, as older versions wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// Its pre-images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Bundle>,
    /// Its journal, until the bundle is certainly there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<Box<Journal>>,
}

/// As this version writes it, or the whole journal, as older ones did.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenPrevious {
    Whole(Box<Journal>),
    #[serde(rename_all = "camelCase")]
    Named {
        #[serde(default)]
        bundle: Option<Bundle>,
        #[serde(default)]
        parts: Vec<Bundle>,
        #[serde(default)]
        journal: Option<Box<Journal>>,
    },
}

impl From<WrittenPrevious> for Previous {
    fn from(written: WrittenPrevious) -> Self {
        match written {
            WrittenPrevious::Whole(journal) => {
                Self { bundle: None, parts: journal.parts.clone(), journal: Some(journal) }
            }
            WrittenPrevious::Named { bundle, parts, journal } => Self { bundle, parts, journal },
        }
    }
}

impl Previous {
    /// Everything that it needs in the cluster.
    pub fn into_bundles(self) -> Vec<Bundle> {
        self.parts.into_iter().chain(self.bundle).collect()
    }

    /// Its bundle is there: the head need not hold the journal itself.
    pub fn is_kept(&mut self) {
        if self.bundle.is_some() {
            self.journal = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_head_of_an_older_version_holds_the_journal_of_the_promotion_before_in_itself() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let part = json!({"secret": true, "namespace": "shop", "names": ["a"], "digest": digest});
        let journal = json!({"id": "p1", "serial": 3, "release": {"name": "shop", "version": "1", "digest": digest},
            "namespace": "shop", "revision": 1, "actor": "me", "startedAt": "2026-01-01T00:00:00Z", "phase": "closed",
            "ending": "promoted", "message": "promoted", "holder": "me", "parts": [part], "record": [], "steps": []});
        let head: Head = serde_json::from_value(json!({"current": journal, "previous": journal})).unwrap();
        let previous = head.previous.unwrap();
        assert_eq!(previous.journal.as_deref(), Some(&head.current));
        assert_eq!((previous.parts, previous.bundle), (head.current.parts, None));
    }

    #[test]
    fn a_head_names_the_bundle_of_the_promotion_before() {
        let named = Bundle {
            secret: false,
            namespace: "shop".into(),
            names: vec!["a".into()],
            digest: super::super::Sha256Digest::of(b"a").into(),
        };
        let previous = Previous { bundle: Some(named), parts: Vec::new(), journal: None };
        let text = serde_json::to_string(&previous).unwrap();
        assert_eq!(serde_json::from_str::<Previous>(&text).unwrap(), previous);
    }
}
