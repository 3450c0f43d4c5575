//! Objects that move from one release to another: the part of a plan, and the entry in the inventory that loses them.
//!
//! Releases are named by namespace and name, and told apart by the label of their members.

use super::identity::Target;
use super::names::{applyset_id, inventory};
use super::phrase::{counted, list_first, utc};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Before the name of a release among what `--adopt` takes.
pub const RELEASE_PREFIX: &str = "release:";

/// A release, and the namespace where its inventory lies.
// Its order is that in which a run takes several locks: no two runs wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRef {
    /// The release namespace.
    pub namespace: String,
    /// The release's name.
    pub name: String,
}

impl ReleaseRef {
    /// A release in a namespace.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// From `[NAMESPACE/]NAME`; `home` is the namespace where none is named.
    pub fn parse(text: &str, home: &str) -> Option<Self> {
        let (namespace, name) = text.split_once('/').unwrap_or((home, text));
        // The prefix once more is a slip and no name.
        let is_name = |text: &str| !text.is_empty() && !text.contains(['/', ' ', ':']);
        (is_name(namespace) && is_name(name)).then(|| Self::new(namespace, name))
    }

    /// What its members carry as `applyset.kubernetes.io/part-of`.
    pub fn set(&self) -> String {
        applyset_id(&inventory(&self.name), &self.namespace)
    }

    /// Its name as `--adopt release:` takes it in the release namespace `home`.
    pub fn name_from(&self, home: &str) -> String {
        if self.namespace == home {
            self.name.clone()
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for ReleaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Members of another release that a promotion takes into its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// Whose they are before.
    pub from: ReleaseRef,
    /// The objects.
    pub objects: Vec<Target>,
    /// All members of that release before: the pre-image of its inventory, read under its lock; empty in a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members_before: Vec<Target>,
}

/// Members that another release has taken, or is about to take, as the inventory that loses them says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// Whose they are now.
    pub to: ReleaseRef,
    /// The version of that release.
    // Kept here, so that this release tells where its objects went without reading the other one.
    pub version: String,
    /// The id of the promotion that took them.
    pub promotion: String,
    /// Who promoted it.
    pub actor: String,
    /// When it began.
    pub at: Timestamp,
    /// Whether it is committed; until then they are members of both.
    #[serde(default)]
    pub is_done: bool,
    /// The objects.
    pub objects: Vec<Target>,
}

/// How many objects are named in a sentence; the rest is counted.
const NAMED: usize = 10;

/// Objects in a sentence: ten by name, the rest counted.
pub fn named(objects: &[Target]) -> String {
    list_first(objects.iter(), NAMED, ", ")
}

impl Moved {
    /// In one sentence, as seen from the release namespace `home`.
    pub fn sentence(&self, home: &str) -> String {
        let verb = match (self.is_done, self.objects.len()) {
            (true, _) => "moved",
            (false, 1) => "is being moved",
            (false, _) => "are being moved",
        };

        let (to, count) = (self.to.name_from(home), counted(self.objects.len(), "object"));
        format!(
            "{count} {verb} to release {to} {} by {} at {}: {}",
            self.version,
            self.actor,
            utc(self.at),
            named(&self.objects)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_named_alone_or_with_its_namespace_and_in_no_other_way() {
        assert_eq!(
            ReleaseRef::parse("shop", "here"),
            Some(ReleaseRef::new("here", "shop"))
        );
        assert_eq!(
            ReleaseRef::parse("there/shop", "here"),
            Some(ReleaseRef::new("there", "shop"))
        );
        // Among them the prefix a second time.
        for text in ["", "/shop", "there/", "a/b/c", "a b", "release:shop"] {
            assert_eq!(ReleaseRef::parse(text, "here"), None, "{text:?}");
        }
    }
}
