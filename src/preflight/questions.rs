//! What the server is asked about a plan before anything is touched.
//!
//! A question is put so that its answer holds for the step as it will be sent, or for the nearest thing that can be asked
//! dry. Ownership cannot be written dry, so that a step which takes fields over is tried as a replacement by its final
//! object. What is created anew beside something of its name is tried under another one. What the comparison has proved is
//! not asked again. A dry run neither charges a quota nor makes a pod: pods are tried by themselves, and quotas are read.
//! Nothing is sent from here.

use super::permissions;
use super::pod_charge::asks_the_same;
use crate::model::finding::{Certainty, Comparison, ObjectComparison, ObjectStatus};
use crate::model::k8s::writers::drop_server_written;
use crate::model::names;
use crate::model::plan::{Action, Expect, Plan, PlanStep, Undo};
use crate::model::preflight::{DryRun, DryRunRequest, Questions};
use crate::model::release::ImagePath;
use crate::model::{FieldPath, Object, ObjectId, Target};
use crate::objects::emptied;
use crate::objects::{final_object, pod_of};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// Everything to ask about a plan: permissions, each step and its undo dry, the pods it makes, quotas. `paths` are where the
/// release says that custom kinds hold images.
pub fn questions(plan: &Plan, comparison: &Comparison, paths: &[ImagePath]) -> Questions {
    let compared = compared(comparison);
    let mut asked = Questions {
        rights: permissions::needed(plan, comparison, paths),
        quotas: quota_namespaces(plan),
        ..Questions::default()
    };

    for step in &plan.steps {
        let old = compared.get(&step.target.id()).copied();
        add_dry_runs(&mut asked, step, old);
        add_pods(&mut asked, step, old.and_then(|old| old.live.object()));
    }

    // What this promotion makes cannot be deleted dry yet.
    let is_there = |step: &&PlanStep| matches!(step.expect, Expect::Present { .. });
    for step in plan.prune.iter().filter(is_there) {
        let compared = compared.get(&step.target.id());
        if let Some(live) = compared.and_then(|compared| compared.live.object()) {
            let request = live.known_uid().map(DryRunRequest::Delete);
            asked.tries.extend(request.map(|request| dry_run(step, request)));
        }
    }

    asked
}

/// A step and its undo.
fn add_dry_runs(asked: &mut Questions, step: &PlanStep, old: Option<&ObjectComparison>) {
    // Asked once at most: what the comparison has proved needs no dry run at all.
    if !is_answered(step, old) {
        let request = step_request(step, old);
        asked.tries.extend(request.map(|request| dry_run(step, request)));
    }
    if let Some(request) = undo_request(step, old.and_then(|old| old.live.object())) {
        asked.tries.push(dry_run(step, request));
    }
    if let Undo::Run { job } = &step.undo {
        asked.tries.push(undo_job(step, job));
    }
}

/// The pods that a step and its undo make, and those whose place they take.
fn add_pods(asked: &mut Questions, step: &PlanStep, live: Option<&Object>) {
    // The server takes the Job of a pod that it will never admit.
    if let Undo::Run { job } = &step.undo {
        asked.pods.extend(pod_of(job, &job_target(step, job).id()));
    }

    let id = step.target.id();
    if let Some(object) = step.action.object().filter(|_| may_make_pods(step)) {
        asked.pods.extend(pod_of(object, &id));
        // What a quota loses is another amount only where the new pods ask for something else; and a rollback would make
        // the old ones anew.
        let other = live.filter(|live| makes_new_pods(step) || !asks_the_same(object, live));
        asked.old_pods.extend(other.and_then(|live| pod_of(live, &id)));
    }
}

/// The namespaces whose quotas count.
fn quota_namespaces(plan: &Plan) -> BTreeSet<String> {
    let mut namespaces: BTreeSet<String> = plan
        .steps
        .iter()
        .filter_map(|step| step.target.namespace.clone())
        .collect();
    // Journal, lock and inventory count too.
    namespaces.insert(plan.namespace.clone());

    // A namespace that this promotion creates has no quota yet.
    for step in &plan.steps {
        if step.target.resource.kind == "Namespace" && matches!(step.action, Action::Create { .. }) {
            namespaces.remove(&step.target.name);
        }
    }
    namespaces
}

fn dry_run(step: &PlanStep, request: DryRunRequest) -> DryRun {
    DryRun {
        step: step.id,
        target: step.target.clone(),
        request,
    }
}

/// Whether new pods can come of a step: not of one that changes what is said of the workload alone.
pub(super) fn may_make_pods(step: &PlanStep) -> bool {
    let is_metadata = |path: &FieldPath| path.to_string().starts_with("/metadata/");
    let is_apply = matches!(step.action, Action::Apply { .. });
    // Without paths it is not known what changes: a take-over as a whole, or an object that is refused.
    !is_apply || step.changes.is_empty() || !step.changes.iter().all(is_metadata)
}

/// Whether a step changes what pods are made of, so that they are made anew, and once more when it is undone.
pub(super) fn makes_new_pods(step: &PlanStep) -> bool {
    let is_of_pods = |path: &FieldPath| {
        let path = path.to_string();
        path.starts_with("/spec/template") || path.starts_with("/spec/jobTemplate")
    };
    let is_apply = matches!(step.action, Action::Apply { .. });
    !is_apply || step.changes.is_empty() || step.changes.iter().any(is_of_pods)
}

/// What was compared, by object.
pub(super) type ComparisonFacts<'a> = HashMap<ObjectId, &'a ObjectComparison>;

pub(super) fn compared(comparison: &Comparison) -> ComparisonFacts<'_> {
    comparison
        .objects
        .iter()
        .map(|object| (object.id(), object))
        .collect()
}

/// Whether the comparison knows the server's answer to exactly what the step will send: it has proved it.
pub(super) fn is_answered(step: &PlanStep, compared: Option<&ObjectComparison>) -> bool {
    let (
        Action::Apply {
            object,
            take_over: None,
            ..
        },
        Some(compared),
    ) = (&step.action, compared)
    else {
        return false;
    };

    let (Some(desired), Some(_)) = (&compared.desired, &compared.predicted) else {
        return false;
    };
    // Only a proof speaks of an apply: a dry run of the comparison mostly asked for a replacement.
    let is_known = compared.status == ObjectStatus::Changed && compared.certainty == Certainty::Computed;
    let is_sent = || {
        // Desired may leave the namespace open, which the step names: it is copied only where that differs.
        if desired.namespace() == object.namespace() {
            return desired == object;
        }
        let mut sent = desired.clone();
        sent.set_namespace(step.target.namespace.as_deref());
        sent == *object
    };

    is_known && is_sent()
}

fn job_target(step: &PlanStep, job: &Object) -> Target {
    // The kind is the step's own: no other kind can be irreversible.
    Target {
        name: job.name().into(),
        ..step.target.clone()
    }
}

/// The Job that undoes a step: one that the server would refuse is found before it is needed.
fn undo_job(step: &PlanStep, job: &Object) -> DryRun {
    let mut body = job.value().clone();
    // Under another name: one of an earlier promotion may still lie there, with its log.
    body["metadata"]["name"] = names::dry_run(job.name()).into();
    DryRun {
        step: step.id,
        target: job_target(step, job),
        request: DryRunRequest::Create(body),
    }
}

/// What asks whether a step would be taken; none where nothing of it is left to ask about.
fn step_request(step: &PlanStep, old: Option<&ObjectComparison>) -> Option<DryRunRequest> {
    let live = old.and_then(|old| old.live.object());
    let predicted = old.and_then(|old| old.predicted.as_ref());

    let request = match (&step.action, live) {
        // A dry apply would still hold what is to go, and could be refused for it.
        (
            Action::Apply {
                object,
                take_over: Some(entries),
                ..
            },
            Some(live),
        ) => DryRunRequest::Replace(final_object(live, predicted, &step.changes, object, entries)),
        // Such a map is emptied by a write of its own before the apply, which alone would leave null of it.
        (Action::Apply { object, .. }, Some(live)) if !emptied(object, live).is_empty() => {
            let entries = live.managed_fields();
            DryRunRequest::Replace(final_object(live, predicted, &step.changes, object, entries))
        }
        (Action::Apply { object, .. }, Some(live)) => {
            // With the uid alone: an object made anew is a conflict, and a status that moves is none.
            let mut body = object.value().clone();
            body["metadata"]["uid"] = live.uid().into();
            DryRunRequest::Apply(body)
        }
        // A template that changes would be refused as long as the old one is there.
        (Action::Recreate { object }, _) => {
            let mut body = object.value().clone();
            body["metadata"]["name"] = names::dry_run(object.name()).into();
            DryRunRequest::Create(body)
        }
        // It is on its way out: what it is says nothing of what can be created.
        (Action::Create { object }, Some(_)) => {
            let mut body = object.value().clone();
            body["metadata"]["name"] = names::dry_run(object.name()).into();
            DryRunRequest::Create(body)
        }
        // Nothing is there: a dry apply creates, just as the step will.
        (Action::Create { object } | Action::Apply { object, .. }, _) => {
            DryRunRequest::Apply(object.value().clone())
        }
        // What is gone already needs no request.
        (Action::Delete { .. }, live) => DryRunRequest::Delete(live?.known_uid()?),
    };
    Some(request)
}

/// Rights that were reduced or deleted cannot be given back by somebody who does not hold them: tried under another name.
fn undo_request(step: &PlanStep, live: Option<&Object>) -> Option<DryRunRequest> {
    // Whoever grants rights has to hold them. The server checks it at the write: only a write can tell.
    let is_rbac = step.target.resource.group == "rbac.authorization.k8s.io";
    let comes_back = matches!(step.undo, Undo::Restore | Undo::CreateAgain);
    let live = live.filter(|_| is_rbac && comes_back)?;
    let mut body = live.value().clone();
    let metadata = body.get_mut("metadata").and_then(Value::as_object_mut)?;
    // What belongs to the one that is there: with it the copy would be refused for another reason.
    drop_server_written(metadata);
    metadata.shift_remove("ownerReferences");

    metadata.insert("name".into(), names::dry_run(live.name()).into());
    Some(DryRunRequest::Recreate(body))
}
