//! Which fields tell the items of a list apart, for lists whose schema is not at hand.
//!
//! The built-in kinds' associative lists (`x-kubernetes-list-map-keys`) use few keys; a key counts only where it is there
//! and unique in every version of the list.
//!
//! A wrong key would pair items that have nothing to do with each other; without one, a list is only compared
//! as a whole. So a key is taken only where it tells the items apart for certain.

use crate::model::path::{FieldPath, Step, key_field};
use serde_json::Value;

/// In the order in which they are tried: more telling ones first.
const KEYS: &[&[&str]] = &[
    // Ports and mounts have names as well, which are optional there or occur twice.
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["mountPath"],
    &["devicePath"],
    &["topologyKey", "whenUnsatisfiable"],
    &["name"],
    &["uid"],
    &["ip"],
    &["key"],
    &["type"],
];

/// The key of the lists' items; none where they are compared as a whole.
pub fn list_key(lists: &[&[Value]]) -> Option<&'static [&'static str]> {
    key_of(lists, false)
}

/// As [`list_key`], of the lists at a path: a port that a manifest writes without its protocol has the address that it
/// gets on the server.
pub fn list_key_at(path: &FieldPath, lists: &[&[Value]]) -> Option<&'static [&'static str]> {
    key_of(
        lists,
        matches!(path.steps().last(), Some(Step::Field(name)) if name == "ports"),
    )
}

fn key_of(lists: &[&[Value]], are_ports: bool) -> Option<&'static [&'static str]> {
    // One key for all of the lists: an item must have the same address in each of them.
    KEYS.iter()
        .copied()
        .find(|keys| lists.iter().all(|list| tells_apart(list, keys, are_ports)))
}

fn tells_apart(list: &[Value], keys: &[&str], are_ports: bool) -> bool {
    let is_there = |item: &Value| are_ports || keys.iter().all(|key| item.get(key).is_some());
    let step = |item: &Value| key_step(item, keys).filter(|_| is_there(item));

    let steps: Option<Vec<Step>> = list.iter().map(step).collect();
    // Two items at one address are not told apart.
    steps.is_some_and(|mut steps| {
        let count = steps.len();
        steps.sort();
        steps.dedup();
        steps.len() == count
    })
}

/// The step that addresses an item by as much of its key as is there; none where nothing of it is.
pub fn present_step(item: &Value, keys: &[&str]) -> Option<Step> {
    let is_there = keys.iter().any(|key| item.get(key).is_some());
    // Once anything of the key is there, the rest may be a default: a protocol that was left out.
    let present = keys.iter().filter_map(|key| Some((*key, key_field(item, key)?)));

    is_there.then(|| Step::key(present))
}

/// The step that addresses an item by its key; none where a key field is missing.
pub fn key_step(item: &Value, keys: &[&str]) -> Option<Step> {
    let fields: Option<Vec<_>> = keys
        .iter()
        .map(|key| key_field(item, key).map(|value| (*key, value)))
        .collect();
    fields.map(Step::key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_counts_only_where_every_item_has_it_once() {
        let list = |value: Value| value.as_array().unwrap().clone();
        let named = list(json!([{"name": "a"}, {"name": "b"}]));
        let twice = list(json!([{"name": "a"}, {"name": "a"}]));
        let ports =
            list(json!([{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}]));

        assert_eq!(list_key(&[&named]), Some(&["name"][..]));
        assert_eq!(list_key(&[&named, &twice]), None);
        assert_eq!(list_key(&[&ports]), Some(&["containerPort", "protocol"][..]));
        // Texts have no fields.
        assert_eq!(list_key(&[&list(json!(["a", "b"]))]), None);
    }

    #[test]
    fn a_port_without_a_protocol_has_the_address_that_it_gets_on_the_server() {
        let list = |value: Value| value.as_array().unwrap().clone();
        let written = list(json!([{"name": "http", "port": 80}]));
        let live = list(json!([{"name": "http", "port": 80, "protocol": "TCP"}]));

        let at = |path: &str, lists: &[&[Value]]| list_key_at(&path.parse().unwrap(), lists);
        let ports = Some(&["port", "protocol"][..]);

        assert_eq!(at("/spec/ports", &[&written, &live]), ports);
        assert_eq!(at("/spec/ports", &[&written]), ports);

        let step = |item: &Value| key_step(item, &["port", "protocol"]);
        assert_eq!(step(&written[0]), step(&live[0]));

        let step = |item: &Value| present_step(item, &["port", "protocol"]);
        assert_eq!(step(&written[0]), step(&live[0]));
        assert_eq!(step(&json!({"name": "http"})), None);

        // Other lists have ports too, and no protocol.
        assert_eq!(
            at("/spec/rules/[0]/backendRefs", &[&written]),
            Some(&["name"][..])
        );
    }
}
