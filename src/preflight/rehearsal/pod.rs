//! The pod that is tried: that of the template, but for what would make it a part of the workload.

use super::obstacles::Obstacle;
use super::selectors::{Unselected, unselected};
use crate::model::k8s::known_kind::KnownKind;
use crate::model::names::{self, REHEARSAL_ANNOTATION};
use crate::model::plan::Plan;
use crate::model::rehearsal::{NamespaceFacts, PlannedRehearsal, TemplateVersion};
use crate::model::{Object, ObjectId, Sha256Digest, Target};
use serde_json::{Map, Value, json};

/// What a Deployment gets from the API server where its spec names no progressDeadlineSeconds.
const DEADLINE: u64 = 600;

/// A pod that is left behind (the program was killed) ends so long after it should have been ready.
const SPARE_SECONDS: u64 = 60;

/// Hex digits that tell pods of one rehearsal apart.
const DIGITS: usize = 8;

/// The pod template of a workload of any kind that has one where Deployments have it.
pub(super) fn template(workload: &Object) -> Option<&Value> {
    let template = workload.at("/spec/template")?;
    template.get("spec").is_some().then_some(template)
}

/// The pod of a workload's template; else what would still select it.
pub(super) fn plan(
    plan: &Plan,
    id: &ObjectId,
    version: TemplateVersion,
    workload: &Object,
    facts: &NamespaceFacts,
) -> Result<PlannedRehearsal, Vec<Obstacle>> {
    let metadata = |field: &str| {
        let found =
            template(workload).and_then(|one| one.pointer(&format!("/metadata/{field}"))?.as_object());
        found.cloned().unwrap_or_default()
    };
    let labels = metadata("labels");
    // The workload itself, of whatever version: what is there may select by other labels than what comes.
    let selecting: Vec<&Object> = facts.selecting.iter().chain([workload]).collect();
    let remaining = unselected(&labels, &selecting);
    let spec = template(workload).and_then(|one| one.get("spec"));
    let mut spec = spec.and_then(Value::as_object).cloned().unwrap_or_default();
    let obstacles = obstacles(&remaining, &spec);
    if !obstacles.is_empty() {
        return Err(obstacles);
    }

    let timeout = timeout_seconds(plan, workload);
    let own = spec.get("activeDeadlineSeconds").and_then(Value::as_u64);
    let deadline = own.unwrap_or(u64::MAX).min(timeout + SPARE_SECONDS);
    spec.insert("activeDeadlineSeconds".into(), deadline.into());

    let mut annotations = metadata("annotations");
    annotations.insert(REHEARSAL_ANNOTATION.into(), plan.rehearsal_id().into());
    let name = pod_name(plan, id, version);
    let namespace = id.namespace.as_deref();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": remaining.labels, "annotations": annotations},
        "spec": spec,
    });
    Ok(PlannedRehearsal {
        workload: id.clone(),
        template: version,
        target: Target::new(&KnownKind::Pod.resource(), namespace, &name),
        pod: Object::new(pod).map_err(|error| vec![error.to_string().into()])?,
        timeout_seconds: u32::try_from(timeout).unwrap_or(u32::MAX),
        without_network_policies: remaining.without_policies,
    })
}

/// What would count or serve the pod, or would be missed in it.
fn obstacles(remaining: &Unselected, spec: &Map<String, Value>) -> Vec<Obstacle> {
    let selected = remaining.selected_by.iter();
    let selected =
        selected.map(|by| Obstacle::from(format!("{by} would select its pod without its labels, too")));
    let text = serde_json::to_string(spec).unwrap_or_default();
    // As the downward API names a label: the pod would read nothing.
    let is_read = |key: &&String| text.contains(&format!("metadata.labels['{key}']"));
    let read = remaining.dropped.iter().filter(is_read);
    let read = read.map(|key| {
        Obstacle::from(format!(
            "its pods read their label {key:?}, by which they are selected"
        ))
    });
    selected.chain(read).collect()
}

/// How long it may take to become ready: as long as the workload's own rollout may take without progress.
fn timeout_seconds(plan: &Plan, workload: &Object) -> u64 {
    let own = workload
        .at("/spec/progressDeadlineSeconds")
        .and_then(Value::as_u64);
    // The largest number stands for no deadline at all.
    let own = own.filter(|seconds| *seconds < u64::from(i32::MAX.unsigned_abs()));
    let cap = plan.settings.timeout_seconds.map_or(u64::MAX, u64::from);
    own.unwrap_or(DEADLINE).min(cap)
}

/// A name that no other pod has: of the plan, the workload and its template.
fn pod_name(plan: &Plan, id: &ObjectId, version: TemplateVersion) -> String {
    let text = format!("{} {id} {version}", plan.id);
    let digest = Sha256Digest::compute(text.as_bytes());
    names::rehearsal(&id.name, digest.hex().split_at(DIGITS).0)
}
