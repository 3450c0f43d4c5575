//! Changes of an object: one of each of its own leaves, and one of each optional field of its schema.

use crate::harness::{Run, TestCluster};
use kubectl_delivery::testing::model::Object;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One change of one place, as a JSON pointer.
#[derive(Clone)]
pub struct Mutation {
    pub pointer: String,
    /// None takes it out.
    pub value: Option<Value>,
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// All leaves of a value, by pointer.
fn leaves(value: &Value, at: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .for_each(|(key, below)| leaves(below, &format!("{at}/{}", escape(key)), found)),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .enumerate()
            .for_each(|(index, below)| leaves(below, &format!("{at}/{index}"), found)),
        leaf => drop(found.insert(at.to_owned(), leaf.clone())),
    }
}

/// The leaves that are content.
pub fn content(object: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    leaves(object, "", &mut found);
    let is_content = |pointer: &String| {
        let is_meta =
            pointer.starts_with("/metadata/labels/") || pointer.starts_with("/metadata/annotations/");
        let is_root = [
            "/spec/",
            "/data/",
            "/immutable",
            "/rules/",
            "/subjects/",
            "/automount",
        ]
        .iter()
        .any(|root| pointer.starts_with(root));
        (is_meta || is_root) && !pointer.starts_with("/metadata/annotations/deprecated.daemonset")
    };
    found.retain(|pointer, _| is_content(pointer));
    found
}

/// Another value of the same type, and the leaf gone.
pub fn of_own(object: &Value) -> Vec<Mutation> {
    let other = |value: &Value| match value {
        Value::String(text) => Some(match text.as_str() {
            "Prefix" => "Exact".into(),
            "IfNotPresent" | "Always" => "Never".into(),
            text if text.ends_with("Gi") => "2Gi".into(),
            text if text.ends_with('m') => "20m".into(),
            // Four letters: what was base64 is base64 still.
            text => format!("{text}xxxx").into(),
        }),
        Value::Number(number) => number.as_i64().map(|number| json!(number + 1)),
        Value::Bool(yes) => Some(json!(!yes)),
        _ => None,
    };
    let mut found = Vec::new();
    for (pointer, value) in content(object) {
        found.extend(other(&value).map(|value| Mutation {
            pointer: pointer.clone(),
            value: Some(value),
        }));
        found.push(Mutation { pointer, value: None });
    }
    found
}

/// Optional fields of the schema that the object does not hold, below every map of the object.
pub fn of_schema(object: &Value, kind: &Value, schemas: &Value) -> Vec<Mutation> {
    fn walk(value: &Value, schema: &Value, schemas: &Value, at: &str, found: &mut Vec<Mutation>) {
        let schema = resolve(schema, schemas);
        match value {
            Value::Object(map) => {
                for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                    let pointer = format!("{at}/{}", escape(name));
                    match map.get(name) {
                        Some(below) => walk(below, field, schemas, &pointer, found),
                        None => {
                            let value = sample(field, schemas, 4);
                            found.extend(value.map(|value| Mutation {
                                pointer,
                                value: Some(value),
                            }));
                        }
                    }
                }
            }
            Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
                walk(item, &schema["items"], schemas, &format!("{at}/{index}"), found);
            }),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for root in ["spec", "rules", "subjects"] {
        if let Some(value) = object.get(root) {
            walk(
                value,
                &kind["properties"][root],
                schemas,
                &format!("/{root}"),
                &mut found,
            );
        }
    }
    found
}

fn resolve<'s>(schema: &'s Value, schemas: &'s Value) -> &'s Value {
    let inner = schema.pointer("/allOf/0").unwrap_or(schema);
    match inner["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        Some(name) => &schemas[name],
        None => inner,
    }
}

/// A value of a schema that holds as little as it can: one item, and of a map what is required, else one field.
fn sample(schema: &Value, schemas: &Value, depth: u8) -> Option<Value> {
    let schema = resolve(schema, schemas);
    if let Some(first) = schema.pointer("/enum/0") {
        return Some(first.clone());
    }
    let below = |schema: &Value| (depth > 0).then(|| sample(schema, schemas, depth - 1)).flatten();
    match schema["type"].as_str()? {
        "string" => Some(json!("sample")),
        "integer" => Some(json!(7)),
        "boolean" => Some(json!(true)),
        "array" => below(&schema["items"]).map(|item| json!([item])),
        "object" => {
            let Some(properties) = schema["properties"].as_object() else {
                return below(&schema["additionalProperties"]).map(|value| json!({"sample": value}));
            };
            let required: Vec<&str> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let one = || {
                properties
                    .keys()
                    .find(|name| is_scalar(&properties[*name], schemas))
            };
            let names = if required.is_empty() {
                vec![one()?.as_str()]
            } else {
                required
            };
            names
                .into_iter()
                .map(|name| Some((name.to_owned(), below(properties.get(name)?)?)))
                .collect()
        }
        _ => None,
    }
}

fn is_scalar(schema: &Value, schemas: &Value) -> bool {
    matches!(
        resolve(schema, schemas)["type"].as_str(),
        Some("string" | "integer" | "boolean")
    )
}

pub fn mutated(object: &Value, mutation: &Mutation) -> Value {
    let mut object = object.clone();
    let (parent, last) = mutation.pointer.rsplit_once('/').unwrap();
    let last = last.replace("~1", "/").replace("~0", "~");
    match (object.pointer_mut(parent).unwrap(), &mutation.value) {
        (Value::Object(map), Some(value)) => drop(map.insert(last, value.clone())),
        (Value::Object(map), None) => drop(map.shift_remove(&last)),
        (Value::Array(items), Some(value)) => items[last.parse::<usize>().unwrap()] = value.clone(),
        (Value::Array(items), None) => drop(items.remove(last.parse::<usize>().unwrap())),
        _ => {}
    }
    object
}

/// The schemas of a group and version.
pub fn schemas(api_version: &str) -> Value {
    let path = if api_version.contains('/') {
        format!("/openapi/v3/apis/{api_version}")
    } else {
        "/openapi/v3/api/v1".into()
    };
    let text = TestCluster::get()
        .kubectl()
        .args(["get", "--raw", &path])
        .run()
        .ok();
    serde_json::from_str::<Value>(&text).unwrap()["components"]["schemas"].take()
}

pub fn schema_of<'s>(schemas: &'s Value, object: &Object) -> &'s Value {
    let gvk = object.gvk();
    let is_it = |schema: &&Value| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.is_some_and(|kinds| {
            kinds.iter().any(|kind| {
                kind["kind"] == gvk.kind.as_str()
                    && kind["group"] == gvk.group.as_str()
                    && kind["version"] == gvk.version.as_str()
            })
        })
    };
    schemas
        .as_object()
        .unwrap()
        .values()
        .find(is_it)
        .unwrap_or_else(|| panic!("no schema of {gvk:?}"))
}
