//! The Release file: an immutable record of what CI tested. Its id is the sha256 of its bytes.
//!
//! The same input has to give the same bytes: the order of fields and lists, and what is left out where it is
//! empty, are part of what is signed. For the same reason a file that was read is kept and compared as its
//! bytes, and never written anew.

use super::digest::Sha256Digest;
use super::image::Platform;
use super::k8s::kinds::Gvk;
use super::object::Object;
use super::state_key::{BoundKey, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A release as its file holds it. Unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
// Nothing of what was tested may be overlooked by an older program.
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Release {
    /// `kubectl-delivery.io/v1alpha1`.
    pub api_version: String,
    /// `Release`.
    pub kind: String,
    /// Name and version.
    pub metadata: ReleaseMetadata,
    /// What was tested.
    pub spec: ReleaseSpec,
}

/// What a release is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReleaseMetadata {
    /// A DNS label: the cluster's objects are named after it.
    pub name: String,
    /// Free text, such as `1.4.2`.
    pub version: String,
}

/// What was tested.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReleaseSpec {
    /// Where the manifests came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Every image of the objects, in the order of first use.
    #[serde(default)]
    pub images: Vec<RecordedImage>,
    /// Where objects hold images, or what looks like one and is none: `record --image-path` and `--ignore-image`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_paths: Vec<ImagePath>,
    /// The manifests, in their order, without Secrets.
    #[serde(default)]
    pub objects: Vec<Object>,
    /// What the objects need and the release does not hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
}

/// The revision of the sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Source {
    /// URL of the repository, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Whether the work tree had changes that are not in the revision.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dirty: bool,
}

fn is_false(value: &bool) -> bool {
    // By reference, as serde calls it.
    !value
}

/// An image as the manifests name it, and what it was when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RecordedImage {
    /// As written in the manifests.
    pub reference: String,
    /// What a kubelet pulls: an index's or a manifest's digest.
    pub digest: Sha256Digest,
    /// How the digest came to be known; absent for a registry's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<DigestOrigin>,
    /// One entry a platform; empty where no registry was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<PlatformDigests>,
}

/// Where a digest comes from, when not from a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DigestOrigin {
    /// `record --image REF=DIGEST`.
    ByHand,
    /// `record --offline`: the reference carried it.
    Reference,
}

/// The digests under which one platform's image can be reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlatformDigests {
    /// `linux/amd64`.
    pub platform: Platform,
    /// The platform's manifest.
    pub manifest: Sha256Digest,
    /// Its configuration, which is what a node reports for an image loaded manually.
    pub config: Sha256Digest,
}

impl RecordedImage {
    /// Whether a pod that reports `digest` runs this image.
    pub fn is(&self, digest: &Sha256Digest) -> bool {
        // A node reports any of them, by what it pulled and from where.
        self.digest == *digest
            || self
                .platforms
                .iter()
                .any(|p| p.manifest == *digest || p.config == *digest)
    }
}

/// Where the objects of a kind hold image references, or what looks like one and is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ImagePath {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// A path in which `[*]` stands for every item: `/spec/workers/[*]/image`.
    pub path: String,
    /// Whether nothing runs what stands there (`record --ignore-image`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub ignored: bool,
}

impl ImagePath {
    /// Whether it speaks of objects of this kind.
    pub fn is_of(&self, gvk: &Gvk) -> bool {
        self.group == gvk.group && self.kind == gvk.kind
    }
}

/// As the flags of `record` take it: `KIND.GROUP=/path`.
impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{}={}", self.kind, self.group, self.path)
    }
}

/// Something that must exist where the release is promoted to, and that the release does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Requirement {
    /// `Secret`, `ConfigMap`, `PersistentVolumeClaim`, `ServiceAccount`, `StorageClass`, …
    pub kind: String,
    /// Namespace as tested; none for cluster-scoped kinds and where the manifests name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// A Secret's type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Keys that are read, sorted.
    // Sorted: who reads them first must not change the bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// The object of the release that produces it (an ExternalSecret, a SealedSecret, a Certificate), as `Kind/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub produced_by: Option<String>,
    /// Whether its absence is allowed (`optional: true` at every reader).
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

/// Which release, as its file tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseIdentity {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.version`.
    pub version: String,
    /// The sha256 of its bytes.
    pub digest: Sha256Digest,
}

/// Which release, where anybody may read it: in plans, journals, the history and what is shown of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicRelease {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.version`.
    pub version: String,
    /// What tells its bytes from others.
    // What is withheld is left out, and reads back as withheld.
    #[serde(default, skip_serializing_if = "PublicDigest::is_withheld")]
    pub digest: PublicDigest,
}

impl PublicRelease {
    /// Whether both are one release, as far as is known: a digest that is withheld tells neither.
    pub fn seems(&self, other: &Self) -> bool {
        let is_named_alike = (&self.name, &self.version) == (&other.name, &other.version);
        is_named_alike && !self.digest.differs_from(&other.digest)
    }
}

/// What tells a release's bytes from others, and nothing of a Secret's value among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
// `withheld` is for people: it is no text that can be read.
#[serde(try_from = "String", into = "String")]
pub enum PublicDigest {
    /// The sha256 of the bytes: they hold no Secret.
    Plain(Sha256Digest),
    /// Keyed with the release's state key.
    Keyed(Mac),
    /// Of a release that holds a Secret, where no key is at hand.
    #[default]
    Withheld,
}

impl PublicDigest {
    /// Of these bytes, which hold values of Secrets.
    pub fn from_secrets(bytes: &[u8], key: Option<&BoundKey>) -> Self {
        // Without a key there is none: a plain digest would let values be guessed against it.
        key.map_or(Self::Withheld, |key| Self::Keyed(key.release(bytes)))
    }

    /// Whether they are of these bytes; unknown without the key.
    pub fn is_of(&self, bytes: &[u8], key: Option<&BoundKey>) -> Option<bool> {
        match self {
            Self::Plain(digest) => Some(*digest == Sha256Digest::compute(bytes)),
            Self::Keyed(mac) => key.map(|key| *mac == key.release(bytes)),
            Self::Withheld => None,
        }
    }

    /// Whether both are known, and differ.
    pub fn differs_from(&self, other: &Self) -> bool {
        // What is not known does not differ.
        !self.is_withheld() && !other.is_withheld() && self != other
    }

    /// Whether nothing is told.
    pub fn is_withheld(&self) -> bool {
        *self == Self::Withheld
    }

    /// The first twelve hex digits; `withheld` where nothing is told.
    pub fn short(&self) -> String {
        match self {
            Self::Plain(digest) => digest.short().to_owned(),
            Self::Keyed(mac) => mac.short(),
            Self::Withheld => "withheld".to_owned(),
        }
    }
}

impl fmt::Display for PublicDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(digest) => digest.fmt(f),
            Self::Keyed(mac) => mac.fmt(f),
            Self::Withheld => f.write_str("withheld"),
        }
    }
}

/// A text that is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected sha256: or hmac-sha256: and 64 lowercase hex digits")]
pub struct NotADigest;

impl TryFrom<String> for PublicDigest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        let plain = || text.parse().map(Self::Plain).map_err(|_| NotADigest);
        Mac::try_from(text.clone()).map(Self::Keyed).or_else(|_| plain())
    }
}

impl From<PublicDigest> for String {
    fn from(digest: PublicDigest) -> Self {
        digest.to_string()
    }
}

impl From<Sha256Digest> for PublicDigest {
    fn from(digest: Sha256Digest) -> Self {
        Self::Plain(digest)
    }
}
