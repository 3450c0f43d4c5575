//! The way from one value to another as JSON patch operations (RFC 6902).
//!
//! An operation finds an item by its place. So it comes behind a `test` of what the item is called: in manifests that have
//! changed meanwhile kustomize stops, and changes no other item.

use crate::model::FieldPath;
use crate::model::k8s::list_key::{key_step, list_key_at};
use crate::model::path_text::escape;
use serde_json::{Map, Value, json};

/// The operations that make the second of the first.
pub(super) fn operations(from: &Value, to: &Value) -> Vec<Value> {
    let mut walk = OperationWalk { found: Vec::new() };
    walk.values("", "", from, to);
    walk.found
}

struct OperationWalk {
    found: Vec<Value>,
}

impl OperationWalk {
    /// `field` holds the values at this pointer.
    fn values(&mut self, pointer: &str, field: &str, from: &Value, to: &Value) {
        match (from, to) {
            _ if from == to => {}
            (Value::Object(from), Value::Object(to)) => self.maps(pointer, from, to),
            (Value::Array(from), Value::Array(to)) => {
                match list_key_at(&FieldPath::root().field(field), &[from, to]) {
                    Some(keys) => self.lists(pointer, keys, from, to),
                    None => self.add("replace", pointer, Some(&Value::Array(to.clone()))),
                }
            }
            _ => self.add("replace", pointer, Some(to)),
        }
    }

    fn maps(&mut self, pointer: &str, from: &Map<String, Value>, to: &Map<String, Value>) {
        // A null is none: kustomize may have dropped it, and what is not there cannot be replaced or removed.
        let is_there = |name: &String| from.get(name).is_some_and(|value| !value.is_null());
        for (name, value) in from.iter().filter(|(name, _)| is_there(name)) {
            let at = format!("{pointer}/{}", escape(name));
            match to.get(name) {
                Some(other) => self.values(&at, name, value, other),
                None => self.add("remove", &at, None),
            }
        }
        let is_new = |(name, value): &(&String, &Value)| !is_there(name) && from.get(*name) != Some(value);
        for (name, value) in to.iter().filter(is_new) {
            self.add("add", &format!("{pointer}/{}", escape(name)), Some(value));
        }
    }

    fn lists(&mut self, pointer: &str, keys: &[&str], from: &[Value], to: &[Value]) {
        let is_same = |one: &Value, other: &Value| key_step(one, keys) == key_step(other, keys);
        let mut items = from.to_vec();

        // From the end: the places of those before stay.
        for index in (0..items.len()).rev() {
            if !to.iter().any(|item| is_same(item, &items[index])) {
                let at = format!("{pointer}/{index}");
                self.test(&at, keys, &items[index]);
                self.add("remove", &at, None);
                items.remove(index);
            }
        }

        for (index, item) in to.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            match items.iter().position(|other| is_same(item, other)) {
                Some(place) => {
                    if place != index {
                        let from = format!("{pointer}/{place}");
                        self.test(&from, keys, item);
                        self.found.push(json!({"op": "move", "from": from, "path": at}));
                        let moved = items.remove(place);
                        items.insert(index, moved);
                    }
                    if items[index] != *item {
                        let old = std::mem::replace(&mut items[index], item.clone());
                        self.test(&at, keys, &old);
                        self.values(&at, "", &old, item);
                    }
                }
                None if index == items.len() => {
                    self.add("add", &format!("{pointer}/-"), Some(item));
                    items.push(item.clone());
                }
                None => {
                    self.add("add", &at, Some(item));
                    items.insert(index, item.clone());
                }
            }
        }
    }

    /// That the item at a place is the one that is meant.
    fn test(&mut self, at: &str, keys: &[&str], item: &Value) {
        let mut fields = keys.iter().filter_map(|key| Some((key, item.get(*key)?)));
        if let Some((key, value)) = fields.next() {
            self.add("test", &format!("{at}/{}", escape(key)), Some(value));
        }
    }

    fn add(&mut self, operation: &str, path: &str, value: Option<&Value>) {
        let mut found = json!({"op": operation, "path": path});
        if let Some(value) = value {
            found["value"] = value.clone();
        }
        self.found.push(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The operations performed, as RFC 6902 says; a test that fails panics.
    fn perform(value: &mut Value, operations: &[Value]) {
        for one in operations {
            let text = |field: &str| one[field].as_str().unwrap().to_owned();
            match one["op"].as_str().unwrap() {
                "test" => assert_eq!(value.pointer(&text("path")), Some(&one["value"])),
                "remove" => drop(take(value, &text("path"))),
                "add" => put(value, &text("path"), one["value"].clone()),
                "replace" => *value.pointer_mut(&text("path")).unwrap() = one["value"].clone(),
                "move" => {
                    let moved = take(value, &text("from"));
                    put(value, &text("path"), moved);
                }
                other => panic!("{other}"),
            }
        }
    }

    fn split(pointer: &str) -> (&str, String) {
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        (parent, last.replace("~1", "/").replace("~0", "~"))
    }

    fn take(value: &mut Value, pointer: &str) -> Value {
        let (parent, last) = split(pointer);
        match value.pointer_mut(parent).unwrap() {
            Value::Object(map) => map.shift_remove(&last).unwrap(),
            Value::Array(items) => items.remove(last.parse().unwrap()),
            _ => panic!("{pointer}"),
        }
    }

    fn put(value: &mut Value, pointer: &str, new: Value) {
        let (parent, last) = split(pointer);
        match value.pointer_mut(parent).unwrap() {
            Value::Object(map) => drop(map.insert(last, new)),
            Value::Array(items) if last == "-" => items.push(new),
            Value::Array(items) => items.insert(last.parse().unwrap(), new),
            _ => panic!("{pointer}"),
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3).prop_map(Value::from),
            "[a-c/~]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let named = |map: std::collections::BTreeMap<String, Value>| {
                let items = map
                    .into_iter()
                    .map(|(name, value)| json!({"name": name, "value": value}));
                items.rev().collect::<Value>()
            };
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c~/]{1,2}", inner.clone(), 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
                proptest::collection::btree_map("[a-e]", inner, 0..5).prop_map(named),
            ]
        })
    }

    /// A null of a map, which is none.
    fn without_nulls(value: Value) -> Value {
        match value {
            Value::Object(map) => map
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Array(items) => items.into_iter().map(without_nulls).collect(),
            other => other,
        }
    }

    proptest! {
        #[test]
        fn the_operations_make_the_second_value_of_the_first(from in values(), to in values()) {
            let (from, to) = (json!({"a": from}), json!({"a": to}));
            let mut reached = from.clone();
            perform(&mut reached, &operations(&from, &to));
            prop_assert_eq!(without_nulls(reached), without_nulls(to));
        }
    }

    #[test]
    fn an_item_is_tested_by_name_before_it_is_changed_moved_or_removed() {
        let from = json!({"items": [{"name": "a"}, {"name": "b"}, {"name": "c", "x": 1}]});
        let to = json!({"items": [{"name": "c", "x": 2}, {"name": "a"}, {"name": "d"}]});
        let found = operations(&from, &to);

        let line = |one: &Value| {
            format!(
                "{} {}",
                one["op"].as_str().unwrap(),
                one["path"].as_str().unwrap()
            )
        };
        assert_eq!(
            found.iter().map(line).collect::<Vec<_>>(),
            [
                "test /items/1/name",
                "remove /items/1",
                "test /items/1/name",
                "move /items/0",
                "test /items/0/name",
                "replace /items/0/x",
                "add /items/-",
            ]
        );
    }
}
