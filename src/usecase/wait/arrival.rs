//! What one look at the objects shows: which are in sync, and what the others are waited for.
//!
//! What goes by itself once it has run is judged when it is seen, and may never be.

use super::goal::Goal;
use super::in_sync::{SyncChecks, SyncState};
use crate::cluster::Cluster;
use crate::model::hook::{CLEANED_UP, ended, is_cleaned_up};
use crate::model::journal::Failure;
use crate::model::snapshot::Observed;
use crate::model::verdict::CauseKind;
use crate::model::{FieldPath, Object, StepId, Target};
use crate::monitor::Watched;
use crate::observe;
use crate::plan::may_be_absent;
use std::collections::BTreeSet;

/// What one look at an object showed.
enum Arrival {
    /// It is as desired, and is judged from now on.
    Applied(Object),
    /// It has run well, and may be gone at any time.
    Completed,
    /// It is not there as desired, and is waited for: why.
    NotYet(String),
    /// It holds what is desired and is judged from now on, and something else differs that is waited for: what.
    Drifted(Object, String),
    /// It has not run to its end, and is gone some time after that.
    Runs,
    /// It is not there as desired, and need not be.
    MayBeAbsent,
}

/// What one look at the objects showed.
pub(super) struct ArrivalScan {
    found: Vec<(Target, Arrival)>,
}

impl ArrivalScan {
    /// What is judged from now on.
    pub fn arrived(&self, watched: &[Watched]) -> Vec<Watched> {
        let is_new = |target: &Target| watched.iter().all(|known| known.target != *target);
        let there = self.found.iter().filter_map(|(target, seen)| match seen {
            Arrival::Applied(answer) | Arrival::Drifted(answer, _) => Some((target, answer)),
            _ => None,
        });
        there
            .filter(|(target, _)| is_new(target))
            .enumerate()
            .map(|(at, (target, answer))| Watched {
                step: StepId::new((watched.len() + at) as u32),
                target: target.clone(),
                answer: answer.clone(),
                before: None,
                changes: Vec::new(),
            })
            .collect()
    }

    /// Those that are not there and go by themselves once they have run, and what is known of each.
    pub fn gone(&self, goal: &Goal) -> Vec<(&Target, String)> {
        let goes = |target: &Target| {
            goal.objects
                .iter()
                .any(|(other, object)| other == target && is_cleaned_up(object))
        };
        let gone = self.found.iter().filter(|(target, _)| goes(target));
        gone.filter_map(|(target, seen)| match seen {
            Arrival::Completed => Some((target, CLEANED_UP.to_owned())),
            // Nobody saw it run.
            Arrival::MayBeAbsent => Some((target, format!("does not exist: {CLEANED_UP}, or never applied"))),
            Arrival::Applied(_) | Arrival::NotYet(_) | Arrival::Drifted(..) | Arrival::Runs => None,
        })
        .collect()
    }

    pub fn is_open(&self, target: &Target) -> bool {
        let is_open = |seen: &Arrival| {
            matches!(
                seen,
                Arrival::NotYet(_) | Arrival::Drifted(..) | Arrival::Runs | Arrival::MayBeAbsent
            )
        };
        self.found
            .iter()
            .any(|(other, seen)| other == target && is_open(seen))
    }

    /// Whether something is to be waited for.
    pub fn waits(&self) -> bool {
        self.not_yet().is_some()
    }

    /// The first that is waited for; why it is not there, where it is not.
    fn not_yet(&self) -> Option<(&Target, Option<&str>)> {
        self.found.iter().find_map(|(target, seen)| match seen {
            Arrival::NotYet(why) | Arrival::Drifted(_, why) => Some((target, Some(why.as_str()))),
            Arrival::Runs => Some((target, None)),
            Arrival::Applied(_) | Arrival::Completed | Arrival::MayBeAbsent => None,
        })
    }

    /// Whether the first that is waited for is there, and drifted.
    pub fn is_drifted(&self) -> bool {
        let is_waited_for =
            |seen: &&Arrival| matches!(seen, Arrival::NotYet(_) | Arrival::Drifted(..) | Arrival::Runs);
        let first = self.found.iter().map(|(_, seen)| seen).find(is_waited_for);
        matches!(first, Some(Arrival::Drifted(..)))
    }

    /// What the first of them is waited for.
    pub fn first(&self) -> String {
        let sentence = |(target, why): (&Target, Option<&str>)| format!("{target}: {}", why.unwrap_or(RUNS));
        self.not_yet().map(sentence).unwrap_or_default()
    }
}

/// What is said of one that runs.
const RUNS: &str = "has not completed yet";

/// Looks at these objects. Of one that is watched it is known that it was applied: whatever differs was changed since.
pub(super) async fn scan(
    checks: &mut SyncChecks<'_>,
    cluster: &dyn Cluster,
    open: &[&(Target, Object)],
    watched: &BTreeSet<&Target>,
) -> ArrivalScan {
    let targets: Vec<Target> = open.iter().map(|(target, _)| target.clone()).collect();
    let snapshot = match observe::objects(cluster, &targets).await {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let unread = || Arrival::NotYet(format!("cannot be read: {error}"));
            return ArrivalScan {
                found: targets.into_iter().map(|target| (target, unread())).collect(),
            };
        }
    };

    let mut found: Vec<(&Target, &Object, Arrival)> = open
        .iter()
        .map(|(target, desired)| {
            let seen = match snapshot.objects.get(&target.id()) {
                Some(Observed::Present(live)) if watched.contains(target) => Arrival::Applied(live.clone()),
                observed => first_look(checks, observed, desired),
            };
            (target, desired, seen)
        })
        .collect();

    // Only what holds all that is desired is worth the whole comparison.
    let arrived: Vec<(&Target, &Object, &Object)> = found
        .iter()
        .filter_map(|(target, desired, seen)| match seen {
            Arrival::Applied(live) => Some((*target, *desired, live)),
            _ => None,
        })
        .collect();
    checks.compare(cluster, &arrived).await;

    for (target, desired, seen) in &mut found {
        if let Arrival::Applied(live) = seen {
            *seen = match checks.state(target) {
                Some(SyncState::Drifted(_)) if may_be_absent(desired) => Arrival::MayBeAbsent,
                Some(SyncState::Drifted(what)) => Arrival::Drifted(live.clone(), what.clone()),
                // Compared in part or not at all: what desired names is known all the same.
                _ => match checks.first_difference(desired, live) {
                    Some(path) => not_yet(desired, no_value(&path)),
                    None => as_desired(desired, live),
                },
            };
        }
    }
    let found = found.into_iter();
    ArrivalScan {
        found: found.map(|(target, _, seen)| (target.clone(), seen)).collect(),
    }
}

/// An object as it was read, as far as that shows whether it holds what is desired.
fn first_look(checks: &SyncChecks<'_>, observed: Option<&Observed>, desired: &Object) -> Arrival {
    let why = match observed {
        Some(Observed::Present(live)) => match checks.first_difference(desired, live) {
            Some(path) => no_value(&path),
            None => return Arrival::Applied(live.clone()),
        },
        Some(Observed::Unreadable { error, .. }) => {
            return Arrival::NotYet(format!("cannot be read: {error}"));
        }
        Some(Observed::Absent(_)) | None => "does not exist yet".to_owned(),
    };
    not_yet(desired, why)
}

fn no_value(path: &FieldPath) -> String {
    format!("{path} does not have its desired value yet")
}

fn not_yet(desired: &Object, why: String) -> Arrival {
    if may_be_absent(desired) {
        Arrival::MayBeAbsent
    } else {
        Arrival::NotYet(why)
    }
}

/// A watch would take what goes by itself for deleted by somebody: it is watched only where it has failed.
fn as_desired(desired: &Object, live: &Object) -> Arrival {
    match ended(live) {
        Some(true) if is_cleaned_up(desired) => Arrival::Completed,
        None if is_cleaned_up(desired) => Arrival::Runs,
        _ => Arrival::Applied(live.clone()),
    }
}

/// The failure for what is waited for and came in no time; `time` says which one is over.
pub(super) fn late(scan: &ArrivalScan, time: &str) -> Box<Failure> {
    let first = scan.not_yet();
    let (kind, message) = match first {
        Some((_, Some(what))) if scan.is_drifted() => {
            (CauseKind::NotApplied, format!("not in sync {time}: {what}"))
        }
        Some((_, None)) => (CauseKind::Stalled, format!("not done {time}: {RUNS}")),
        Some((_, Some(why))) => (CauseKind::NotApplied, format!("not applied {time}: {why}")),
        None => (CauseKind::Stalled, format!("not done {time}")),
    };
    let object = first.map(|(target, _)| target.id());
    Box::new(Failure::new(object, kind, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_goes_by_itself_is_watched_only_where_it_has_failed() {
        let seen = |spec: Value, ending: Option<&str>| {
            let conditions: Vec<Value> = ending
                .iter()
                .map(|kind| json!({"type": kind, "status": "True"}))
                .collect();
            let job = Object::new(
                json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "seed"},
                "spec": spec, "status": {"conditions": conditions}}),
            )
            .unwrap();
            match as_desired(&job, &job) {
                Arrival::Applied(_) => "watched",
                Arrival::Completed => "has run",
                Arrival::NotYet(_) | Arrival::Drifted(..) | Arrival::Runs => "waited for",
                Arrival::MayBeAbsent => "gone",
            }
        };
        let goes = || json!({"ttlSecondsAfterFinished": 0});
        assert_eq!(seen(goes(), None), "waited for");
        assert_eq!(seen(goes(), Some("Complete")), "has run");
        assert_eq!(seen(goes(), Some("Failed")), "watched");
        assert_eq!(seen(json!({}), None), "watched");
        assert_eq!(seen(json!({}), Some("Complete")), "watched");
    }
}
