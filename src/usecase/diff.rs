//! Diff: what runs against what was tested. A release, manifests alone, what was last promoted into the namespace, or what
//! Helm takes for one of its releases.
//!
//! Files and registries come first (`source.rs`), as the environment names the cluster; then the cluster, of which nothing
//! is changed. Objects that belong to other releases by now, or that need not be there, are left out before anything is
//! counted. Pods are looked at last, and registries are asked only where their answer may make a difference.

mod helm;
mod source;
mod subject;

pub use self::source::{DiffSource, LoadedSource, load};
use self::subject::DiffSubject;
use super::comparing::{self, ComparisonFacts, Mode, StartLook};
use super::differences::{Differences, list_unchecked, redactor_for};
use super::inputs::Inputs;
use super::state_access::StateAccess;
use super::{CommandError, ErrorKind, Scope};
use crate::load::ManifestSource;
use crate::model::finding::{Comparison, RecentChange};
use crate::model::start::StartDepth;
use crate::observe::release_state::ReleaseStateError;
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
    /// Whether images and an inventory belong to what is compared.
    fn is_release(&self) -> bool {
        matches!(self.source, DiffSource::Release(_) | DiffSource::Promoted(_))
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

    let mut notes = subject.notes(&comparison, left_out, &unread, request.mode);
    notes.extend(aside_notes(&comparison.objects));
    let unread_pods = subject
        .look_at_images(request, scope, &mut comparison, pods)
        .await;
    let has_read_pods = unread_pods.is_none();
    notes.extend(unread_pods);
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
        origin: subject.origin(request),
        comparison,
        environment: subject.inputs.environment.environment,
        release: request.is_release().then_some(subject.identity),
        helm: subject.helm,
        namespace: scope.home.clone(),
        cluster: Some(scope.identity()),
        now: Timestamp::now(),
        notes,
        has_read_pods,
    })))
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
