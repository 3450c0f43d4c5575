//! Status: what is promoted, whether anything is in progress, and how each workload is. Release by release, in the order
//! in which they are listed.
//!
//! A release whose state was altered is one among the others: it is shown, nothing that its state says is used, and the
//! outcome carries the error for the end.

mod rehearsal;
mod rollback;
mod workloads;

use self::workloads::Workloads;
pub(super) use self::workloads::{environment_of_then, is_workload, workload_health};
use super::state_access::StateAccess;
use super::{CommandError, Scope, release_state, scope};
use crate::cluster::Cluster;
use crate::execute::seems_held;
use crate::model::inventory::{HistoryEntry, Inventory};
use crate::model::journal::{HistoryOutcome, Journal, RollbackReason, StepProgress, StepState, UndoState};
use crate::model::moves::ReleaseRef;
use crate::model::phrase::utc;
use crate::model::release::PublicRelease;
use crate::model::seal::Integrity;
use crate::model::status::{ReleasePhase, ReleaseStatus, UnfinishedPromotion};
use crate::observe::release_state::{ReleaseState, list_homes};
use jiff::Timestamp;
use std::sync::Arc;

/// Whose status.
#[derive(Clone, Debug)]
pub struct StatusRequest {
    /// One release; all of the namespace where none is named.
    pub name: Option<String>,
    /// The releases of all namespaces.
    pub all_namespaces: bool,
    /// How their state is read.
    pub access: StateAccess,
}

/// The status of each release.
pub struct StatusOutcome {
    /// The releases.
    pub releases: Vec<ReleaseStatus>,
    /// Why the state of one of them is not believed; the first of several.
    pub distrusted: Option<CommandError>,
}

/// Finds it out.
///
/// # Errors
///
/// Where the releases cannot be listed, or the state of one cannot be read.
pub async fn status(request: &StatusRequest, scope: &Scope) -> Result<StatusOutcome, CommandError> {
    let cluster = scope.cluster.as_ref();
    let releases = match &request.name {
        Some(name) => vec![(scope.home.clone(), name.clone())],
        None => {
            let namespace = (!request.all_namespaces).then_some(scope.home.as_str());
            let homes = list_homes(cluster, namespace).await;
            homes.map_err(|error| release_state::home_error(&error))?
        }
    };
    if releases.is_empty() && !request.all_namespaces {
        scope::check_namespace(cluster, &scope.home).await?;
    }

    let mut outcome = StatusOutcome {
        releases: Vec::with_capacity(releases.len()),
        distrusted: None,
    };
    for (namespace, name) in releases {
        let state = request.access.read(cluster, &namespace, &name).await?;
        if request.name.is_some() && release_state::is_absent(&state) {
            return Err(release_state::no_release(cluster, &namespace, &name, "status").await);
        }
        if let Err(error) = request.access.check(&state.sealing, &namespace, &name) {
            outcome.distrusted.get_or_insert(error);
        }
        let release = ReleaseRef { namespace, name };
        let status = release_status(scope.cluster.clone(), release, state).await;
        outcome.releases.push(status);
    }
    Ok(outcome)
}

async fn release_status(
    cluster: Arc<dyn Cluster>,
    release: ReleaseRef,
    state: ReleaseState,
) -> ReleaseStatus {
    let held = state
        .lease
        .as_ref()
        .is_some_and(|lease| seems_held(lease, Timestamp::now()));
    let (phase, message) = find_phase(&state, held, &release);
    let rehearsal = state.rehearsal.as_ref().map(|rehearsal| &rehearsal.value);
    let unfinished = rehearsal
        .or(current_journal(&state).filter(|journal| journal.is_open()))
        .map(|journal| unfinished(journal, held));

    let not_comparable = current_journal(&state).and_then(|journal| describe_open(journal, held));
    let none = Inventory::default();
    let stored = state
        .inventory
        .as_ref()
        .map_or(&none, |inventory| &inventory.value);
    let rollback = rollback::rollback_status(current_journal(&state), stored);
    let key = state.key().cloned();
    let verified = state.sealing.integrity == Integrity::Sealed;
    let not_verified = release_state::not_verified(&state.sealing);
    let inventory = state
        .inventory
        .map(|inventory| inventory.value)
        .unwrap_or_default();
    let promoted = inventory.promoted();
    let identity = cluster.identity(&release.namespace);
    let subject = Workloads {
        cluster,
        inventory: &inventory,
        key: key.as_ref(),
        release: &release,
        not_comparable,
    };
    let workloads = subject.assess().await;

    ReleaseStatus {
        namespace: release.namespace,
        cluster: identity,
        name: release.name,
        phase,
        version: promoted.map(|entry| entry.release.version.clone()),
        revision: promoted.map(|entry| entry.revision),
        verification: promoted.and_then(|entry| entry.verification.clone()),
        unfinished,
        message,
        rollback,
        verified,
        not_verified,
        moved: inventory.moved_lately().cloned().collect(),
        workloads,
    }
}

fn current_journal(state: &ReleaseState) -> Option<&Journal> {
    state.head.as_ref().map(|head| &head.value.current)
}

/// How a release is as a whole, and the sentence about it. An open journal comes before everything that was committed
/// earlier.
fn find_phase(state: &ReleaseState, held: bool, release: &ReleaseRef) -> (ReleasePhase, String) {
    let ReleaseRef { namespace, name } = release;
    if matches!(state.sealing.integrity, Integrity::Altered(_)) {
        let message = format!(
            "the stored state was altered; to see how: kubectl delivery state verify {name} -n {namespace}"
        );
        return (ReleasePhase::Altered, message);
    }

    let inventory = state.inventory.as_ref().map(|inventory| &inventory.value);
    let promoted = inventory.and_then(Inventory::promoted);
    let deleted = inventory.and_then(Inventory::deleted);
    if let Some(rehearsal) = &state.rehearsal {
        return rehearsal::describe(&rehearsal.value, held, namespace);
    }
    match (current_journal(state), promoted) {
        (Some(journal), _) if journal.is_open() => {
            let unknown = state.lock_unknown.as_ref();
            let unknown = unknown.map(|why| format!("; whether a run holds its lock is unknown: {why}"));
            let advice = advise(journal, held, namespace);
            let phase = if held {
                ReleasePhase::InProgress
            } else {
                ReleasePhase::Unfinished
            };
            (phase, advice + &unknown.unwrap_or_default())
        }
        (Some(journal), _) if journal.ending == Some(HistoryOutcome::RollbackIncomplete) => {
            let version = &journal.release.version;
            let (phase, what) = if is_asked(journal) {
                (ReleasePhase::RevertIncomplete, "revert")
            } else {
                (ReleasePhase::RollbackIncomplete, "rollback")
            };
            (phase, format!("{what} of {name} {version} incomplete"))
        }
        (journal, Some(entry)) => (ReleasePhase::Promoted, describe_promoted(entry, journal)),
        (journal, None) if deleted.is_some() => {
            let message = deleted.map(|entry| describe_deleted(entry, journal));
            (ReleasePhase::Deleted, message.unwrap_or_default())
        }
        (Some(journal), None) if is_asked(journal) => (ReleasePhase::Reverted, journal.message.clone()),
        (Some(journal), None) => (ReleasePhase::RolledBack, journal.message.clone()),
        (None, None) => (ReleasePhase::None, "nothing was promoted".into()),
    }
}

/// Whether a user asked for the rollback of a promotion.
fn is_asked(journal: &Journal) -> bool {
    let reverting = journal.reverting.as_ref();
    reverting.is_some_and(|reverting| reverting.why == RollbackReason::Asked)
}

/// Who deleted it and when, and why a later promotion failed.
fn describe_deleted(entry: &HistoryEntry, journal: Option<&Journal>) -> String {
    format!(
        "no release is promoted; deleted by {} at {} (revision {}){}",
        entry.actor,
        utc(entry.ended_at),
        entry.revision,
        describe_later_failure(entry, journal)
    )
}

/// Why a later run failed, where one did.
fn describe_later_failure(entry: &HistoryEntry, journal: Option<&Journal>) -> String {
    let later = journal.filter(|journal| journal.id != entry.id);
    let failed = later.and_then(|journal| Some((journal, journal.failure.as_ref()?)));
    let failed = failed.map(|(journal, failure)| {
        let (run, why) = (journal.operation.noun(), &failure.cause.message);
        format!("; the last {run} failed and was rolled back: {why}")
    });
    failed.unwrap_or_default()
}

/// Who promoted it and when, and why a later promotion failed.
fn describe_promoted(entry: &HistoryEntry, journal: Option<&Journal>) -> String {
    let verified = entry.verification.as_ref();
    let verified = verified.map(|summary| format!("; {}", summary.message));
    format!(
        "promoted by {} at {}{}{}",
        entry.actor,
        utc(entry.ended_at),
        verified.unwrap_or_default(),
        describe_later_failure(entry, journal)
    )
}

fn unfinished(journal: &Journal, held: bool) -> UnfinishedPromotion {
    let is_done = |step: &&StepProgress| matches!(step.state, StepState::Done { .. });
    let is_undone = |step: &&StepProgress| matches!(step.undo, UndoState::Done { .. });
    UnfinishedPromotion {
        phase: journal.phase,
        version: journal.release.version.clone(),
        actor: journal.actor.clone(),
        holder: journal.holder.clone(),
        held,
        done: journal.steps.iter().filter(is_done).count(),
        undone: journal.steps.iter().filter(is_undone).count(),
        steps: journal.steps.len(),
        pods: journal.rehearsal.iter().map(|pod| pod.target.id()).collect(),
    }
}

/// Why objects are held against nothing: an open promotion has replaced some of them, and not all.
pub(super) fn describe_open(journal: &Journal, held: bool) -> Option<String> {
    let PublicRelease { name, version, .. } = &journal.release;
    let how = if held { "in progress" } else { "unfinished" };
    journal
        .is_open()
        .then(|| format!("the {} of {name} {version} is {how}", journal.operation.noun()))
}

/// What an unfinished promotion does, or what to do about it.
fn advise(journal: &Journal, held: bool, namespace: &str) -> String {
    let (name, version) = (&journal.release.name, &journal.release.version);
    if held {
        return format!("{version} by {}: {}", journal.actor, journal.message);
    }
    format!(
        "{} of {version} by {} is unfinished: {}; to resume it: {}; to revert it: kubectl delivery revert {name} -n {namespace}",
        journal.operation.noun(),
        journal.actor,
        journal.message,
        journal.operation.resume_command(name, namespace)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::journal::{Head, Reverting};
    use crate::model::unknown::Unknown;
    use crate::observe::release_state::Stored;
    use serde_json::json;

    fn stored<T>(value: T) -> Option<Stored<T>> {
        Some(Stored {
            value,
            uid: "u".into(),
            resource_version: "1".into(),
        })
    }

    fn journal(phase: &str, ending: Option<&str>) -> Journal {
        let journal = json!({
            "id": "p2", "serial": 1, "revision": 2, "namespace": "shop", "phase": phase, "ending": ending,
            "release": { "name": "shop", "version": "1.4.2", "digest": format!("sha256:{}", "1".repeat(64)) },
            "actor": "ci", "holder": "ci", "startedAt": "2026-11-28T08:00:00Z", "message": "a wave is applied",
            "parts": [], "record": [], "steps": [],
        });
        serde_json::from_value(journal).unwrap()
    }

    fn promoted() -> Inventory {
        let entry = json!({
            "revision": 1, "id": "p1", "actor": "me", "ending": "promoted",
            "release": { "name": "shop", "version": "1.4.1", "digest": format!("sha256:{}", "2".repeat(64)) },
            "startedAt": "2026-11-27T08:00:00Z", "endedAt": "2026-11-27T08:01:00Z",
        });
        Inventory {
            history: vec![serde_json::from_value(entry).unwrap()],
            ..Inventory::default()
        }
    }

    #[test]
    fn the_journal_at_hand_comes_before_what_was_promoted_earlier() {
        let open = || Some(journal("applying", None));
        let rolled_back = || Some(journal("closed", Some("reverted")));
        let incomplete = || Some(journal("closed", Some("notFullyReverted")));
        let asked = |mut journal: Journal| {
            journal.reverting = Some(Reverting {
                keep_foreign: false,
                why: RollbackReason::Asked,
                was_promoted: true,
            });
            Some(journal)
        };
        let cases = [
            (None, None, false, ReleasePhase::None),
            (open(), None, true, ReleasePhase::InProgress),
            (open(), Some(promoted()), false, ReleasePhase::Unfinished),
            (rolled_back(), None, false, ReleasePhase::RolledBack),
            (rolled_back(), Some(promoted()), false, ReleasePhase::Promoted),
            (rolled_back().and_then(asked), None, false, ReleasePhase::Reverted),
            (
                incomplete().and_then(asked),
                None,
                false,
                ReleasePhase::RevertIncomplete,
            ),
            (
                incomplete(),
                Some(promoted()),
                false,
                ReleasePhase::RollbackIncomplete,
            ),
        ];
        let release = ReleaseRef::new("shop", "shop");
        for (current, inventory, held, phase) in cases {
            let state = ReleaseState {
                head: current.and_then(|current| stored(Head::new(current, None))),
                inventory: inventory.and_then(stored),
                ..ReleaseState::default()
            };
            assert_eq!(find_phase(&state, held, &release).0, phase);
        }
    }

    #[test]
    fn an_altered_state_is_told_as_such_whatever_it_says() {
        let mut state = ReleaseState {
            inventory: stored(promoted()),
            ..ReleaseState::default()
        };
        state.sealing.integrity = Integrity::Altered("the inventory".into());

        let (phase, message) = find_phase(&state, false, &ReleaseRef::new("shop", "web"));
        assert_eq!(phase, ReleasePhase::Altered);
        assert_eq!(
            message,
            "the stored state was altered; to see how: kubectl delivery state verify web -n shop"
        );
    }

    #[test]
    fn an_unfinished_promotion_comes_with_the_commands_that_end_it() {
        let state = ReleaseState {
            head: stored(Head::new(journal("applying", None), None)),
            lock_unknown: Some(Unknown::new("forbidden")),
            ..ReleaseState::default()
        };
        let (_, message) = find_phase(&state, false, &ReleaseRef::new("shop", "shop"));
        assert_eq!(
            message,
            "promotion of 1.4.2 by ci is unfinished: a wave is applied; to resume it: kubectl delivery promote \
             --resume shop -n shop; to revert it: kubectl delivery revert shop -n shop; whether a run holds its lock \
             is unknown: forbidden"
        );
    }
}
