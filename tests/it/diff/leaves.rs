//! No change by hand is passed over: of each kind, objects with one leaf changed as `kubectl edit` would, each of which the
//! finding names. Leaves are drawn from the objects' own fields and from the optional ones of the server's schema.

use super::Scene;
use super::kinds::kinds;
use crate::harness::{Run, TestCluster, blocking};
use kubectl_delivery::cluster::{Cluster, WriteOptions};
use kubectl_delivery::model::kinds::well_known;
use kubectl_delivery::model::{FieldPath, Object, Target};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One change of one leaf, as a JSON pointer.
#[derive(Clone)]
struct Mutation {
    pointer: String,
    value: Option<Value>,
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// All leaves of a value, by pointer.
fn leaves(value: &Value, at: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, below)| leaves(below, &format!("{at}/{}", escape(key)), found))
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(index, below)| leaves(below, &format!("{at}/{index}"), found))
        }
        leaf => drop(found.insert(at.to_owned(), leaf.clone())),
    }
}

/// The leaves that are content.
fn content(object: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    leaves(object, "", &mut found);
    let is_content = |pointer: &String| {
        let is_meta =
            pointer.starts_with("/metadata/labels/") || pointer.starts_with("/metadata/annotations/");
        let is_root = ["/spec/", "/data/", "/rules/", "/subjects/", "/automount"]
            .iter()
            .any(|root| pointer.starts_with(root));
        (is_meta || is_root) && !pointer.starts_with("/metadata/annotations/deprecated.daemonset")
    };
    found.retain(|pointer, _| is_content(pointer));
    found
}

/// Another value of the same type, and the leaf gone.
fn of_own(object: &Value) -> Vec<Mutation> {
    let other = |value: &Value| match value {
        Value::String(text) => Some(match text.as_str() {
            "Prefix" => "Exact".into(),
            "IfNotPresent" | "Always" => "Never".into(),
            text if text.ends_with("Gi") => "2Gi".into(),
            text if text.ends_with('m') => "20m".into(),
            text => format!("{text}x").into(),
        }),
        Value::Number(number) => number.as_i64().map(|number| json!(number + 1)),
        Value::Bool(yes) => Some(json!(!yes)),
        _ => None,
    };
    let mut found = Vec::new();
    for (pointer, value) in content(object) {
        found.extend(other(&value).map(|value| Mutation { pointer: pointer.clone(), value: Some(value) }));
        found.push(Mutation { pointer, value: None });
    }
    found
}

/// Optional fields of the schema that the object does not hold: scalars below every map of the object.
fn of_schema(object: &Value, kind: &Value, schemas: &Value) -> Vec<Mutation> {
    fn resolve<'s>(schema: &'s Value, schemas: &'s Value) -> &'s Value {
        let inner = schema.pointer("/allOf/0").unwrap_or(schema);
        match inner["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
            Some(name) => &schemas[name],
            None => inner,
        }
    }
    fn walk(value: &Value, schema: &Value, schemas: &Value, at: &str, found: &mut Vec<Mutation>) {
        let schema = resolve(schema, schemas);
        match value {
            Value::Object(map) => {
                for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                    let pointer = format!("{at}/{}", escape(name));
                    if let Some(below) = map.get(name) {
                        walk(below, field, schemas, &pointer, found);
                        continue;
                    }
                    let value = match resolve(field, schemas)["type"].as_str() {
                        Some("string") => json!("sample"),
                        Some("integer") => json!(7),
                        Some("boolean") => json!(true),
                        _ => continue,
                    };
                    found.push(Mutation { pointer, value: Some(value) });
                }
            }
            Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
                walk(item, &schema["items"], schemas, &format!("{at}/{index}"), found)
            }),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for root in ["spec", "rules", "subjects"] {
        if let Some(value) = object.get(root) {
            walk(value, &kind["properties"][root], schemas, &format!("/{root}"), &mut found);
        }
    }
    found
}

fn mutated(object: &Value, mutation: &Mutation) -> Value {
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

fn named(object: &Value, name: &str) -> Value {
    serde_json::from_str(&object.to_string().replace("NAME", name)).unwrap()
}

/// The schemas of a group and version.
fn schemas(api_version: &str) -> Value {
    let path = if api_version.contains('/') {
        format!("/openapi/v3/apis/{api_version}")
    } else {
        "/openapi/v3/api/v1".into()
    };
    let text = TestCluster::get().kubectl().args(["get", "--raw", &path]).run().ok();
    serde_json::from_str::<Value>(&text).unwrap()["components"]["schemas"].take()
}

fn schema_of<'s>(schemas: &'s Value, object: &Object) -> &'s Value {
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
    schemas.as_object().unwrap().values().find(is_it).unwrap_or_else(|| panic!("no schema of {gvk:?}"))
}

/// The leaf as the finding names it: with the keys of list items where it has such, by looking it up in the object.
fn is_at(path: &str, pointer: &str, before: &Value, after: &Value) -> bool {
    let path: FieldPath = path.parse().unwrap();
    let same = |object: &Value| path.get(object) == object.pointer(pointer);
    let steps = pointer.matches('/').count();
    same(before) && same(after) && path.steps().len() == steps
}

/// The key of a list item: another key makes another item, so that one is missing and one was added.
fn is_key(paths: &[&str], pointer: &str, before: &Value) -> bool {
    let (item, key) = pointer.rsplit_once('/').unwrap();
    let (list, _) = item.rsplit_once('/').unwrap_or_default();
    let is_in_list = |path: &&str| {
        let path: FieldPath = path.parse().unwrap();
        path.parent().is_some_and(|parent| parent.get(before) == before.pointer(list))
            && path.to_string().ends_with(']')
            && path.to_string().contains(&format!("{key}="))
    };
    !paths.is_empty() && paths.iter().all(is_in_list)
}

/// The list that holds the leaf, where it has no keys: such a list differs as a whole.
fn is_whole_list(path: &str, pointer: &str, before: &Value) -> bool {
    let path: FieldPath = path.parse().unwrap();
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    let is_index = |step: &&str| step.parse::<usize>().is_ok();
    let above = steps.iter().position(is_index).map(|index| format!("/{}", steps[..index].join("/")));
    let mut ends: Vec<String> = (1..=steps.len())
        .filter(|end| steps.get(*end).is_some_and(is_index))
        .map(|end| format!("/{}", steps[..end].join("/")))
        .collect();
    ends.extend(above);
    ends.iter().any(|list| {
        before.pointer(list).is_some_and(Value::is_array)
            && path.get(before) == before.pointer(list)
            && path.steps().len() == list.matches('/').count()
    })
}

struct Edited {
    mutation: Mutation,
    before: Value,
    after: Value,
}

/// Replaces an object as kubectl edit does, with what it was before: none after where the API refuses the change. A
/// controller may write in between.
async fn put(
    door: &dyn Cluster,
    target: &Target,
    made: Object,
    mutation: &Mutation,
) -> (Object, Option<Value>) {
    let update = WriteOptions { manager: "kubectl-edit".into(), dry_run: false };
    let mut before = made;
    loop {
        match door.replace(target, &mutated(before.value(), mutation), &update).await {
            Ok(after) => return (before, Some(after.object.into_value())),
            Err(error) if error.is_conflict() => before = door.get(target).await.unwrap().unwrap(),
            Err(_) => return (before, None),
        }
    }
}

/// Makes an object of each mutation, edits it as kubectl edit would, and keeps what the API took as that one change.
async fn edit(
    door: &dyn Cluster,
    namespace: &str,
    kind: &Value,
    mutations: Vec<Mutation>,
    edited: &mut BTreeMap<String, Edited>,
) -> usize {
    let create = WriteOptions { manager: "kubectl-create".into(), dry_run: false };
    let tried = mutations.len();
    for mutation in mutations {
        let name = format!("o{}", edited.len());
        let object = Object::new(named(kind, &name)).unwrap();
        let target = Target::new(&well_known(&object.gvk()).unwrap(), Some(namespace), &name);
        let made = door.create(&target, object.value(), &create).await.unwrap().object;
        let (before, after) = put(door, &target, made, &mutation).await;
        let (old, after) = (content(before.value()), after.unwrap_or(Value::Null));
        let new = content(&after);
        let differ: BTreeSet<&String> =
            old.keys().chain(new.keys()).filter(|at| old.get(*at) != new.get(*at)).collect();
        // What was never desired and is gone now is nothing to bring back.
        let is_desired = object.value().pointer(&mutation.pointer).is_some() || mutation.value.is_some();
        let is_that_one = is_desired && differ.len() == 1 && differ.contains(&mutation.pointer);
        if !is_that_one {
            let gone = kubectl_delivery::cluster::DeleteOptions {
                uid: before.uid().into(),
                resource_version: None,
                propagation: kubectl_delivery::model::plan::Propagation::Background,
                dry_run: false,
            };
            door.delete(&target, &gone).await.unwrap();
        }
        // A name is used once: what was deleted may still be going.
        let key = if is_that_one { name } else { format!("{name}-skipped") };
        edited.insert(key, Edited { mutation, before: before.into_value(), after });
    }
    tried
}

#[test]
fn of_each_kind_each_leaf_that_is_changed_by_hand_is_named_exactly() {
    let scene = Scene::new();
    let namespace = scene.namespace.name().to_owned();
    let (mut tried, mut accepted, mut wrong, mut manifests) = (0, 0, Vec::new(), Vec::new());
    let mut all: Vec<(Value, BTreeMap<String, Edited>)> = Vec::new();
    for kind in kinds() {
        let probe = Object::new(named(&kind, "probe")).unwrap();
        let fresh = blocking(async {
            let door = TestCluster::get().connect().await;
            let target = Target::new(&well_known(&probe.gvk()).unwrap(), Some(&namespace), "probe");
            let dry = WriteOptions { manager: "kubectl-create".into(), dry_run: true };
            door.create(&target, probe.value(), &dry)
                .await
                .unwrap_or_else(|error| panic!("{target}: {error}"))
                .object
        });
        let schemas = schemas(kind["apiVersion"].as_str().unwrap());
        let mut mutations = of_own(fresh.value());
        mutations.extend(of_schema(fresh.value(), schema_of(&schemas, &probe), &schemas));
        // Pointers into the probe hold its name nowhere.
        mutations.retain(|one| !one.pointer.contains("probe"));
        let mut edited = BTreeMap::new();
        tried += blocking(async {
            let door = TestCluster::get().connect().await;
            edit(&*door, &namespace, &kind, mutations, &mut edited).await
        });
        edited.retain(|name, _| !name.ends_with("-skipped"));
        manifests.extend(edited.keys().map(|name| named(&kind, name).to_string()));
        all.push((kind, edited));
    }
    scene.write(&manifests.join("\n---\n"));
    let view = scene.diff(&["-o", "json"]).exits(1).json();
    let found: BTreeMap<(String, String), Value> = view["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                (one["kind"].as_str().unwrap().into(), one["name"].as_str().unwrap().into()),
                one["changes"].clone(),
            )
        })
        .collect();
    for (kind, edited) in &all {
        let kind = kind["kind"].as_str().unwrap();
        assert!(edited.len() >= 4, "{kind}: only {} leaves were accepted", edited.len());
        println!("{kind}: {} leaves", edited.len());
        for (name, edited) in edited {
            accepted += 1;
            let changes = found.get(&(kind.to_owned(), name.clone()));
            let paths: Vec<&str> = changes
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|one| one["path"].as_str())
                .collect();
            let pointer = &edited.mutation.pointer;
            let is_named = match paths[..] {
                [path] => {
                    is_at(path, pointer, &edited.before, &edited.after)
                        || is_whole_list(path, pointer, &edited.before)
                }
                _ => false,
            };
            if !is_named && !is_key(&paths, pointer, &edited.before) {
                wrong.push(format!("{kind} {pointer} := {:?}: found {paths:?}", edited.mutation.value));
            }
        }
    }
    println!(
        "{tried} changes tried, {accepted} accepted as the one change that they are, {} not named",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(accepted >= 300, "{accepted}");
}
