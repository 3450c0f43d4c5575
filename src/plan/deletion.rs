//! The plan of a deletion: all members go that a prune would not leave, before the commit, so that a failure recreates them.
//!
//! Which go, which stay and why, and in which order: as a prune decides (`prune`).

use super::draft::{empty_plan, unreadable_finding};
use super::findings::note;
use super::policy::{Facts, PlanInputs, PlanPolicy, Planned};
use super::prune::delete_members;
use super::undo::held_by;
use crate::model::check::Check;
use crate::model::finding::Comparison;
use crate::model::plan::{Plan, PlanStep, PreflightFinding};
use crate::model::{ObjectId, Operation};
use std::collections::BTreeSet;

/// Plans the deletion of the members that were compared.
pub fn draft_deletion(comparison: &Comparison, policy: &PlanPolicy, facts: &Facts) -> Planned {
    let inputs = PlanInputs::new(comparison, policy, facts);
    let (steps, mut findings) = delete_members(&inputs);

    findings.extend(facts.unreadable.iter().map(unreadable_finding));
    findings.extend(steps.iter().filter_map(|step| finalizer_note(step, comparison)));

    let goes: BTreeSet<ObjectId> = steps.iter().map(|step| step.target.id()).collect();
    let stays = comparison
        .objects
        .iter()
        .filter(|object| object.live.object().is_some() && !goes.contains(&object.id()));
    let plan = Plan {
        operation: Operation::Delete,
        unchanged: stays.map(|object| object.target.clone()).collect(),
        steps,
        ..empty_plan(policy, facts)
    };
    Planned { plan, findings }
}

/// Finalizers that the control plane does not remove: nobody can tell beforehand whether a controller does.
fn finalizer_note(step: &PlanStep, comparison: &Comparison) -> Option<PreflightFinding> {
    let id = step.target.id();
    let object = comparison.objects.iter().find(|object| object.id() == id)?;
    let names = held_by(object.live.object()?)?;

    let message = format!("finalizers {names}: deleted once their controllers have removed them");
    Some(note(Check::Undo, Some(&id), message))
}
