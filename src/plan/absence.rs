//! Which objects of a release need not be there, and why: hooks that do not run this time, and Jobs that have run and
//! go by themselves.
//!
//! One answer for all who ask: a promotion does not create such an object, `diff` calls its absence no difference, and
//! `wait` does not wait for it. An absence is excused by what was recorded or annotated, never by a read that failed.

use super::hooks::{hook_of, not_applied};
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::hook::{CLEANED_UP, is_cleaned_up, is_hook};
use crate::model::names::{APPLYSET_PART_OF_LABEL, HELM_RELEASE_ANNOTATION};
use crate::model::snapshot::Observed;
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the history says of a release here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// Whether a release of its name is promoted.
    pub has_promoted: bool,
    /// Whether this very release is what is promoted.
    pub is_promoted: bool,
    /// The objects as the last promotion applied them; needed only where [`needs_record`] says so.
    pub recorded: Vec<Object>,
}

/// Why an object of a release need not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsenceReason {
    /// No promotion applies it: a hook of deletions and rollbacks, or a Job that undoes another.
    NeverApplied,
    /// A hook that runs only in the first promotion, or only in later ones, and not this time.
    NotThisTime,
    /// It has run as it is, and has gone by itself.
    HasRun,
    /// A hook of what is promoted: its absence alone changes nothing.
    NextChange,
}

impl AbsenceReason {
    /// What is said of an object that is missed and need not be there.
    pub fn message(self) -> Option<&'static str> {
        match self {
            AbsenceReason::HasRun => Some(CLEANED_UP),
            AbsenceReason::NextChange => Some("does not exist: a hook that runs with the next change"),
            AbsenceReason::NeverApplied | AbsenceReason::NotThisTime => None,
        }
    }
}

/// Why a member that is not there need not be, by the object that the last promotion applied.
pub fn absence_of_member(applied: &Object) -> Option<AbsenceReason> {
    // In this order: a hook that goes by itself has run, and is not merely due again.
    let has_run = is_cleaned_up(applied).then_some(AbsenceReason::HasRun);
    has_run.or_else(|| is_hook(applied).then_some(AbsenceReason::NextChange))
}

/// Whether a promotion is the first of its release here; what Helm has installed is installed.
pub(super) fn is_first(comparison: &Comparison, past: &Past) -> bool {
    let desired = comparison
        .objects
        .iter()
        .filter(|object| object.desired.is_some());
    let mut live = desired.filter_map(|object| object.live.object());
    // What Helm has installed is upgraded: its hooks of installation have run.
    !past.has_promoted && !live.any(|live| live.annotation(HELM_RELEASE_ANNOTATION).is_some())
}

/// Whether [`allowed_absences`] needs to know how the last promotion applied the objects: one that goes by itself is absent.
pub fn needs_record(comparison: &Comparison) -> bool {
    comparison
        .objects
        .iter()
        .any(|object| absent(object).is_some_and(is_cleaned_up))
}

/// The desired object of one that is not there, or is on its way out.
fn absent(object: &ObjectComparison) -> Option<&Object> {
    let is_absent = match &object.live {
        Observed::Absent(_) => true,
        // What is on its way out cannot be kept: whether it had to be there is asked as if it were gone.
        Observed::Present(live) => live.is_being_deleted(),
        // Unknown is not absent.
        Observed::Unreadable { .. } => false,
    };
    object.desired.as_ref().filter(|_| is_absent)
}

/// The objects of a release that need not be there, or are not applied though they are.
pub fn allowed_absences(comparison: &Comparison, past: &Past) -> BTreeMap<ObjectId, AbsenceReason> {
    let is_first = is_first(comparison, past);
    let desired = || {
        comparison
            .objects
            .iter()
            .filter_map(|one| Some((one.id(), one.desired.as_ref()?)))
    };

    // The first excuse stays: of what is never applied nothing else is to be said.
    let mut allowed_absences: BTreeMap<ObjectId, AbsenceReason> = not_applied(desired())
        .into_iter()
        .map(|id| (id, AbsenceReason::NeverApplied))
        .collect();

    for (id, object) in desired() {
        if let Ok(Some(hook)) = hook_of(object)
            && hook.when(is_first).is_none()
        {
            allowed_absences.entry(id).or_insert(AbsenceReason::NotThisTime);
        }
    }

    for (object, desired) in comparison
        .objects
        .iter()
        .filter_map(|one| Some((one, absent(one)?)))
    {
        // Only just as it was applied: another version of it has not run yet, whatever its name.
        if is_cleaned_up(desired)
            && past
                .recorded
                .iter()
                .any(|recorded| is_the_same(recorded, desired))
        {
            allowed_absences
                .entry(object.id())
                .or_insert(AbsenceReason::HasRun);
        } else if past.is_promoted && is_hook(desired) {
            // In a release that is not promoted yet the hook has still to run.
            allowed_absences
                .entry(object.id())
                .or_insert(AbsenceReason::NextChange);
        }
    }

    allowed_absences
}

/// Whether two desired objects say the same, whichever of them was dressed as one that was there.
fn is_the_same(one: &Object, other: &Object) -> bool {
    let bare = |object: &Object| {
        let mut bare = object.clone();
        if let Some(metadata) = bare
            .value_mut()
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
        {
            // Only what was there is dressed with the label: a map of nothing else is of the dressing.
            let labels = metadata.get_mut("labels").and_then(Value::as_object_mut);
            let is_empty = labels.is_some_and(|labels| {
                labels.shift_remove(APPLYSET_PART_OF_LABEL);
                labels.is_empty()
            });
            if is_empty {
                metadata.shift_remove("labels");
            }
        }
        bare
    };
    // The copies are made only for objects of one name.
    one == other || one.name() == other.name() && bare(one) == bare(other)
}

/// Whether an object that another tool applies may never be seen: it goes by itself, or it is a hook that runs only in
/// some promotions.
pub fn may_be_absent(object: &Object) -> bool {
    // How often another tool has applied it is not known here: one run in some promotions is enough.
    let runs_always = |hook: super::hooks::Hook| hook.first.is_some() && hook.later.is_some();
    is_cleaned_up(object)
        || hook_of(object)
            .ok()
            .flatten()
            .is_some_and(|hook| !runs_always(hook))
}
