//! Two versions of an object side by side: the paths at which they differ.
//!
//! Items of lists are told apart as managedFields tells them apart; a list of which no entry tells is compared as a
//! whole.
//!
//! It names places and judges none: whose a difference is, and whether it is one, is asked elsewhere. A map that one
//! side lacks is told by its fields, since each may be another client's; an item that one side lacks as one.

use crate::model::k8s::list_key::{key_step, list_key_at, present_step};
use crate::model::k8s::writers::BOOKKEEPING;
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use crate::objects::Owners;
use serde_json::Value;

/// One path at which two versions differ.
pub(super) struct Differing {
    pub path: FieldPath,
    pub live: Option<Value>,
    pub other: Option<Value>,
}

/// Fields that are no content: the server's own counters, status, and what this tool itself writes.
pub(super) fn is_skipped(path: &FieldPath) -> bool {
    let field = |step: &Step| match step {
        Step::Field(name) => name.clone(),
        _ => String::new(),
    };
    let steps: Vec<_> = path.steps().iter().map(field).collect();
    let steps: Vec<_> = steps.iter().map(String::as_str).collect();

    match steps[..] {
        ["status" | "apiVersion" | "kind"] => true,
        ["metadata", name] => BOOKKEEPING.contains(&name),
        // What kubectl apply writes for itself repeats the object.
        [
            "metadata",
            "annotations",
            "kubectl.kubernetes.io/last-applied-configuration",
        ] => true,
        // The plan looks at it itself: an object without it joins the set.
        ["metadata", "labels", APPLYSET_PART_OF_LABEL] => true,
        // Revisions and generations that the control plane counts, under the name of whoever wrote last.
        ["metadata", "annotations", name] => {
            name.starts_with("deployment.kubernetes.io/")
                || name == "deprecated.daemonset.template.generation"
        }
        _ => false,
    }
}

/// The paths at which `other` differs from live: leaves, items that only one of them holds, and lists that are compared
/// as a whole.
pub(super) fn differing(live: &Object, other: &Object) -> Vec<Differing> {
    let walk = UnownedWalk {
        live: &Owners::from_object(live),
        other: &Owners::from_object(other),
    };
    let mut found = Vec::new();
    walk.values(
        Some(live.value()),
        Some(other.value()),
        &FieldPath::root(),
        &mut found,
    );
    found
}

struct UnownedWalk<'a> {
    live: &'a Owners<'a>,
    other: &'a Owners<'a>,
}

impl UnownedWalk<'_> {
    fn values(
        &self,
        live: Option<&Value>,
        other: Option<&Value>,
        path: &FieldPath,
        found: &mut Vec<Differing>,
    ) {
        if live == other || is_skipped(path) {
            return;
        }

        let empty = Value::Object(serde_json::Map::new());
        let is_map = |value: Option<&Value>| {
            value.is_none_or(|value| value.as_object().is_some_and(|map| !map.is_empty()))
        };

        // A map that one side lacks is told by its fields; an item of a list that one side lacks as a whole.
        let is_item = path
            .steps()
            .last()
            .is_some_and(|step| !matches!(step, Step::Field(_)));
        if is_map(live) && is_map(other) && !is_item {
            let (live, other) = (live.unwrap_or(&empty), other.unwrap_or(&empty));
            return self.fields(live, other, path, found);
        }

        match (live, other) {
            // Empty maps come here, and items that both sides have.
            (Some(live @ Value::Object(_)), Some(other @ Value::Object(_))) => {
                self.fields(live, other, path, found);
            }
            // An empty list and none are two things to a custom kind.
            (Some(Value::Array(items)), None) | (None, Some(Value::Array(items))) if items.is_empty() => {
                found.push(Differing {
                    path: path.clone(),
                    live: live.cloned(),
                    other: other.cloned(),
                });
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) => self.lists(old, new, path, found),
            // A list that one side lacks is told by its items, which may be several clients'.
            (Some(Value::Array(old)), None) => self.lists(old, &[], path, found),
            (None, Some(Value::Array(new))) => self.lists(&[], new, path, found),
            _ => found.push(Differing {
                path: path.clone(),
                live: live.cloned(),
                other: other.cloned(),
            }),
        }
    }

    fn lists(&self, old: &[Value], new: &[Value], path: &FieldPath, found: &mut Vec<Differing>) {
        let steps = self.steps(path, old, new);
        let (old, new) = (Value::Array(old.to_vec()), Value::Array(new.to_vec()));
        if steps.is_empty() {
            // An empty list beside one with items reads as none: the items are the difference.
            let list = |list: Value| {
                list.as_array()
                    .is_some_and(|items| !items.is_empty())
                    .then_some(list)
            };

            let (live, other) = (list(old), list(new));
            if live != other {
                found.push(Differing {
                    path: path.clone(),
                    live,
                    other,
                });
            }
            return;
        }

        for step in steps {
            self.values(step.get(&old), step.get(&new), &path.with(step.clone()), found);
        }
    }

    fn fields(&self, live: &Value, other: &Value, path: &FieldPath, found: &mut Vec<Differing>) {
        let keys = |value: &Value| {
            value
                .as_object()
                .map(|map| map.keys().cloned().collect())
                .unwrap_or_default()
        };

        let (old, new): (Vec<String>, Vec<String>) = (keys(live), keys(other));
        for key in old.iter().chain(new.iter().filter(|key| !old.contains(key))) {
            self.values(live.get(key), other.get(key), &path.field(key), found);
        }
    }

    /// Steps that tell the items of both lists apart; empty where they are compared as a whole: an atomic list, or
    /// one whose keys do not reach every item, or whose order alone differs.
    fn steps(&self, path: &FieldPath, old: &[Value], new: &[Value]) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        // Both sides' entries are asked: an item that came or went is named by one of them alone.
        for step in self
            .live
            .list_steps(path)
            .into_iter()
            .chain(self.other.list_steps(path))
        {
            // An entry of another version may take the place for a map: its fields tell no items apart.
            if !matches!(step, Step::Field(_) | Step::Index(_)) && !steps.contains(&step) {
                steps.push(step);
            }
        }

        let names: Vec<&str> = match steps.first() {
            Some(Step::Value(_)) => return whole(&values(old, new), old, new),
            Some(Step::Key(fields)) => fields.iter().map(|(name, _)| name.as_str()).collect(),
            // Whoever owns a list and nothing in it owns it as a whole: what differs is told inside it
            // where its items stand side by side.
            _ if self.live.is_whole(path) || self.other.is_whole(path) => {
                return side_by_side(path, old, new);
            }
            // Of one that nobody owns, its items' own keys tell.
            _ => list_key_at(path, &[old, new]).unwrap_or_default().to_vec(),
        };

        if names.is_empty() {
            return Vec::new();
        }

        let mut all: Vec<Step> = Vec::new();
        for item in old.iter().chain(new) {
            // An item without any field of the key is told apart by nothing.
            let Some(step) = present_step(item, &names) else {
                return Vec::new();
            };
            if !all.contains(&step) {
                all.push(step);
            }
        }
        whole(&all, old, new)
    }
}

/// Steps of items that differ, in lists of as many maps with the same keys in the same order; else none.
fn side_by_side(path: &FieldPath, old: &[Value], new: &[Value]) -> Vec<Step> {
    let Some(keys) = list_key_at(path, &[old, new]).filter(|_| old.len() == new.len()) else {
        return Vec::new();
    };
    let steps = |items: &[Value]| {
        items
            .iter()
            .map(|item| key_step(item, keys))
            .collect::<Option<Vec<_>>>()
    };

    // To the server it is one value all the same: another order or length is a difference of the whole.
    match (steps(old), steps(new)) {
        (Some(one), Some(other)) if one == other => one,
        _ => Vec::new(),
    }
}

fn values(old: &[Value], new: &[Value]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for item in old.iter().chain(new) {
        let step = Step::Value(item.to_string());
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps
}

/// The steps, where through them the lists really differ: an order alone is a difference of the whole.
fn whole(steps: &[Step], old: &[Value], new: &[Value]) -> Vec<Step> {
    let (old, new) = (Value::Array(old.to_vec()), Value::Array(new.to_vec()));

    let differ = steps.iter().any(|step| step.get(&old) != step.get(&new));
    if differ { steps.to_vec() } else { Vec::new() }
}
