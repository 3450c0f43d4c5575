//! The differing fields of one object: what an apply would change, and what others added.

use super::managed_fields::{Owners, is_our_apply};
use super::others::is_controllers;
use super::unowned::unexplained;
use crate::model::finding::{ChangeKind, FieldChange, HandClass, Ownership};
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::Value;

/// Fields that are not content: the server's own counters, and status.
fn is_skipped(path: &FieldPath) -> bool {
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
        // Revisions and generations that the control plane counts, under the name of whoever wrote last.
        ["metadata", "annotations", name] => {
            name.starts_with("deployment.kubernetes.io/")
                || name == "deprecated.daemonset.template.generation"
        }
        _ => false,
    }
}

/// Differences between live and the server's prediction of desired, and what others set beside desired.
///
/// `fresh` is what the server answers to a dry-run create of desired under another name, where it was asked.
pub fn changes(live: &Object, predicted: &Object, fresh: Option<&Object>) -> Vec<FieldChange> {
    let owners = Owners::of(live);
    let walk = Walk { owners: &owners, predicted: &Owners::of(predicted) };
    let mut found = Vec::new();
    walk.differences(Some(live.value()), Some(predicted.value()), &FieldPath::root(), &mut found);
    added(&walk, live, predicted, fresh, &mut found);
    if let Some(fresh) = fresh {
        of_unknown_origin(&walk, live, predicted, fresh, &mut found);
    }
    found
}

struct Walk<'a> {
    owners: &'a Owners<'a>,
    predicted: &'a Owners<'a>,
}

impl Walk<'_> {
    fn differences(
        &self,
        live: Option<&Value>,
        wanted: Option<&Value>,
        path: &FieldPath,
        found: &mut Vec<FieldChange>,
    ) {
        if live == wanted || is_skipped(path) {
            return;
        }
        let empty = Value::Object(serde_json::Map::new());
        let is_map = |value: Option<&Value>| {
            value.is_none_or(|value| value.as_object().is_some_and(|map| !map.is_empty()))
        };
        if is_map(live)
            && is_map(wanted)
            && !path.steps().last().is_some_and(|step| !matches!(step, Step::Field(_)))
        {
            let (live, wanted) = (live.unwrap_or(&empty), wanted.unwrap_or(&empty));
            return self.fields(live, wanted, path, found);
        }
        match (live, wanted) {
            (Some(live @ Value::Object(_)), Some(wanted @ Value::Object(_))) => {
                self.fields(live, wanted, path, found)
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                let steps = self.steps(path, old, new);
                if steps.is_empty() {
                    found.push(self.change(path, live, wanted));
                }
                let (old, new) = (Value::Array(old.clone()), Value::Array(new.clone()));
                for step in steps {
                    self.differences(step.get(&old), step.get(&new), &path.with(step.clone()), found);
                }
            }
            _ => found.push(self.change(path, live, wanted)),
        }
    }

    fn fields(&self, live: &Value, wanted: &Value, path: &FieldPath, found: &mut Vec<FieldChange>) {
        let keys =
            |value: &Value| value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
        let (old, new): (Vec<String>, Vec<String>) = (keys(live), keys(wanted));
        for key in old.iter().chain(new.iter().filter(|key| !old.contains(key))) {
            self.differences(live.get(key), wanted.get(key), &path.field(key), found);
        }
    }

    /// Steps that tell the items of both lists apart; empty where they are compared as a whole: an atomic list, or
    /// one whose keys do not reach every item, or whose order alone differs.
    fn steps(&self, path: &FieldPath, old: &[Value], new: &[Value]) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for step in self.owners.list_steps(path).into_iter().chain(self.predicted.list_steps(path)) {
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

    /// Adds what desired does not hold: the whole list item where it lacks that, and what is not found already. `by` is
    /// whose entry it was found in.
    fn add(
        &self,
        leaf: FieldPath,
        live: &Object,
        kind: ChangeKind,
        by: Option<&Ownership>,
        found: &mut Vec<FieldChange>,
    ) {
        let path = added_item(&leaf, self.predicted).unwrap_or(leaf);
        if found.iter().any(|known| path.starts_with(&known.path)) {
            return;
        }
        found.push(FieldChange {
            live: path.get(live.value()).cloned(),
            kind,
            desired: None,
            whose: by.map(|by| self.owners.owner(&path).unwrap_or(by).clone()),
            expected_by: None,
            rule_note: None,
            path,
        });
    }

    fn change(&self, path: &FieldPath, live: Option<&Value>, wanted: Option<&Value>) -> FieldChange {
        FieldChange {
            path: path.clone(),
            kind: ChangeKind::Changed,
            live: live.cloned(),
            desired: wanted.cloned(),
            whose: self.owners.owner(path).cloned(),
            expected_by: None,
            rule_note: None,
        }
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

/// What others set, desired does not hold, and an apply would leave.
///
/// Desired holds what our own entry holds in the prediction: its own text may leave out the key of a list item.
fn added(
    walk: &Walk<'_>,
    live: &Object,
    predicted: &Object,
    fresh: Option<&Object>,
    found: &mut Vec<FieldChange>,
) {
    for (owner, fields) in walk.owners.fields_of(|owner| !is_our_apply(owner)) {
        for leaf in fields {
            let skipped = (1..=leaf.steps().len()).any(|end| is_skipped(&up_to(&leaf, end)))
                || owner.class == HandClass::Controller && is_controllers(live, &leaf);
            let value = leaf.get(live.value()).filter(|value| !is_empty(value));
            if skipped
                || value.is_none()
                || leaf.get(predicted.value()).is_none()
                || walk.predicted.is_ours(&leaf)
            {
                continue;
            }
            // What the server gives every such object is no difference, whoever wrote it down.
            if fresh.is_some_and(|fresh| leaf.get(fresh.value()) == value) {
                continue;
            }
            walk.add(leaf, live, ChangeKind::Added, Some(owner), found);
        }
    }
}

/// What nobody owns and a fresh object would not hold: injected by admission that is gone, or set by a hand whose
/// traces are.
fn of_unknown_origin(
    walk: &Walk<'_>,
    live: &Object,
    predicted: &Object,
    fresh: &Object,
    found: &mut Vec<FieldChange>,
) {
    for leaf in unexplained(live) {
        let value = leaf.get(live.value());
        let is_kept = leaf.get(predicted.value()).is_some() && !walk.predicted.is_ours(&leaf);
        if !is_kept || leaf.get(fresh.value()) == value || value.is_none_or(is_empty) {
            continue;
        }
        walk.add(leaf, live, ChangeKind::AddedOriginUnknown, None, found);
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn up_to(path: &FieldPath, end: usize) -> FieldPath {
    FieldPath::from_steps(path.steps()[..end].to_vec())
}

/// The list item that desired does not hold, where that is why it does not hold the field.
fn added_item(leaf: &FieldPath, predicted: &Owners) -> Option<FieldPath> {
    (1..=leaf.steps().len())
        .filter(|end| matches!(leaf.steps()[end - 1], Step::Key(_) | Step::Value(_)))
        .map(|end| up_to(leaf, end))
        .find(|item| !predicted.is_ours(item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::FIELD_MANAGER;
    use serde_json::json;

    fn object(spec: Value, entries: &[(&str, &str, Value)]) -> Object {
        let entry = |(manager, operation, fields): &(&str, &str, Value)| json!({"manager": manager, "operation": operation, "fieldsV1": {"f:spec": fields}});
        let entries: Vec<_> = entries.iter().map(entry).collect();
        Object::new(json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "managedFields": entries}, "spec": spec}))
            .unwrap()
    }

    fn found(live: &Object, predicted: &Object, fresh: Option<&Object>) -> Vec<(String, ChangeKind, String)> {
        let whose = |change: &FieldChange| {
            change.whose.as_ref().map(|whose| whose.manager.clone()).unwrap_or_default()
        };
        changes(live, predicted, fresh)
            .iter()
            .map(|change| (change.path.to_string(), change.kind, whose(change)))
            .collect()
    }

    fn containers(names: &[(&str, &str)]) -> Value {
        let items: Vec<_> = names.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
        json!({"containers": items})
    }

    fn owned(names: &[&str]) -> Value {
        let item = |name: &&str| {
            (format!("k:{{\"name\":\"{name}\"}}"), json!({".": {}, "f:name": {}, "f:image": {}}))
        };
        let items: serde_json::Map<_, _> = names.iter().map(item).collect();
        json!({"f:containers": items})
    }

    #[test]
    fn an_image_is_found_by_its_containers_name_with_who_set_it() {
        let edit =
            ("kubectl-edit", "Update", json!({"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}));
        let live = object(containers(&[("web", "1"), ("log", "1")]), &[edit]);
        let ours = (FIELD_MANAGER, "Apply", owned(&["web", "log"]));
        let predicted = object(containers(&[("web", "2"), ("log", "1")]), &[ours]);
        let expected =
            ("/spec/containers/[name=web]/image".to_owned(), ChangeKind::Changed, "kubectl-edit".to_owned());
        assert_eq!(found(&live, &predicted, None), [expected]);
    }

    #[test]
    fn a_container_that_somebody_added_is_found_although_an_apply_would_keep_it() {
        let spec = containers(&[("web", "1"), ("spy", "1")]);
        let ours = (FIELD_MANAGER, "Apply", owned(&["web"]));
        let theirs = ("kubectl-patch", "Update", owned(&["spy"]));
        let live = object(spec, &[ours, theirs]);
        let expected =
            ("/spec/containers/[name=spy]".to_owned(), ChangeKind::Added, "kubectl-patch".to_owned());
        assert_eq!(found(&live, &live, None), [expected]);
    }

    #[test]
    fn a_default_that_a_tool_wrote_down_is_no_difference() {
        let theirs = ("helm", "Update", json!({"f:policy": {}, "f:empty": {}}));
        let live = object(json!({"policy": "Always", "empty": {}}), &[theirs]);
        assert_eq!(found(&live, &live, None).len(), 1);
        assert_eq!(found(&live, &live, Some(&object(json!({"policy": "Always"}), &[]))), []);
    }

    #[test]
    fn a_list_in_another_order_is_one_difference_of_the_whole() {
        let ours = [(FIELD_MANAGER, "Apply", owned(&["a", "b"]))];
        let live = object(containers(&[("a", "1"), ("b", "1")]), &ours);
        let predicted = object(containers(&[("b", "1"), ("a", "1")]), &ours);
        let paths: Vec<_> = found(&live, &predicted, None).into_iter().map(|(path, ..)| path).collect();
        assert_eq!(paths, ["/spec/containers"]);
    }
}
