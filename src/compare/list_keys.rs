//! Key fields of list items that desired leaves to the server's defaults, as live's managedFields tell them: without them
//! an item of desired is not found under the key that it has on the server.
//!
//! Our own entry is believed first: it names the items that an apply of ours made. What it gave others of the list is
//! the default for the rest; another manager's entry is the last resort. Nothing is guessed beyond that.

use crate::model::Object;
use crate::model::k8s::entries::is_our_apply_entry;
use crate::model::k8s::list_key::key_step;
use crate::model::path::Step;
use crate::model::path_text::escape;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Desired with these fields filled in, as far as the entries tell them.
pub(super) fn with_list_keys<'a>(desired: &'a Object, live: &Object) -> Cow<'a, Object> {
    let entries = live.managed_fields().iter();
    let sets = entries
        .filter_map(|entry| Some((is_our_apply_entry(entry), entry["fieldsV1"].as_object()?)))
        .collect();

    let mut walk = KeyWalk {
        at: Vec::new(),
        found: Vec::new(),
    };
    walk.value(&sets, desired.value());

    if walk.found.is_empty() {
        return Cow::Borrowed(desired);
    }

    // Only now: the walk borrows the object, and most objects have nothing to fill in and are not copied.
    let mut filled = desired.clone();
    for (pointer, fields) in walk.found {
        if let Some(item) = filled
            .value_mut()
            .pointer_mut(&pointer)
            .and_then(Value::as_object_mut)
        {
            item.extend(fields);
        }
    }
    Cow::Owned(filled)
}

/// What each entry holds below one place, and whether it is our own.
type Sets<'a> = Vec<(bool, &'a Map<String, Value>)>;

/// Fields of a key, as an item has them.
type Fields = Vec<(String, Value)>;

struct KeyWalk {
    /// Where it is, as the tokens of a pointer.
    at: Vec<String>,
    /// What items lack, by their pointers.
    found: Vec<(String, Fields)>,
}

impl KeyWalk {
    fn value(&mut self, sets: &Sets<'_>, value: &Value) {
        // Below a place of which no entry tells, no entry tells of anything.
        if sets.iter().all(|(_, set)| set.is_empty()) {
            return;
        }
        match value {
            Value::Object(map) => {
                for (key, below) in map {
                    let owned = format!("f:{key}");
                    let sets = sets
                        .iter()
                        .filter_map(|(is_ours, set)| Some((*is_ours, set.get(&owned)?.as_object()?)))
                        .collect();
                    self.below(&escape(key), &sets, below);
                }
            }
            Value::Array(items) => self.list(sets, items),
            _ => {}
        }
    }

    fn below(&mut self, token: &str, sets: &Sets<'_>, value: &Value) {
        self.at.push(token.to_owned());
        self.value(sets, value);
        self.at.pop();
    }

    fn list(&mut self, sets: &Sets<'_>, items: &[Value]) {
        let mut known: Vec<(Step, bool, &Map<String, Value>)> = Vec::new();
        for (is_ours, set) in sets {
            let steps = set
                .iter()
                .filter_map(|(key, below)| Some((Step::from_fields_v1(key)?, below.as_object()?)));
            known.extend(steps.map(|(step, below)| (step, *is_ours, below)));
        }

        // A set or an atomic list has no key fields that an item could lack.
        let Some(Step::Key(fields)) = known
            .iter()
            .map(|(step, ..)| step)
            .find(|step| matches!(step, Step::Key(_)))
        else {
            return;
        };

        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        let of = |ours: bool| {
            known
                .iter()
                .filter(|(_, is_ours, _)| *is_ours == ours)
                .map(|(step, ..)| step)
                .collect::<Vec<_>>()
        };

        for (index, (item, lacking)) in items
            .iter()
            .zip(lacking(items, &names, &of(true), &of(false)))
            .enumerate()
        {
            let field = |name: &&str| Some(((*name).to_owned(), item.get(name)?.clone()));

            // With its whole key the item is found in the entries, and the walk goes on below it.
            let whole: Map<_, _> = names
                .iter()
                .filter_map(field)
                .chain(lacking.iter().cloned())
                .collect();
            let step = key_step(&Value::Object(whole), &names);
            let is_it = |(one, ..): &&(Step, bool, _)| Some(one) == step.as_ref();
            let sets = known
                .iter()
                .filter(is_it)
                .map(|(_, is_ours, below)| (*is_ours, *below))
                .collect();

            self.below(&index.to_string(), &sets, item);
            if !lacking.is_empty() {
                self.found
                    .push((format!("/{}/{index}", self.at.join("/")), lacking));
            }
        }
    }
}

/// What each item lacks of its key: as our own entry has it that names such an item, as others got it that it names, or
/// as another manager's entry has it.
fn lacking(items: &[Value], names: &[&str], ours: &[&Step], theirs: &[&Step]) -> Vec<Fields> {
    let taken: Vec<Step> = items.iter().filter_map(|item| key_step(item, names)).collect();

    // A key that another item of desired writes in full is that item's.
    let named = |item: &Value, steps: &[&Step]| {
        let step = steps
            .iter()
            .filter(|step| !taken.contains(step))
            .find(|step| agrees(step, item, names));
        step.map(|step| rest_of(step, item)).unwrap_or_default()
    };
    let mut found: Vec<Fields> = items.iter().map(|item| named(item, ours)).collect();

    // What the server filled in for one item it fills in for the next: it is a default of the schema.
    let defaults: Fields = found.concat();
    let default = |name: &&str| defaults.iter().find(|(known, _)| known == name).cloned();
    for (item, lacking) in items.iter().zip(&mut found) {
        if lacking.is_empty() && item.is_object() && key_step(item, names).is_none() {
            let missing = names.iter().filter(|name| item.get(name).is_none());
            // An item that is new: no entry names it yet.
            *lacking = missing.filter_map(default).collect();
            if lacking.is_empty() {
                *lacking = named(item, theirs);
            }
        }
    }
    found
}

/// Whether the item lacks a field of the key, and has the others as the step does.
fn agrees(step: &Step, item: &Value, names: &[&str]) -> bool {
    let Step::Key(fields) = step else { return false };
    let present: Vec<_> = fields
        .iter()
        .filter(|(name, _)| item.get(name).is_some())
        .cloned()
        .collect();

    // An item with nothing of the key would agree with every step.
    !present.is_empty() && key_step(item, names).is_none() && Step::Key(present).is_item(item)
}

/// The fields of the step that the item lacks.
fn rest_of(step: &Step, item: &Value) -> Fields {
    let Step::Key(fields) = step else {
        return Vec::new();
    };
    // The text came out of a parsed step, so that it is JSON.
    let value = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let missing = fields.iter().filter(|(name, _)| item.get(name).is_none());
    missing.map(|(name, text)| (name.clone(), value(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::FIELD_MANAGER;
    use serde_json::json;

    fn thing(items: &Value, entries: &[(&str, &str, Value)]) -> Object {
        let entry = |(manager, operation, fields): &(&str, &str, Value)| json!({"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {"f:map": fields}}});
        let entries: Vec<_> = entries.iter().map(entry).collect();
        Object::new(json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a", "managedFields": entries},
            "spec": {"map": items}})).unwrap()
    }

    #[test]
    fn a_key_field_that_desired_leaves_out_is_the_one_that_our_entry_names() {
        let item = |key: &str, kind: &str| format!("k:{{\"key\":\"{key}\",\"kind\":\"{kind}\"}}");

        let ours = (
            FIELD_MANAGER,
            "Apply",
            json!({item("one", "plain"): {"f:key": {}}, item("one", "other"): {"f:key": {}}}),
        );
        let theirs = (
            "kubectl-edit",
            "Update",
            json!({item("two", "odd"): {"f:key": {}}, item("one", "odd"): {}}),
        );
        // The first entry is a person's: whichever comes first, ours has to win.
        let live = thing(&json!([]), &[theirs, ours]);
        for (desired, expected) in [
            (
                // The second item has taken its key: the first is the other one that we own.
                json!([{"key": "one"}, {"key": "one", "kind": "other"}]),
                json!([{"key": "one", "kind": "plain"}, {"key": "one", "kind": "other"}]),
            ),
            (
                json!([{"key": "three"}, {"key": "one", "kind": "other"}, {"key": "one"}]),
                json!([{"key": "three", "kind": "plain"}, {"key": "one", "kind": "other"}, {"key": "one", "kind": "plain"}]),
            ),
            // No item of ours is here to tell the default, and no entry names this one.
            (json!([{"key": "three"}]), json!([{"key": "three"}])),
            // Nobody but a person names it.
            (json!([{"key": "two"}]), json!([{"key": "two", "kind": "odd"}])),
            (
                json!([{"key": "two"}, {"key": "one"}]),
                json!([{"key": "two", "kind": "plain"}, {"key": "one", "kind": "plain"}]),
            ),
            (json!([]), json!([])),
        ] {
            assert_eq!(
                *with_list_keys(&thing(&desired, &[]), &live)
                    .at("/spec/map")
                    .unwrap(),
                expected
            );
        }
    }
}
