//! From a comparison to a plan: one item for each desired object, then the steps.
//!
//! Each object is decided by itself first. Then comes what one means for others: changed configuration restarts its
//! readers, and any change at all runs the hooks, so that the restarts have to be known before the hooks are. Waves and
//! numbers come last, when it is settled which objects have a step. A refusal ends nothing here: all findings are
//! collected, and the plan is made and shown in spite of them. No server is asked.

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
    // What was not seen could be overwritten or missed: it refuses, and is waived by its name if at all.
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
        // An older revision may still hold what has moved to another release since: nothing of it is touched.
        if let Some(finding) = policy.others.left_alone(object, &set, &facts.namespace) {
            findings.push(finding);
            continue;
        }

        let mut body = desired.clone();
        body.set_namespace(object.target.namespace.as_deref());
        // An apply without the restart annotation takes it away, and restarts pods for nothing.
        if let Some(live) = object.live.object() {
            carry_restart(&mut body, live);
        }
        // An object without the label of the set is neither pruned nor taken for a member.
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

        // Its absence alone is no change; whether it runs all the same is decided once all changes are known.
        if let Some(item) = item.as_mut().filter(|_| hooked.may_be_absent(&id)) {
            item.kind = Kind::Nothing;
        }
        // A Create, though it is there: the run that begins takes it up as what it has made itself.
        if let Some(item) = item.as_mut().filter(|_| is_left_over(object, facts, &set)) {
            item.kind = Kind::Create;
            item.why = "created by a run that ended before it began".into();
        }
        items.extend(item);
    }

    // In this order: a restart is a change, and hooks run where there is one.
    restart_readers(&mut items, &facts.id);
    run_hooks_again(&mut items);

    let waves = order(&items, &hooked, &mut findings);

    // A hook that need not be there may be absent and have no step: it is nothing that stays unchanged.
    let unchanged = items
        .iter()
        .filter(|item| item.kind == Kind::Nothing && is_there(item.object));
    let unchanged = unchanged.map(|item| item.object.target.clone()).collect();

    let members = members(comparison, &items, &hooked, &set);
    let steps = steps(items, &waves, &hooked);

    let moves = moving::moves(&steps, comparison, policy);
    // Last: the deletions of hooks that have succeeded follow from the steps.
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
        // Both wait for the server's answers: what a step really gives decides what data goes.
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

    // What is not there yet starts with the new configuration anyway.
    for item in items
        .iter_mut()
        .filter(|item| item.object.live.object().is_some())
    {
        // Its pods are new in any case; a second change of the template would only make the plan longer.
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
        // With the promotion's id in it: a value that changes back restarts the pods again.
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

    // A Job's template cannot change, and one that has run does not run again by an apply.
    for item in items.iter_mut().filter(|item| is_hook(&item.body)) {
        if is_there(item.object) {
            item.kind = Kind::Recreate;
            item.why = "a hook runs again".into();
        } else if item.kind == Kind::Nothing {
            // Its absence was excused as long as nothing else changed.
            item.kind = Kind::Create;
        }
    }
}

/// The release namespace that an earlier run created for a promotion that it never began: the lock and the journal lie in
/// it, so that it is there before they are.
fn is_left_over(object: &ObjectComparison, facts: &Facts, set: &str) -> bool {
    let id = object.id();
    let is_home = id.group.is_empty() && id.kind == "Namespace" && id.name == facts.namespace;
    // A run that never began has left neither journal nor history: the label alone tells whose it is.
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
        // An absent hook that does not run this time is nothing to be pruned later.
        Kind::Nothing => is_there(item.object),
        // It is deleted after the commit; as a member it would be missed from then on.
        _ => !goes_once_succeeded(&item.body),
    };

    let is_ours = |object: &&ObjectComparison| {
        object
            .live
            .object()
            .is_some_and(|live| live.label(APPLYSET_PART_OF_LABEL) == Some(set))
    };

    // What this promotion leaves alone is a member only where an earlier one made it.
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
    // With those that do not change: others may name them in their annotation.
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

    // No waiver is taken for an order: the plan is shown, and not carried out.
    vec![0; items.len()]
}

/// Hooks that run before the workloads, and wait for one of them.
fn behind_workloads(items: &[Item<'_>], waves: &[u32], is_first: bool) -> Vec<PreflightFinding> {
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

    let told = |(item, _): (&Item<'_>, &u32)| {
        let message = format!(
            "runs after workloads have begun: {AFTER_ANNOTATION} says so; what must come after it names it in {AFTER_ANNOTATION}"
        );
        note(Check::Order, Some(&item.object.id()), message)
    };
    late.map(told).collect()
}

fn steps(items: Vec<Item<'_>>, waves: &[u32], hooked: &Hooked) -> Vec<PlanStep> {
    // The sort is stable: within a wave the manifests' order stays.
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
            // The target, or else what is sent: the preflight puts the server's own answer in its place.
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
        // What is there is on its way out, or this release made it already: it is undone like something new.
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
    // Admission writes them anew at each request: comparing them would always find somebody's hand.
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
