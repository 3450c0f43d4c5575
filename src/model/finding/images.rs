//! What containers really run, beside what was tested.

use crate::model::digest::Sha256Digest;
use crate::model::identity::ObjectId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the pods of one workload run in one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFinding {
    /// The workload.
    pub workload: ObjectId,
    /// The container's name.
    pub container: String,
    /// Whether it is an init or ephemeral container.
    pub role: ContainerRole,
    /// The tested digest, where the container is in the release.
    pub tested: Option<Sha256Digest>,
    /// The reference as tested or as the pods write it.
    pub reference: String,
    /// The reference as the pods write it.
    pub written: String,
    /// The release that is promoted here, where it is its image that the pods name, and another release is compared.
    pub promoted: Option<PromotedRelease>,
    /// What was found.
    pub state: ImageState,
    /// Why it is unknown, where that is not for the pods to report: an owner of theirs cannot be read.
    pub cause: Option<String>,
    /// Each digest that runs, with the pods that run it.
    pub running: Vec<RunningImage>,
    /// The environment's reason, where `injected` allows it.
    pub allowed: Option<String>,
}

/// A release that is promoted, and the revision that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotedRelease {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its revision.
    pub revision: u32,
}

/// A digest and the pods that run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunningImage {
    /// As the pods report it; none where they report none yet.
    // Null and not missing in JSON: a pod that reports nothing is counted all the same.
    pub digest: Option<Sha256Digest>,
    /// Names of the pods.
    pub pods: Vec<String>,
    /// Whether these pods belong to an old revision.
    pub old_revision: bool,
}

/// Where in a pod a container stands.
// Main ones first: findings are listed in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ContainerRole {
    /// `containers`.
    Main,
    /// `initContainers`.
    Init,
    /// `ephemeralContainers`.
    Ephemeral,
}

/// What was found of one container's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
// Kebab case, as the documented JSON has it.
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    /// Every pod runs a tested digest.
    Match,
    /// The reference is the tested one, tag and all, and its digest is another.
    TagMoved,
    /// The pods name another image, by its tag, its digest or its name.
    OtherImage,
    /// Some pods run the tested digest, others do not.
    Mixed,
    /// The release has no such container, and no rule of the environment expects it.
    UnexpectedContainer,
    /// Not every pod reports a digest yet, one that was changed in place reports one of which no registry tells, or one may
    /// not be the workload's; the others run what was tested.
    Unknown,
}
