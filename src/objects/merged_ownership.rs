//! Who owns the fields of a merged object: the managedFields to write after it.
//!
//! Whose a field is follows from whose value came out. Our own entry is the one of before, or none: what the promotion took
//! goes back to whose it was. Others keep what they had before, gain the edits that outlived the merge, and lose what was
//! overwritten. Status entries are as they are now: an undo puts no status back.

use super::fields_v1::{leaves, take, union};
use crate::model::k8s::entries::{ENTRY_KEY, ensure_any_entry, is_our_entry, is_status_entry};
use crate::model::k8s::marks::is_controllers_annotation;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The managedFields to write after `merged`: what they were, status entries as they are now, and what others have
/// made theirs since.
pub fn merged_ownership(before: &Object, live: &Object, merged: &Object) -> Vec<Value> {
    let versions = Versions {
        was: before.value(),
        is: live.value(),
        will: merged.value(),
    };

    // Our own entry of before is among these, and that of now is left out below: so the promotion's goes.
    let was = before.managed_fields().iter();
    let mut entries: Vec<Value> = was.filter(|entry| !is_status_entry(entry)).cloned().collect();
    for entry in &mut entries {
        let now = live.managed_fields().iter().find(|now| is_same_entry(entry, now));
        versions.drop_lost(entry, now);
    }

    for theirs in live.managed_fields() {
        // Who wrote status last owns it.
        if is_status_entry(theirs) {
            entries.push(theirs.clone());
        } else if !is_our_entry(theirs) {
            let gained = versions.gained(theirs);
            add_fields(&mut entries, theirs, gained);
        }
    }

    entries.retain(|entry| entry["fieldsV1"].as_object().is_some_and(|set| !set.is_empty()));
    ensure_any_entry(&mut entries);
    entries
}

/// The values of an object before the promotion, now, and once the merge is written.
struct Versions<'v> {
    was: &'v Value,
    is: &'v Value,
    will: &'v Value,
}

impl Versions<'_> {
    /// Takes out of an entry of before what is no longer its manager's. A value that is a later edit belongs to who made
    /// that edit, unless the same manager still holds the field.
    fn drop_lost(&self, entry: &mut Value, now: Option<&Value>) {
        let now = now.map(|now| leaves(&now["fieldsV1"])).unwrap_or_default();
        let now: BTreeSet<FieldPath> = now.into_iter().collect();

        for path in leaves(&entry["fieldsV1"]) {
            // What a controller counts up is the same field still.
            let is_kept = is_counted_annotation(&path) && path.get(self.will).is_some();
            if path.get(self.will) != path.get(self.was) && !now.contains(&path) && !is_kept {
                take(&mut entry["fieldsV1"], &path);
            }
        }
    }

    /// What a manager has made its own since: an edit that outlived the merge is its maker's; one that was overwritten leaves
    /// no owner behind.
    fn gained(&self, theirs: &Value) -> Value {
        let stays = |path: &FieldPath| {
            let will = path.get(self.will);
            will == path.get(self.is) && will != path.get(self.was)
        };

        let mut gained = json!({});
        for path in leaves(&theirs["fieldsV1"]).iter().filter(|path| stays(path)) {
            // Cut out of a copy and not made of the path: where a leaf is all
            // of an item, its `.` comes along.
            if let Some(set) = take(&mut theirs["fieldsV1"].clone(), path) {
                union(&mut gained, &set);
            }
        }
        gained
    }
}

/// Adds fields to the entry of the same manager, or as an entry like `theirs`.
fn add_fields(entries: &mut Vec<Value>, theirs: &Value, fields: Value) {
    if leaves(&fields).is_empty() {
        return;
    }

    match entries.iter_mut().find(|entry| is_same_entry(entry, theirs)) {
        Some(entry) => union(&mut entry["fieldsV1"], &fields),
        None => {
            let mut entry = theirs.clone();
            entry["fieldsV1"] = fields;
            entries.push(entry);
        }
    }
}

fn is_counted_annotation(path: &FieldPath) -> bool {
    let [Step::Field(metadata), Step::Field(annotations), Step::Field(key)] = path.steps() else {
        return false;
    };
    metadata == "metadata" && annotations == "annotations" && is_controllers_annotation(key)
}

fn is_same_entry(one: &Value, other: &Value) -> bool {
    ENTRY_KEY.iter().all(|field| one[*field] == other[*field])
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
            let key = ENTRY_KEY.map(|field| entry[field].to_string());
            format!("{}\n{}", key.join("\n"), paths.join("\n"))
        };

        // Without a manager it is the empty entry that is sent for "nobody":
        // the server keeps none in its place.
        let says = |entry: &&Value| !is_status_entry(entry) && entry.get("manager").is_some();
        entries.iter().filter(says).map(shown).collect()
    };

    set(one) == set(other)
}
