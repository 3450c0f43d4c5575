//! Whether two plans do the same: a plan that was shown or written, and one that was made since.
//!
//! A plan in a file is never carried out as it lies there: it is made anew from what is there now, and refused where that
//! does something else. A plan that leaves the program holds no value of a Secret, so that none can be compared here.

use crate::model::plan::{Action, Plan, PlanStep};
use crate::model::rehearsal::PlannedRehearsal;
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What stands for a Secret's value in a plan that is shown or written.
const WITHHELD: &str = "withheld";

/// The plan without the values of Secrets, as it may be shown and written.
pub fn withheld(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for step in plan.steps.iter_mut().chain(&mut plan.prune) {
        match &mut step.action {
            Action::Create { object } | Action::Recreate { object } => withhold(object),
            Action::Apply { object, expected, .. } => {
                // The server's answer holds the values, too.
                withhold(object);
                withhold(expected);
            }
            Action::Delete { .. } => {}
        }
    }
    plan
}

fn withhold(object: &mut Object) {
    // By group and kind: a custom kind of this name keeps what its own schema says.
    if !object.is_secret() {
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
    // It is the whole manifest as a text, with all values in it.
    if let Some(annotations) = annotations {
        annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

/// The objects that two plans of one release treat differently: what one is sent, what is expected of it, its undo.
///
/// Empty where whoever approved the one has approved the other. Values of Secrets are not compared.
pub fn moved(approved: &Plan, now: &Plan) -> Vec<ObjectId> {
    // A Secret that changed meanwhile is seen all the same: what a step expects of it is its resourceVersion.
    let (approved, now) = (withheld(approved), withheld(now));

    let steps = |plan: &Plan| -> BTreeMap<ObjectId, Vec<Value>> {
        let mut steps: BTreeMap<ObjectId, Vec<Value>> = BTreeMap::new();
        for step in plan.steps.iter().chain(&plan.prune) {
            // One object may have two: a hook is applied, and deleted after the commit.
            steps.entry(step.target.id()).or_default().push(essence(step));
        }
        steps
    };

    let tried = moved_rehearsals(&approved, &now);
    let (approved, now) = (steps(&approved), steps(&now));

    let ids: BTreeSet<_> = approved.keys().chain(now.keys()).collect();
    let moved = ids.into_iter().filter(|id| approved.get(*id) != now.get(*id));
    let moved: BTreeSet<ObjectId> = moved.cloned().chain(tried).collect();
    moved.into_iter().collect()
}

/// Workloads of which the two plans try different pods.
fn moved_rehearsals(approved: &Plan, now: &Plan) -> Vec<ObjectId> {
    let both = [(approved, now), (now, approved)];
    let only = both.into_iter().flat_map(|(one, other)| {
        let differs = |tried: &&PlannedRehearsal| !other.rehearsals.contains(tried);
        one.rehearsals.iter().filter(differs)
    });
    only.map(|tried| tried.workload.clone()).collect()
}

/// What matters of a step: not its number, and of the server's prediction nothing but through what is expected.
fn essence(step: &PlanStep) -> Value {
    let mut value = serde_json::to_value(step).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        // Both move when some other step comes or goes.
        map.shift_remove("id");
        map.shift_remove("wave");
    }

    if let Some(action) = value.get_mut("action").and_then(Value::as_object_mut) {
        // A dry run's answer is another one each time where admission stamps or the server allocates.
        action.shift_remove("expected");

        for entry in action
            .get_mut("take_over")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(entry) = entry.as_object_mut() {
                // A manager's time moves with every value that it writes, a status too.
                entry.shift_remove("time");
            }
        }
    }

    value
}
