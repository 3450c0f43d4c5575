//! What is compared, and what the cluster keeps of it: the release, its state, and what is known of both.

use super::helm::{HelmInputs, helm_inputs};
use super::source::{promoted_inputs, promoted_state};
use super::{DiffRequest, DiffSource, LoadedSource, unreadable};
use crate::cluster::ApiError;
use crate::compare;
use crate::execute::seems_held;
use crate::model::finding::{
    Certainty, Comparison, ImageFinding, ImageState, ObjectComparison, PromotedRelease,
};
use crate::model::helm::HelmRevision;
use crate::model::inventory::Inventory;
use crate::model::names::{applyset_id, inventory};
use crate::model::phrase::counted;
use crate::model::release::PublicRelease;
use crate::model::running::ImageTrees;
use crate::model::snapshot::ReadFailure;
use crate::model::start::StartDepth;
use crate::model::state_key::BoundKey;
use crate::observe::Pods;
use crate::observe::release_state::{ReleaseState, ReleaseStateError, read_record, read_release_state};
use crate::observe::sealing::Sealing;
use crate::usecase::comparing::{self, ComparisonFacts, ComparisonRequest, Mode};
use crate::usecase::differences::DesiredOrigin;
use crate::usecase::inputs::Inputs;
use crate::usecase::status::describe_open;
use crate::usecase::system::today;
use crate::usecase::{CommandError, Scope, images, release_state};
use jiff::Timestamp;

/// What is compared, and what the cluster keeps of it.
pub(super) struct DiffSubject {
    pub inputs: Inputs,
    pub identity: PublicRelease,
    /// Empty before the first promotion, and for manifests alone.
    inventory: Inventory,
    sealing: Sealing,
    key: Option<BoundKey>,
    /// The revision that is compared, where it is one of Helm.
    pub helm: Option<HelmRevision>,
    /// What is to be known of it.
    notes: Vec<String>,
}

impl DiffSubject {
    pub async fn find(
        request: &DiffRequest,
        loaded: LoadedSource,
        scope: &Scope,
    ) -> Result<Self, CommandError> {
        let (inputs, state) = match (loaded, &request.source) {
            (LoadedSource::Environment(environment), DiffSource::Helm(reference)) => {
                let found = helm_inputs(reference, *environment, scope).await?;
                return Ok(Self::new_helm(found));
            }
            (LoadedSource::Environment(environment), _) => {
                let state = promoted_state(request, scope).await?;
                let inputs = promoted_inputs(request, *environment, &state, scope).await?;
                (inputs, state)
            }
            (LoadedSource::Stored(environment, state), _) => {
                let inputs = promoted_inputs(request, *environment, &state, scope).await?;
                (inputs, *state)
            }
            (LoadedSource::Given(inputs), _) if request.is_release() => {
                let state = read_state(request, scope, &inputs.release.release.metadata.name).await?;
                (*inputs, state)
            }
            (LoadedSource::Given(inputs), _) => (*inputs, ReleaseState::default()),
        };
        Ok(Self::new(inputs, state))
    }

    fn new(inputs: Inputs, state: ReleaseState) -> Self {
        let key = state.key().cloned();
        let unfinished = unfinished_note(&state);
        Self {
            identity: inputs.release.public(key.as_ref()),
            inputs,
            inventory: state
                .inventory
                .map(|inventory| inventory.value)
                .unwrap_or_default(),
            sealing: state.sealing,
            key,
            helm: None,
            notes: unfinished.into_iter().collect(),
        }
    }

    /// Helm's revisions are no part of an inventory.
    fn new_helm(found: HelmInputs) -> Self {
        Self {
            helm: Some(found.revision),
            notes: found.notes,
            ..Self::new(found.inputs, ReleaseState::default())
        }
    }

    /// The objects are taken, not copied: of thousands nobody needs them twice.
    pub async fn compare(
        &mut self,
        request: &DiffRequest,
        scope: &Scope,
    ) -> Result<ComparisonFacts, CommandError> {
        let release = &mut self.inputs.release;
        // They have been parsed and digested: of a large release they would stay in memory to the end.
        release.bytes = Vec::new();
        let tested = std::mem::take(&mut release.release.spec.objects);
        let set = applyset_id(&inventory(&release.release.metadata.name), &scope.home);
        let manifests = self.inputs.manifests.take();

        let request = ComparisonRequest {
            inputs: &self.inputs,
            tested,
            manifests,
            members: &self.inventory.members,
            home: &scope.home,
            set: &set,
            today: today(),
            mode: request.effective_mode(),
            is_brief: true,
            reads_around: request.is_release() && request.since.is_none(),
            reads_start_needs: request.effective_starts() != StartDepth::Off,
            tries_missing: request.effective_mode() == Mode::Server,
        };
        comparing::compare(scope.cluster.as_ref(), request).await
    }

    /// Adds what runs, where a release is compared; why that is not known, where it is not.
    pub async fn look_at_images(
        &self,
        request: &DiffRequest,
        scope: &Scope,
        comparison: &mut Comparison,
        pods: Result<Pods, ApiError>,
    ) -> Option<String> {
        if !request.is_release() {
            return None;
        }
        match pods {
            Ok(pods) => {
                examine_images(&self.inputs, comparison, pods, request).await;
                self.name_promoted_images(scope, comparison).await;
                None
            }
            Err(error) => Some(format!("running images not checked: {error}")),
        }
    }

    /// Where desired comes from.
    pub fn origin(&self, request: &DiffRequest) -> DesiredOrigin {
        let spec = &self.inputs.release.release.spec;
        DesiredOrigin {
            is_promoted: matches!(request.source, DiffSource::Promoted(_)),
            // Of manifests alone there are none.
            images: spec.images.clone(),
            image_paths: spec.image_paths.clone(),
        }
    }

    /// Names the release that is promoted here where its images run, and not those of the one that is compared. Its record
    /// is read only where different images run.
    async fn name_promoted_images(&self, scope: &Scope, comparison: &mut Comparison) {
        let is_different = |image: &ImageFinding| image.state == ImageState::OtherImage;
        let promoted = self.inventory.promoted();
        let Some(entry) = promoted.filter(|entry| !entry.release.seems(&self.identity)) else {
            return;
        };
        if !comparison.images.iter().any(is_different) {
            return;
        }

        // Without the record they are different images, and no more is known.
        let record = read_record(scope.cluster.as_ref(), entry, false, self.key.as_ref()).await;
        if let Ok(record) = record {
            let promoted = PromotedRelease {
                name: entry.release.name.clone(),
                version: entry.release.version.clone(),
                revision: entry.revision,
            };
            compare::name_promoted_images(&mut comparison.images, &promoted, &record.desired);
        }
    }

    /// What is to be known of what was read.
    pub fn notes(
        &mut self,
        comparison: &Comparison,
        left_out: Vec<String>,
        unread: &[ReadFailure],
        mode: Mode,
    ) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        notes.extend(note_predictions(comparison, mode));
        notes.extend(left_out);
        notes.extend(comparison.missing_namespaces.iter().map(|name| {
            format!("namespace {name} does not exist; to create it: kubectl create namespace {name}")
        }));
        notes.extend(unread.iter().map(|unread| format!("not read: {}", unread.why)));
        notes.extend(release_state::note(&self.sealing));
        notes
    }

    /// Leaves out what belongs to other releases and what need not be there; gives the notes about it.
    pub async fn leave_out(&self, scope: &Scope, comparison: &mut Comparison) -> Vec<String> {
        let Self {
            inventory,
            identity,
            key,
            ..
        } = self;
        // What Helm has sent may have run to its end since.
        if self.helm.as_ref().is_some_and(HelmRevision::was_applied) {
            return comparing::leave_out_completed(comparison);
        }
        let cluster = scope.cluster.as_ref();
        let mut notes = comparing::leave_out_moved(inventory, &scope.home, comparison);
        notes.extend(comparing::leave_out(cluster, inventory, identity, comparison, key.as_ref()).await);
        notes
    }
}

/// What the cluster keeps of the release; nothing before its first promotion.
async fn read_state(request: &DiffRequest, scope: &Scope, name: &str) -> Result<ReleaseState, CommandError> {
    let key = request.access.key()?;
    let state = match read_release_state(scope.cluster.as_ref(), &scope.home, name, key.as_ref()).await {
        Ok(state) => state,
        // Whoever may not read the inventory can still compare what is desired.
        Err(ReleaseStateError::Api { source, .. }) if source.is_forbidden() => ReleaseState::default(),
        Err(error) => return Err(unreadable(&error)),
    };
    request.access.check(&state.sealing, &scope.home, name)?;
    Ok(state)
}

/// Says that a promotion has not ended: it has replaced some objects, and not all.
fn unfinished_note(state: &ReleaseState) -> Option<String> {
    let journal = &state.head.as_ref()?.value.current;
    let lease = state.lease.as_ref();
    let is_held = lease.is_some_and(|lease| seems_held(lease, Timestamp::now()));
    let unfinished = describe_open(journal, is_held)?;
    Some(format!("{unfinished}: differences may be of it"))
}

/// Says that findings are predictions, where they are.
fn note_predictions(comparison: &Comparison, mode: Mode) -> Option<String> {
    let is_predicted = |object: &&ObjectComparison| object.certainty == Certainty::Predicted;
    let count = comparison.objects.iter().filter(is_predicted).count();
    match mode {
        _ if count == 0 => None,
        Mode::Readonly => Some("no dry run: differences are predictions".into()),
        Mode::Auto | Mode::Server => Some(format!(
            "{} could not be dry-run (missing permission to patch): differences are predictions",
            counted(count, "object")
        )),
    }
}

/// Adds what runs. A registry is asked only where something else may: another index may hold the very same image.
async fn examine_images(inputs: &Inputs, comparison: &mut Comparison, pods: Pods, request: &DiffRequest) {
    let references = images::unfamiliar(&pods, &inputs.release.release.spec.images);
    let again = (!references.is_empty() && request.mode != Mode::Readonly).then(|| pods.clone());
    comparing::examine(inputs, comparison, pods, &ImageTrees::default());

    let is_open = |one: &ImageFinding| {
        use ImageState::{Mixed, OtherImage, TagMoved, Unknown};
        matches!(one.state, TagMoved | OtherImage | Mixed | Unknown)
    };
    if let Some(pods) = again.filter(|_| comparison.images.iter().any(is_open)) {
        let options = request.registries(inputs);
        let trees = images::read_image_trees(&references, &options).await;
        comparing::examine(inputs, comparison, pods, &trees);
    }
}
