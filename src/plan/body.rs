//! What is sent: desired without the fields that are somebody else's to decide.

use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::Value;

/// Removes the value at `path`; nothing where there is none.
pub(super) fn remove(object: &mut Object, path: &FieldPath) {
    remove_from(object.value_mut(), path.steps());
}

/// Removes the value that the steps lead to.
pub(super) fn remove_from(value: &mut Value, steps: &[Step]) {
    let Some((last, way)) = steps.split_last() else { return };
    let mut at = value;
    for step in way {
        match child(at, step) {
            Some(next) => at = next,
            None => return,
        }
    }
    match (last, at) {
        (Step::Field(name), Value::Object(map)) => drop(map.shift_remove(name)),
        (step, Value::Array(items)) => {
            if let Some(index) = index_of(items, step) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

fn child<'v>(value: &'v mut Value, step: &Step) -> Option<&'v mut Value> {
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => map.get_mut(name),
        (step, Value::Array(items)) => {
            let index = index_of(items, step)?;
            items.get_mut(index)
        }
        _ => None,
    }
}

/// Where in a list the item of this step is.
pub(super) fn index_of(items: &[Value], step: &Step) -> Option<usize> {
    match step {
        Step::Index(index) => (*index < items.len()).then_some(*index),
        Step::Field(_) => None,
        keyed => items.iter().position(|item| {
            let one = Value::Array(vec![item.clone()]);
            keyed.get(&one).is_some()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_and_a_list_item_are_left_out_by_their_paths() {
        let mut object = Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
            "spec": {"replicas": 3, "containers": [{"name": "web", "image": "x"}, {"name": "log"}], "set": ["a", "b"]}}))
        .unwrap();
        for path in ["/spec/replicas", "/spec/containers/[name=log]", "/spec/set/[=a]", "/spec/nothing/here"]
        {
            remove(&mut object, &path.parse().unwrap());
        }
        assert_eq!(
            object.at("/spec"),
            Some(&json!({"containers": [{"name": "web", "image": "x"}], "set": ["b"]}))
        );
    }
}
