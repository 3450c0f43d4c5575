//! Maps of a custom resource that a manifest empties. Where an apply takes away all that a map holds, the server leaves null
//! in its place (structured-merge-diff), and a schema that wants a map refuses that: they are emptied before the apply.
//!
//! Built-in kinds need none of this: to their Go types null, nothing and an empty list are one. Metadata and status
//! are left out, and so is what lies inside of lists. The requests that come of it stand in `execute/emptying.rs`.

use super::differing::differing;
use crate::model::k8s::entries::{is_our_apply_entry, is_status_entry};
use crate::model::k8s::kinds::well_known;
use crate::model::{FieldPath, Object};
use serde_json::{Map, Value};

/// The maps that `sent` has empty and of which an apply would take away all that live holds.
pub fn emptied(sent: &Object, live: &Object) -> Vec<FieldPath> {
    let mut found = Vec::new();
    if well_known(&sent.gvk()).is_some() {
        return found;
    }

    let is_content = |entry: &&Value| !is_status_entry(entry);
    let is_ours = |entry: &&Value| is_our_apply_entry(entry);
    let entries = || live.managed_fields().iter().filter(is_content);

    // An apply takes away only what our own entry holds: without one there is nothing that it could empty.
    let Some(ours) = entries()
        .find(is_ours)
        .and_then(|entry| entry["fieldsV1"].as_object())
    else {
        return found;
    };

    let others = entries().filter(|entry| !is_ours(entry));
    let others: Vec<_> = others.filter_map(|entry| entry["fieldsV1"].as_object()).collect();

    let (Some(sent), Some(live)) = (sent.value().as_object(), live.value().as_object()) else {
        return found;
    };

    for (key, sent) in sent
        .iter()
        .filter(|(key, _)| !matches!(&***key, "metadata" | "status"))
    {
        below(
            sent,
            live.get(key),
            &Held {
                ours,
                others: others.clone(),
            },
            key,
            &FieldPath::root(),
            &mut found,
        );
    }
    found
}

/// The empty lists of a custom resource that `expected` does not have any more. No manager owns an empty list of keyed items,
/// and no apply takes away what nobody owns: they are removed before it.
pub fn vanishing(expected: &Object, live: &Object) -> Vec<FieldPath> {
    let mut found = Vec::new();
    if well_known(&live.gvk()).is_some() {
        return found;
    }
    let (Some(expected), Some(live)) = (expected.value().as_object(), live.value().as_object()) else {
        return found;
    };

    for (key, live) in live
        .iter()
        .filter(|(key, _)| !matches!(&***key, "metadata" | "status"))
    {
        if let (Some(Value::Object(expected)), Value::Object(live)) = (expected.get(key), live) {
            gone_below(expected, live, &FieldPath::root().field(key), &mut found);
        }
    }
    found
}

fn gone_below(
    expected: &Map<String, Value>,
    live: &Map<String, Value>,
    path: &FieldPath,
    found: &mut Vec<FieldPath>,
) {
    for (key, live) in live {
        match (expected.get(key), live) {
            // A map that goes as a whole takes its lists along: only where both have it can one be left over.
            (Some(Value::Object(expected)), Value::Object(live)) => {
                gone_below(expected, live, &path.field(key), found);
            }
            // A list with items has owners by its items, and an apply can take those away.
            (None, Value::Array(items)) if items.is_empty() => {
                found.push(path.field(key));
            }
            _ => {}
        }
    }
}

/// Whether `live` is `before` but for what a step has emptied or removed ahead of its apply, which is still to be done, or
/// done.
pub fn is_emptied_alone(sent: &Object, expected: &Object, before: &Object, live: &Object) -> bool {
    let places = [emptied(sent, before), vanishing(expected, before)].concat();

    let mut paths = differing(before, live).into_iter().peekable();
    // Without a difference the step has not begun, whatever places it would empty.
    let has_changed = paths.peek().is_some();

    has_changed && paths.all(|path| places.iter().any(|place| path.starts_with(place)))
}

/// What managers hold at a place.
struct Held<'a> {
    ours: &'a Map<String, Value>,
    others: Vec<&'a Map<String, Value>>,
}

fn below(
    sent: &Value,
    live: Option<&Value>,
    held: &Held<'_>,
    key: &str,
    parent: &FieldPath,
    found: &mut Vec<FieldPath>,
) {
    let (Value::Object(sent), Some(Value::Object(live))) = (sent, live) else {
        return;
    };

    let field = format!("f:{key}");
    let at = |set: &&'_ Map<String, Value>| set.get(&field).is_some();
    let Some(ours) = held.ours.get(&field).and_then(Value::as_object) else {
        return;
    };

    let others = held
        .others
        .iter()
        .filter(|set| at(set))
        .filter_map(|set| set[&field].as_object());

    let held = Held {
        ours,
        others: others.collect(),
    };
    let path = parent.field(key);

    if sent.is_empty() {
        // A default is nobody's and stays, as does what another manager holds: either
        // keeps the map from becoming null.
        let goes = |key: &String| held.ours.contains_key(&format!("f:{key}"));
        let is_shared = held.others.iter().any(|set| set.keys().any(|key| key != "."));

        if !live.is_empty() && !is_shared && live.keys().all(goes) {
            found.push(path);
        }
        return;
    }

    for (key, sent) in sent {
        below(sent, live.get(key), &held, key, &path, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::FIELD_MANAGER;
    use serde_json::json;

    fn thing(spec: &Value, entries: &Value) -> Object {
        Object::new(json!({"apiVersion": "shop.example/v1", "kind": "Thing",
            "metadata": {"name": "a", "managedFields": entries}, "spec": spec}))
        .unwrap()
    }

    fn entry(manager: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": fields}})
    }

    #[test]
    fn a_map_is_emptied_first_where_all_that_it_holds_is_ours_alone() {
        let ours = entry(FIELD_MANAGER, &json!({"f:deep": {"f:on": {}}}));
        let sent = thing(&json!({"deep": {}}), &json!([]));
        let paths = |live: &Object| {
            emptied(&sent, live)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };

        let all_ours = thing(&json!({"deep": {"on": false}}), &json!([ours]));
        assert_eq!(paths(&all_ours), ["/spec/deep"]);

        // Nobody owns the default, so that no apply takes it away: the map stays filled.
        let a_default = thing(&json!({"deep": {"on": false, "size": 5}}), &json!([ours]));
        assert!(paths(&a_default).is_empty());

        let others = entry("other", &json!({"f:deep": {"f:on": {}}}));
        assert!(paths(&thing(&json!({"deep": {"on": false}}), &json!([ours, others]))).is_empty());

        // An atomic map is replaced by the empty one that is sent.
        let atomic = entry(FIELD_MANAGER, &json!({"f:deep": {}}));
        assert!(paths(&thing(&json!({"deep": {"on": false}}), &json!([atomic]))).is_empty());
    }

    #[test]
    fn a_step_that_ended_after_it_had_emptied_a_map_is_told_from_a_change_of_another_client() {
        let ours = json!([entry(
            FIELD_MANAGER,
            &json!({"f:size": {}, "f:deep": {"f:on": {}}})
        )]);
        let before = thing(&json!({"size": 1, "deep": {"on": false}}), &ours);
        let sent = thing(&json!({"size": 2, "deep": {}}), &json!([]));
        let emptied = thing(&json!({"size": 1, "deep": {}}), &ours);

        assert!(is_emptied_alone(&sent, &sent, &before, &emptied));
        assert!(!is_emptied_alone(&sent, &sent, &before, &before));
        // The size is neither what it was nor what the step sends: another client was here.
        assert!(!is_emptied_alone(
            &sent,
            &sent,
            &before,
            &thing(&json!({"size": 3, "deep": {}}), &ours)
        ));
    }

    #[test]
    fn an_empty_list_that_nobody_owns_is_removed_first() {
        let ours = json!([entry(FIELD_MANAGER, &json!({"f:size": {}}))]);
        let live = thing(
            &json!({"size": 1, "map": [], "kept": [], "deep": {"list": []}}),
            &ours,
        );
        let expected = thing(&json!({"size": 1, "kept": [], "deep": {}}), &ours);

        let paths: Vec<String> = vanishing(&expected, &live)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(paths, ["/spec/map", "/spec/deep/list"]);

        let removed = thing(&json!({"size": 1, "kept": [], "deep": {}}), &ours);
        assert!(is_emptied_alone(&expected, &expected, &live, &removed));
        assert!(vanishing(&expected, &removed).is_empty());
    }
}
