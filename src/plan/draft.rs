//! From a comparison to a plan: one item for each desired object, then the steps.

use super::dress::{carry_restart, dress, set_restart, template_annotations};
use super::hooked::Hooked;
use super::hooks::When;
use super::item::{Item, Kind};
use super::policy::{Facts, Planned, Policy, note, refuse};
use super::waves::{self, OrderError};
use super::{autoscaled, checks, hooks, moving, prune, restart, undo};
use crate::model::check::Check;
use crate::model::finding::{Aside, AsideReason, Comparison, ObjectComparison};
use crate::model::format::FormatVersion;
use crate::model::hook::{goes_once_succeeded, is_hook};
use crate::model::names::{
    AFTER_ANNOTATION, API_VERSION, APPLYSET_PART_OF_LABEL, RESTART_ANNOTATION, applyset_id, inventory,
};
use crate::model::plan::{Action, Expect, Plan, PlanStep, PreflightFinding};
use crate::model::snapshot::Unread;
use crate::model::{FieldPath, ObjectId, Sha256Digest, Target};
use crate::objects::expect_present;
use std::collections::BTreeSet;

/// Plans the promotion that a comparison calls for.
///
/// What the server says of each step comes later: see [`crate::preflight::settle`].
pub fn draft(comparison: &Comparison, policy: &Policy, facts: &Facts) -> Planned {
    let set = applyset_id(&inventory(&facts.release.name), &facts.namespace);
    let mut findings = checks::of_comparison(comparison, policy);
    let unread = |unread: &Unread| {
        let hint = "docs/permissions.md has a Role that suffices".to_owned();
        let message = format!("expected to read all that counts, found: {}", unread.why);
        let subject = unread.subject.clone();
        PreflightFinding {
            subject,
            ..refuse(Check::Unreadable, None, message, Some(hint))
        }
    };
    findings.extend(facts.unreadable.iter().map(unread));
    let autoscaled = autoscaled::workloads(comparison, &facts.autoscalers);
    let hooked = Hooked::of(comparison, &facts.past, &mut findings);
    let mut items = Vec::new();
    for object in &comparison.objects {
        let Some(desired) = &object.desired else { continue };
        let id = object.id();
        if policy.is_external(&id, &facts.namespace) || hooked.is_left_out(&id, desired) {
            continue;
        }
        if let Some(finding) = policy.others.left_alone(object, &set, &facts.namespace) {
            findings.push(finding);
            continue;
        }
        let mut body = desired.clone();
        body.set_namespace(object.target.namespace.as_deref());
        if let Some(live) = object.live.object() {
            carry_restart(&mut body, live);
        }
        dress(&mut body, &set);
        let is_autoscaled = autoscaled.contains(&id);
        let (mut item, found) = Item::new(object, body, is_autoscaled, &set, policy);
        // A namespace is named once for all that is missing in it.
        findings.extend(
            found
                .into_iter()
                .filter(|one| !findings.contains(one))
                .collect::<Vec<_>>(),
        );
        if let Some(item) = item.as_mut().filter(|_| hooked.may_be_absent(&id)) {
            item.kind = Kind::Nothing;
        }
        if let Some(item) = item.as_mut().filter(|_| is_left_over(object, facts, &set)) {
            item.kind = Kind::Create;
            item.why = "created by a run that ended before it began".into();
        }
        items.extend(item);
    }
    restart_readers(&mut items, &facts.id);
    run_hooks_again(&mut items);
    let waves = order(&items, &hooked, &mut findings);
    let unchanged = items
        .iter()
        .filter(|item| item.kind == Kind::Nothing && is_there(item.object));
    let unchanged = unchanged.map(|item| item.object.target.clone()).collect();
    let members = members(comparison, &items, &hooked, &set);
    let steps = steps(items, &waves, &hooked);
    let moves = moving::moves(&steps, comparison, policy);
    let (prune, pruned) = prune::prune(comparison, policy, facts, &set, &steps);
    findings.extend(pruned);
    let plan = Plan {
        format_version: FormatVersion::default(),
        api_version: API_VERSION.into(),
        kind: "Plan".into(),
        id: facts.id.clone(),
        release: facts.release.clone(),
        namespace: facts.namespace.clone(),
        revision: facts.revision,
        created_at: facts.now,
        actor: facts.actor.clone(),
        steps,
        prune,
        unchanged,
        members,
        moves,
        data_loss: Vec::new(),
        waivers: Vec::new(),
        settings: policy.settings.clone(),
    };
    Planned { plan, findings }
}

/// Workloads whose configuration changes and whose template does not get a new annotation, so that their pods restart.
fn restart_readers(items: &mut [Item<'_>], promotion: &str) {
    let changed: BTreeSet<ObjectId> = items
        .iter()
        .filter(|item| {
            matches!(
                (&*item.body.gvk().group, &*item.body.gvk().kind),
                ("", "ConfigMap" | "Secret")
            )
        })
        .filter(|item| item.changes_data())
        .map(|item| item.object.id())
        .collect();
    if changed.is_empty() {
        return;
    }
    for item in items
        .iter_mut()
        .filter(|item| item.object.live.object().is_some())
    {
        if item.changes_template() {
            continue;
        }
        let read = restart::configuration_read_by(&item.body);
        let names: Vec<String> = read
            .intersection(&changed)
            .map(|id| format!("{} {}", id.kind, id.name))
            .collect();
        let Some(path) = template_annotations(&item.body).filter(|_| !names.is_empty()) else {
            continue;
        };
        // Not a hash of the values: whoever may read the workload may not be meant to read the Secret.
        let value = Sha256Digest::of(format!("{promotion}\n{}", names.join("\n")).as_bytes());
        set_restart(&mut item.body, value.short());
        let path = path.iter().fold(FieldPath::root(), |path, step| path.field(step));
        item.change(
            path.field(RESTART_ANNOTATION),
            &format!("its pods read {}", names.join(", ")),
        );
    }
}

/// A hook runs with every promotion that changes something, not only when its own Job changes.
fn run_hooks_again(items: &mut [Item<'_>]) {
    if items.iter().all(|item| item.kind == Kind::Nothing) {
        return;
    }
    for item in items.iter_mut().filter(|item| is_hook(&item.body)) {
        if is_there(item.object) {
            item.kind = Kind::Recreate;
            item.why = "a hook runs again".into();
        } else if item.kind == Kind::Nothing {
            item.kind = Kind::Create;
        }
    }
}

/// The release namespace that an earlier run created for a promotion that it never began: the lock and the journal lie in
/// it, so that it is there before they are.
fn is_left_over(object: &ObjectComparison, facts: &Facts, set: &str) -> bool {
    let id = object.id();
    let is_home = id.group.is_empty() && id.kind == "Namespace" && id.name == facts.namespace;
    let is_ours = || {
        object
            .live
            .object()
            .is_some_and(|live| live.label(APPLYSET_PART_OF_LABEL) == Some(set))
    };
    is_home && facts.revision == 1 && is_ours()
}

fn is_there(object: &ObjectComparison) -> bool {
    object.live.object().is_some()
}

/// What the set holds afterwards: what is applied and stays, and hooks that do not run this time and are there.
fn members(comparison: &Comparison, items: &[Item<'_>], hooked: &Hooked, set: &str) -> Vec<Target> {
    let stays = |item: &&Item<'_>| match item.kind {
        Kind::Nothing => is_there(item.object),
        _ => !goes_once_succeeded(&item.body),
    };
    let is_ours = |object: &&ObjectComparison| {
        object
            .live
            .object()
            .is_some_and(|live| live.label(APPLYSET_PART_OF_LABEL) == Some(set))
    };
    let resting = comparison
        .objects
        .iter()
        .filter(|object| object.desired.is_some());
    let resting = resting
        .filter(|object| hooked.rests(&object.id()))
        .filter(is_ours);
    let applied = items.iter().filter(stays).map(|item| item.object);
    applied
        .chain(resting)
        .map(|object| object.target.clone())
        .collect()
}

/// The wave of each item; where the order cannot be kept, findings.
fn order(items: &[Item<'_>], hooked: &Hooked, findings: &mut Vec<PreflightFinding>) -> Vec<u32> {
    let objects = items.iter().map(|item| (item.object.id(), &item.body));
    let errors = match waves::waves(objects, hooked.is_first, &hooked.resting()) {
        Ok(waves) => {
            findings.extend(behind_workloads(items, &waves, hooked.is_first));
            return waves;
        }
        Err(errors) => errors,
    };
    for error in errors {
        let (object, message) = match error {
            OrderError::Cycle(ids) => {
                let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
                (
                    None,
                    format!(
                        "expected an order, found objects that wait for each other: {}",
                        names.join(" → ")
                    ),
                )
            }
            OrderError::Unknown { object, names } => (
                Some(object),
                format!("expected the release to hold what this waits for, found no {names}"),
            ),
        };
        let hint = format!("change the annotation {}", AFTER_ANNOTATION);
        findings.push(refuse(Check::Order, object.as_ref(), message, Some(hint)));
    }
    vec![0; items.len()]
}

/// Hooks that run before the workloads, and wait for one of them.
fn behind_workloads(items: &[Item<'_>], waves: &[u32], is_first: bool) -> Vec<PreflightFinding> {
    let is_pre = |item: &Item<'_>| {
        hooks::hook_of(&item.body)
            .is_ok_and(|hook| hook.is_some_and(|hook| hook.when(is_first) == Some(When::Pre)))
    };
    let each = || items.iter().zip(waves);
    let is_workload = |item: &Item<'_>| !is_hook(&item.body) && waves::rank(&item.body) >= waves::WORKLOADS;
    let first_workload = each()
        .filter(|(item, _)| is_workload(item))
        .map(|(_, wave)| *wave)
        .min();
    let late =
        each().filter(|(item, wave)| first_workload.is_some_and(|first| **wave > first) && is_pre(item));
    let told = |(item, _): (&Item<'_>, &u32)| {
        let message = format!(
            "runs after workloads have begun: {AFTER_ANNOTATION} says so; what must come after it names it in {AFTER_ANNOTATION}"
        );
        note(Check::Order, Some(&item.object.id()), message)
    };
    late.map(told).collect()
}

fn steps(items: Vec<Item<'_>>, waves: &[u32], hooked: &Hooked) -> Vec<PlanStep> {
    let each = items.into_iter().zip(waves);
    let mut steps: Vec<PlanStep> = each
        .filter_map(|(item, wave)| step(item, *wave, hooked))
        .collect();
    steps.sort_by_key(|step| step.wave);
    for (id, step) in (0..).zip(&mut steps) {
        step.id = id;
    }
    steps
}

fn step(item: Item<'_>, wave: u32, hooked: &Hooked) -> Option<PlanStep> {
    let Item {
        object: compared,
        body: object,
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
            let expected = Box::new(
                compared
                    .predicted
                    .as_ref()
                    .unwrap_or(&object)
                    .without_managed_fields(),
            );
            let undo = undo::of_apply(live, &object);
            (
                Action::Apply {
                    object,
                    take_over,
                    expected,
                },
                undo,
            )
        }
        (Kind::Recreate, Some(live)) => {
            let undo = undo::of_create(&object, Some(live), undo_job);
            (Action::Recreate { object }, undo)
        }
        (_, None) | (Kind::Create, _) => {
            let undo = undo::of_create(&object, None, undo_job);
            (Action::Create { object }, undo)
        }
    };
    let expect = match (&action, live) {
        (Action::Create { .. }, _) | (_, None) => Expect::Absent,
        (action, Some(live)) => expect_present(action, live),
    };
    let is_stamp = |aside: &&Aside| aside.reason == AsideReason::Stamp;
    let stamps = compared
        .asides
        .iter()
        .filter(is_stamp)
        .map(|aside| aside.path.clone())
        .collect();
    Some(PlanStep {
        id: 0,
        wave,
        target: compared.target.clone(),
        action,
        expect,
        undo,
        why,
        changes,
        stamps,
    })
}
