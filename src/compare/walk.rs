//! Two versions of an object side by side: the paths at which they differ.
//!
//! Items of lists are told apart as managedFields tells them apart; a list of which no entry tells is compared as a
//! whole.

use super::managed_fields::Owners;
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
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
        ["status"] | ["apiVersion"] | ["kind"] => true,
        ["metadata", name] => matches!(
            name,
            "managedFields" | "resourceVersion" | "generation" | "creationTimestamp" | "uid" | "selfLink"
        ),
        // What kubectl apply writes for itself repeats the object.
        ["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"] => true,
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
    let walk = Walk { live: &Owners::of(live), other: &Owners::of(other) };
    let mut found = Vec::new();
    walk.values(Some(live.value()), Some(other.value()), &FieldPath::root(), &mut found);
    found
}

struct Walk<'a> {
    live: &'a Owners<'a>,
    other: &'a Owners<'a>,
}

impl Walk<'_> {
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
        let is_item = path.steps().last().is_some_and(|step| !matches!(step, Step::Field(_)));
        if is_map(live) && is_map(other) && !is_item {
            let (live, other) = (live.unwrap_or(&empty), other.unwrap_or(&empty));
            return self.fields(live, other, path, found);
        }

        match (live, other) {
            (Some(live @ Value::Object(_)), Some(other @ Value::Object(_))) => {
                self.fields(live, other, path, found);
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                let steps = self.steps(path, old, new);
                if steps.is_empty() {
                    found.push(Differing { path: path.clone(), live: live.cloned(), other: other.cloned() });
                }
                let (old, new) = (Value::Array(old.clone()), Value::Array(new.clone()));
                for step in steps {
                    self.values(step.get(&old), step.get(&new), &path.with(step.clone()), found);
                }
            }
            _ => found.push(Differing { path: path.clone(), live: live.cloned(), other: other.cloned() }),
        }
    }

    fn fields(&self, live: &Value, other: &Value, path: &FieldPath, found: &mut Vec<Differing>) {
        let keys =
            |value: &Value| value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
        let (old, new): (Vec<String>, Vec<String>) = (keys(live), keys(other));
        for key in old.iter().chain(new.iter().filter(|key| !old.contains(key))) {
            self.values(live.get(key), other.get(key), &path.field(key), found);
        }
    }

    /// Steps that tell the items of both lists apart; empty where they are compared as a whole: an atomic list, or
    /// one whose keys do not reach every item, or whose order alone differs.
    fn steps(&self, path: &FieldPath, old: &[Value], new: &[Value]) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for step in self.live.list_steps(path).into_iter().chain(self.other.list_steps(path)) {
            if !matches!(step, Step::Field(_) | Step::Index(_)) && !steps.contains(&step) {
                steps.push(step);
            }
        }

        let Some(Step::Key(fields)) = steps.first().cloned() else {
            let is_set = matches!(steps.first(), Some(Step::Value(_)));
            return if is_set { whole(&values(old, new), old, new) } else { Vec::new() };
        };
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        let mut all: Vec<Step> = Vec::new();
        for item in old.iter().chain(new) {
            let present = names.iter().filter_map(|name| Some((*name, item.get(*name)?)));
            let step = Step::key(present);
            if !all.contains(&step) {
                all.push(step);
            }
        }
        whole(&all, old, new)
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
