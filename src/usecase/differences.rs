//! What `diff` and `compare` give: a comparison, and all that a view of it needs besides.

use super::system::random_key;
use super::{CommandError, ErrorKind};
use crate::compare::{PatchInput, manifest_patches};
use crate::model::check::{path_in_item, waiver_item};
use crate::model::environment::Environment;
use crate::model::finding::{Comparison, ObjectStatus};
use crate::model::helm::HelmRevision;
use crate::model::patch::ManifestPatches;
use crate::model::phrase::counted;
use crate::model::release::{ImagePath, PublicRelease, RecordedImage};
use crate::model::{ClusterIdentity, ObjectId};
use crate::report::Redactor;
use crate::report::diff::{Meta, View, view};
use jiff::Timestamp;

/// A comparison, to be shown.
pub struct Differences {
    /// What was found.
    pub comparison: Comparison,
    /// The environment that it was judged by.
    pub environment: Environment,
    /// The release; none where only manifests are compared.
    pub release: Option<PublicRelease>,
    /// The revision of Helm, where that is compared.
    pub helm: Option<HelmRevision>,
    /// Release namespace.
    pub namespace: String,
    /// The cluster that was compared; none where only files were.
    pub cluster: Option<ClusterIdentity>,
    /// When it was compared.
    pub now: Timestamp,
    /// Remarks on the whole comparison.
    pub notes: Vec<String>,
    /// Objects that could not be checked and that no waiver names.
    pub unchecked: Vec<ObjectId>,
    /// Whether what runs could be read.
    pub has_read_pods: bool,
    /// Knows the values of all Secrets that were compared.
    pub redactor: Redactor,
    /// What patches of the manifests have to know besides.
    pub origin: DesiredOrigin,
}

/// Where desired comes from, as far as patches of it go.
#[derive(Clone, Debug, Default)]
pub struct DesiredOrigin {
    /// Whether it is what was promoted last, and not what a file says.
    pub is_promoted: bool,
    /// The images that pin those of the manifests; none where only manifests are compared.
    pub images: Vec<RecordedImage>,
    /// Where custom resources name images.
    pub image_paths: Vec<ImagePath>,
}

impl Differences {
    /// What is shown of it: `given` are the arguments that name the files, to be typed again.
    pub fn view(&self, given: Option<String>) -> View {
        let meta = Meta {
            release: self.release.clone(),
            helm: self.helm.clone(),
            given,
            namespace: self.namespace.clone(),
            cluster: self.cluster.clone(),
            now: self.now,
            notes: self.notes.clone(),
        };
        view(&self.comparison, &self.environment, &self.redactor, &meta)
    }

    /// Patches that make the manifests equal to what runs: of all unexpected differences, or of the objects and fields of
    /// `only`.
    ///
    /// # Errors
    ///
    /// Where one of these names nothing that was compared.
    pub fn patches(&self, only: &[String]) -> Result<ManifestPatches, CommandError> {
        let home = &self.namespace;
        let is_compared = |item: &&String| {
            let mut objects = self.comparison.objects.iter();
            objects.any(|object| path_in_item(item, &object.id(), home).is_some())
        };
        if let Some(unknown) = only.iter().find(|item| !is_compared(item)) {
            let message = format!("{unknown} is not among the compared objects");
            let error = CommandError::usage(message);
            return Err(error.with_hint("to see what differs: leave out -o patch and --only"));
        }

        Ok(manifest_patches(&PatchInput {
            comparison: &self.comparison,
            home,
            only,
            is_promoted: self.origin.is_promoted,
            images: &self.origin.images,
            image_paths: &self.origin.image_paths,
            registries: &self.environment.spec.registries,
            is_secret: &|text| self.redactor.is_secret(text),
        }))
    }

    /// An error where an object could not be checked.
    ///
    /// # Errors
    ///
    /// Where an object could not be checked and no waiver names it.
    pub fn ensure_checked(&self) -> Result<(), CommandError> {
        if self.unchecked.is_empty() {
            return Ok(());
        }
        let message = format!("{} could not be checked", counted(self.unchecked.len(), "object"));
        let waivers = self
            .unchecked
            .iter()
            .map(|id| format!(" --waive unreadable={}", waiver_item(id)));
        let hint = format!("to ignore them: add{}", waivers.collect::<String>());
        Err(CommandError::new(ErrorKind::Other, message).with_hint(hint))
    }
}

/// A redactor that knows every Secret that was compared.
///
/// # Errors
///
/// Where the operating system gives no random bytes.
pub fn redactor_for(comparison: &Comparison) -> Result<Redactor, CommandError> {
    let mut redactor = Redactor::new(random_key()?);
    for object in &comparison.objects {
        let versions = [
            object.desired.as_ref(),
            object.live.object(),
            object.predicted.as_ref(),
        ];
        versions
            .into_iter()
            .flatten()
            .for_each(|version| redactor.learn(version));
    }
    Ok(redactor)
}

/// The objects that could not be checked and that no waiver names.
pub fn list_unchecked(comparison: &Comparison, waived: &[String], home: &str) -> Vec<ObjectId> {
    let is_waived = |id: &ObjectId| waived.iter().any(|item| path_in_item(item, id, home) == Some(""));
    comparison
        .objects
        .iter()
        .filter(|object| matches!(object.status, ObjectStatus::NotChecked { .. }))
        .map(|object| object.id())
        .filter(|id| !is_waived(id))
        .collect()
}
