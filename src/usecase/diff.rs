//! Diff: what runs against what was tested. A release, manifests alone, or what was last promoted into the namespace.
//!
//! Files and registries come first (`source.rs`), as the environment names the cluster; then the cluster, of which nothing
//! is changed. Objects that belong to other releases by now, or that need not be there, are left out before anything is
//! counted. Pods are looked at last, and registries are asked only where their answer may make a difference.

mod source;

use self::source::promoted_inputs;
pub use self::source::{DiffSource, LoadedSource, load};
use super::comparing::{self, ComparisonFacts, ComparisonRequest, Mode, StartLook};
use super::differences::{Differences, list_unchecked, redactor_for};
use super::inputs::Inputs;
use super::state_access::StateAccess;
use super::system::today;
use super::{CommandError, ErrorKind, Scope, images, release_state};
use crate::load::ManifestSource;
use crate::model::finding::{
    Certainty, Comparison, ImageFinding, ImageState, ObjectComparison, PromotedRelease, RecentChange,
};
use crate::model::inventory::Inventory;
use crate::model::names::{applyset_id, inventory};
use crate::model::phrase::counted;
use crate::model::release::PublicRelease;
use crate::model::running::ImageTrees;
use crate::model::start::StartDepth;
use crate::model::state_key::BoundKey;
use crate::observe::Pods;
use crate::observe::release_state::{ReleaseState, ReleaseStateError, read_record, read_release_state};
use crate::observe::sealing::Sealing;
use crate::registry::RegistryOptions;
use crate::report::aside_notes;
use crate::{compare, plan};
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct DiffRequest {
    /// What is held against the cluster.
    pub source: DiffSource,
    /// The environment's file.
    pub environment: Option<PathBuf>,
    /// Manifests instead of the environment's and the release's own.
    pub manifests: Vec<ManifestSource>,
    /// Whom to ask what an apply would change.
    pub mode: Mode,
    /// Asks what changed in this time instead of what differs.
    pub since: Option<Duration>,
    /// How much is looked at of whether what runs would start again.
    pub starts: StartDepth,
    /// Objects that need not be readable.
    pub waived: Vec<String>,
    /// How the release's state is read.
    pub access: StateAccess,
    /// How registries are reached.
    pub registries: RegistryOptions,
}

/// What was found.
pub enum DiffOutcome {
    /// What changed lately.
    Recent(RecentChanges),
    /// What differs.
    Differences(Box<Differences>),
}

/// What changed lately, as far as managedFields tell.
pub struct RecentChanges {
    /// The objects that were written.
    pub touched: Vec<RecentChange>,
    /// In which time.
    pub period: Duration,
    /// Its end.
    pub now: Timestamp,
}

impl DiffRequest {
    fn is_release(&self) -> bool {
        self.source != DiffSource::Manifests
    }

    /// Whom is asked: what was written is in the objects, and nobody else knows it.
    fn effective_mode(&self) -> Mode {
        match self.since {
            Some(_) => Mode::Readonly,
            None => self.mode,
        }
    }

    /// How the registries that the environment names are reached.
    fn registries(&self, inputs: &Inputs) -> RegistryOptions {
        let registries = &inputs.environment.environment.spec.registries;
        self.registries.clone().with_registries(registries)
    }

    /// How much is looked at of starts: nothing where only what was written is asked for.
    fn effective_starts(&self) -> StartDepth {
        match self.since {
            Some(_) => StartDepth::Off,
            None => self.starts,
        }
    }
}

/// Compares.
///
/// # Errors
///
/// Where the cluster cannot be reached, what it keeps of the release cannot be read or is not to be believed, or nothing
/// was promoted that could be compared. An object that cannot be read is a finding.
pub async fn diff(
    request: &DiffRequest,
    loaded: LoadedSource,
    scope: &Scope,
) -> Result<DiffOutcome, CommandError> {
    let mut subject = DiffSubject::find(request, loaded, scope).await?;
    let ComparisonFacts {
        mut comparison,
        pods,
        needed,
        autoscalers: (autoscalers, unread),
    } = subject.compare(request, scope).await?;
    // Ahead of all that counts differences: a promotion leaves those fields alone, too.
    plan::ignore_autoscaled_replicas(&mut comparison, &autoscalers);
    let left_out = subject.leave_out(scope, &mut comparison).await;
    if let Some(period) = request.since {
        return Ok(DiffOutcome::Recent(recent_changes(&comparison, period)));
    }

    let mut notes: Vec<String> = note_predictions(&comparison, request.mode).into_iter().collect();
    notes.extend(left_out);
    notes.extend(comparison.missing_namespaces.iter().map(|name| {
        format!("namespace {name} does not exist; to create it: kubectl create namespace {name}")
    }));
    notes.extend(
        unread
            .into_iter()
            .map(|unread| format!("not read: {}", unread.why)),
    );
    notes.extend(release_state::note(&subject.sealing));
    notes.extend(aside_notes(&comparison.objects));
    match pods {
        Ok(pods) if request.is_release() => {
            examine_images(&subject.inputs, &mut comparison, pods, request).await;
            subject.name_promoted_images(scope, &mut comparison).await;
        }
        Err(error) if request.is_release() => notes.push(format!("running images not checked: {error}")),
        _ => {}
    }
    // After the images: registries are asked for what runs.
    let look = StartLook {
        depth: request.starts,
        images: &subject.inputs.release.release.spec.images,
        registries: &request.registries(&subject.inputs),
    };
    comparing::look_at_starts(scope.cluster.as_ref(), &mut comparison, &needed, &look).await?;

    Ok(DiffOutcome::Differences(Box::new(Differences {
        redactor: redactor_for(&comparison)?,
        unchecked: list_unchecked(&comparison, &request.waived, &scope.home),
        comparison,
        environment: subject.inputs.environment.environment,
        release: request.is_release().then_some(subject.identity),
        namespace: scope.home.clone(),
        cluster: Some(scope.identity()),
        now: Timestamp::now(),
        notes,
    })))
}

/// What is compared, and what the cluster keeps of it.
struct DiffSubject {
    inputs: Inputs,
    identity: PublicRelease,
    /// Empty before the first promotion, and for manifests alone.
    inventory: Inventory,
    sealing: Sealing,
    key: Option<BoundKey>,
}

impl DiffSubject {
    async fn find(request: &DiffRequest, loaded: LoadedSource, scope: &Scope) -> Result<Self, CommandError> {
        let (inputs, state) = match loaded {
            LoadedSource::Promoted(environment) => promoted_inputs(request, *environment, scope).await?,
            LoadedSource::Given(inputs) if request.is_release() => {
                let state = read_state(request, scope, &inputs.release.release.metadata.name).await?;
                (*inputs, state)
            }
            LoadedSource::Given(inputs) => (*inputs, ReleaseState::default()),
        };

        let key = state.key().cloned();
        Ok(Self {
            identity: inputs.release.public(key.as_ref()),
            inputs,
            inventory: state
                .inventory
                .map(|inventory| inventory.value)
                .unwrap_or_default(),
            sealing: state.sealing,
            key,
        })
    }

    /// The objects are taken, not copied: of thousands nobody needs them twice.
    async fn compare(
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

    /// Leaves out what belongs to other releases and what need not be there; gives the notes about it.
    async fn leave_out(&self, scope: &Scope, comparison: &mut Comparison) -> Vec<String> {
        let Self {
            inventory,
            identity,
            key,
            ..
        } = self;
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

fn unreadable(error: &ReleaseStateError) -> CommandError {
    CommandError::from_error(ErrorKind::Unreachable, error)
}

fn recent_changes(comparison: &Comparison, period: Duration) -> RecentChanges {
    let now = Timestamp::now();
    // A period that reaches back beyond all times means: at any time.
    let since = now.checked_sub(period).unwrap_or(Timestamp::MIN);
    let live = comparison
        .objects
        .iter()
        .filter_map(|object| object.live.object());
    RecentChanges {
        touched: live.filter_map(|live| compare::touched(live, since)).collect(),
        period,
        now,
    }
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
