//! What the server answered, taken into the plan: final objects, steps that change nothing, and refusals.
//!
//! The order counts. Answers to the dry runs come first: they tell what each step will leave, and by that quotas are
//! charged, steps turn out to change nothing, and prunes to take what is still referred to. Waves and numbers are worked out
//! last, when it is known which steps there are.
//!
//! An answer is about the cluster as it is now. Where the plan brings or repairs what the answer hangs on (see
//! `prerequisites`), a refusal is a note: else the release that mends something could never be promoted. What could not be
//! asked is never taken for a yes; it is said, and refuses where nothing of the plan could make it come true.

use super::dry_runs::{DryRunOutcome, add_ownership_hints, apply_dry_runs, apply_known_answers};
use super::missing_permissions::permission_findings;
use super::pods::pod_findings;
use super::prerequisites::Prerequisites;
use super::questions::{ComparisonFacts, compared};
use super::{new_quota, quota};
use crate::compare;
use crate::model::check::Check;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::phrase::list_first;
use crate::model::plan::{Action, Plan, PlanStep, PreflightFinding, Severity, Undo};
use crate::model::preflight::{Answers, Questions};
use crate::model::snapshot::Observed;
use crate::model::{Object, Operation, StepId, WaveIndex};
use crate::objects::same_content;
use crate::plan::{Planned, note};
use std::collections::{BTreeMap, BTreeSet};

/// Takes the answers to [`super::questions`] into a plan; the findings come check by check.
pub fn take_answers(
    planned: Planned,
    comparison: &Comparison,
    asked: &Questions,
    answers: &Answers,
) -> Planned {
    let Planned {
        mut plan,
        mut findings,
    } = planned;

    findings.extend(permission_findings(asked, answers));
    let compared = compared(comparison);
    let prerequisites = Prerequisites::new(&plan.steps, services(comparison));
    excuse_unread(&mut findings, &compared, &prerequisites);

    let DryRunOutcome {
        findings: mut tried,
        repaired_in,
    } = apply_dry_runs(&mut plan.steps, &compared, asked, answers, &prerequisites);
    tried.extend(apply_known_answers(&mut plan.steps, &compared));
    add_ownership_hints(&mut tried, &findings, &plan.steps, &compared);
    findings.append(&mut tried);

    // After the dry runs: an object is charged as the server says that it will be.
    let exceeded = quota::exceeded(&plan, comparison, asked, answers);
    findings.extend(pod_findings(asked, answers, &prerequisites, &exceeded));
    findings.extend(exceeded);
    findings.extend(new_quota::exceeded(&plan, comparison, asked, answers));
    findings.extend(server_notes(answers));

    drop_idle_steps(&mut plan, &compared);
    // With the answers taken in: what counts is what each object will refer to.
    findings.extend(keep_used(&mut plan, comparison));
    // Before the numbers: it moves steps between waves.
    follow_repairs(&mut plan.steps, &repaired_in);
    number(&mut plan.steps, &mut plan.prune);

    // Last: an answer may have taken a step's undo away.
    findings.extend(plan.steps.iter().filter_map(irreversible_note));

    Planned { plan, findings }
}

/// How many users of an object are named.
const NAMED: usize = 10;

/// What could not be read, and what the server warned of. Only told: a quota that may not be listed is still the server's
/// to enforce.
fn server_notes(answers: &Answers) -> impl Iterator<Item = PreflightFinding> {
    let unreadable = answers.unreadable.iter();
    let unreadable = unreadable.map(|why| note(Check::Unreadable, None, format!("not checked: {why}")));
    let warnings = answers.warnings.iter();
    let warnings = warnings.map(|text| note(Check::Warnings, None, format!("the API server warns: {text}")));

    unreadable.chain(warnings)
}

fn irreversible_note(step: &PlanStep) -> Option<PreflightFinding> {
    let Undo::Impossible { why } = &step.undo else {
        return None;
    };
    let message = format!("irreversible: {why}; a failure after this step is not rolled back automatically");
    Some(note(Check::Undo, Some(&step.target.id()), message))
}

/// Leaves what an object that stays will still refer to: what counts is the object as it will be, whatever its manifest says.
fn keep_used(plan: &mut Plan, comparison: &Comparison) -> Vec<PreflightFinding> {
    let is_deletion = plan.operation == Operation::Delete;
    let goes = if is_deletion { &plan.steps } else { &plan.prune };
    if goes.is_empty() {
        return Vec::new();
    }

    // Of a deletion nothing is desired: what stays is what has no step.
    let stays = comparison
        .objects
        .iter()
        .filter(|object| is_deletion || object.desired.is_some());
    let objects: Vec<Object> = stays.filter_map(|object| object_after(plan, object)).collect();
    // Only references of objects: what the release or the environment asks for by name has no user to tell.
    let needed = compare::needed(&objects, &[], &[], &plan.namespace);
    let users = |step: &PlanStep| {
        let id = step.target.id();
        let found = needed.iter().find(|needed| needed.target().id() == id);
        found.map(|needed| needed.users().to_vec())
    };

    let goes = if is_deletion {
        &mut plan.steps
    } else {
        &mut plan.prune
    };
    let mut findings = Vec::new();
    let is_used = |step: &mut PlanStep| {
        let Some(users) = users(step) else { return false };
        let message = format!(
            "left in place: still used by {}",
            list_first(users.iter(), NAMED, ", ")
        );
        findings.push(note(Check::Prune, Some(&step.target.id()), message));
        true
    };
    let stay: Vec<PlanStep> = goes.extract_if(.., is_used).collect();
    if is_deletion {
        plan.unchanged.extend(stay.into_iter().map(|step| step.target));
    }
    findings
}

/// An object as it will be; none where it goes.
fn object_after(plan: &Plan, object: &ObjectComparison) -> Option<Object> {
    let id = object.id();
    let step = plan.steps.iter().find(|step| step.target.id() == id);
    let mut after = match step.map(|step| &step.action) {
        Some(Action::Apply { expected, .. }) => (**expected).clone(),
        Some(Action::Create { object } | Action::Recreate { object }) => object.clone(),
        Some(Action::Delete { .. }) => return None,
        // As it is there, with the fields of others that stay.
        None => object.live.object()?.clone(),
    };
    after.set_namespace(id.namespace.as_deref());
    Some(after)
}

/// Drops steps whose predicted change comes to nothing, as the server has worked it out.
fn drop_idle_steps(plan: &mut Plan, compared: &ComparisonFacts<'_>) {
    let idle = plan.steps.extract_if(.., |step| changes_nothing(step, compared));
    plan.unchanged.extend(idle.map(|step| step.target));
}

/// An apply whose answer is what is there, and that takes nothing over.
fn changes_nothing(step: &PlanStep, compared: &ComparisonFacts<'_>) -> bool {
    let Action::Apply {
        expected,
        take_over: None,
        ..
    } = &step.action
    else {
        return false;
    };

    let live = compared
        .get(&step.target.id())
        .and_then(|compared| compared.live.object());
    live.is_some_and(|live| same_content(expected, live))
}

/// Ids and waves without gaps.
fn number(steps: &mut [PlanStep], prune: &mut [PlanStep]) {
    let waves: BTreeSet<WaveIndex> = steps.iter().map(|step| step.wave).collect();
    let waves: BTreeMap<WaveIndex, WaveIndex> = waves.into_iter().zip((0..).map(WaveIndex::new)).collect();

    // Ids go through both lists; waves do not: prunes count theirs from the commit on.
    for (id, step) in (0..)
        .map(StepId::new)
        .zip(steps.iter_mut().chain(prune.iter_mut()))
    {
        step.id = id;
    }
    for step in steps {
        step.wave = waves.get(&step.wave).copied().unwrap_or_default();
    }
}

/// What cannot be read because of a converting webhook that the plan mends is left as it is, and no reason to refuse.
fn excuse_unread(
    findings: &mut [PreflightFinding],
    compared: &ComparisonFacts<'_>,
    prerequisites: &Prerequisites<'_>,
) {
    let is_unread =
        |one: &&mut PreflightFinding| one.check == Check::Unreadable && one.severity == Severity::Error;

    for finding in findings.iter_mut().filter(is_unread) {
        let Some(id) = finding.objects.first().cloned() else {
            continue;
        };
        let live = compared.get(&id).map(|compared| &compared.live);
        // Only where the read failed for it: other refusals of this check have nothing to do with a webhook.
        let Some(Observed::Unreadable {
            webhook: Some(webhook),
            ..
        }) = live
        else {
            continue;
        };

        if !webhook.converts {
            continue;
        }
        if prerequisites.repair_wave(webhook).is_some() || prerequisites.awaited_definition(&id).is_some() {
            let message = format!(
                "not checked and not changed: no response from {webhook}, which this promotion changes; promote again afterwards"
            );
            *finding = note(Check::Unreadable, Some(&id), message);
        }
    }
}

/// The Services that are there or are going to be.
pub(super) fn services(comparison: &Comparison) -> Vec<&Object> {
    let both = comparison
        .objects
        .iter()
        // As it will be: a new selector may lead to a workload that the old one did not.
        .filter_map(|object| object.desired.as_ref().or(object.live.object()));
    both.filter(|object| object.kind() == "Service").collect()
}

/// What a webhook is asked about follows the wave that repairs it.
fn follow_repairs(steps: &mut [PlanStep], repaired_in: &BTreeMap<StepId, WaveIndex>) {
    if repaired_in.is_empty() {
        return;
    }

    // Doubled, each wave has room for one right behind it; what comes later anyway stays where it is.
    for step in steps.iter_mut() {
        let repaired = repaired_in.get(&step.id).filter(|wave| **wave >= step.wave);
        let doubled = repaired.map_or(step.wave.get() * 2, |wave| wave.get() * 2 + 1);
        step.wave = WaveIndex::new(doubled);
    }

    steps.sort_by_key(|step| step.wave);
}
