//! From items to steps: in which order they go, how each is undone, and what it expects to find.
//!
//! The waves come from the manifests' kinds and annotations (`waves`); a stable sort by them keeps the manifests' order
//! within a wave. An order that cannot be kept is a finding, and the steps are made all the same, in one wave: no waiver
//! is taken for it, so that such a plan is shown and not carried out.

use super::findings::{note, refuse};
use super::hooked::Hooked;
use super::hooks::{self, When};
use super::item::{Item, Kind};
use super::undo::{apply_undo, create_undo};
use super::waves::{self, OrderError};
use crate::model::check::Check;
use crate::model::finding::{Aside, AsideReason, ObjectComparison};
use crate::model::hook::is_hook;
use crate::model::names::AFTER_ANNOTATION;
use crate::model::plan::{Action, Expect, PlanStep, PreflightFinding};
use crate::model::{FieldPath, StepId, WaveIndex};
use crate::objects::expect_present;

/// The wave of each item; where the order cannot be kept, findings.
pub(super) fn order(
    items: &[Item<'_>],
    hooked: &Hooked,
    findings: &mut Vec<PreflightFinding>,
) -> Vec<WaveIndex> {
    // With those that do not change: others may name them in their annotation.
    let objects = items.iter().map(|item| (item.object.id(), &item.body));

    match waves::waves(objects, hooked.is_first, &hooked.skipped_hooks()) {
        Ok(waves) => {
            findings.extend(late_pre_hooks(items, &waves, hooked.is_first));
            waves
        }
        Err(errors) => {
            findings.extend(errors.into_iter().map(order_finding));
            vec![WaveIndex::default(); items.len()]
        }
    }
}

fn order_finding(error: OrderError) -> PreflightFinding {
    let (object, message) = match error {
        OrderError::Cycle(ids) => {
            let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
            let cycle = names.join(" → ");
            (None, format!("dependency cycle: {cycle}"))
        }
        OrderError::Unknown { object, names } => (
            Some(object),
            format!("annotation {AFTER_ANNOTATION} names what is not in the release: {names}"),
        ),
    };

    let hint = format!("change the annotation {AFTER_ANNOTATION}");
    refuse(Check::Order, object.as_ref(), message, Some(hint))
}

/// Hooks that run before the workloads, and wait for one of them.
fn late_pre_hooks(items: &[Item<'_>], waves: &[WaveIndex], is_first: bool) -> Vec<PreflightFinding> {
    let is_pre = |item: &Item<'_>| {
        hooks::hook_of(&item.body)
            .is_ok_and(|hook| hook.is_some_and(|hook| hook.when(is_first) == Some(When::Pre)))
    };

    // By itself a pre hook comes before all workloads: only its annotation can have put it behind one.
    let each = || items.iter().zip(waves);
    let is_workload = |item: &Item<'_>| !is_hook(&item.body) && waves::rank(&item.body) >= waves::WORKLOADS;
    let first_workload = each()
        .filter(|(item, _)| is_workload(item))
        .map(|(_, wave)| *wave)
        .min();
    let late =
        each().filter(|(item, wave)| first_workload.is_some_and(|first| **wave > first) && is_pre(item));

    let finding = |(item, _): (&Item<'_>, &WaveIndex)| {
        let message = format!(
            "its annotation {AFTER_ANNOTATION} makes it run after workloads have started; an object that must wait for it needs that annotation, too"
        );
        note(Check::Order, Some(&item.object.id()), message)
    };
    late.map(finding).collect()
}

/// The steps of the items that have one, numbered in the order in which they go.
pub(super) fn steps(items: Vec<Item<'_>>, waves: &[WaveIndex], hooked: &Hooked) -> Vec<PlanStep> {
    // The sort is stable: within a wave the manifests' order stays.
    let each = items.into_iter().zip(waves);
    let mut steps: Vec<PlanStep> = each
        .filter_map(|(item, wave)| step(item, *wave, hooked))
        .collect();

    steps.sort_by_key(|step| step.wave);
    for (id, step) in (0..).map(StepId::new).zip(&mut steps) {
        step.id = id;
    }
    steps
}

fn step(item: Item<'_>, wave: WaveIndex, hooked: &Hooked) -> Option<PlanStep> {
    let Item {
        object: compared,
        body,
        kind,
        take_over,
        changes,
        why,
    } = item;

    let live = compared.live.object();
    let undo_job = hooked.undo_jobs.get(&compared.id());

    let (action, undo) = match (kind, live) {
        (Kind::Nothing, _) => return None,
        (Kind::Apply, Some(live)) => {
            let undo = apply_undo(live, &body);
            // The target, or else what is sent: the preflight puts the server's own answer in its place.
            let expected = compared.predicted.as_ref().unwrap_or(&body);
            let action = Action::Apply {
                expected: Box::new(expected.without_managed_fields()),
                object: body,
                take_over,
            };
            (action, undo)
        }
        (Kind::Recreate, Some(live)) => {
            let undo = create_undo(&body, Some(live), undo_job);
            (Action::Recreate { object: body }, undo)
        }
        // What is there is on its way out, or this release made it already: it is undone like something new.
        (_, None) | (Kind::Create, _) => {
            let undo = create_undo(&body, None, undo_job);
            (Action::Create { object: body }, undo)
        }
    };

    let expect = match (&action, live) {
        (Action::Create { .. }, _) | (_, None) => Expect::Absent,
        (action, Some(live)) => expect_present(action, live),
    };

    Some(PlanStep {
        id: StepId::default(),
        wave,
        target: compared.target.clone(),
        action,
        expect,
        undo,
        why,
        changes,
        stamps: stamps(compared),
    })
}

/// Where admission writes anew at each request: comparing these fields would always find another client's change.
fn stamps(compared: &ObjectComparison) -> Vec<FieldPath> {
    let is_stamp = |aside: &&Aside| aside.reason == AsideReason::Stamp;
    let stamps = compared.asides.iter().filter(is_stamp);
    stamps.map(|aside| aside.path.clone()).collect()
}
