//! Patches of manifests: what makes desired equal to live, as kustomize takes it, and what no patch can say.
//!
//! A body holds values as the cluster has them. None of them is a value of a Secret: what is or repeats one is left out
//! where the patches are made.

use super::finding::FieldManager;
use super::identity::ObjectId;
use super::path::FieldPath;
use serde_json::Value;

/// What makes the manifests equal to what runs.
// No `Debug`: bodies hold values.
#[derive(Clone, Default)]
pub struct ManifestPatches {
    /// One entry an object, in the order of the comparison.
    pub patches: Vec<ManifestPatch>,
    /// Differences that no patch holds.
    pub left_out: Vec<LeftOutDifference>,
    /// Differences that a rule of the environment expects, and that no patch holds either.
    pub expected: usize,
}

/// What makes one object's manifest equal to the object.
#[derive(Clone)]
pub struct ManifestPatch {
    /// The object.
    pub object: ObjectId,
    /// How kustomize finds its manifest.
    pub selector: ManifestSelector,
    /// What is done to it, one after the other.
    pub bodies: Vec<PatchBody>,
    /// The differences that it takes into the manifest; empty where the manifest is deleted.
    pub changes: Vec<PatchedChange>,
    /// Images that it writes and that the release does not hold.
    pub untested_images: Vec<String>,
    /// Whether the object's name ends in a hash of its content.
    pub is_generated: bool,
}

/// What is done to a manifest.
#[derive(Clone)]
pub enum PatchBody {
    /// A strategic merge patch: what it does not name stays.
    Strategic(Value),
    /// JSON patch operations (RFC 6902).
    Operations(Vec<Value>),
}

/// A manifest as kustomize selects it. Each text is a regular expression that has to match as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestSelector {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; none where the name alone tells it apart, for a manifest need not name any.
    pub namespace: Option<String>,
}

/// A difference that a patch takes into the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchedChange {
    /// Where.
    pub path: FieldPath,
    /// What became of the field in the cluster.
    pub change: PatchedField,
    /// The manager that set the live value; none where no entry names one, as of what was removed.
    pub owner: Option<FieldManager>,
}

/// What became of a field in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchedField {
    /// It has another value.
    Changed,
    /// Desired does not hold it.
    Added,
    /// Live does not hold it.
    Removed,
}

/// Differences of one object that no patch holds, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutDifference {
    /// The object.
    pub object: ObjectId,
    /// The fields; empty where it is about the object as a whole.
    pub paths: Vec<FieldPath>,
    /// Why.
    pub reason: LeftOutReason,
}

/// Why no patch holds a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOutReason {
    /// The object is a Secret.
    Secret,
    /// The value is that of a Secret, or repeats one.
    SecretValue,
    /// The release pins the image: another one in the manifest would be pinned again.
    PinnedImage,
    /// A promotion set the live value, and desired is newer.
    Promoted,
    /// A controller or an autoscaler sets it.
    Controller,
    /// The manifest does not hold the field: the API server sets it.
    ServerSet,
    /// The field is called `<<`, which kustomize takes for YAML's merge key.
    MergeKey,
    /// The value holds U+0085, a line break to kustomize.
    NextLine,
    /// The object does not exist, or is being deleted, and is not named as one whose manifest goes.
    Missing,
    /// In the inventory, and not in the manifests.
    Extra,
    /// It carries the label of the release, and is not in its inventory.
    Orphaned,
    /// It could not be read or compared.
    NotChecked,
}
