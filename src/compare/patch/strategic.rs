//! What a strategic merge patch can say of the way from desired to what it is to become.
//!
//! kustomize puts items that a patch names ahead of the others, so that a patched list names each item up to the last that
//! differs. It cannot say where an item comes in, which goes, a null, or a field whose name is a directive or reads as none:
//! that is left to operations. So is all of an object in which a merge, whatever it says, loses an item.

use crate::model::k8s::kinds::Gvk;
use crate::model::k8s::merge_keys::{ListMerge, known_keys, list_merge};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The patch, without the identity of its object, and what it makes of desired. An empty patch says nothing.
pub(super) fn strategic(gvk: &Gvk, desired: &Value, patched: &Value) -> (Map<String, Value>, Value) {
    let mut reached = desired.clone();
    let mut walk = StrategicWalk {
        gvk,
        place: Vec::new(),
    };

    let patch = match (desired, patched, reached.as_object_mut()) {
        _ if has_twins("", desired) => Map::new(),
        (Value::Object(old), Value::Object(new), Some(reached)) => walk.maps(old, new, reached),
        _ => Map::new(),
    };
    (patch, reached)
}

struct StrategicWalk<'a> {
    gvk: &'a Gvk,
    /// The fields from the root, and `[]` for an item.
    place: Vec<&'a str>,
}

impl<'a> StrategicWalk<'a> {
    /// What a patch says of a map; `reached` becomes what that makes of it.
    fn maps(
        &mut self,
        old: &'a Map<String, Value>,
        new: &'a Map<String, Value>,
        reached: &mut Map<String, Value>,
    ) -> Map<String, Value> {
        let are_marks = self.is_in_marks();
        let mut patch = Map::new();
        let added = new.keys().filter(|name| !old.contains_key(*name));

        for name in old.keys().chain(added).filter(|name| is_mergeable(name)) {
            let (before, after) = (old.get(name), new.get(name));
            if before == after || are_marks && !is_mergeable_mark(name, after) {
                continue;
            }

            self.place.push(name);
            let part = match (before, after) {
                (_, None) if self.place.first() != Some(&"metadata") => {
                    reached.shift_remove(name);
                    Some(Value::Null)
                }
                (Some(Value::Object(before)), Some(Value::Object(after))) => reached
                    .get_mut(name)
                    .and_then(Value::as_object_mut)
                    .map(|reached| Value::Object(self.maps(before, after, reached)))
                    .filter(|patch| patch.as_object().is_some_and(|patch| !patch.is_empty())),
                (Some(Value::Array(before)), Some(Value::Array(after))) => {
                    self.lists(before, after, reached.get_mut(name))
                }
                (before, Some(after)) if self.is_replaceable(before, after) => {
                    reached.insert(name.clone(), after.clone());
                    Some(after.clone())
                }
                _ => None,
            };
            self.place.pop();

            if let Some(part) = part {
                patch.insert(name.clone(), part);
            }
        }
        patch
    }

    /// Whether the place is that of the object's own labels or annotations.
    fn is_in_marks(&self) -> bool {
        matches!(self.place[..], ["metadata", "labels" | "annotations"])
    }

    /// Whether a merge puts `after` in the place of `before`, as it is. kustomize (5.8) keeps the quotes of what was there: a
    /// number in the place of a text becomes a text.
    fn is_replaceable(&mut self, before: Option<&Value>, after: &'a Value) -> bool {
        let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
        let is_alike = |before: &Value| is_scalar(before) && before.is_string() == after.is_string();
        let is_free = before.is_none_or(Value::is_null);
        (is_free || is_scalar(after) && before.is_some_and(is_alike)) && self.is_plain(after)
    }

    /// Whether kustomize takes a value as it is: it reads directives, and merges the items of a list with each other whose key
    /// is not the one that tells them apart.
    fn is_plain(&mut self, value: &'a Value) -> bool {
        match value {
            Value::Null => false,
            Value::Object(map) => {
                let are_marks = self.is_in_marks();
                map.iter().all(|(name, value)| {
                    is_mergeable(name)
                        && (!are_marks || is_mergeable_mark(name, Some(value)))
                        && self.is_plain_at(name, value)
                })
            }
            Value::Array(items) => {
                let is_scalar = |item: &Value| !item.is_object() && !item.is_array() && !item.is_null();
                let is_keyed = match list_merge(self.gvk, &self.place) {
                    Some(ListMerge::ByKey(key)) => item_names(items, key).is_some(),
                    Some(ListMerge::Replaced) | None => items.iter().all(is_scalar),
                };
                is_keyed && items.iter().all(|item| self.is_plain_at("[]", item))
            }
            _ => true,
        }
    }

    fn is_plain_at(&mut self, step: &'a str, value: &'a Value) -> bool {
        self.place.push(step);
        let is_plain = self.is_plain(value);
        self.place.pop();
        is_plain
    }

    fn lists(&mut self, old: &'a [Value], new: &'a [Value], reached: Option<&mut Value>) -> Option<Value> {
        let key = match list_merge(self.gvk, &self.place)? {
            ListMerge::ByKey(key) => key,
            ListMerge::Replaced => {
                let list = Value::Array(new.to_vec());
                *reached? = list.clone();
                return Some(list);
            }
        };
        let (names, others) = (item_names(old, key)?, item_names(new, key)?);
        let reached = reached?.as_array_mut()?;

        self.place.push("[]");
        let mut items = Vec::new();
        for ((before, name), reached) in old.iter().zip(&names).zip(reached) {
            // Items that come, go or move are no matter of a merge: those of both sides are.
            let place = others.iter().position(|other| other == name);
            let after = place.and_then(|place| new.get(place));
            let maps = (
                before.as_object(),
                after.and_then(Value::as_object),
                reached.as_object_mut(),
            );
            items.push(match maps {
                (Some(before), Some(after), Some(reached)) => self.maps(before, after, reached),
                _ => Map::new(),
            });
        }
        self.place.pop();

        let last = items.iter().rposition(|item| !item.is_empty())?;
        let named = items.into_iter().zip(names).take(last + 1);
        let item = |(patch, name): (Map<String, Value>, &str)| {
            let mut item = Map::new();
            item.insert(key.into(), name.into());
            item.extend(patch);
            Value::Object(item)
        };
        Some(named.map(item).collect())
    }
}

/// Whether a list in the value of this field, or the value itself, has two items under one key: any merge of kustomize (5.8)
/// drops one of them, also in a list that the patch does not name.
fn has_twins(field: &str, value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(name, value)| has_twins(name, value)),
        Value::Array(items) => {
            let mut keys = known_keys(field).iter();
            let is_repeated = |key: &&str| {
                let mut seen = BTreeSet::new();
                let mut found = items.iter().filter_map(|item| item.get(key));
                !found.all(|value| seen.insert(value.to_string()))
            };
            keys.any(is_repeated) || items.iter().any(|item| has_twins("", item))
        }
        _ => false,
    }
}

/// What the items are told apart by; none where that does not tell all of them apart.
fn item_names<'v>(items: &'v [Value], key: &str) -> Option<Vec<&'v str>> {
    let names: Vec<&str> = items
        .iter()
        .map(|item| item.get(key)?.as_str())
        .collect::<Option<_>>()?;
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    (distinct.len() == names.len()).then_some(names)
}

/// Whether kustomize (5.8) merges a field of this name: it reads directives, and loses the quotes around what is none to YAML.
fn is_mergeable(name: &str) -> bool {
    let is_none = name.is_empty() || name == "~" || name.eq_ignore_ascii_case("null");
    !name.starts_with('$') && !is_none
}

/// Whether kustomize (5.8) merges a label or an annotation of the object itself. It reads these of a patch as texts: a null
/// becomes the text `null`, and a key that YAML takes for a number is refused.
fn is_mergeable_mark(name: &str, value: Option<&Value>) -> bool {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_switch = name.eq_ignore_ascii_case("true") || name.eq_ignore_ascii_case("false");
    is_word && !is_switch && value.is_some_and(Value::is_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn pod(spec: &Value) -> Value {
        json!({"spec": spec})
    }

    #[rstest]
    #[case::a_value(json!({"priority": 1}), json!({"priority": 2}), json!({"priority": 2}))]
    #[case::a_field_that_went(json!({"a": 1, "b": 2}), json!({"b": 2}), json!({"a": null}))]
    #[case::a_field_that_came(json!({}), json!({"a": {"b": "c"}}), json!({"a": {"b": "c"}}))]
    #[case::the_first_item(
        json!({"containers": [{"name": "a", "tty": true}, {"name": "b"}]}),
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"name": "a", "tty": null}]}),
    )]
    #[case::items_ahead_are_named(
        json!({"containers": [{"name": "a"}, {"name": "b", "env": [{"name": "A"}, {"name": "B", "value": "1"}]}]}),
        json!({"containers": [{"name": "a"}, {"name": "b", "env": [{"name": "A"}, {"name": "B", "value": "2"}]}]}),
        json!({"containers": [{"name": "a"}, {"name": "b", "env": [{"name": "A"}, {"name": "B", "value": "2"}]}]}),
    )]
    fn what_a_merge_can_say_is_all_that_it_says(
        #[case] old: Value,
        #[case] new: Value,
        #[case] expected: Value,
    ) {
        let (patch, reached) = strategic(&Gvk::new("v1", "Pod"), &pod(&old), &pod(&new));
        assert_eq!(Value::Object(patch), pod(&expected));
        assert_eq!(reached, pod(&new));
    }

    #[test]
    fn of_a_list_in_which_one_came_and_one_went_the_others_are_merged() {
        let old = pod(&json!({"containers": [{"name": "gone"}, {"name": "a"}]}));
        let new = pod(&json!({"containers": [{"name": "b"}, {"name": "a", "tty": true}]}));
        let (patch, reached) = strategic(&Gvk::new("v1", "Pod"), &old, &new);

        let merged = pod(&json!({"containers": [{"name": "gone"}, {"name": "a", "tty": true}]}));
        assert_eq!((Value::Object(patch), reached), (merged.clone(), merged));
    }

    #[test]
    fn of_the_labels_of_the_object_itself_only_those_that_come_or_change_are_merged() {
        let labels = |labels: &Value| json!({"metadata": {"labels": labels}});
        let (old, new) = (
            json!({"a": "1", "b": "2"}),
            json!({"b": "3", "c": "4", "1": "5", "true": "6"}),
        );
        let (patch, reached) = strategic(&Gvk::new("v1", "Pod"), &labels(&old), &labels(&new));

        assert_eq!(Value::Object(patch), labels(&json!({"b": "3", "c": "4"})));
        assert_eq!(reached, labels(&json!({"a": "1", "b": "3", "c": "4"})));

        // Nor do all of them go, or come beside one that is no word.
        let without = json!({"metadata": {}});
        for (old, new) in [(labels(&old), without.clone()), (without, labels(&new))] {
            assert!(strategic(&Gvk::new("v1", "Pod"), &old, &new).0.is_empty());
        }
    }

    #[rstest]
    #[case::an_item_that_came(json!({"containers": [{"name": "a"}]}), json!({"containers": [{"name": "a"}, {"name": "b"}]}))]
    #[case::an_item_that_went(json!({"volumes": [{"name": "a"}]}), json!({"volumes": []}))]
    #[case::another_order(
        json!({"volumes": [{"name": "a"}, {"name": "b"}]}),
        json!({"volumes": [{"name": "b"}, {"name": "a"}]}),
    )]
    #[case::ports_that_its_key_does_not_tell_apart(
        json!({}),
        json!({"ports": [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]}),
    )]
    #[case::a_null(json!({}), json!({"a": null}))]
    #[case::a_number_for_a_text(json!({"a": "1"}), json!({"a": 1}))]
    #[case::a_text_for_a_number(json!({"a": 1}), json!({"a": "1"}))]
    #[case::a_name_that_is_none(json!({"a": 1}), json!({"a": 1, "null": 2}))]
    #[case::a_directive(json!({}), json!({"a": {"$patch": "delete"}}))]
    #[case::a_list_that_it_does_not_know(json!({"tolerations": [{"key": "a"}]}), json!({"tolerations": [{"key": "b"}]}))]
    #[case::a_field_beside_ports_that_its_key_does_not_tell_apart(
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}]}]}),
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}]}],
            "priority": 1}),
    )]
    #[case::names_that_are_not_told_apart(
        json!({"containers": [{"name": "a"}, {"name": "a"}]}),
        json!({"containers": [{"name": "a"}, {"name": "a", "tty": true}]}),
    )]
    fn what_a_merge_cannot_say_is_left_as_it_is(#[case] old: Value, #[case] new: Value) {
        let (patch, reached) = strategic(&Gvk::new("v1", "Pod"), &pod(&old), &pod(&new));
        assert!(patch.is_empty(), "{patch:?}");
        assert_eq!(reached, pod(&old));
    }
}
