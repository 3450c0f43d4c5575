//! Putting an object back: a three-way merge of what it was, what a promotion made of it, and what it is now.
//!
//! Where the promotion changed nothing, live stays. Where it did, what was there before comes back, and an edit that
//! somebody made there since is named, and wins only where it is asked to.
//!
//! Identity, status and the annotations that controllers write are live's throughout: a promotion has no part in
//! them. Items of lists are told apart by the model's table of keys, not by a schema; a list that no key fits is one
//! value. Ownership is merged after the content and apart from it: whose a field is follows from whose value came
//! out. Nothing is refused here: an edit that loses is named, and whoever called says so.

use super::fields_v1::{leaves, take, union};
use crate::model::k8s::list_key::{key_step, list_key_at};
use crate::model::k8s::writers::is_controllers_annotation;
use crate::model::names::FIELD_MANAGER;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Maps of `metadata` that are merged; all else in it is live's.
const MERGED_METADATA: &[&str] = &["labels", "annotations", "finalizers", "ownerReferences"];

/// What a merge comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The object to write, with live's uid, resourceVersion and managedFields.
    pub object: Object,
    /// Where somebody changed since what the promotion had changed.
    pub foreign: Vec<FieldPath>,
}

/// Merges what an object was, what the promotion made of it, and what it is now.
pub fn merge(before: &Object, ours: &Object, live: &Object, keep_foreign: bool) -> Merged {
    let mut merge = Merge {
        keep_foreign,
        foreign: Vec::new(),
    };
    // Live is the ground: its uid and resourceVersion make the write one over
    // exactly the version that was merged.
    let mut object = live.clone();

    let fields: BTreeSet<&String> = [before, ours, live]
        .iter()
        .filter_map(|o| o.value().as_object())
        .flat_map(Map::keys)
        .collect();
    for field in fields {
        if matches!(&**field, "apiVersion" | "kind" | "metadata" | "status") {
            continue;
        }

        let at = |object: &'_ Object| object.value().get(field).cloned();
        let path = FieldPath::root().field(field);
        let merged = merge.three(at(before).as_ref(), at(ours).as_ref(), at(live).as_ref(), &path);
        set(object.value_mut(), field, merged);
    }

    for field in MERGED_METADATA {
        // Controllers count up annotations on their own: merged, that would be an edit by others.
        let at = |object: &Object| object.value()["metadata"].get(field).map(without_controllers);
        let path = FieldPath::root().field("metadata").field(field);
        let mut merged = merge.three(at(before).as_ref(), at(ours).as_ref(), at(live).as_ref(), &path);

        if *field == "annotations" {
            merged = with_controllers(merged, live);
        }

        if let Some(metadata) = object.value_mut().get_mut("metadata") {
            set(metadata, field, merged);
        }
    }
    Merged {
        object,
        foreign: merge.foreign,
    }
}

/// Annotations without those that controllers write; anything else as it is.
fn without_controllers(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(map) = value.as_object_mut() {
        map.retain(|key, _| !is_controllers_annotation(key));
    }
    value
}

/// With the annotations that controllers wrote on live.
fn with_controllers(merged: Option<Value>, live: &Object) -> Option<Value> {
    let mut map = merged
        .and_then(|value| value.as_object().cloned())
        .unwrap_or_default();

    let controllers = live.annotations().into_iter().flatten();
    map.extend(
        controllers
            .filter(|(key, _)| is_controllers_annotation(key))
            .map(|(key, value)| (key.clone(), value.clone())),
    );

    // Where there were no annotations and there are none to keep, an empty map
    // would be a difference from before.
    (!map.is_empty()).then_some(Value::Object(map))
}

fn set(parent: &mut Value, field: &str, value: Option<Value>) {
    let Some(map) = parent.as_object_mut() else { return };
    match value {
        Some(value) => drop(map.insert(field.into(), value)),
        None => drop(map.shift_remove(field)),
    }
}

struct Merge {
    keep_foreign: bool,
    foreign: Vec<FieldPath>,
}

impl Merge {
    fn three(
        &mut self,
        before: Option<&Value>,
        ours: Option<&Value>,
        live: Option<&Value>,
        path: &FieldPath,
    ) -> Option<Value> {
        // The promotion has no part in it, or it is what it was already.
        if before == ours || live == before {
            return live.cloned();
        }
        // Nobody came after the promotion.
        if live == ours {
            return before.cloned();
        }

        let all = [before, ours, live];
        // Where live has nothing, somebody took the whole away: one edit, and not
        // one for each field that was in it.
        if all.iter().flatten().all(|value| value.is_object()) && live.is_some() {
            return self.maps(before, ours, live, path);
        }
        if let (Some(keys), Some(_)) = (item_keys(&all, path), live) {
            return self.lists(keys, before, ours, live, path);
        }

        // Both changed it. It is named whichever side wins: a revert overwrites no edit in silence.
        self.foreign.push(path.clone());
        if self.keep_foreign {
            live.cloned()
        } else {
            before.cloned()
        }
    }

    fn maps(
        &mut self,
        before: Option<&Value>,
        ours: Option<&Value>,
        live: Option<&Value>,
        path: &FieldPath,
    ) -> Option<Value> {
        let map = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let (b, o, l) = (map(before), map(ours), map(live));

        let mut merged = Map::new();
        // Before's order first: what is the same then looks the same.
        let mut names: Vec<&String> = b.keys().collect();
        names.extend(l.keys().filter(|name| !b.contains_key(*name)));

        for name in names {
            if let Some(value) = self.three(b.get(name), o.get(name), l.get(name), &path.field(name)) {
                merged.insert(name.clone(), value);
            }
        }

        // A map that the promotion brought goes with the last field in it; one that
        // was there before stays, also empty.
        (before.is_some() || !merged.is_empty()).then_some(Value::Object(merged))
    }

    fn lists(
        &mut self,
        keys: ItemKeys,
        before: Option<&Value>,
        ours: Option<&Value>,
        live: Option<&Value>,
        path: &FieldPath,
    ) -> Option<Value> {
        let items = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        let (b, o, l) = (items(before), items(ours), items(live));

        let find = |items: &[Value], step: &Step| items.iter().find(|item| keys.step(item) == *step).cloned();
        // Before's order, then what others added: where among before's items these stood, nothing tells.
        let mut steps: Vec<Step> = b.iter().map(|item| keys.step(item)).collect();
        for step in l.iter().map(|item| keys.step(item)) {
            if !steps.contains(&step) {
                steps.push(step);
            }
        }

        let mut merged = Vec::new();
        for step in steps {
            let (b, o, l) = (find(&b, &step), find(&o, &step), find(&l, &step));
            merged.extend(self.three(b.as_ref(), o.as_ref(), l.as_ref(), &path.with(step)));
        }

        (before.is_some() || !merged.is_empty()).then_some(Value::Array(merged))
    }
}

/// How the items of a list are told apart.
#[derive(Clone, Copy)]
enum ItemKeys {
    Fields(&'static [&'static str]),
    Values,
}

impl ItemKeys {
    fn step(self, item: &Value) -> Step {
        let keyed = match self {
            ItemKeys::Values => None,
            ItemKeys::Fields(names) => key_step(item, names),
        };
        keyed.unwrap_or_else(|| Step::Value(item.to_string()))
    }
}

/// The keys that tell the items of all these lists apart; none where they are no lists or have none.
fn item_keys(versions: &[Option<&Value>], path: &FieldPath) -> Option<ItemKeys> {
    let lists: Vec<&[Value]> = versions
        .iter()
        .flatten()
        .map(|value| value.as_array().map(Vec::as_slice))
        .collect::<Option<_>>()?;

    // A set of texts: each belongs to another controller, and they come and go one by one.
    if matches!(path.steps().last(), Some(Step::Field(name)) if name == "finalizers") {
        return Some(ItemKeys::Values);
    }

    list_key_at(path, &lists).map(ItemKeys::Fields)
}

/// The managedFields to write after `merged`: what they were, status entries as they are now, and what others have
/// made theirs since.
pub fn merged_ownership(before: &Object, live: &Object, merged: &Object) -> Vec<Value> {
    let mut entries: Vec<Value> = before
        .managed_fields()
        .iter()
        .filter(|entry| !is_status(entry))
        .cloned()
        .collect();

    let (was, is, will) = (before.value(), live.value(), merged.value());
    for entry in &mut entries {
        // A value that is a later edit belongs to who made that edit, unless the
        // same hand still holds the field.
        let now = live.managed_fields().iter().find(|other| same_hand(entry, other));
        let now: BTreeSet<_> = now
            .map(|now| leaves(&now["fieldsV1"]))
            .unwrap_or_default()
            .into_iter()
            .collect();

        for path in leaves(&entry["fieldsV1"]) {
            // What a controller counts up is the same field still.
            let is_kept = is_controllers(&path) && path.get(will).is_some();
            if path.get(will) != path.get(was) && !now.contains(&path) && !is_kept {
                take(&mut entry["fieldsV1"], &path);
            }
        }
    }

    for theirs in live.managed_fields() {
        // An undo puts no status back: who wrote it last owns it.
        if is_status(theirs) {
            entries.push(theirs.clone());
            continue;
        }
        // What the promotion took goes back to whose it was: our entry is the one of before, or none.
        if theirs["manager"] == FIELD_MANAGER {
            continue;
        }

        let at = entries.iter().position(|entry| same_hand(entry, theirs));
        // An edit that outlived the merge is its maker's; one that was overwritten leaves no owner behind.
        let stays = |path: &FieldPath| path.get(will) == path.get(is) && path.get(will) != path.get(was);
        let mut gained = json!({});
        for path in leaves(&theirs["fieldsV1"]).iter().filter(|path| stays(path)) {
            // Cut out of a copy and not made of the path: where a leaf is all
            // of an item, its `.` comes along.
            if let Some(set) = take(&mut theirs["fieldsV1"].clone(), path) {
                union(&mut gained, &set);
            }
        }
        if leaves(&gained).is_empty() {
            continue;
        }

        match at {
            Some(at) => union(&mut entries[at]["fieldsV1"], &gained),
            None => {
                let mut entry = theirs.clone();
                entry["fieldsV1"] = gained;
                entries.push(entry);
            }
        }
    }

    entries.retain(|entry| entry["fieldsV1"].as_object().is_some_and(|set| !set.is_empty()));
    if entries.is_empty() {
        // The server takes an empty list for "as it is", and one empty entry for "nobody".
        entries.push(json!({}));
    }
    entries
}

fn is_controllers(path: &FieldPath) -> bool {
    let [Step::Field(metadata), Step::Field(annotations), Step::Field(key)] = path.steps() else {
        return false;
    };
    metadata == "metadata" && annotations == "annotations" && is_controllers_annotation(key)
}

fn is_status(entry: &Value) -> bool {
    entry["subresource"] == "status"
}

fn same_hand(one: &Value, other: &Value) -> bool {
    // By these the server tells entries apart: one manager may have several.
    ["manager", "operation", "apiVersion", "subresource"]
        .iter()
        .all(|field| one[*field] == other[*field])
}

/// Whether two lists of managedFields say the same but for times, order and status.
pub fn same_ownership(one: &[Value], other: &[Value]) -> bool {
    let set = |entries: &[Value]| -> BTreeSet<String> {
        let shown = |entry: &Value| {
            let mut paths: Vec<String> = leaves(&entry["fieldsV1"])
                .iter()
                .map(ToString::to_string)
                .collect();
            paths.sort();
            let hand =
                ["manager", "operation", "apiVersion", "subresource"].map(|field| entry[field].to_string());
            format!("{}\n{}", hand.join("\n"), paths.join("\n"))
        };

        // Without a manager it is the empty entry that is sent for "nobody":
        // the server keeps none in its place.
        let says = |entry: &&Value| !is_status(entry) && entry.get("manager").is_some();
        entries.iter().filter(says).map(shown).collect()
    };

    set(one) == set(other)
}

/// Where two versions of an object differ, status and bookkeeping aside.
pub fn differing(one: &Object, other: &Object) -> Vec<FieldPath> {
    let mut paths = Vec::new();
    let fields: BTreeSet<&String> = [one, other]
        .iter()
        .filter_map(|o| o.value().as_object())
        .flat_map(Map::keys)
        .collect();
    for field in fields {
        if !matches!(&**field, "apiVersion" | "kind" | "metadata" | "status") {
            differ(
                one.value().get(field),
                other.value().get(field),
                &FieldPath::root().field(field),
                &mut paths,
            );
        }
    }

    for field in MERGED_METADATA {
        let at = |object: &Object| {
            let value = object.value()["metadata"].get(field).map(without_controllers);
            // A controller that annotates an object brings the map along:
            // without its keys it is as good as none.
            value.filter(|value| value.as_object().is_none_or(|map| !map.is_empty()))
        };
        let path = FieldPath::root().field("metadata").field(field);
        differ(at(one).as_ref(), at(other).as_ref(), &path, &mut paths);
    }
    paths
}

fn differ(one: Option<&Value>, other: Option<&Value>, path: &FieldPath, paths: &mut Vec<FieldPath>) {
    match (one, other) {
        _ if one == other => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            names
                .into_iter()
                .for_each(|name| differ(a.get(name), b.get(name), &path.field(name), paths));
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => match item_keys(&[one, other], path) {
            Some(keys) => {
                let steps: BTreeSet<Step> = a.iter().chain(b).map(|item| keys.step(item)).collect();
                let find = |items: &'_ [Value], step: &Step| {
                    items.iter().find(|item| keys.step(item) == *step).cloned()
                };

                let count = paths.len();
                for step in steps {
                    let path = path.with(step.clone());
                    differ(find(a, &step).as_ref(), find(b, &step).as_ref(), &path, paths);
                }

                if paths.len() == count {
                    // The same items in another order.
                    paths.push(path.clone());
                }
            }
            // Without a key there is no telling which item became which.
            None => paths.push(path.clone()),
        },
        _ => paths.push(path.clone()),
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
