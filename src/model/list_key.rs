//! Which fields tell the items of a list apart, for lists whose schema is not at hand.
//!
//! The built-in kinds' associative lists (`x-kubernetes-list-map-keys`) use few keys; a key counts only where it is there
//! and unique in every version of the list.

use super::path::Step;
use serde_json::Value;

/// In the order in which they are tried: more telling ones first.
const KEYS: &[&[&str]] = &[
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
    KEYS.iter().copied().find(|keys| lists.iter().all(|list| tells_apart(list, keys)))
}

fn tells_apart(list: &[Value], keys: &[&str]) -> bool {
    let steps: Option<Vec<Step>> = list.iter().map(|item| key_step(item, keys)).collect();
    steps.is_some_and(|mut steps| {
        let count = steps.len();
        steps.sort();
        steps.dedup();
        steps.len() == count
    })
}

/// The step that addresses an item by its key; none where a key field is missing.
pub fn key_step(item: &Value, keys: &[&str]) -> Option<Step> {
    let map = item.as_object()?;
    let fields: Option<Vec<_>> = keys.iter().map(|key| map.get(*key).map(|value| (*key, value))).collect();
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
        assert_eq!(list_key(&[&list(json!(["a", "b"]))]), None);
    }
}
