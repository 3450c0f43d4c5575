//! An OCI image layout: a folder that holds what a registry would.
//!
//! A reader never finds half a file, nor an index that names what is not there: each file replaces the one before by
//! a rename, blobs first. Two writers at the same time are not kept apart: the later index wins.

use super::location::TagOrDigest;
use super::manifest::{Descriptor, Index, RELEASE, parse, referrers_tag};
use crate::model::{Sha256Digest, plain_words};
use crate::platform;
use crate::registry::RegistryFailure;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Annotation of an entry of `index.json`: its tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const LARGEST_MANIFEST: u64 = 4 * 1024 * 1024;

pub(super) struct Layout {
    folder: PathBuf,
}

fn trouble(path: &Path, error: &std::io::Error) -> RegistryFailure {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            RegistryFailure::NotFound(format!("{} does not exist", path.display()))
        }
        _ => RegistryFailure::Layout(format!("{}: {error}", path.display())),
    }
}

impl Layout {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn blob_path(&self, digest: &Sha256Digest) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.hex())
    }

    pub(super) fn create(&self) -> Result<(), RegistryFailure> {
        let blobs = self.folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(|error| trouble(&blobs, &error))?;

        let marker = self.folder.join("oci-layout");
        write_whole(&marker, br#"{"imageLayoutVersion":"1.0.0"}"#)?;

        // An index that is there stays: a layout can hold several releases.
        match self.folder.join("index.json").exists() {
            true => Ok(()),
            false => self.write_index(&Index::from_manifests(Vec::new())),
        }
    }

    pub(super) fn put_blob(&self, bytes: &[u8]) -> Result<(), RegistryFailure> {
        write_whole(&self.blob_path(&Sha256Digest::compute(bytes)), bytes)
    }

    pub(super) fn put_manifest(
        &self,
        descriptor: &Descriptor,
        bytes: &[u8],
        tag: Option<&str>,
    ) -> Result<(), RegistryFailure> {
        // First, so that the index never names what is not there.
        self.put_blob(bytes)?;
        let mut index = self.index()?;

        let tag_of = |entry: &Descriptor| entry.annotations.get(REF_NAME).cloned();

        match tag {
            // The tag moves; what it named before goes.
            Some(tag) => index
                .manifests
                .retain(|entry| tag_of(entry).as_deref() != Some(tag)),
            // Listed already, perhaps under a tag: a second entry would add nothing.
            None if index
                .manifests
                .iter()
                .any(|entry| entry.digest == descriptor.digest) =>
            {
                return Ok(());
            }
            None => {}
        }

        let mut entry = descriptor.clone();
        entry
            .annotations
            .extend(tag.map(|tag| (REF_NAME.to_owned(), tag.to_owned())));
        index.manifests.push(entry);
        self.write_index(&index)
    }

    pub(super) fn manifest(&self, wanted: Option<&TagOrDigest>) -> Result<Vec<u8>, RegistryFailure> {
        let digest = match wanted {
            Some(TagOrDigest::Digest(digest)) => digest.clone(),
            Some(TagOrDigest::Tag(tag)) => self
                .index()?
                .manifests
                .into_iter()
                .find(|entry| entry.annotations.get(REF_NAME) == Some(tag))
                .map(|entry| entry.digest)
                .ok_or_else(|| RegistryFailure::NotFound(format!("no manifest with tag {tag}")))?,
            None => self.only_release()?,
        };

        self.blob(&digest, LARGEST_MANIFEST)
    }

    /// Copying tools drop `artifactType` from the index: the manifests themselves say what they are.
    fn only_release(&self) -> Result<Sha256Digest, RegistryFailure> {
        let mut releases: Vec<Sha256Digest> = Vec::new();
        for entry in self.index()?.manifests {
            let manifest = parse(&self.blob(&entry.digest, LARGEST_MANIFEST)?);

            let is_release = manifest.is_ok_and(|one| one.artifact_type.as_deref() == Some(RELEASE));
            // One manifest may have several tags, and an entry for each.
            if is_release && !releases.contains(&entry.digest) {
                releases.push(entry.digest);
            }
        }

        match releases.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(RegistryFailure::NotFound("no release in the layout".into())),
            many => Err(RegistryFailure::BadReference(format!(
                "the layout holds {} releases: add a tag or a digest",
                many.len()
            ))),
        }
    }

    pub(super) fn blob(&self, digest: &Sha256Digest, limit: u64) -> Result<Vec<u8>, RegistryFailure> {
        read_bounded(&self.blob_path(digest), limit)
    }

    /// Under the fallback tag, and by what the manifests themselves say.
    pub(super) fn referrers(&self, subject: &Sha256Digest) -> Result<Vec<Descriptor>, RegistryFailure> {
        let mut found = self.tagged_referrers(subject)?;

        for entry in self.index()?.manifests {
            let bytes = self.blob(&entry.digest, LARGEST_MANIFEST)?;
            // What is attached as an index does not parse as a manifest: it states nothing that is read here.
            let is_about = parse(&bytes).is_ok_and(|one| one.subject.is_some_and(|to| to.digest == *subject));
            if is_about && !found.iter().any(|known| known.digest == entry.digest) {
                found.push(entry);
            }
        }

        Ok(found)
    }

    /// Those under the fallback tag alone.
    pub(super) fn tagged_referrers(
        &self,
        subject: &Sha256Digest,
    ) -> Result<Vec<Descriptor>, RegistryFailure> {
        let tag = referrers_tag(subject);
        let tagged = |entry: &&Descriptor| entry.annotations.get(REF_NAME) == Some(&tag);
        let Some(entry) = self.index()?.manifests.iter().find(tagged).cloned() else {
            return Ok(Vec::new());
        };

        let bytes = self.blob(&entry.digest, LARGEST_MANIFEST)?;
        serde_json::from_slice::<Index>(&bytes)
            .map(|listed| listed.manifests)
            .map_err(|error| RegistryFailure::unreadable(&error))
    }

    fn index(&self) -> Result<Index, RegistryFailure> {
        let path = self.folder.join("index.json");
        let bytes = read_bounded(&path, LARGEST_MANIFEST)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            RegistryFailure::Layout(format!("{}: {}", path.display(), plain_words(&error.to_string())))
        })
    }

    fn write_index(&self, index: &Index) -> Result<(), RegistryFailure> {
        let bytes = serde_json::to_vec(index).map_err(|error| RegistryFailure::Layout(error.to_string()))?;
        write_whole(&self.folder.join("index.json"), &bytes)
    }
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, RegistryFailure> {
    let failed = |error: std::io::Error| trouble(path, &error);
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to know that there is too much.
    fs::File::open(path)
        .map_err(failed)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;

    if bytes.len() as u64 > limit {
        return Err(RegistryFailure::SizeMismatch {
            expected: limit,
            found: bytes.len() as u64,
        });
    }
    Ok(bytes)
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RegistryFailure> {
    let failed = |error: std::io::Error| trouble(path, &error);
    let folder = path.parent().unwrap_or(Path::new("."));

    // In the same folder: a rename works within one file system.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;

    // A temporary file is for its owner alone; a layout is for whoever may read the folder.
    platform::share_for_reading(file.as_file()).map_err(failed)?;

    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
