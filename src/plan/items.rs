//! The objects that a promotion is about, each decided, and then what one means for others.
//!
//! Changed configuration restarts its readers, and any change at all runs the hooks again, so that the restarts have to be
//! known before the hooks are. Only then is it settled which objects have a step. What is external, what a hook's
//! annotation leaves out and what has moved to another release has no item.

use super::autoscaled;
use super::hooked::Hooked;
use super::item::{Item, Kind};
use super::policy::PlanInputs;
use super::restart::configuration_read_by;
use super::tool_metadata::{add_tool_metadata, carry_restart, set_restart, template_annotations};
use crate::model::finding::ObjectComparison;
use crate::model::hook::is_hook;
use crate::model::names::{APPLYSET_PART_OF_LABEL, RESTART_ANNOTATION};
use crate::model::plan::PreflightFinding;
use crate::model::{FieldPath, Object, ObjectId, Sha256Digest};
use std::collections::BTreeSet;

/// One item for each desired object that this promotion is about, in the manifests' order.
pub(super) fn items<'a>(
    inputs: &PlanInputs<'a>,
    hooked: &Hooked,
    findings: &mut Vec<PreflightFinding>,
) -> Vec<Item<'a>> {
    let PlanInputs { policy, facts, .. } = *inputs;
    let autoscaled = autoscaled::workloads(inputs.comparison, &facts.autoscalers);

    let mut items = Vec::new();
    for object in &inputs.comparison.objects {
        let Some(desired) = &object.desired else { continue };

        let id = object.id();
        if policy.is_external(&id, &facts.namespace) || hooked.is_left_out(&id, desired) {
            continue;
        }
        // A repair runs no hooks: they belong to the promotion of a release.
        if !policy.is_about(&id) || policy.repair.is_some() && is_hook(desired) {
            continue;
        }
        // An older revision may still hold what has moved to another release since: nothing of it is touched.
        if let Some(finding) = policy.others.left_alone(object, &inputs.set, &facts.namespace) {
            findings.push(finding);
            continue;
        }

        let body = body(object, desired, &inputs.set);
        let (item, found) = Item::new(object, body, autoscaled.contains(&id), &inputs.set, policy);
        // A namespace is named once for all that is missing in it.
        for finding in found {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }

        let Some(mut item) = item else { continue };
        // Its absence alone is no change; whether it runs all the same is decided once all changes are known.
        if hooked.may_be_absent(&id) {
            item.kind = Kind::Nothing;
        }
        // A Create, though it is there: the run that begins takes it up as what it has made itself.
        if is_left_over(object, inputs) {
            item.kind = Kind::Create;
            item.why = "created by an earlier promotion that did not start".into();
        }
        items.push(item);
    }

    restart_readers(&mut items, &facts.id);
    run_hooks_again(&mut items);
    items
}

/// What is sent of a desired object, before anything is left to others.
fn body(object: &ObjectComparison, desired: &Object, set: &str) -> Object {
    let mut body = desired.clone();
    body.set_namespace(object.target.namespace.as_deref());

    // An apply without the restart annotation takes it away, and restarts pods for nothing.
    if let Some(live) = object.live.object() {
        carry_restart(&mut body, live);
    }
    // An object without the label of the set is neither pruned nor taken for a member.
    add_tool_metadata(&mut body, set);
    body
}

/// Workloads whose configuration changes and whose template does not get a new annotation, so that their pods restart.
fn restart_readers(items: &mut [Item<'_>], promotion: &str) {
    let is_configuration = |item: &&Item<'_>| {
        let gvk = item.body.gvk();
        matches!((&*gvk.group, &*gvk.kind), ("", "ConfigMap" | "Secret"))
    };
    let changed: BTreeSet<ObjectId> = items
        .iter()
        .filter(is_configuration)
        .filter(|item| item.changes_data())
        .map(|item| item.object.id())
        .collect();

    if changed.is_empty() {
        return;
    }

    // What is not there yet starts with the new configuration anyway.
    for item in items.iter_mut().filter(|item| item.is_live()) {
        // Its pods are new in any case; a second change of the template would only make the plan longer.
        if item.changes_template() {
            continue;
        }

        let read = configuration_read_by(&item.body);
        let names: Vec<String> = read
            .intersection(&changed)
            .map(|id| format!("{} {}", id.kind, id.name))
            .collect();
        let Some(path) = template_annotations(&item.body).filter(|_| !names.is_empty()) else {
            continue;
        };

        // Not a hash of the values: whoever may read the workload may not be meant to read the Secret.
        // With the promotion's id in it: a value that changes back restarts the pods again.
        let value = Sha256Digest::compute(format!("{promotion}\n{}", names.join("\n")).as_bytes());
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
        if item.is_live() {
            item.kind = Kind::Recreate;
            item.why = "hook, runs again".into();
        } else if item.kind == Kind::Nothing {
            // Its absence was excused as long as nothing else changed.
            item.kind = Kind::Create;
        }
    }
}

/// The release namespace that an earlier run created for a promotion that it never began: the lock and the journal lie in
/// it, so that it is there before they are.
fn is_left_over(object: &ObjectComparison, inputs: &PlanInputs<'_>) -> bool {
    let id = object.id();
    let is_home = id.group.is_empty() && id.kind == "Namespace" && id.name == inputs.facts.namespace;
    // A run that never began has left neither journal nor history: the label alone tells whose it is.
    let is_ours = || {
        object
            .live
            .object()
            .is_some_and(|live| live.label(APPLYSET_PART_OF_LABEL) == Some(&inputs.set))
    };

    is_home && inputs.facts.revision == 1 && is_ours()
}
