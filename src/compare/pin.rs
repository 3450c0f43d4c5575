//! Images pinned to the digests that were tested. A manifest's tag is a placeholder.
//!
//! From the surest to the weakest: the full reference, a digest, the repository where it was tested in one version
//! only, and the field or the container of the tested object. What is still several images is an error: a guess would
//! run something else than was meant. What the release does not hold stays as written, and is told as untested.

use crate::model::image::ImageReference;
use crate::model::k8s::images::{ImageUse, images};
use crate::model::k8s::pod_spec::pod_spec_path;
use crate::model::path::Step;
use crate::model::release::{ImagePath, RecordedImage};
use crate::model::{FieldPath, Object, Sha256Digest};
use std::collections::BTreeMap;

/// An image that could be several of the release's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}: image {reference} at {path} is ambiguous: write one of {candidates} in full")]
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
        let tested = tested
            .map(|tested| images(tested, self.paths))
            .unwrap_or_default();
        for image in images(object, self.paths) {
            if let Some(found) = self.find_recorded(&image, object, &tested)? {
                self.set(object, &image, found);
            }
        }
        Ok(())
    }

    /// Pins every image of a tested object that the release holds as it is written there: nothing of it is a placeholder.
    pub fn pin_tested(&self, object: &mut Object) {
        for image in images(object, self.paths) {
            if let Some(found) = self.find_exactly(&image.reference) {
                self.set(object, &image, found);
            }
        }
    }

    fn set(&self, object: &mut Object, image: &ImageUse, recorded: &RecordedImage) {
        if let Some(pinned) = self.pinned_reference(image, object, recorded)
            && pinned != image.reference
        {
            image.path.set(object.value_mut(), pinned.into());
        }
    }

    /// Whether the tested object held an image there that the release does not, as one of an older program may: what else
    /// the release holds of that repository is not what was tested here.
    fn is_unrecorded(&self, image: &ImageUse, tested: &[ImageUse]) -> bool {
        let is_it = |other: &&ImageUse| other.path == image.path || other.reference == image.reference;
        let mut same = tested.iter().filter(is_it);
        same.any(|other| self.find_exactly(&other.reference).is_none())
    }

    /// The recorded image of this very reference, or of its digest.
    fn find_exactly(&self, reference: &str) -> Option<&'r RecordedImage> {
        let mut images = self.images.iter();
        if let Some(found) = images.find(|recorded| recorded.reference == reference) {
            return Some(found);
        }

        let digest = reference.parse::<ImageReference>().ok()?.digest?;
        self.images.iter().find(|recorded| recorded.is(&digest))
    }

    /// The recorded image that a use means.
    fn find_recorded(
        &self,
        image: &ImageUse,
        object: &Object,
        tested: &[ImageUse],
    ) -> Result<Option<&'r RecordedImage>, PinError> {
        if let Some(found) = self.find_exactly(&image.reference) {
            return Ok(Some(found));
        }

        // What is no reference is the server's to refuse.
        let Ok(written) = image.reference.parse::<ImageReference>() else {
            return Ok(None);
        };
        // A digest means one image and no other: a tag or a repository beside it says nothing more.
        if written.digest.is_some() || self.is_unrecorded(image, tested) {
            return Ok(None);
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
            // The same repository was tested in two versions: the tested object decides.
            _ => match self.find_in_tested(image, tested, &of_name) {
                Some(found) => Ok(Some(found)),
                None => Err(ambiguous(object, image, &of_name)),
            },
        }
    }

    /// The candidate that the tested object holds in the same field, else in the same container.
    fn find_in_tested(
        &self,
        image: &ImageUse,
        tested: &[ImageUse],
        candidates: &[&'r RecordedImage],
    ) -> Option<&'r RecordedImage> {
        let recorded = |other: &ImageUse| {
            let mut candidates = candidates.iter().copied();
            candidates.find(|recorded| recorded.reference == other.reference)
        };
        // A place in a list is no address: an item before it may have come or gone.
        let is_place = |step: &Step| matches!(step, Step::Index(_));
        if !image.path.steps().iter().any(is_place) {
            let same = tested.iter().find(|other| other.path == image.path);
            if let Some(found) = same.and_then(recorded) {
                return Some(found);
            }
        }

        // The role too: a container that became an init container is another use of the image. Several templates of
        // one object may have a container of that name: these have to agree.
        let alike = tested
            .iter()
            .filter(|other| other.container == image.container && other.role == image.role);
        let mut found = alike.filter_map(recorded);
        let first = found.next()?;
        found.all(|other| other.digest == first.digest).then_some(first)
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
    fn pinned_reference(
        &self,
        image: &ImageUse,
        object: &Object,
        recorded: &RecordedImage,
    ) -> Option<String> {
        // The manifest's own name and the recorded digest: a mirror serves the same bytes.
        let written: ImageReference = image.reference.parse().ok()?;
        let tag = tag_for_operator(image, object, recorded);
        let name = self.name_here(&written.name());
        Some(format!("{name}{}@{}", tag.unwrap_or_default(), recorded.digest))
    }
}

/// `:TAG` as tested, for an operator that takes the version of what it runs from there. A kubelet goes by the digest
/// alone, and in a pod's template a tag beside it would only seem to say something.
fn tag_for_operator(image: &ImageUse, object: &Object, recorded: &RecordedImage) -> Option<String> {
    if image.role.is_some() || pod_spec_path(&object.gvk()).is_some() {
        return None;
    }

    let tested: ImageReference = recorded.reference.parse().ok()?;
    let tag = format!(":{}", tested.tag?);
    // What was not written is no version.
    recorded.reference.contains(&tag).then_some(tag)
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
mod tests;
