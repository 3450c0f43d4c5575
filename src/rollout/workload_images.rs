//! The images that an object of the release names, and the pods that belong to it.
//!
//! A container belongs to a tested image by the name that a template of the desired object gives it, or by its own
//! reference. What neither says is not of the release.

use super::needs::runs_pods;
use crate::model::finding::ContainerRole;
use crate::model::image::{ImageReference, image_name};
use crate::model::k8s::images::{ImageUse, images, named_images};
use crate::model::k8s::ownership::{Owners, Ownership, is_old_revision};
use crate::model::k8s::pod::{ContainerFacts, PodFacts};
use crate::model::release::{ImagePath, RecordedImage};
use crate::model::{Object, Target};

/// An object of the release, and the images that it names as it is desired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadImages {
    /// The object.
    pub target: Target,
    /// Its images.
    pub uses: Vec<ImageUse>,
}

impl WorkloadImages {
    /// The images of a desired object; none where it names none.
    pub fn find(target: &Target, desired: &Object, paths: &[ImagePath]) -> Option<Self> {
        let uses = images(desired, paths);
        (!uses.is_empty()).then(|| Self {
            target: target.clone(),
            uses,
        })
    }

    /// Whether its pods are found by the chains of their owners, and not by a rule of its kind.
    pub fn has_chained_pods(&self) -> bool {
        !runs_pods(&self.target)
    }

    /// The tested images that it names, each once.
    pub fn tested<'t>(&self, tested: &'t [RecordedImage]) -> Vec<&'t RecordedImage> {
        let is_named = |image: &&RecordedImage| self.uses.iter().any(|one| means(&one.reference, image));
        tested.iter().filter(is_named).collect()
    }

    /// Whether an image stands only where no container reports what it runs: in a volume.
    pub fn is_of_volumes(&self, image: &RecordedImage) -> bool {
        let mut uses = self.uses.iter().filter(|one| means(&one.reference, image));
        uses.all(|one| one.role.is_none() && one.path.to_string().contains("/volumes/"))
    }

    /// The tested image that a container of a pod should run; several where its templates share the container's name, and
    /// nothing of it tells them apart.
    pub(super) fn images_of<'t>(
        &self,
        container: &ContainerFacts,
        tested: &'t [RecordedImage],
    ) -> Vec<&'t RecordedImage> {
        let named = named_images(&self.uses, container).into_iter();
        let named: Vec<_> = named.filter_map(|one| recorded(&one.reference, tested)).collect();
        if !named.is_empty() {
            return named;
        }

        // An operator names its containers itself: what it was told to run tells which they are.
        let its = self.tested(tested).into_iter();
        its.filter(|image| means(&container.image, image)).collect()
    }

    /// Whether a container may be of it by its name or the repository of its image.
    fn may_be_its(&self, container: &ContainerFacts) -> bool {
        let name = image_name(&container.image);
        self.uses.iter().any(|one| {
            one.role == Some(container.role) && one.container == container.name
                || image_name(&one.reference) == name
        })
    }
}

/// Whether a reference means an image: by its digest where it has one, else by its text.
pub(super) fn means(reference: &str, image: &RecordedImage) -> bool {
    match reference.parse::<ImageReference>() {
        Ok(ImageReference {
            digest: Some(digest), ..
        }) => image.is(&digest),
        _ => image.reference == reference,
    }
}

/// The recorded image that a reference means.
fn recorded<'t>(reference: &str, tested: &'t [RecordedImage]) -> Option<&'t RecordedImage> {
    tested.iter().find(|image| means(reference, image))
}

/// The pods of an object that run.
#[derive(Clone, Debug, Default)]
pub struct WorkloadPods<'a> {
    /// Those of its new revision, where its kind tells it; else all.
    pub current: Vec<&'a PodFacts>,
    /// Why others are not known that may be its own.
    pub doubts: Vec<String>,
    /// Why others are not known yet.
    pub unread: Vec<String>,
}

impl<'a> WorkloadPods<'a> {
    /// Those whose chain of owners ends at the object. What has ended or is being deleted does not run.
    pub fn select(
        object: &Object,
        workload: &WorkloadImages,
        pods: impl Iterator<Item = &'a PodFacts>,
        owners: &Owners,
    ) -> Self {
        let mut found = Self::default();
        for pod in pods.filter(|pod| pod.is_running()) {
            match owners.ownership(pod, object.uid()) {
                Ownership::Owned(between) if !is_old_revision(object, pod, between) => {
                    found.current.push(pod);
                }
                Ownership::Owned(_) | Ownership::Other => {}
                // Another workload's pods say nothing here, read or not.
                Ownership::Unknown { cause, is_transient }
                    if pod.containers.iter().any(|one| workload.may_be_its(one)) =>
                {
                    if is_transient {
                        found.unread.push(cause);
                    } else {
                        found.doubts.push(cause);
                    }
                }
                Ownership::Unknown { .. } => {}
            }
        }
        found
    }
}

/// Whether a container lasts: whoever debugs a pod brings an image of their own.
pub(super) fn is_lasting(container: &&ContainerFacts) -> bool {
    container.role != ContainerRole::Ephemeral
}
