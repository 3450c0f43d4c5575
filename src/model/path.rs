//! Paths into objects, with list items addressed by their key:
//! `/spec/template/spec/containers/[name=web]/image`.
//!
//! It says the same as the `f:`, `k:`, `v:` and `i:` steps of managedFields (KEP-555), so that a field has
//! one address in a manifest, in the server's answer and in the ownership of either. A path that leads
//! nowhere is no error: reading gives none, and removing removes nothing. Paths as text are `path_text.rs`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A field of a map.
    Field(String),
    /// The item of a keyed list with these key fields (JSON scalars, as JSON text, ordered by name).
    // JSON text and not values: paths are sorted, and JSON values have no order.
    Key(Vec<(String, String)>),
    /// The item of a set with this value (as JSON text).
    Value(String),
    /// The item at this index of an atomic or unkeyed list.
    Index(usize),
}

impl Step {
    /// A keyed item from its key fields.
    pub fn key<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        let mut fields: Vec<_> = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_string()))
            .collect();
        // The order in which somebody names the key fields is no part of the address.
        fields.sort();

        Step::Key(fields)
    }

    /// From one step of managedFields' `fieldsV1`; none for `.` and for what is not a step.
    pub fn from_fields_v1(step: &str) -> Option<Self> {
        let (kind, rest) = step.split_once(':')?;
        match kind {
            "f" => Some(Step::Field(rest.to_owned())),
            "k" => {
                let key: Map<String, Value> = serde_json::from_str(rest).ok()?;
                Some(Step::key(key.iter().map(|(name, value)| (name.as_str(), value))))
            }
            // Written anew: the same value in another spelling is the same step.
            "v" => Some(Step::Value(serde_json::from_str::<Value>(rest).ok()?.to_string())),
            "i" => rest.parse().ok().map(Step::Index),
            _ => None,
        }
    }

    /// As managedFields' `fieldsV1` writes it.
    pub fn to_fields_v1(&self) -> String {
        match self {
            Step::Field(name) => format!("f:{name}"),
            Step::Key(fields) => {
                // Sorted by name, as the server itself writes a key.
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, text)| format!("{}:{text}", Value::from(name.as_str())))
                    .collect();
                format!("k:{{{}}}", fields.join(","))
            }
            Step::Value(text) => format!("v:{text}"),
            Step::Index(index) => format!("i:{index}"),
        }
    }

    /// The item or field of `value` that this step leads to.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Step::Field(name) => value.as_object()?.get(name),
            // The first that fits: an address may hold a part of the key alone.
            Step::Key(_) | Step::Value(_) => value.as_array()?.iter().find(|item| self.is_item(item)),
            Step::Index(index) => value.as_array()?.get(*index),
        }
    }
}

impl Step {
    /// Whether a list's item is the one that this step addresses by key or value.
    pub fn is_item(&self, item: &Value) -> bool {
        match self {
            Step::Key(fields) => fields.iter().all(|(name, text)| is(key_field(item, name), text)),
            Step::Value(text) => is(Some(item), text),
            Step::Field(_) | Step::Index(_) => false,
        }
    }

    /// As [`Step::get`], to change it.
    fn get_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Step::Field(name) => value.as_object_mut()?.get_mut(name),
            Step::Index(index) => value.as_array_mut()?.get_mut(*index),
            Step::Key(_) | Step::Value(_) => {
                let at = value.as_array()?.iter().position(|item| self.is_item(item))?;
                value.as_array_mut()?.get_mut(at)
            }
        }
    }
}

/// A key field of a list's item. The protocol of a port is the one key that the built-in kinds give a default: whoever
/// leaves it out means TCP.
pub(super) fn key_field<'v>(item: &'v Value, name: &str) -> Option<&'v Value> {
    // Items are given back by reference: the default has to live as long as any of them.
    static TCP: LazyLock<Value> = LazyLock::new(|| "TCP".into());

    item.get(name)
        .or_else(|| (name == "protocol" && item.is_object()).then_some(&*TCP))
}

/// Whether `value` is what the JSON text says.
fn is(value: Option<&Value>, text: &str) -> bool {
    value.is_some_and(|value| serde_json::from_str::<Value>(text).is_ok_and(|wanted| wanted == *value))
}

/// A path into an object; empty for the object itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
// As text in files: rules and plans name fields as a person reads them.
#[serde(try_from = "String", into = "String")]
pub struct FieldPath(Vec<Step>);

impl FieldPath {
    /// The object itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// From steps.
    pub fn from_steps(steps: Vec<Step>) -> Self {
        Self(steps)
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// This path and one more step.
    #[must_use]
    pub fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// This path and a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.with(Step::Field(name.to_owned()))
    }

    /// Without its last step; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    /// Whether this path is `prefix` or lies under it.
    pub fn starts_with(&self, prefix: &FieldPath) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// Replaces the value that this path leads to; false where there is none.
    pub fn set(&self, object: &mut Value, new: Value) -> bool {
        // Nothing is created on the way: a value appears only where one was.
        let mut at = object;
        for step in &self.0 {
            let Some(next) = step.get_mut(at) else {
                return false;
            };
            at = next;
        }

        *at = new;
        true
    }

    /// The value that this path leads to.
    pub fn get<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(object, |value, step| step.get(value))
    }
}

impl FieldPath {
    /// Removes the value; nothing where there is none.
    pub fn remove(&self, object: &mut Value) {
        let Some((last, way)) = self.0.split_last() else {
            return;
        };

        let mut at = object;
        for step in way {
            match step.get_mut(at) {
                Some(next) => at = next,
                None => return,
            }
        }

        match (last, at) {
            // The order of the other fields stays: objects are written as they were read.
            (Step::Field(name), Value::Object(map)) => drop(map.shift_remove(name)),
            (Step::Index(index), Value::Array(items)) if *index < items.len() => drop(items.remove(*index)),
            (step, Value::Array(items)) => {
                if let Some(index) = items.iter().position(|item| step.is_item(item)) {
                    items.remove(index);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_path_reads_a_container_by_its_name_and_a_port_by_both_keys() {
        let object = json!({"spec": {"containers": [{"name": "web", "image": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}});
        let get = |text: &str| text.parse::<FieldPath>().unwrap().get(&object).cloned();

        assert_eq!(get("/spec/containers/[name=web]/image"), Some(json!("a")));
        assert_eq!(get("/spec/containers/[0]/image"), Some(json!("a")));
        assert_eq!(
            get("/spec/containers/[name=web]/ports/[containerPort=80,protocol=TCP]/protocol"),
            Some(json!("TCP"))
        );
        assert_eq!(get("/spec/containers/[name=db]/image"), None);

        // A manifest leaves the protocol out and the server fills it in: one address finds both.
        let manifest = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "name": "tcp"}]});
        let name = |text: &str| text.parse::<FieldPath>().unwrap().get(&manifest).cloned();
        assert_eq!(
            name("/ports/[port=53,protocol=TCP]/name"),
            Some(json!("tcp")),
            "the default of a port"
        );

        // Another protocol is another port, however alike the rest is.
        assert_eq!(name("/ports/[port=53,protocol=SCTP]"), None);
    }

    #[test]
    fn a_field_and_a_list_item_are_removed_by_their_paths() {
        let mut object = json!({"spec": {"replicas": 3, "containers": [{"name": "web"}, {"name": "log"}], "set": ["a", "b"]}});

        for path in [
            "/spec/replicas",
            "/spec/containers/[name=log]",
            "/spec/set/[=a]",
            // Nothing is there: to remove it again is no error.
            "/spec/nothing/here",
        ] {
            path.parse::<FieldPath>().unwrap().remove(&mut object);
        }

        assert_eq!(
            object,
            json!({"spec": {"containers": [{"name": "web"}], "set": ["b"]}})
        );
    }

    #[test]
    fn a_step_is_written_as_managed_fields_write_it() {
        for text in [
            "f:spec",
            "k:{\"containerPort\":80,\"protocol\":\"TCP\"}",
            "v:\"a\"",
            "i:3",
        ] {
            assert_eq!(Step::from_fields_v1(text).unwrap().to_fields_v1(), text);
        }
    }

    #[test]
    fn a_slash_in_an_annotation_is_written_as_in_a_json_pointer() {
        let path = FieldPath::root()
            .field("metadata")
            .field("annotations")
            .field("example.com/a~b");
        // The tilde is escaped before the slash: otherwise the two could not be told apart again.
        assert_eq!(path.to_string(), "/metadata/annotations/example.com~1a~0b");
        assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn a_text_that_is_not_a_path_is_refused_with_the_reason() {
        for (text, why) in [
            ("spec", "slash"),
            ("/a//b", "empty"),
            ("/a/[x", "closed"),
            ("/a/[x]", "key=value"),
        ] {
            assert!(text.parse::<FieldPath>().unwrap_err().why.contains(why), "{text}");
        }
    }

    fn scalars() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            // Quotes, commas, brackets and numbers in texts are what a spelling for people trips over.
            ".{0,12}".prop_map(Value::from)
        ]
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            // A field that began with a bracket would read as an item of a list.
            "[^\\[].{0,8}".prop_map(Step::Field),
            proptest::collection::btree_map("[a-z]{1,5}", scalars(), 1..3)
                .prop_map(|fields| Step::key(fields.iter().map(|(n, v)| (n.as_str(), v)))),
            scalars().prop_map(|v| Step::Value(v.to_string())),
            (0usize..100).prop_map(Step::Index),
        ]
    }

    proptest! {
        #[test]
        fn every_path_reads_back_as_it_was_written(steps in proptest::collection::vec(steps(), 0..5)) {
            let path = FieldPath::from_steps(steps);
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }
}
