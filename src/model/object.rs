//! Kubernetes objects as JSON.
//!
//! Objects are never sent through a typed struct: a field that this binary does not know would vanish. An
//! object is made once, by [`Object::new`], and has an identity from then on; `identity.rs` has its
//! types.

use super::identity::{ObjectId, Uid};
use super::k8s::kinds::Gvk;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// A JSON value that is not a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    /// A field without which nothing is an object.
    #[error("expected a Kubernetes object, found no {field}")]
    Missing {
        /// The first one that is missing.
        field: &'static str,
    },
    /// A field that says what the object is, and is no text.
    #[error("{field}: expected text, found {found}")]
    NotText {
        /// The first one.
        field: &'static str,
        /// `the number 668`, `a list`, …
        found: String,
    },
}

/// The fields that say which object it is; without the first three there is none.
// The first that is wrong is the one that a person is told of.
const IDENTITY: [(&str, &str); 4] = [
    ("/apiVersion", "apiVersion"),
    ("/kind", "kind"),
    ("/metadata/name", "metadata.name"),
    ("/metadata/namespace", "metadata.namespace"),
];

/// What YAML made of a text without quotes, so that it is recognised.
fn describe(value: &Value) -> String {
    match value {
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::Array(_) => "a list".into(),
        _ => "an object".into(),
    }
}

/// A Kubernetes object: JSON, with its fields in the order in which they were read.
///
/// A clone shares the JSON until one of them is changed: the stages pass objects on, and few of them change any.
/// `Debug` shows the identity alone, so that a Secret cannot leak through a log line.
#[derive(Clone, PartialEq, Eq)]
pub struct Object(Arc<Value>);

impl Object {
    /// Checks that `value` has `apiVersion`, `kind` and `metadata.name`, and that these and the namespace are text.
    pub fn new(value: Value) -> Result<Self, NotAnObject> {
        for (pointer, field) in IDENTITY {
            match value.pointer(pointer) {
                Some(Value::String(text)) if !text.is_empty() => {}
                // As kubectl takes it: no namespace is said.
                None | Some(Value::Null | Value::String(_)) if field == "metadata.namespace" => {}
                None | Some(Value::Null | Value::String(_)) => return Err(NotAnObject::Missing { field }),
                Some(other) => {
                    return Err(NotAnObject::NotText {
                        field,
                        found: describe(other),
                    });
                }
            }
        }

        Ok(Self(Arc::new(value)))
    }

    /// The whole object.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The whole object, to change. Identity fields must stay.
    pub fn value_mut(&mut self) -> &mut Value {
        // A copy where others hold it: what earlier stages have seen stays as it was.
        Arc::make_mut(&mut self.0)
    }

    /// Gives the JSON back.
    pub fn into_value(self) -> Value {
        Arc::unwrap_or_clone(self.0)
    }

    fn metadata(&self, field: &str) -> Option<&Value> {
        self.0.get("metadata")?.get(field)
    }

    /// The text at a JSON pointer, or `""`.
    pub fn text(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The value at a JSON pointer.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        self.0
            .get("apiVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        self.0.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it says of itself that it is a Secret.
    pub fn is_secret(&self) -> bool {
        // The core group alone: a custom kind may be called so, too.
        self.kind() == "Secret" && !self.api_version().contains('/')
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> Gvk {
        Gvk::new(self.api_version(), self.kind())
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.metadata("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> Option<&str> {
        // An empty one is none, as in `new`.
        self.metadata("namespace")
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// `metadata.uid`, or `""` where the server has not seen it.
    pub fn uid(&self) -> &str {
        self.metadata("uid").and_then(Value::as_str).unwrap_or_default()
    }

    /// `metadata.uid`; none where the server has not seen it.
    pub fn known_uid(&self) -> Option<Uid> {
        Uid::parse(self.uid())
    }

    /// Whether it is the object with this uid. Where none is known, it is not.
    pub fn has_uid(&self, uid: Option<&Uid>) -> bool {
        uid.is_some_and(|uid| uid.as_str() == self.uid())
    }

    /// `metadata.resourceVersion`, or `""`.
    pub fn resource_version(&self) -> &str {
        self.metadata("resourceVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// `metadata.generation`, or 0 for kinds that have none.
    pub fn generation(&self) -> i64 {
        self.metadata("generation")
            .and_then(Value::as_i64)
            .unwrap_or_default()
    }

    /// `metadata.labels`.
    pub fn labels(&self) -> Option<&Map<String, Value>> {
        self.metadata("labels").and_then(Value::as_object)
    }

    /// One label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels()?.get(key)?.as_str()
    }

    /// `metadata.annotations`.
    pub fn annotations(&self) -> Option<&Map<String, Value>> {
        self.metadata("annotations").and_then(Value::as_object)
    }

    /// Whether it is on its way out: whatever its spec says, it will be gone.
    pub fn is_being_deleted(&self) -> bool {
        self.metadata("deletionTimestamp")
            .is_some_and(|time| !time.is_null())
    }

    /// The finalizers that hold it back once it is deleted.
    pub fn finalizers(&self) -> Vec<String> {
        let names = self.metadata("finalizers").and_then(Value::as_array);
        names
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(Into::into)
            .collect()
    }

    /// One annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations()?.get(key)?.as_str()
    }

    /// `metadata.managedFields`, empty where there are none.
    pub fn managed_fields(&self) -> &[Value] {
        self.metadata("managedFields")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// Forgets who owns which field: often the greater part of an object.
    pub fn drop_managed_fields(&mut self) {
        // A change copies a shared object: not where there is nothing to forget.
        if self.managed_fields().is_empty() {
            return;
        }

        if let Some(metadata) = self
            .value_mut()
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
        {
            // In place: the other fields keep their order.
            metadata.shift_remove("managedFields");
        }
    }

    /// The object without word of who owns which field: a copy of what is left, and not of the whole.
    pub fn without_managed_fields(&self) -> Self {
        let Value::Object(fields) = self.value() else {
            return self.clone();
        };

        let without_entries = |value: &Value| match value {
            Value::Object(metadata) => {
                let others = metadata.iter().filter(|(name, _)| *name != "managedFields");
                Value::Object(
                    others
                        .map(|(name, value)| (name.clone(), value.clone()))
                        .collect(),
                )
            }
            other => other.clone(),
        };

        let copy = |(name, value): (&String, &Value)| {
            (
                name.clone(),
                if name == "metadata" {
                    without_entries(value)
                } else {
                    value.clone()
                },
            )
        };

        Self(Arc::new(Value::Object(fields.iter().map(copy).collect())))
    }

    /// Forgets all but what the object is and its metadata.
    pub fn keep_metadata(&mut self) {
        if let Some(fields) = self.value_mut().as_object_mut() {
            fields.retain(|name, _| matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
        }
    }

    /// The identity. The namespace is what the object says: see [`Object::set_namespace`].
    pub fn id(&self) -> ObjectId {
        let gvk = self.gvk();
        ObjectId {
            group: gvk.group,
            kind: gvk.kind,
            namespace: self.namespace().map(Into::into),
            name: self.name().into(),
        }
    }

    /// Writes `metadata.namespace`, or removes it.
    pub fn set_namespace(&mut self, namespace: Option<&str>) {
        // Written only where it differs: a write would copy what others share.
        if self.metadata("namespace").and_then(Value::as_str) == namespace {
            return;
        }

        if let Some(metadata) = self
            .value_mut()
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
        {
            match namespace {
                Some(namespace) => metadata.insert("namespace".into(), namespace.into()),
                None => metadata.shift_remove("namespace"),
            };
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({})", self.id())
    }
}

impl Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Through the same check: nothing without an identity comes out of a file or a journal.
        Object::new(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_object_has_a_uid_that_is_not_known() {
        let new = Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})).unwrap();
        assert!(new.known_uid().is_none() && !new.has_uid(None));
    }

    #[test]
    fn an_object_without_a_name_is_refused_with_the_field_that_is_missing() {
        let error = Object::new(json!({"apiVersion": "v1", "kind": "Pod"})).unwrap_err();

        assert_eq!(
            error,
            NotAnObject::Missing {
                field: "metadata.name"
            }
        );
    }

    #[test]
    fn a_field_of_the_identity_that_is_no_text_is_refused_by_its_name() {
        // What YAML makes of a value without quotes, beside fields that are as they should be.
        for (pointer, value, expected) in [
            (
                "/metadata/namespace",
                json!(668),
                "metadata.namespace: expected text, found the number 668",
            ),
            (
                "/metadata/namespace",
                json!(["a"]),
                "metadata.namespace: expected text, found a list",
            ),
            (
                "/metadata/name",
                json!(true),
                "metadata.name: expected text, found the boolean true",
            ),
            ("/kind", json!(1), "kind: expected text, found the number 1"),
            (
                "/apiVersion",
                json!({}),
                "apiVersion: expected text, found an object",
            ),
        ] {
            let mut object =
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n"}});
            *object.pointer_mut(pointer).unwrap() = value;
            assert_eq!(Object::new(object).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn the_debug_form_of_a_secret_shows_its_identity_alone() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}, "data": {"password": "aHVudGVyMg=="}});
        let object = Object::new(secret).unwrap();
        assert_eq!(format!("{object:?}"), "Object(Secret shop/db)");
    }
}
