//! Release files: bytes, their digest, and what they say.
//!
//! A release's id is the digest of its bytes as they were read: signatures and evidence are about these. What
//! is settled afterwards, such as the values of Secrets, is what is compared and applied.

use super::error::LoadError;
use super::file_kind::{FileKind, record};
use super::{files, secrets, yaml};
use crate::model::names::API_VERSION;
use crate::model::release::{PublicDigest, PublicRelease, Release, ReleaseIdentity, ReleaseMetadata};
use crate::model::state_key::BoundKey;
use crate::model::{Object, Sha256Digest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A release and the bytes that it was read from.
#[derive(Clone, Debug)]
pub struct LoadedRelease {
    /// What it says.
    pub release: Release,
    /// The sha256 of its bytes: its id.
    pub digest: Sha256Digest,
    /// As read.
    pub bytes: Vec<u8>,
}

impl LoadedRelease {
    /// Name, version and digest.
    pub fn identity(&self) -> ReleaseIdentity {
        ReleaseIdentity {
            name: self.release.metadata.name.clone(),
            version: self.release.metadata.version.clone(),
            digest: self.digest.clone(),
        }
    }

    /// What anybody may read of it: its digest tells nothing of a Secret's value.
    pub fn public(&self, key: Option<&BoundKey>) -> PublicRelease {
        // Whoever knows all of a file but a short value in it finds that value by a plain digest.
        let digest = match self.holds_secrets() {
            true => PublicDigest::from_secrets(&self.bytes, key),
            false => self.digest.clone().into(),
        };

        let ReleaseMetadata { name, version, .. } = self.release.metadata.clone();
        PublicRelease {
            name,
            version,
            digest,
        }
    }

    /// Whether it holds values of Secrets, as one that was written by hand may.
    pub fn holds_secrets(&self) -> bool {
        self.release.spec.objects.iter().any(Object::is_secret)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
}

/// Reads a release from a file, or from standard input where the path is `-`.
///
/// # Errors
///
/// Where the file cannot be read, or as for [`parse_release`].
pub fn release(path: &Path) -> Result<LoadedRelease, LoadError> {
    if path.is_dir() {
        return Err(LoadError::Directory {
            path: files::name(path),
            hint: directory_hint(path),
        });
    }
    parse_release(files::read_file(path)?, path)
}

/// What to type about a directory: it may be a layout, or hold manifests.
fn directory_hint(path: &Path) -> String {
    let shown = path.display();
    let holds = |name: &str| path.join(name).is_file();
    if holds("oci-layout") {
        format!("name a layout by its scheme: oci-layout:{shown}")
    } else if ["kustomization.yaml", "kustomization.yml", "Kustomization"]
        .into_iter()
        .any(holds)
    {
        record(&format!("-k {shown}"))
    } else {
        record(&format!("-f {shown}"))
    }
}

/// Reads a release from bytes; `path` is for messages.
///
/// # Errors
///
/// Where they are no Release of this version, its name is no DNS label, or a Secret in it is malformed.
pub fn parse_release(bytes: Vec<u8>, path: &Path) -> Result<LoadedRelease, LoadError> {
    let mut release: Release = of_kind(&bytes, path, FileKind::Release, |release: &Release| {
        (&release.api_version, &release.kind)
    })?;

    let invalid = |why| LoadError::Invalid {
        path: files::name(path),
        why,
    };

    let name = &release.metadata.name;
    if !is_dns_label(name) {
        let why =
            format!("expected metadata.name to be a DNS label of at most 40 characters, found {name:?}");
        return Err(invalid(why));
    }

    // Recorded ones hold no Secrets; one that was written by hand is read as manifests are.
    release
        .spec
        .objects
        .iter_mut()
        .try_for_each(secrets::encode_string_data)
        .map_err(invalid)?;

    Ok(LoadedRelease {
        release,
        // Of the bytes as they were read, and not of what was settled: a signature is about these.
        digest: Sha256Digest::compute(&bytes),
        bytes,
    })
}

/// A file of one kind, by the API version and kind that it names. Others are told as such, and not by their first unknown
/// field.
pub(super) fn of_kind<T: DeserializeOwned>(
    bytes: &[u8],
    path: &Path,
    expected: FileKind,
    header: fn(&T) -> (&str, &str),
) -> Result<T, LoadError> {
    let kind = match expected {
        FileKind::Environment => "Environment",
        FileKind::Release | FileKind::Manifests => "Release",
    };
    let is_expected = |version: &str, found: &str| version == API_VERSION && found == kind;

    let read = yaml::typed(bytes, path);
    if let Ok(file) = &read {
        let (version, found) = header(file);
        if is_expected(version, found) {
            return read;
        }
    }

    // Only now: most files are what they should be, and reading one twice takes twice as long.
    let header: Result<Header, _> = yaml::typed(bytes, path);
    if header
        .as_ref()
        .is_ok_and(|header| is_expected(&header.api_version, &header.kind))
    {
        return read;
    }

    // Ahead of what is wrong with the text: manifests are several documents, and a release is one.
    let documents = yaml::documents(bytes, path).unwrap_or_default();
    if let Some(found) = FileKind::of_documents(&documents).filter(|found| *found != expected) {
        return Err(files::other_file(found, expected, path));
    }
    let header = header?;

    let found = match (header.api_version.as_str(), header.kind.as_str()) {
        ("", "") => "neither apiVersion nor kind".to_owned(),
        (version, kind) => format!("{version} {kind}").trim().to_owned(),
    };

    Err(LoadError::OtherKind {
        path: files::name(path),
        expected: format!("{API_VERSION} {kind}"),
        found,
    })
}

/// The cluster's objects are named after the release: `delivery-NAME-…`.
pub(super) fn is_dns_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= 40
        && name.chars().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<LoadedRelease, String> {
        parse_release(text.as_bytes().to_vec(), Path::new("r.yaml")).map_err(|error| error.to_string())
    }

    const GOOD: &str = "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Release\nmetadata: {name: shop, version: '1'}\nspec: {}\n";

    #[test]
    fn a_release_is_identified_by_its_bytes() {
        let one = parse(GOOD).unwrap();
        // One newline more says nothing else, and is another release all the same.
        let other = parse(&format!("{GOOD}\n")).unwrap();
        assert_eq!(one.release, other.release);
        assert_ne!(one.digest, other.digest);
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_place() {
        let error = parse(&GOOD.replace("spec: {}", "spec: {imges: []}")).unwrap_err();
        assert!(
            error.starts_with("r.yaml:4:") && error.contains("imges"),
            "{error}"
        );
    }

    #[test]
    fn a_newer_version_is_refused_by_its_version_and_not_by_its_fields() {
        let error = parse(
            &GOOD
                .replace("v1alpha1", "v2")
                .replace("spec: {}", "spec: {novel: 1}"),
        )
        .unwrap_err();
        assert_eq!(
            error,
            "r.yaml: expected kubectl-delivery.io/v1alpha1 Release, found kubectl-delivery.io/v2 Release"
        );
    }

    #[test]
    fn a_secret_that_was_written_by_hand_is_read_as_one_of_manifests() {
        let secret = |field: &str| {
            format!("spec: {{objects: [{{apiVersion: v1, kind: Secret, metadata: {{name: a}}, {field}}}]}}")
        };

        let read = parse(&GOOD.replace("spec: {}", &secret("stringData: {key: value}"))).unwrap();
        assert_eq!(read.release.spec.objects[0].text("/data/key"), "dmFsdWU=");

        let error = parse(&GOOD.replace("spec: {}", &secret("data: {key: '*'}"))).unwrap_err();
        assert!(error.contains("/data/key is not base64"), "{error}");
    }

    #[test]
    fn a_name_that_cannot_name_objects_is_refused() {
        assert!(
            parse(&GOOD.replace("name: shop", "name: Shop"))
                .unwrap_err()
                .contains("DNS label")
        );
    }
}
