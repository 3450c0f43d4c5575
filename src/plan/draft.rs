//! From a comparison to a plan: one item for each desired object, then the steps.
//!
//! Each object is decided by itself first, then what one means for others (`items`). Waves and numbers come after that,
//! when it is settled which objects have a step (`steps`), and prunes last: the deletions of hooks that have succeeded
//! follow from the steps. A refusal ends nothing here: all findings are collected, and the plan is made and shown in
//! spite of them. No server is asked.

use super::findings::refuse;
use super::hooked::Hooked;
use super::item::{Item, Kind};
use super::items::items;
use super::policy::{Facts, PlanInputs, PlanPolicy, Planned};
use super::{checks, moving, prune, steps};
use crate::model::check::Check;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::format::FormatVersion;
use crate::model::hook::goes_once_succeeded;
use crate::model::names::{API_VERSION, APPLYSET_PART_OF_LABEL, docs_url};
use crate::model::plan::{Plan, PreflightFinding};
use crate::model::snapshot::ReadFailure;
use crate::model::{Operation, Target};

/// Plans the promotion that a comparison calls for.
///
/// What the server says of each step comes later: see [`crate::preflight::take_answers`].
pub fn draft(comparison: &Comparison, policy: &PlanPolicy, facts: &Facts) -> Planned {
    let inputs = PlanInputs::new(comparison, policy, facts);

    let mut findings = checks::comparison_findings(comparison, policy);
    // What was not seen could be overwritten or missed: it refuses, and is waived by its name if at all.
    findings.extend(facts.unreadable.iter().map(unreadable_finding));

    let hooked = Hooked::new(comparison, &facts.past, &mut findings);
    let items = items(&inputs, &hooked, &mut findings);
    let waves = steps::order(&items, &hooked, &mut findings);

    let unchanged = unchanged(&items);
    let members = members(&inputs, &items, &hooked);
    let steps = steps::steps(items, &waves, &hooked);

    let moves = moving::moves(&steps, comparison, policy);
    let (prune, pruned) = match policy.repair {
        None => prune::prune(&inputs, &steps),
        Some(_) => Default::default(),
    };
    findings.extend(pruned);

    let plan = Plan {
        steps,
        prune,
        unchanged,
        members,
        moves,
        ..empty_plan(policy, facts)
    };

    Planned { plan, findings }
}

/// A plan that does nothing yet.
pub(super) fn empty_plan(policy: &PlanPolicy, facts: &Facts) -> Plan {
    Plan {
        format_version: FormatVersion::default(),
        api_version: API_VERSION.into(),
        kind: "Plan".into(),
        id: facts.id.clone(),
        release: facts.release.clone(),
        operation: Operation::Promote,
        namespace: facts.namespace.clone(),
        cluster: facts.cluster.clone(),
        revision: facts.revision,
        created_at: facts.now,
        actor: facts.actor.clone(),
        steps: Vec::new(),
        prune: Vec::new(),
        unchanged: Vec::new(),
        members: Vec::new(),
        moves: Vec::new(),
        // Both wait for the server's answers: what a step really gives decides what data goes.
        data_loss: Vec::new(),
        rehearsals: Vec::new(),
        rollback: None,
        waivers: Vec::new(),
        settings: policy.settings.clone(),
        repair: policy.repair.is_some(),
    }
}

pub(super) fn unreadable_finding(unread: &ReadFailure) -> PreflightFinding {
    let hint = format!("a Role that is enough: {}", docs_url("permissions.md"));
    let message = format!("cannot read what the plan depends on: {}", unread.why);

    PreflightFinding {
        subject: unread.subject.clone(),
        ..refuse(Check::Unreadable, None, message, Some(hint))
    }
}

/// What is there and has no step. A hook that need not be there may be absent: it is nothing that stays unchanged.
fn unchanged(items: &[Item<'_>]) -> Vec<Target> {
    let idle = items
        .iter()
        .filter(|item| item.kind == Kind::Nothing && item.is_live());
    idle.map(|item| item.object.target.clone()).collect()
}

/// What the set holds afterwards: what is applied and stays, and hooks that do not run this time and are there.
fn members(inputs: &PlanInputs<'_>, items: &[Item<'_>], hooked: &Hooked) -> Vec<Target> {
    let stays = |item: &&Item<'_>| match item.kind {
        // An absent hook that does not run this time is nothing to be pruned later.
        Kind::Nothing => item.is_live(),
        // It is deleted after the commit; as a member it would be missed from then on.
        _ => !goes_once_succeeded(&item.body),
    };

    let is_ours = |object: &&ObjectComparison| {
        object
            .live
            .object()
            .is_some_and(|live| live.label(APPLYSET_PART_OF_LABEL) == Some(&inputs.set))
    };

    // What this promotion leaves alone is a member only where an earlier one made it.
    let skipped_hooks = inputs
        .comparison
        .objects
        .iter()
        .filter(|object| object.desired.is_some());
    let skipped_hooks = skipped_hooks
        .filter(|object| hooked.rests(&object.id()))
        .filter(is_ours);

    let applied = items.iter().filter(stays).map(|item| item.object);
    applied
        .chain(skipped_hooks)
        .map(|object| object.target.clone())
        .collect()
}
