//! One finding of a watched release: what it is about, what is the matter, and who changed it.

use crate::model::ObjectId;
use crate::model::digest::Sha256Digest;
use crate::model::finding::ManagerClass;
use crate::model::moves::ReleaseRef;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// What is the matter. docs/findings.md has a row for each but the last.
// The order is that in which findings of one object are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DriftKind {
    /// A desired object does not exist.
    Missing,
    /// A desired object is being deleted.
    BeingDeleted,
    /// A member of the inventory is not in the release.
    Extra,
    /// It has the label of the release, and is not in its inventory.
    Orphaned,
    /// A promotion would delete and recreate it.
    Replaced,
    /// The API server rejects the desired object.
    Refused,
    /// A field's live value differs from the desired one.
    Changed,
    /// Another client set a field that desired does not hold.
    Added,
    /// A field without a field manager, that no fresh object would hold.
    AddedOriginUnknown,
    /// Desired differs from what was tested.
    Untested,
    /// A container's tag points to another digest than the tested one.
    TagMoved,
    /// Another image than the tested one runs.
    DifferentImage,
    /// Replicas run different digests.
    MixedImages,
    /// The release has no such container.
    UnexpectedContainer,
    /// Pods started before their configuration changed.
    StaleConfiguration,
    /// Pods of what runs would not start again.
    WouldNotStart,
    /// Something is used and missing.
    Requirement,
    /// It could not be verified for three resync periods, or is known not to be readable.
    Unknown,
}

impl DriftKind {
    /// As JSON and labels of metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::BeingDeleted => "beingDeleted",
            Self::Extra => "extra",
            Self::Orphaned => "orphaned",
            Self::Replaced => "replaced",
            Self::Refused => "refused",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::AddedOriginUnknown => "addedOriginUnknown",
            Self::Untested => "untested",
            Self::TagMoved => "tagMoved",
            Self::DifferentImage => "differentImage",
            Self::MixedImages => "mixedImages",
            Self::UnexpectedContainer => "unexpectedContainer",
            Self::StaleConfiguration => "staleConfiguration",
            Self::WouldNotStart => "wouldNotStart",
            Self::Requirement => "requirement",
            Self::Unknown => "unknown",
        }
    }

    /// In a sentence, as `diff` has it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "does not exist",
            Self::BeingDeleted => "is being deleted",
            Self::Extra => "extra: in the inventory, not in the release",
            Self::Orphaned => "orphaned: has the label of the release, not in its inventory",
            Self::Replaced => "would be deleted and recreated",
            Self::Refused => "refused by the API server",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::AddedOriginUnknown => "added, origin unknown",
            Self::Untested => "untested difference",
            Self::TagMoved => "tag moved",
            Self::DifferentImage => "different image",
            Self::MixedImages => "replicas run different digests",
            Self::UnexpectedContainer => "unexpected container",
            Self::StaleConfiguration => "stale configuration",
            Self::WouldNotStart => "would not start again",
            Self::Requirement => "requirement not met",
            Self::Unknown => "not verified",
        }
    }

    /// Whether nothing is known to differ: it is only not known that nothing does.
    pub fn is_unknown(self) -> bool {
        self == Self::Unknown
    }
}

/// Who wrote a field, as managedFields have it: a name is a free claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedBy {
    /// The field manager.
    pub manager: String,
    /// What kind of client it seems to be.
    pub class: ManagerClass,
    /// When it last wrote; missing after a write through `scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

impl ChangedBy {
    /// Whether it is the same client, whenever it wrote.
    pub fn is_same_client(&self, other: &Self) -> bool {
        self.manager == other.manager && self.class == other.class
    }
}

/// One finding, as a comparison has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftFinding {
    /// What is the matter.
    #[serde(rename = "finding")]
    pub kind: DriftKind,
    /// The object; missing where it is about the release as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// The container, of a finding about an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The field, of a finding about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The object that it is about besides, such as the ConfigMap of stale configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<ObjectId>,
    /// What is in the way, of a workload that would not start again: `missing`, `quota`, `podRejected`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Who changed it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<ChangedBy>,
    /// One phrase that explains it, where there is more to say: redacted, without values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl DriftFinding {
    /// Of the release as a whole.
    pub fn new(kind: DriftKind) -> Self {
        Self {
            kind,
            object: None,
            container: None,
            path: None,
            related: None,
            cause: None,
            changed_by: None,
            message: None,
        }
    }

    /// Of an object as a whole.
    pub fn of_object(kind: DriftKind, object: ObjectId) -> Self {
        Self {
            object: Some(object),
            ..Self::new(kind)
        }
    }

    /// Whether only a dry run of a pod, or its registry, can tell it.
    pub fn needs_full_starts(&self) -> bool {
        matches!(self.cause.as_deref(), Some("podRejected" | "imageAbsent"))
    }

    /// What makes it the same finding at the next comparison.
    pub fn key(&self) -> FindingKey {
        FindingKey {
            object: self.object.clone(),
            kind: self.kind,
            container: self.container.clone(),
            path: self.path.clone(),
            related: self.related.clone(),
            cause: self.cause.clone(),
        }
    }
}

/// What makes a finding of one release the same as that of an earlier comparison: neither who changed it, nor the message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingKey {
    /// The object.
    pub object: Option<ObjectId>,
    /// What is the matter.
    pub kind: DriftKind,
    /// The container.
    pub container: Option<String>,
    /// The field.
    pub path: Option<String>,
    /// The other object.
    pub related: Option<ObjectId>,
    /// What is in the way.
    pub cause: Option<String>,
}

/// A finding that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenFinding {
    /// Its release.
    pub release: ReleaseRef,
    /// The promoted version, when it was last verified; missing where the state of the release cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The promoted revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// What was found.
    #[serde(flatten)]
    pub finding: DriftFinding,
    /// When this process saw it first.
    pub first_seen: Timestamp,
    /// Whether it was found by the first comparison of this process: since when it has been there is unknown then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub may_be_older: bool,
    /// When a comparison last found it.
    pub last_verified: Timestamp,
}

impl OpenFinding {
    /// 16 hex digits that tell it from other findings, the same each time it opens, in each replica.
    pub fn id(&self) -> String {
        let object = self.finding.object.as_ref();
        let related = self.finding.related.as_ref();
        let text = |id: Option<&ObjectId>| id.map(|id| format!("{}/{id}", id.group)).unwrap_or_default();
        let parts = [
            self.release.to_string(),
            text(object),
            self.finding.kind.as_str().to_owned(),
            self.finding.container.clone().unwrap_or_default(),
            self.finding.path.clone().unwrap_or_default(),
            text(related),
            self.finding.cause.clone().unwrap_or_default(),
        ];
        let digest = Sha256Digest::compute(parts.join("\n").as_bytes());
        digest.hex()[..16].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn open(path: &str) -> OpenFinding {
        let object = ObjectId::new("apps", "Deployment", Some("shop"), "web");
        OpenFinding {
            release: ReleaseRef::new("shop", "web"),
            version: Some("1.4.2".into()),
            revision: Some(7),
            finding: DriftFinding {
                path: Some(path.into()),
                changed_by: Some(ChangedBy {
                    manager: "kubectl-edit".into(),
                    class: ManagerClass::Manual,
                    time: None,
                }),
                ..DriftFinding::of_object(DriftKind::Changed, object)
            },
            first_seen: Timestamp::UNIX_EPOCH,
            may_be_older: false,
            last_verified: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_id_is_that_of_the_finding_whenever_it_opens_and_whoever_changed_it() {
        let mut later = open("/spec/replicas");
        later.first_seen = Timestamp::from_second(1000).unwrap();
        later.finding.changed_by = None;
        assert_eq!(later.id(), open("/spec/replicas").id());
        assert_ne!(later.id(), open("/spec/paused").id());
        assert_eq!(later.id().len(), 16);
    }

    #[test]
    fn an_open_finding_is_written_with_its_names_and_without_what_is_not_known() {
        let expected = json!({"release": {"namespace": "shop", "name": "web"}, "version": "1.4.2", "revision": 7,
            "finding": "changed",
            "object": {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"},
            "path": "/spec/replicas", "changedBy": {"manager": "kubectl-edit", "class": "manual"},
            "firstSeen": "1970-01-01T00:00:00Z", "lastVerified": "1970-01-01T00:00:00Z"});
        assert_eq!(serde_json::to_value(open("/spec/replicas")).unwrap(), expected);
    }

    #[test]
    fn the_name_of_a_kind_is_the_same_in_labels_and_in_json() {
        for kind in [
            DriftKind::AddedOriginUnknown,
            DriftKind::TagMoved,
            DriftKind::Unknown,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
