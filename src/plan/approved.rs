//! Whether two plans do the same: a plan that was shown or written, and one that was made since.

use crate::model::plan::{Action, Plan, PlanStep};
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::BTreeMap;

/// What stands for a Secret's value in a plan that is shown or written.
const WITHHELD: &str = "withheld";

/// The plan without the values of Secrets, as it may be shown and written.
pub fn withheld(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for step in plan.steps.iter_mut().chain(&mut plan.prune) {
        match &mut step.action {
            Action::Create { object } | Action::Recreate { object } => withhold(object),
            Action::Apply { object, expected, .. } => {
                withhold(object);
                withhold(expected);
            }
            Action::Delete { .. } => {}
        }
    }
    plan
}

fn withhold(object: &mut Object) {
    if object.kind() != "Secret" || !object.gvk().group.is_empty() {
        return;
    }
    for field in ["data", "stringData"] {
        if let Some(map) = object.value_mut().get_mut(field).and_then(Value::as_object_mut) {
            map.values_mut().for_each(|value| *value = WITHHELD.into());
        }
    }
    let annotations = object
        .value_mut()
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

/// The objects that two plans of one release treat differently: what one is sent, what is expected of it, its undo.
///
/// Empty where whoever approved the one has approved the other. Values of Secrets are not compared.
pub fn moved(approved: &Plan, now: &Plan) -> Vec<ObjectId> {
    let (approved, now) = (withheld(approved), withheld(now));
    let steps = |plan: &Plan| -> BTreeMap<ObjectId, Vec<Value>> {
        let mut steps: BTreeMap<ObjectId, Vec<Value>> = BTreeMap::new();
        for step in plan.steps.iter().chain(&plan.prune) {
            steps.entry(step.target.id()).or_default().push(essence(step));
        }
        steps
    };
    let (approved, now) = (steps(&approved), steps(&now));
    let ids: std::collections::BTreeSet<_> = approved.keys().chain(now.keys()).collect();
    ids.into_iter()
        .filter(|id| approved.get(*id) != now.get(*id))
        .cloned()
        .collect()
}

/// What matters of a step: not its number, and of the server's prediction nothing but through what is expected.
fn essence(step: &PlanStep) -> Value {
    let mut value = serde_json::to_value(step).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.shift_remove("id");
        map.shift_remove("wave");
    }
    if let Some(action) = value.get_mut("action").and_then(Value::as_object_mut) {
        action.shift_remove("expected");
        for entry in action
            .get_mut("take_over")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(entry) = entry.as_object_mut() {
                entry.shift_remove("time");
            }
        }
    }
    value
}
