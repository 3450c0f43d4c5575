//! The fields whose manager a step changes: shown with the plan, for the manager of before no longer decides about them.

use crate::model::finding::{FieldManager, ManagerClass};
use crate::model::plan::{Action, PlanStep};
use crate::model::{FieldPath, Object};
use crate::objects::Owners;
use std::collections::{BTreeMap, BTreeSet};

/// The fields that an update takes from each other manager and that stay, in the order of the managers' names.
pub fn ownership_moves(step: &PlanStep, live: &Object) -> BTreeMap<String, BTreeSet<FieldPath>> {
    let Action::Apply {
        object,
        take_over,
        expected,
    } = &step.action
    else {
        return BTreeMap::new();
    };

    // As it is once the ownership is written that goes ahead of the apply.
    let mut written = live.clone();
    if let Some(entries) = take_over {
        written.value_mut()["metadata"]["managedFields"] = entries.clone().into();
    }
    let stays: BTreeSet<(String, FieldPath)> = foreign_fields(&written).into_iter().collect();

    let mut moves: BTreeMap<String, BTreeSet<FieldPath>> = BTreeMap::new();
    for (manager, path) in foreign_fields(live) {
        let held = path.get(live.value());
        // A forced apply takes what it sends with another value; with the same one it shares the field.
        let is_overwritten = path
            .get(object.value())
            .is_some_and(|sent| !sent.is_object() && Some(sent) != held);
        // What goes is shown as a change: nobody owns it afterwards.
        let is_there = path.get(expected.value()).is_some();

        let field = (manager, path);
        if is_there && (is_overwritten || !stays.contains(&field)) {
            moves.entry(field.0).or_default().insert(field.1);
        }
    }
    moves
}

fn foreign_fields(object: &Object) -> Vec<(String, FieldPath)> {
    let owners = Owners::from_object(object);
    let foreign = owners.fields_of(|owner| !is_ours(owner));
    foreign
        .flat_map(|(owner, paths)| paths.into_iter().map(|path| (owner.manager.clone(), path)))
        .collect()
}

fn is_ours(owner: &FieldManager) -> bool {
    owner.class == ManagerClass::Ours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;
    use crate::model::plan::{Expect, Undo};
    use crate::model::{StepId, Target, WaveIndex};
    use serde_json::{Value, json};

    fn object(replicas: u32, entries: &Value) -> Object {
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "managedFields": entries},
            "spec": {"replicas": replicas, "paused": false}}))
        .unwrap()
    }

    fn entry(manager: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {"f:spec": fields}})
    }

    fn moves(sent: u32, take_over: Option<Vec<Value>>) -> Vec<String> {
        let entries = json!([
            entry("kubectl-edit", &json!({"f:replicas": {}})),
            entry("helm", &json!({"f:paused": {}, "f:gone": {}})),
        ]);
        let step = PlanStep {
            id: StepId::new(0),
            wave: WaveIndex::new(0),
            target: Target::new(&built_in("apps", "Deployment").unwrap(), Some("shop"), "web"),
            action: Action::Apply {
                object: object(sent, &json!([])),
                take_over,
                expected: Box::new(object(sent, &json!([]))),
            },
            expect: Expect::Absent,
            undo: Undo::Restore,
            why: String::new(),
            changes: Vec::new(),
            stamps: Vec::new(),
        };

        let moves = ownership_moves(&step, &object(5, &entries)).into_iter();
        moves
            .map(|(manager, paths)| format!("{manager}: {}", paths.iter().next().unwrap()))
            .collect()
    }

    #[test]
    fn a_field_moves_where_it_gets_another_value_or_is_taken_first_and_is_shared_else() {
        assert_eq!(moves(5, None), Vec::<String>::new());
        assert_eq!(moves(3, None), ["kubectl-edit: /spec/replicas"]);

        let adopted = vec![entry("kubectl-edit", &json!({"f:replicas": {}}))];
        // Not what goes with it.
        assert_eq!(moves(5, Some(adopted)), ["helm: /spec/paused"]);
    }
}
