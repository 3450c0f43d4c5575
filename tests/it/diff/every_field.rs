//! No change by hand is passed over: of each kind, objects with one leaf changed as `kubectl edit` would, each of which the
//! finding names. Leaves are drawn from the objects' own fields and from the optional ones of the server's schema.

use super::Scene;
use super::kinds::{Oven, kinds};
use super::mutations::{Mutation, content, mutated, of_own, of_schema, schema_of, schemas};
use crate::harness::{TestCluster, blocking};
use futures::StreamExt;
use kubectl_delivery::testing::cluster::{Cluster, DeleteOptions, WriteOptions};
use kubectl_delivery::testing::model::k8s::kinds::well_known;
use kubectl_delivery::testing::model::plan::Propagation;
use kubectl_delivery::testing::model::{FieldPath, Object, Target};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Kinds that are edited at once.
const SIDE_BY_SIDE: usize = 6;

fn named(object: &Value, name: &str) -> Value {
    serde_json::from_str(&object.to_string().replace("NAME", name)).unwrap()
}

/// All from where something was put down to its leaf: what holds nothing else is named by either.
fn places(edited: &Edited) -> impl Iterator<Item = &str> {
    let root = edited.mutation.pointer.len();
    let ends = edited
        .leaf
        .match_indices('/')
        .map(|(end, _)| end)
        .chain([edited.leaf.len()]);
    ends.filter(move |end| *end >= root)
        .map(|end| &edited.leaf[..end])
}

/// A place as the finding names it: with the keys of list items where it has such, by looking it up in the object.
fn is_at(path: &str, pointer: &str, before: &Value, after: &Value) -> bool {
    let path: FieldPath = path.parse().unwrap();
    let same = |object: &Value| path.get(object) == object.pointer(pointer);
    let steps = pointer.matches('/').count();
    same(before) && same(after) && path.steps().len() == steps
}

/// The key of a list item, or the item of a set: another one makes another item, so that one is missing and one was added.
fn is_key(paths: &[&str], pointer: &str, before: &Value) -> bool {
    let (item, key) = pointer.rsplit_once('/').unwrap();
    let (list, _) = item.rsplit_once('/').unwrap_or_default();
    let is_in_list = |path: &&str| {
        let path: FieldPath = path.parse().unwrap();
        let parent = path.parent().and_then(|parent| parent.get(before));
        let is_of_map = parent == before.pointer(list) && path.to_string().contains(&format!("{key}="));
        let is_of_set = parent == before.pointer(item) && path.to_string().contains("[=");
        parent.is_some() && path.to_string().ends_with(']') && (is_of_map || is_of_set)
    };
    !paths.is_empty() && paths.iter().all(is_in_list)
}

/// The list that holds the leaf, where it has no keys: such a list differs as a whole.
fn is_whole_list(path: &str, pointer: &str, before: &Value) -> bool {
    let path: FieldPath = path.parse().unwrap();
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    let is_index = |step: &&str| step.parse::<usize>().is_ok();
    let above = steps
        .iter()
        .position(is_index)
        .map(|index| format!("/{}", steps[..index].join("/")));
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
    /// The one leaf that differs since.
    leaf: String,
    before: Value,
    after: Value,
}

/// Replaces an object as kubectl edit does, with what it was before: none after where the API refuses the change. A
/// controller may write in between.
async fn put(
    client: &dyn Cluster,
    target: &Target,
    made: Object,
    mutation: &Mutation,
) -> (Object, Option<Value>) {
    let update = WriteOptions {
        manager: "kubectl-edit".into(),
        dry_run: false,
        not_after: None,
    };
    let mut before = made;
    loop {
        match client
            .replace(target, &mutated(before.value(), mutation), &update)
            .await
        {
            Ok(after) => return (before, Some(after.object.into_value())),
            Err(error) if error.is_conflict() => before = client.get(target).await.unwrap().unwrap(),
            Err(_) => return (before, None),
        }
    }
}

/// Makes an object of each mutation, edits it as kubectl edit would, and keeps, by name, what the API took as one change
/// of one leaf.
async fn edit(
    client: &dyn Cluster,
    namespace: &str,
    kind: &Value,
    mutations: Vec<Mutation>,
) -> BTreeMap<String, Edited> {
    let create = WriteOptions {
        manager: "kubectl-create".into(),
        dry_run: false,
        not_after: None,
    };
    let mut edited = BTreeMap::new();
    for (index, mutation) in mutations.into_iter().enumerate() {
        // A name is used once: what was deleted may still be going.
        let name = format!("o{index}");
        let object = Object::new(named(kind, &name)).unwrap();
        let target = target(namespace, &object);
        let made = client
            .create(&target, object.value(), &create)
            .await
            .unwrap()
            .object;
        let (before, after) = put(client, &target, made, &mutation).await;
        let (old, after) = (content(before.value()), after.unwrap_or(Value::Null));
        let new = content(&after);
        let differ: BTreeSet<&String> = old
            .keys()
            .chain(new.keys())
            .filter(|at| old.get(*at) != new.get(*at))
            .collect();
        // What was never desired and is gone now is nothing to bring back.
        let is_desired = object.value().pointer(&mutation.pointer).is_some() || mutation.value.is_some();
        let leaf = match differ.first() {
            Some(leaf) if is_desired && differ.len() == 1 && leaf.starts_with(&mutation.pointer) => {
                (*leaf).clone()
            }
            _ => {
                let gone = DeleteOptions {
                    uid: before.uid().into(),
                    resource_version: None,
                    propagation: Propagation::Background,
                    dry_run: false,
                    not_after: None,
                };
                client.delete(&target, &gone).await.unwrap();
                continue;
            }
        };
        edited.insert(
            name,
            Edited {
                mutation,
                leaf,
                before: before.into_value(),
                after,
            },
        );
    }
    edited
}

fn target(namespace: &str, object: &Object) -> Target {
    let gvk = object.gvk();
    let resource = well_known(&gvk).unwrap_or_else(|| Oven::resource(gvk));
    Target::new(&resource, Some(namespace), object.name())
}

/// How the server would make one of a kind, with the mutations that it and its schema give.
async fn mutations(client: &dyn Cluster, namespace: &str, kind: &Value) -> Vec<Mutation> {
    let probe = Object::new(named(kind, "probe")).unwrap();
    let target = target(namespace, &probe);
    let dry = WriteOptions {
        manager: "kubectl-create".into(),
        dry_run: true,
        not_after: None,
    };
    let made = client.create(&target, probe.value(), &dry).await;
    let fresh = made.unwrap_or_else(|error| panic!("{target}: {error}")).object;
    let schemas = schemas(kind["apiVersion"].as_str().unwrap());
    let mut mutations = of_own(fresh.value());
    mutations.extend(of_schema(fresh.value(), schema_of(&schemas, &probe), &schemas));
    // Pointers into the probe hold its name nowhere.
    mutations.retain(|one| !one.pointer.contains("probe"));
    mutations
}

#[test]
fn of_each_kind_each_leaf_that_is_changed_by_hand_is_named_exactly() {
    let scene = Scene::new();
    let oven = Oven::defined();
    let kinds: Vec<Value> = kinds().into_iter().chain([oven.kind()]).collect();
    let edit_one = async |kind: Value| {
        let client = TestCluster::get().connect().await;
        let mutations = mutations(&*client, scene.namespace.name(), &kind).await;
        let tried = mutations.len();
        let edited = edit(&*client, scene.namespace.name(), &kind, mutations).await;
        (kind, tried, edited)
    };
    let all: Vec<(Value, usize, BTreeMap<String, Edited>)> = blocking(
        futures::stream::iter(kinds)
            .map(edit_one)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect(),
    );
    let (mut accepted, mut wrong, mut manifests) = (0, Vec::new(), Vec::new());
    for (kind, _, edited) in &all {
        manifests.extend(edited.keys().map(|name| named(kind, name).to_string()));
    }
    scene.write(&manifests.join("\n---\n"));
    let view = scene.diff(&["-o", "json"]).exits(1).json();
    let found: BTreeMap<(String, String), Value> = view["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                (
                    one["kind"].as_str().unwrap().into(),
                    one["name"].as_str().unwrap().into(),
                ),
                one["changes"].clone(),
            )
        })
        .collect();
    for (kind, _, edited) in &all {
        let kind = kind["kind"].as_str().unwrap();
        assert!(
            edited.len() >= 4,
            "{kind}: only {} leaves were accepted",
            edited.len()
        );
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
            let is_named = match paths[..] {
                [path] => {
                    places(edited).any(|place| is_at(path, place, &edited.before, &edited.after))
                        || is_whole_list(path, &edited.leaf, &edited.before)
                }
                _ => false,
            };
            if !is_named && !is_key(&paths, &edited.leaf, &edited.before) {
                let Mutation { pointer, value } = &edited.mutation;
                wrong.push(format!("{kind} {name} {pointer} := {value:?}: found {paths:?}"));
            }
        }
    }
    let tried: usize = all.iter().map(|(_, tried, _)| tried).sum();
    println!(
        "{tried} changes tried, {accepted} accepted as the one change that they are, {} not named",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(accepted >= 400, "{accepted}");
}
