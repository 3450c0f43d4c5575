//! What hooks and their annotations make of a release's objects: which are applied this time, which Job undoes which,
//! and what is to be said of them.

use super::absence::{AbsenceReason, Past, allowed_absences, is_first};
use super::findings::{note, refuse};
use super::hooks;
use super::misuse::find_misuses;
use crate::model::check::Check;
use crate::model::finding::Comparison;
use crate::model::hook::is_hook;
use crate::model::plan::PreflightFinding;
use crate::model::{Object, ObjectId};
use std::collections::BTreeMap;

/// What hooks make of the objects of a release.
#[derive(Default)]
pub(super) struct Hooked {
    /// Whether it is the first promotion of the release here.
    pub is_first: bool,
    /// For a Job, the one that undoes it.
    pub undo_jobs: BTreeMap<ObjectId, Object>,
    allowed_absences: BTreeMap<ObjectId, AbsenceReason>,
}

impl Hooked {
    /// By the objects' annotations and by what was promoted before.
    pub(super) fn new(comparison: &Comparison, past: &Past, findings: &mut Vec<PreflightFinding>) -> Self {
        let is_first = is_first(comparison, past);
        let mut hooked = Self {
            is_first,
            undo_jobs: BTreeMap::new(),
            allowed_absences: allowed_absences(comparison, past),
        };

        for object in &comparison.objects {
            let (id, Some(desired)) = (object.id(), &object.desired) else {
                continue;
            };

            findings.extend(hooked.hook_finding(&id, desired));
            for misuse in find_misuses(desired) {
                findings.push(refuse(Check::Hooks, Some(&id), misuse.message, Some(misuse.hint)));
            }
            let Some(name) = hooks::undone_by(desired).filter(|name| *name != desired.name()) else {
                continue;
            };
            let undo = ObjectId {
                name: name.into(),
                ..id.clone()
            };

            // It is compared like any other object, and a promotion never applies it.
            let job = comparison.objects.iter().find(|other| other.id() == undo);
            match job.and_then(|job| job.desired.clone()) {
                Some(mut job) => {
                    // It lies where the Job lies that it undoes, even if its manifest names no namespace.
                    job.set_namespace(undo.namespace.as_deref());
                    hooked.undo_jobs.insert(id, job);
                }
                // The revert that needs it may be the automatic one: it is too late to find out then.
                None => {
                    let message = format!("the undo Job {name} is not in the release");
                    findings.push(refuse(Check::Hooks, Some(&id), message, None));
                }
            }
        }

        hooked
    }

    fn hook_finding(&self, id: &ObjectId, desired: &Object) -> Option<PreflightFinding> {
        let hook = match hooks::hook_of(desired) {
            Ok(hook) => hook,
            Err(found) => {
                let message = format!("unsupported hook: {found}");
                return Some(refuse(Check::Hooks, Some(id), message, None));
            }
        };

        let message = match self.allowed_absences.get(id)? {
            AbsenceReason::NeverApplied => {
                // The Job that undoes another is left out by its very purpose: nothing is said of it.
                hook.filter(hooks::Hook::runs_never)?;
                "skipped: a hook of deletions and rollbacks"
            }
            AbsenceReason::NotThisTime if self.is_first => "skipped: a hook of later promotions",
            AbsenceReason::NotThisTime => "skipped: a hook of the first promotion",
            // A hook runs again with the next change; any other Job that goes by itself has had its run.
            AbsenceReason::HasRun if hook.is_none() => "completed and was cleaned up; skipped",
            AbsenceReason::HasRun | AbsenceReason::NextChange => return None,
        };
        Some(note(Check::Hooks, Some(id), message.into()))
    }

    /// Whether a promotion leaves a desired object as it is.
    pub(super) fn is_left_out(&self, id: &ObjectId, desired: &Object) -> bool {
        match self.allowed_absences.get(id) {
            Some(AbsenceReason::NeverApplied | AbsenceReason::NotThisTime) => true,
            // A hook that has run stays among the items: it runs where anything changes.
            Some(AbsenceReason::HasRun) => !is_hook(desired),
            // It has an item, too: where anything changes, it runs.
            Some(AbsenceReason::NextChange) | None => false,
        }
    }

    /// Whether a hook's absence alone is nothing to be changed.
    pub(super) fn may_be_absent(&self, id: &ObjectId) -> bool {
        matches!(
            self.allowed_absences.get(id),
            Some(AbsenceReason::HasRun | AbsenceReason::NextChange)
        )
    }

    /// Whether a hook that does not run this time ran before, and stays a member of the set.
    pub(super) fn rests(&self, id: &ObjectId) -> bool {
        self.allowed_absences.get(id) == Some(&AbsenceReason::NotThisTime)
    }

    /// What does not run this time, or has run: nothing waits for it.
    pub(super) fn skipped_hooks(&self) -> Vec<ObjectId> {
        // To name what never runs stays an error: it would be waited for in vain.
        let rests = self
            .allowed_absences
            .iter()
            .filter(|(_, excuse)| **excuse != AbsenceReason::NeverApplied);
        rests.map(|(id, _)| id.clone()).collect()
    }
}
