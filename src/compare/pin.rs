//! Images pinned to the digests that were tested. A manifest's tag is a placeholder.
//!
//! From the surest to the weakest: the full reference, a digest, the repository where it was tested in one version
//! only, and the container of the tested object. What is still several images is an error: a guess would run something
//! else than was meant. What the release does not hold stays as written, and is told as untested.

use crate::model::image::ImageReference;
use crate::model::k8s::pod_spec::{ImageUse, images};
use crate::model::release::{ImagePath, RecordedImage};
use crate::model::{FieldPath, Object, Sha256Digest};
use std::collections::BTreeMap;

/// An image that could be several of the release's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{object}: the image {reference} at {path} could be {candidates}: write the one that is meant in full"
)]
pub struct PinError {
    /// The object.
    pub object: String,
    /// The image's path in it.
    pub path: FieldPath,
    /// As written.
    pub reference: String,
    /// The release's images that it could be.
    pub candidates: String,
}

/// The release's images, and how their registries are called here.
pub(super) struct Pins<'r> {
    pub images: &'r [RecordedImage],
    pub paths: &'r [ImagePath],
    pub registries: &'r BTreeMap<String, String>,
}

impl<'r> Pins<'r> {
    /// Pins every image of `object` that the release holds; `tested` is the object that it is paired with.
    pub fn pin(&self, object: &mut Object, tested: Option<&Object>) -> Result<(), PinError> {
        for image in images(object, self.paths) {
            if let Some(found) = self.find_recorded(&image, object, tested)?
                && let Some(pinned) = self.pinned_reference(&image.reference, found)
                && pinned != image.reference
            {
                image.path.set(object.value_mut(), pinned.into());
            }
        }
        Ok(())
    }

    /// The recorded image that a use means.
    fn find_recorded(
        &self,
        image: &ImageUse,
        object: &Object,
        tested: Option<&Object>,
    ) -> Result<Option<&'r RecordedImage>, PinError> {
        let mut images = self.images.iter();
        if let Some(found) = images.find(|recorded| recorded.reference == image.reference) {
            return Ok(Some(found));
        }

        // What is no reference is the server's to refuse.
        let Ok(written) = image.reference.parse::<ImageReference>() else {
            return Ok(None);
        };
        // A digest means one image and no other: a tag or a repository beside it says nothing more.
        if let Some(digest) = &written.digest {
            return Ok(self.images.iter().find(|recorded| recorded.is(digest)));
        }

        let of_name: Vec<&RecordedImage> = self
            .images
            .iter()
            .filter(|recorded| self.is_called(recorded, &written.name()))
            .collect();
        // Counted by digest: two tags of one image leave nothing to choose.
        let mut digests: Vec<&Sha256Digest> = of_name.iter().map(|recorded| &recorded.digest).collect();
        digests.sort();
        digests.dedup();

        match (digests.len(), of_name.first()) {
            (0, _) => Ok(None),
            (1, Some(found)) => Ok(Some(found)),
            // The same repository was tested in two versions: the container of the tested object decides.
            _ => match self.find_by_container(image, tested, &of_name) {
                Some(found) => Ok(Some(found)),
                None => Err(ambiguous(object, image, &of_name)),
            },
        }
    }

    /// The candidate that the same container of the tested object holds.
    fn find_by_container(
        &self,
        image: &ImageUse,
        tested: Option<&Object>,
        candidates: &[&'r RecordedImage],
    ) -> Option<&'r RecordedImage> {
        // The role too: a container that became an init container is another use of the image.
        let uses = images(tested?, self.paths).into_iter();
        let mut here = uses.filter(|other| other.container == image.container && other.role == image.role);

        here.find_map(|other| {
            let mut candidates = candidates.iter().copied();
            candidates.find(|recorded| recorded.reference == other.reference)
        })
    }

    /// Whether the image is called `name` as tested or here.
    fn is_called(&self, recorded: &RecordedImage, name: &str) -> bool {
        recorded
            .reference
            .parse::<ImageReference>()
            .is_ok_and(|tested| tested.name() == name || self.name_here(&tested.name()) == name)
    }

    /// `registry/repository` as it is called here: the longest prefix of the environment's `registries` counts.
    fn name_here(&self, name: &str) -> String {
        // Up to a slash: `ghcr.io/acme` is no prefix of `ghcr.io/acme-tools`.
        let matches = |from: &&String| {
            name.strip_prefix(from.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };

        match self
            .registries
            .keys()
            .filter(matches)
            .max_by_key(|from| from.len())
        {
            Some(from) => format!("{}{}", self.registries[from], &name[from.len()..]),
            None => name.to_owned(),
        }
    }

    /// The reference by digest, from the registry to pull from here. A manifest that names its own registry keeps it.
    fn pinned_reference(&self, reference: &str, recorded: &RecordedImage) -> Option<String> {
        // The manifest's own name and the recorded digest: a mirror serves the same bytes.
        let written: ImageReference = reference.parse().ok()?;
        Some(format!("{}@{}", self.name_here(&written.name()), recorded.digest))
    }
}

fn ambiguous(object: &Object, image: &ImageUse, candidates: &[&RecordedImage]) -> PinError {
    let candidates: Vec<&str> = candidates
        .iter()
        .map(|recorded| recorded.reference.as_str())
        .collect();

    PinError {
        object: object.id().to_string(),
        path: image.path.clone(),
        reference: image.reference.clone(),
        candidates: candidates.join(" or "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn recorded(reference: &str) -> RecordedImage {
        RecordedImage {
            reference: reference.into(),
            digest: Sha256Digest::of(reference.as_bytes()),
            origin: None,
            platforms: vec![],
        }
    }

    fn pod(image: &str) -> Object {
        Object::new(
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {"containers": [{"name": "c", "image": image}]}}),
        )
        .unwrap()
    }

    fn pinned(
        images: &[RecordedImage],
        registries: &[(&str, &str)],
        image: &str,
        tested: Option<&str>,
    ) -> Result<String, PinError> {
        let registries = registries
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();

        let mut object = pod(image);
        let tested = tested.map(pod);
        Pins {
            images,
            paths: &[],
            registries: &registries,
        }
        .pin(&mut object, tested.as_ref())?;
        Ok(object.text("/spec/containers/0/image").to_owned())
    }

    #[test]
    fn another_tag_of_the_same_repository_is_the_tested_image() {
        let images = [recorded("ghcr.io/acme/web:1.4.2")];
        let expected = format!("ghcr.io/acme/web@{}", images[0].digest);
        for written in [
            "ghcr.io/acme/web:1.4.2",
            "ghcr.io/acme/web:placeholder",
            "ghcr.io/acme/web",
        ] {
            assert_eq!(pinned(&images, &[], written, None).unwrap(), expected);
        }
    }

    #[test]
    fn a_mirror_serves_the_same_digest_under_its_own_name() {
        let images = [recorded("ghcr.io/acme/web:1")];
        let mirror = [("ghcr.io/acme", "mirror.example/acme")];
        let expected = format!("mirror.example/acme/web@{}", images[0].digest);
        assert_eq!(
            pinned(&images, &mirror, "ghcr.io/acme/web:1", None).unwrap(),
            expected
        );
        assert_eq!(
            pinned(&images, &mirror, "mirror.example/acme/web:1", None).unwrap(),
            expected
        );
    }

    #[test]
    fn two_versions_of_one_repository_are_told_apart_by_the_tested_container_or_refused() {
        let images = [recorded("acme.example/web:1"), recorded("acme.example/web:2")];
        let error = pinned(&images, &[], "acme.example/web:x", None).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("acme.example/web:1 or acme.example/web:2")
        );

        let by_container = pinned(&images, &[], "acme.example/web:x", Some("acme.example/web:2")).unwrap();
        assert_eq!(by_container, format!("acme.example/web@{}", images[1].digest));
    }

    #[test]
    fn an_image_that_is_not_in_the_release_stays_as_it_is() {
        assert_eq!(
            pinned(&[recorded("a.example/web:1")], &[], "b.example/web:1", None).unwrap(),
            "b.example/web:1"
        );
    }
}
