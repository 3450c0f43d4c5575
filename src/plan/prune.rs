//! What is deleted after the commit: members that are no longer desired (which go, which kinds are kept, and how many
//! at once), and hooks that go once they have hook_deletion.
//!
//! Only what the inventory names *and* what carries the label of the set goes: either alone may be old, or somebody else's
//! doing. An external object, a keep mark and a kind that holds what others put into it stay, and each is told. What could
//! not be read refuses. Data that goes along is another question, with another answer: see `data_loss`.

use super::findings::{note, refuse};
use super::policy::PlanInputs;
use super::undo::delete_undo;
use super::waves::{is_aggregated, rank};
use crate::compare::generated_stem;
use crate::model::check::Check;
use crate::model::finding::{ObjectComparison, ObjectStatus};
use crate::model::hook::goes_once_succeeded;
use crate::model::keep::{is_kept_kind, keep_mark};
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::plan::{Action, Expect, PlanStep, PreflightFinding, Propagation, Undo};
use crate::model::snapshot::Observed;
use crate::model::{Object, ObjectId, StepId, WaveIndex};
use crate::objects::expect_present;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What is deleted after the steps before it, in order, and what stays, with its reason.
pub(super) fn prune(inputs: &PlanInputs<'_>, before: &[PlanStep]) -> (Vec<PlanStep>, Vec<PreflightFinding>) {
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

    // A name that is new at each rendering would trip the guard with every release.
    let names = not_replaced(goes.iter().map(|(object, _)| object.id()), before);
    findings.extend(too_many(&names, inputs));

    // Users of others go before what they use.
    goes.sort_by_key(|(object, live)| (Reverse(rank(live)), !is_aggregated(live), object.id()));
    let alone: BTreeSet<ObjectId> = goes
        .iter()
        .filter(|(_, live)| is_aggregated(live))
        .map(|(object, _)| object.id())
        .collect();

    let prunes = goes.into_iter().map(|(object, live)| prune_step(object, live));
    // With the prunes, though this promotion has made them: until the commit a failure may undo them instead.
    let mut steps: Vec<PlanStep> = prunes.chain(before.iter().filter_map(hook_deletion)).collect();

    // Ids go on from the steps before the commit: they are unique in a plan.
    for (id, step) in (before.len()..).zip(&mut steps) {
        step.id = StepId::new(u32::try_from(id).unwrap_or(u32::MAX));
    }
    number_waves(&mut steps, &alone);

    (steps, findings)
}

/// Refuses to prune more than a third of the set: manifests that were rendered wrongly come to next to nothing, and most
/// of what runs would go.
fn too_many(names: &[String], inputs: &PlanInputs<'_>) -> Option<PreflightFinding> {
    // What is there counts, and not what the inventory remembers: old names would make any prune look small.
    let live = inputs
        .comparison
        .objects
        .iter()
        .filter_map(|object| object.live.object());
    let set_size = live
        .filter(|live| live.label(APPLYSET_PART_OF_LABEL) == Some(&inputs.set))
        .count();
    if names.len() * 3 <= set_size || inputs.policy.allow_prune {
        return None;
    }

    let message = format!(
        "expected to prune at most a third of the set, found {} of {set_size}: {}",
        names.len(),
        names.join(", ")
    );
    let hint = "--allow-prune, if they are really no longer wanted".to_owned();
    Some(refuse(Check::Prune, None, message, Some(hint)))
}

/// The objects that go without one of the same generated name being created.
fn not_replaced(goes: impl Iterator<Item = ObjectId>, before: &[PlanStep]) -> Vec<String> {
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
    goes.filter(|id| !is_replaced(id, &mut created))
        .map(|id| id.to_string())
        .collect()
}

fn prune_step(object: &ObjectComparison, live: &Object) -> PlanStep {
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
        why: "no longer in the release".into(),
        changes: Vec::new(),
        stamps: Vec::new(),
    }
}

/// The deletion of a hook that this promotion runs and that goes once it has hook_deletion; its revert finds nothing to
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
        why: "a hook that goes once it has hook_deletion".into(),
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
            let message = format!("expected to read what is no longer in the release, found: {error}");
            return Err(Some(Box::new(refuse(
                Check::Unreadable,
                Some(&id),
                message,
                None,
            ))));
        }
    };

    if policy.is_external(&id, &facts.namespace) {
        let message = "stays: the environment declares it as external".into();
        return Err(Some(Box::new(note(Check::Prune, Some(&id), message))));
    }
    if live.label(APPLYSET_PART_OF_LABEL) != Some(&inputs.set) {
        let message = "stays: somebody took it out of the set by its label".into();
        return Err(Some(Box::new(note(Check::Prune, Some(&id), message))));
    }

    // A mark is a promise of its author, a kept kind a rule of ours: the mark is the reason to name.
    let reason = keep_mark(live).or_else(|| {
        is_kept_kind(&id.group, &id.kind).then(|| format!("a {} is never pruned unless it is named", id.kind))
    });
    if let Some(reason) = reason.filter(|_| !policy.prune_kept.iter().any(|name| is_named_by(name, &id))) {
        let message = format!("stays: {reason}");
        let mut finding = note(Check::Prune, Some(&id), message);
        let name = id.kubectl_name();
        // Once the release is promoted, what stayed is no member any more.
        finding.hint = Some(format!(
            "--prune-kept {name} prunes it now; afterwards kubectl delete does"
        ));
        return Err(Some(Box::new(finding)));
    }

    Ok(live)
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

/// Objects of one kind go side by side, but for those that go alone.
fn number_waves(steps: &mut [PlanStep], alone: &BTreeSet<ObjectId>) {
    let mut wave = 0;

    for at in 1..steps.len() {
        let (before, step) = (&steps[at - 1].target, &steps[at].target);
        // What one kind needs of the next is there until the kind before has gone.
        if before.resource != step.resource || alone.contains(&before.id()) != alone.contains(&step.id()) {
            wave += 1;
        }
        steps[at].wave = WaveIndex::new(wave);
    }
}
