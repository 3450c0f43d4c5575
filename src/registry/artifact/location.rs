//! Where a release lies that is no plain file: `oci://HOST/REPOSITORY:TAG`, `oci://…@sha256:…`, `oci-layout:DIR[:TAG]`.

use crate::model::Sha256Digest;
use crate::model::image::ImageReference;
use std::fmt;
use std::path::PathBuf;

/// Where a release lies that is no plain file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A repository of a registry.
    Registry(ImageReference),
    /// A folder.
    Layout {
        /// The folder.
        folder: PathBuf,
        /// Which of its manifests; the only release in it where none is named.
        wanted: Option<TagOrDigest>,
    },
}

/// Which manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagOrDigest {
    /// By its tag.
    Tag(String),
    /// By its digest.
    Digest(Sha256Digest),
}

impl Location {
    /// None for a text that names a file.
    ///
    /// # Errors
    ///
    /// Where a text that begins as a location names no repository, no directory, or a malformed digest.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        if let Some(rest) = text.strip_prefix("oci://") {
            return Some(registry(rest));
        }
        text.strip_prefix("oci-layout:").map(layout)
    }

    /// Which manifest is meant.
    pub fn wanted(&self) -> Option<TagOrDigest> {
        match self {
            Location::Registry(image) => match (&image.digest, &image.tag) {
                // With both, the digest decides: the tag may have moved since.
                (Some(digest), _) => Some(TagOrDigest::Digest(digest.clone())),
                (None, Some(tag)) => Some(TagOrDigest::Tag(tag.clone())),
                (None, None) => None,
            },
            Location::Layout { wanted, .. } => wanted.clone(),
        }
    }

    /// The same place by digest, for people to copy.
    pub fn at_digest(&self, digest: &Sha256Digest) -> String {
        match self {
            Location::Registry(image) => format!("oci://{}", image.at_digest(digest)),
            Location::Layout { folder, .. } => format!("oci-layout:{}@{digest}", folder.display()),
        }
    }
}

fn registry(rest: &str) -> Result<Location, String> {
    let image: ImageReference = rest.parse().map_err(|error: crate::model::image::NotAnImage| {
        format!(
            "expected oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:…, found oci://{rest}: {}",
            error.why
        )
    })?;

    // Only the images of manifests have a default registry.
    match rest.split('/').next() {
        Some(host) if host == image.registry || host == "index.docker.io" => Ok(Location::Registry(image)),
        _ => Err(format!(
            "expected oci://HOST/REPOSITORY:TAG with the registry's host, found oci://{rest}"
        )),
    }
}

fn layout(rest: &str) -> Result<Location, String> {
    // First: the colon inside a digest would be taken for that of a tag.
    let (folder, wanted) = match rest.rsplit_once('@') {
        Some((folder, digest)) => (
            folder,
            Some(TagOrDigest::Digest(
                digest
                    .parse()
                    .map_err(|error| format!("oci-layout:{rest}: {error}"))?,
            )),
        ),
        None => match rest.rsplit_once(':') {
            // A colon before a slash is part of a folder's name.
            Some((folder, tag)) if !tag.contains('/') => (folder, Some(TagOrDigest::Tag(tag.to_owned()))),
            _ => (rest, None),
        },
    };

    if folder.is_empty() {
        return Err(format!(
            "expected oci-layout:DIR or oci-layout:DIR:TAG, found oci-layout:{rest}"
        ));
    }

    Ok(Location::Layout {
        folder: folder.into(),
        wanted,
    })
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Registry(image) => write!(f, "oci://{image}"),
            Location::Layout { folder, wanted } => {
                write!(f, "oci-layout:{}", folder.display())?;
                match wanted {
                    Some(TagOrDigest::Tag(tag)) => write!(f, ":{tag}"),
                    Some(TagOrDigest::Digest(digest)) => write!(f, "@{digest}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_is_written() {
        let digest = Sha256Digest::compute(b"x");
        for text in [
            "oci://ghcr.io/acme/shop:1.4.2".to_owned(),
            format!("oci://127.0.0.1:5000/shop@{digest}"),
            "oci-layout:out/shop".into(),
            "oci-layout:out/shop:1.4.2".into(),
            format!("oci-layout:/tmp/shop@{digest}"),
        ] {
            assert_eq!(Location::parse(&text).unwrap().unwrap().to_string(), text);
        }

        // Without a scheme it is a file, whatever its name looks like.
        assert_eq!(Location::parse("shop.release.yaml"), None);
    }

    #[test]
    fn a_place_without_a_host_or_a_folder_is_refused() {
        for text in [
            // Short names are an image's: a release has no default registry.
            "oci://shop:1",
            "oci://acme/shop:1",
            "oci-layout:",
            "oci://ghcr.io/Shop:1",
            "oci-layout:a@sha256:1",
        ] {
            assert!(Location::parse(text).unwrap().is_err(), "{text}");
        }
    }
}
