//! What is deleted: after the commit of a promotion, members that are no longer desired (which go, which kinds are kept, and
//! how many at once), and hooks that go once they have succeeded; by a deletion of the release, all members.
//!
//! Only what the inventory names *and* what carries the label of the set goes: either alone may be old, or somebody else's
//! doing. An external object, a keep mark and a kind that holds what others put into it stay, and each is told. What could
//! not be read refuses. Data that goes along is another question, with another answer: see `data_loss`.

use super::findings::{note, refuse};
use super::policy::PlanInputs;
use super::undo::delete_undo;
use super::waves::{is_aggregated, rank, waves_of};
use crate::compare::generated_stem;
use crate::model::check::Check;
use crate::model::finding::{ObjectComparison, ObjectStatus};
use crate::model::hook::goes_once_succeeded;
use crate::model::k8s::kinds::built_in;
use crate::model::keep::{is_kept_kind, keep_mark};
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::plan::{Action, Expect, PlanStep, PreflightFinding, Propagation, Undo};
use crate::model::snapshot::Observed;
use crate::model::{Object, ObjectId, ResourceType, StepId, WaveIndex};
use crate::objects::expect_present;
use std::cmp::Reverse;

/// A member that goes, and what it is.
type Going<'a> = (&'a ObjectComparison, &'a Object);

/// What is deleted after the steps before it, in order, and what stays, with its reason.
pub(super) fn prune(inputs: &PlanInputs<'_>, before: &[PlanStep]) -> (Vec<PlanStep>, Vec<PreflightFinding>) {
    let (goes, mut findings) = going(inputs);
    // A name that is new at each rendering would trip the guard with every release.
    let unreplaced = not_replaced(goes.iter().map(|(object, _)| object.id()), before);
    findings.extend(too_many(unreplaced, inputs));

    let mut steps = deletions(goes, "no longer in the release");
    // With the prunes, though this promotion has made them: until the commit a failure may undo them instead.
    let wave = steps.last().map_or(0, |step| step.wave.get() + 1);
    let hooks = before.iter().filter_map(hook_deletion);
    steps.extend(hooks.map(|step| PlanStep {
        wave: WaveIndex::new(wave),
        ..step
    }));

    // Ids go on from the steps before the commit: they are unique in a plan.
    number(&mut steps, before.len());
    (steps, findings)
}

/// The deletions of all members, in order, and what stays, with its reason.
pub(super) fn delete_members(inputs: &PlanInputs<'_>) -> (Vec<PlanStep>, Vec<PreflightFinding>) {
    let (goes, findings) = going(inputs);
    let mut steps = deletions(goes, "belongs to the release");
    number(&mut steps, 0);
    (steps, findings)
}

/// The members that go, and what is to be said of those that stay.
fn going<'a>(inputs: &PlanInputs<'a>) -> (Vec<Going<'a>>, Vec<PreflightFinding>) {
    // Not what is stray: a label alone says nothing of who promoted it.
    let extra = inputs
        .comparison
        .objects
        .iter()
        .filter(|object| object.status == ObjectStatus::Extra);

    let (mut goes, mut findings) = (Vec::new(), Vec::new());
    for object in extra {
        match reason_to_stay(object, inputs) {
            Ok(live) => goes.push((object, live)),
            Err(finding) => findings.extend(finding.map(|finding| *finding)),
        }
    }
    (goes, findings)
}

/// Where a deletion comes, first to last: users of others go before what they use.
// Custom resources before the workloads of their rank: the operator that takes their finalizers away may be one of these.
type Place = (Reverse<WaveIndex>, Reverse<u32>, bool, bool);

fn place((object, live): Going<'_>, wave: WaveIndex) -> Place {
    let resource = &object.target.resource;
    let is_known = built_in(&resource.group, &resource.kind).is_some();
    (Reverse(wave), Reverse(rank(live)), is_known, !is_aggregated(live))
}

/// The deletions in the order in which they go: the reverse of that in which a promotion creates.
fn deletions(goes: Vec<Going<'_>>, why: &str) -> Vec<PlanStep> {
    let waves = waves_of(goes.iter().map(|(object, live)| (object.id(), *live)));
    let each = goes.into_iter().zip(waves);
    let mut goes: Vec<(Place, Going<'_>)> = each.map(|(one, wave)| (place(one, wave), one)).collect();
    goes.sort_by_key(|(place, (object, _))| (*place, object.id()));

    let mut wave = 0;
    let mut before: Option<(Place, &ResourceType)> = None;
    let mut steps = Vec::with_capacity(goes.len());
    for (place, (object, live)) in goes {
        let here = (place, &object.target.resource);
        // What one kind needs of the next is there until the kind before has gone.
        if before.is_some_and(|before| before != here) {
            wave += 1;
        }
        before = Some(here);
        steps.push(PlanStep {
            wave: WaveIndex::new(wave),
            ..deletion(object, live, why)
        });
    }
    steps
}

fn number(steps: &mut [PlanStep], first: usize) {
    for (id, step) in (first..).zip(steps) {
        step.id = StepId::new(u32::try_from(id).unwrap_or(u32::MAX));
    }
}

/// Refuses to prune more than a third of the set: manifests that were rendered wrongly come to next to nothing, and most
/// of what runs would go.
fn too_many(goes: Vec<ObjectId>, inputs: &PlanInputs<'_>) -> Option<PreflightFinding> {
    // What is there counts, and not what the inventory remembers: old names would make any prune look small.
    let live = inputs
        .comparison
        .objects
        .iter()
        .filter_map(|object| object.live.object());
    let set_size = live
        .filter(|live| live.label(APPLYSET_PART_OF_LABEL) == Some(&inputs.set))
        .count();
    if goes.len() * 3 <= set_size || inputs.policy.allow_prune {
        return None;
    }

    let count = goes.len();
    let message = format!(
        "{count} of {set_size} objects of the inventory are no longer in the release, more than a third"
    );
    let hint = "add --allow-prune to prune them".to_owned();
    Some(PreflightFinding {
        objects: goes,
        ..refuse(Check::Prune, None, message, Some(hint))
    })
}

/// The objects that go without one of the same generated name being created.
fn not_replaced(goes: impl Iterator<Item = ObjectId>, before: &[PlanStep]) -> Vec<ObjectId> {
    let stem = |id: &ObjectId| {
        let stem = generated_stem(id)?.to_owned();
        Some(ObjectId {
            name: stem,
            ..id.clone()
        })
    };

    let created = before
        .iter()
        .filter(|step| matches!(step.action, Action::Create { .. }));
    let mut created: Vec<ObjectId> = created.filter_map(|step| stem(&step.target.id())).collect();

    let is_replaced = |id: &ObjectId, created: &mut Vec<ObjectId>| {
        let at = stem(id).and_then(|stem| created.iter().position(|one| *one == stem));
        // One stands for one.
        at.map(|at| created.swap_remove(at)).is_some()
    };
    goes.filter(|id| !is_replaced(id, &mut created)).collect()
}

fn deletion(object: &ObjectComparison, live: &Object, why: &str) -> PlanStep {
    let action = Action::Delete {
        propagation: propagation(&object.id()),
    };

    PlanStep {
        id: StepId::default(),
        wave: WaveIndex::default(),
        target: object.target.clone(),
        expect: expect_present(&action, live),
        action,
        undo: delete_undo(live),
        why: why.into(),
        changes: Vec::new(),
        stamps: Vec::new(),
    }
}

/// The deletion of a hook that this promotion runs and that goes once it has run; its revert finds nothing to
/// put back.
fn hook_deletion(step: &PlanStep) -> Option<PlanStep> {
    step.action
        .object()
        .filter(|object| goes_once_succeeded(object))?;
    Some(PlanStep {
        id: StepId::default(),
        wave: WaveIndex::default(),
        target: step.target.clone(),
        action: Action::Delete {
            propagation: propagation(&step.target.id()),
        },
        // Nobody knows its uid before it runs: the journal has it then.
        expect: Expect::Made { uid: None },
        // It has run, and a revert runs nothing again.
        undo: Undo::Delete,
        why: "a hook that is deleted after it completes".into(),
        changes: Vec::new(),
        stamps: Vec::new(),
    })
}

/// The live object where it goes; where it stays, what is to be said of it.
fn reason_to_stay<'a>(
    object: &'a ObjectComparison,
    inputs: &PlanInputs<'_>,
) -> Result<&'a Object, Option<Box<PreflightFinding>>> {
    let PlanInputs { policy, facts, .. } = *inputs;
    let id = object.id();

    let live = match &object.live {
        Observed::Present(live) => live,
        // Somebody was faster.
        Observed::Absent(_) => return Err(None),
        // Unknown is not absent: it may run, and after this promotion it is no member any more.
        Observed::Unreadable { error, .. } => {
            let message = format!("no longer in the release, and cannot be read: {error}");
            return Err(Some(Box::new(refuse(
                Check::Unreadable,
                Some(&id),
                message,
                None,
            ))));
        }
    };

    if live.label(APPLYSET_PART_OF_LABEL) != Some(&inputs.set) {
        let message = "left in place: another client removed its inventory label".into();
        return Err(Some(Box::new(note(Check::Prune, Some(&id), message))));
    }
    // Named or not: with it inventory, journal and lock would go in the middle of the run.
    if is_namespace(&id) && id.name == facts.namespace {
        let message = "left in place: the release namespace holds the journal and the history".into();
        return Err(Some(Box::new(note(Check::Prune, Some(&id), message))));
    }

    // A mark is a promise of its author, a kept kind a rule of ours: the mark is the reason to name.
    let external = || {
        let is_external = policy.is_external(&id, &facts.namespace);
        is_external.then(|| "the environment declares it as external".to_owned())
    };
    let kept_kind = || {
        let is_kept = is_kept_kind(&id.group, &id.kind);
        is_kept.then(|| format!("a {} is never pruned unless it is named", id.kind))
    };
    let reason = external().or_else(|| keep_mark(live)).or_else(kept_kind);
    if let Some(reason) = reason.filter(|_| !policy.prune_kept.iter().any(|name| is_named_by(name, &id))) {
        let message = format!("left in place: {reason}");
        let mut finding = note(Check::Prune, Some(&id), message);
        let name = id.kubectl_name();
        // Once the release is promoted, what stayed is no member any more.
        finding.hints.push(format!(
            "add --prune-kept {name} to prune it now; after the promotion it is deleted by kubectl delete"
        ));
        return Err(Some(Box::new(finding)));
    }

    Ok(live)
}

fn is_namespace(id: &ObjectId) -> bool {
    id.group.is_empty() && id.kind == "Namespace"
}

fn is_named_by(text: &str, id: &ObjectId) -> bool {
    // As kubectl prints it, with its group, or as a person writes it; of any namespace.
    let short = format!("{}/{}", id.kind, id.name);
    text.eq_ignore_ascii_case(&id.kubectl_name()) || text.eq_ignore_ascii_case(&short)
}

/// Owners of pods go after them, so that nothing of them runs on unseen.
fn propagation(id: &ObjectId) -> Propagation {
    match &*id.group {
        "apps" | "batch" => Propagation::Foreground,
        _ => Propagation::Background,
    }
}
