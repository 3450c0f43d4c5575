//! What an apply would probably give, made without the server: desired laid over live. Only a prediction: defaults,
//! conversions and admission are the server's.
//!
//! It stands in where the server may not be asked or gives no answer, and shows an external diff what would be there.
//! First goes what our entry alone owns and desired lacks, then desired is laid over what is left, and at last our
//! entry is written as the apply would write it. Common defaults and other spellings of one quantity are known, or each
//! of them would be told as a difference.

use crate::model::emptiness::is_filled;
use crate::model::k8s::defaults::is_default_of_empty;
use crate::model::k8s::entries::is_our_apply_entry;
use crate::model::k8s::kinds::well_known;
use crate::model::k8s::list_key::{key_step, list_key_at, present_step};
use crate::model::k8s::quantity::thousandths;
use crate::model::names::FIELD_MANAGER;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use crate::objects::Owners;
use serde_json::{Map, Value, json};

/// Live as it would be after an apply of desired, as far as that can be told from the two.
pub fn overlay(desired: &Object, live: &Object) -> Object {
    let owners = Owners::from_object(live);
    let lay = Lay {
        owners: &owners,
        is_built_in: well_known(&live.gvk()).is_some(),
    };

    let mut predicted = live.clone();
    for path in lay.dropped(desired, live) {
        path.remove(predicted.value_mut());
    }

    let mut fields = Map::new();
    for (key, wanted) in desired.value().as_object().into_iter().flatten() {
        if matches!(key.as_str(), "apiVersion" | "kind" | "status") {
            continue;
        }

        let wanted = if key == "metadata" {
            content_of_metadata(wanted)
        } else {
            wanted.clone()
        };

        let path = FieldPath::root().field(key);
        let is_there = live.value().get(key).is_some();
        // What the server would not write down is no difference from an object without it.
        let says = is_there || !lay.is_left_out(&wanted, &FieldPath::root());
        if let Some(map) = predicted.value_mut().as_object_mut().filter(|_| says) {
            lay.over(map.entry(key.clone()).or_insert(Value::Null), &wanted, &path);
        }
        fields.insert(format!("f:{key}"), lay.fields(&wanted, &path));
    }

    // The comparison tells the items of lists apart by the entries of both sides:
    // this one must know the new items.
    let mut entries: Vec<Value> = live
        .managed_fields()
        .iter()
        .filter(|entry| !is_our_apply_entry(entry))
        .cloned()
        .collect();
    entries.push(
        json!({"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": desired.api_version(),
        "fieldsType": "FieldsV1", "fieldsV1": fields}),
    );
    predicted.value_mut()["metadata"]["managedFields"] = entries.into();
    predicted
}

fn content_of_metadata(metadata: &Value) -> Value {
    let keep = |key: &str| Some((key.to_owned(), metadata.get(key)?.clone()));
    Value::Object(["labels", "annotations"].into_iter().filter_map(keep).collect())
}

struct Lay<'a> {
    owners: &'a Owners<'a>,
    /// Whether the server leaves out empty values of such an object, as it does of its own kinds.
    is_built_in: bool,
}

impl Lay<'_> {
    /// What our entry owns alone and desired no longer holds.
    fn dropped(&self, desired: &Object, live: &Object) -> Vec<FieldPath> {
        let is_ours = |path: &FieldPath| self.owners.is_ours(path);
        let is_others = |path: &FieldPath| self.owners.is_others(path);
        let ours = self
            .owners
            .fields()
            .flat_map(|(_, fields)| fields)
            .filter(is_ours);

        let gone =
            ours.filter(|path| path.get(live.value()).is_some() && path.get(desired.value()).is_none());
        gone.filter(|path| !is_others(path))
            .map(|path| {
                // The whole of what desired lacks goes, defaults in it included.
                let whole =
                    (1..=path.steps().len()).map(|end| FieldPath::from_steps(path.steps()[..end].to_vec()));
                let whole = whole
                    .into_iter()
                    .find(|whole| whole.get(desired.value()).is_none() && !is_others(whole));
                whole.unwrap_or(path)
            })
            .collect()
    }

    fn over(&self, live: &mut Value, wanted: &Value, path: &FieldPath) {
        match (&mut *live, wanted) {
            (Value::Object(map), Value::Object(wanted)) => {
                // A map that is owned as a whole is replaced as a whole.
                if !wanted.is_empty() && self.owners.is_leaf(path) {
                    // What is more by defaults alone stays, or each default would be told as a difference.
                    if !is_filled_in(live, &Value::Object(wanted.clone())) {
                        *live = Value::Object(wanted.clone());
                    }
                    return;
                }

                for (key, wanted) in wanted {
                    if map.contains_key(key) || !self.is_left_out(wanted, path) {
                        self.over(
                            map.entry(key.clone()).or_insert(Value::Null),
                            wanted,
                            &path.field(key),
                        );
                    }
                }
            }
            (Value::Array(items), Value::Array(wanted)) => match self.steps(path, items, wanted) {
                Some(steps) => {
                    for (step, wanted) in steps.into_iter().zip(wanted) {
                        match items.iter_mut().find(|item| step.is_item(item)) {
                            Some(item) => self.over(item, wanted, &path.with(step)),
                            // Last: where among the others the server would put it is not predicted.
                            None => items.push(with_protocol(wanted, &step)),
                        }
                    }
                }
                // A list that is compared as a whole, and that the server has filled in.
                None if items.len() == wanted.len()
                    && items
                        .iter()
                        .zip(wanted)
                        .all(|(live, wanted)| is_filled_in(live, wanted)) => {}
                None => items.clone_from(wanted),
            },
            // A null claims a place and says no value.
            (_, Value::Null) => {}
            (live, wanted) if is_same(live, wanted) => {}
            // To the server's own kinds an empty value is none, and live has what it fills in there.
            (_, wanted) if self.is_built_in && is_default_of_empty(self.owners.object(), path, wanted) => {}
            (live, wanted) => *live = wanted.clone(),
        }
    }

    /// Whether the server writes no such value down.
    fn is_left_out(&self, wanted: &Value, parent: &FieldPath) -> bool {
        match wanted {
            Value::Null => true,
            // A custom kind keeps what is empty, and so does a map whose keys are the users' own.
            _ if !self.is_built_in || is_free_map(parent) => false,
            Value::Object(map) => map.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::String(text) => text.is_empty(),
            Value::Bool(value) => !value,
            Value::Number(number) => number.as_f64() == Some(0.0),
        }
    }

    /// The step of each item of `wanted`; none where the list is compared as a whole.
    fn steps(&self, path: &FieldPath, live: &[Value], wanted: &[Value]) -> Option<Vec<Step>> {
        // Atomic to its owner: an apply replaces it as a whole.
        if self.owners.is_leaf(path) {
            return None;
        }

        // Entries come from the kind's schema: they win over the table, which guesses by the items' fields.
        let known = self.owners.list_steps(path);
        if let Some(Step::Value(_)) = known.first() {
            return Some(wanted.iter().map(|item| Step::Value(item.to_string())).collect());
        }
        if let Some(Step::Key(fields)) = known.iter().find(|step| matches!(step, Step::Key(_))) {
            let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            let step = |item: &Value| present_step(item, &names);
            // Where a key is there twice, it tells no items apart.
            let is_twice = |items: &[Value]| {
                let steps: Vec<Step> = items.iter().filter_map(step).collect();
                (1..steps.len()).any(|end| steps[..end].contains(&steps[end]))
            };
            if is_twice(live) || is_twice(wanted) {
                return None;
            }
            return wanted.iter().map(step).collect();
        }

        let keys = list_key_at(path, &[live, wanted])?;
        wanted.iter().map(|item| key_step(item, keys)).collect()
    }

    /// The set of fields that an apply of this would own.
    fn fields(&self, wanted: &Value, path: &FieldPath) -> Value {
        match wanted {
            Value::Object(map) => {
                let field = |(key, below): (&String, &Value)| {
                    (format!("f:{key}"), self.fields(below, &path.field(key)))
                };
                Value::Object(map.iter().map(field).collect())
            }
            Value::Array(items) => match self.steps(path, items, items) {
                Some(steps) => {
                    let item = |(step, below): (Step, &Value)| {
                        let mut fields = self.fields(below, &path.with(step.clone()));
                        // A value of a set is its own key, and has no `.`.
                        if let Some(fields) = fields.as_object_mut().filter(|_| below.is_object()) {
                            fields.insert(".".into(), json!({}));
                        }
                        (step.to_fields_v1(), fields)
                    };
                    Value::Object(steps.into_iter().zip(items).map(item).collect())
                }
                // Compared as a whole, and owned as one.
                None => json!({}),
            },
            _ => json!({}),
        }
    }
}

/// Maps whose keys are users' own: an empty text in them is one.
fn is_free_map(path: &FieldPath) -> bool {
    const FREE: &[&str] = &[
        "data",
        "binaryData",
        "labels",
        "annotations",
        "matchLabels",
        "selector",
        "nodeSelector",
        "parameters",
        "limits",
        "requests",
    ];
    matches!(path.steps().last(), Some(Step::Field(name)) if FREE.contains(&name.as_str()))
}

/// The only default of a key of a list: ports are keyed by number and protocol.
const TCP: &str = "TCP";

/// An item as its key says it.
fn with_protocol(item: &Value, step: &Step) -> Value {
    let mut item = item.clone();

    let is_keyed = matches!(step, Step::Key(fields) if fields.iter().any(|(name, _)| name == "protocol"));
    if let Some(fields) = item.as_object_mut().filter(|_| is_keyed) {
        fields.entry("protocol").or_insert(TCP.into());
    }
    item
}

/// What the server fills in inside of lists that are compared as a whole: rules of network policies and webhooks, claims
/// of StatefulSets, subjects of bindings; and inside of maps: a variable's resource field.
const FILLED_IN: [(&str, &str); 7] = [
    ("divisor", "0"),
    ("protocol", TCP),
    ("apiGroup", "rbac.authorization.k8s.io"),
    ("scope", "*"),
    ("apiVersion", "v1"),
    ("kind", "PersistentVolumeClaim"),
    ("volumeMode", "Filesystem"),
];

/// Whether live is what is wanted with nothing but defaults more.
fn is_filled_in(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            let is_default = |(name, value): (&String, &Value)| {
                // A claim template of a StatefulSet comes back with one, and from older servers with `creationTimestamp: null`.
                name == "status"
                    || value.is_null()
                    || FILLED_IN
                        .iter()
                        .any(|(key, default)| name == key && value == default)
            };
            // What is wanted empty may be missing: the server drops it.
            let is_wanted = |(name, wanted): (&String, &Value)| {
                live.get(name)
                    .map_or_else(|| !is_filled(wanted), |live| is_filled_in(live, wanted))
            };

            wanted.iter().all(is_wanted)
                && live
                    .iter()
                    .filter(|(name, _)| !wanted.contains_key(*name))
                    .all(is_default)
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len()
                && live
                    .iter()
                    .zip(wanted)
                    .all(|(live, wanted)| is_filled_in(live, wanted))
        }
        _ => is_same(live, wanted),
    }
}

/// The same, or the same quantity written in another way.
fn is_same(live: &Value, wanted: &Value) -> bool {
    let looks_like_one = |value: &Value| match value {
        Value::Number(_) => true,
        Value::String(text) => text.starts_with(|c: char| c.is_ascii_digit()),
        _ => false,
    };

    // Only what begins with a digit is read as a quantity: other texts that are unequal are so.
    live == wanted
        || (looks_like_one(live)
            && looks_like_one(wanted)
            && thousandths(live).is_some_and(|value| thousandths(wanted) == Some(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fields::changes;
    use crate::model::snapshot::Fresh;

    fn deployment(container: &Value, replicas: u32) -> Object {
        Object::new(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}}}),
        )
        .unwrap()
    }

    fn live() -> Object {
        let container = json!({"name": "web", "image": "a:1", "imagePullPolicy": "IfNotPresent",
            "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {"limits": {"cpu": "2"}}});
        let mut live = deployment(&container, 1);
        live.value_mut()["metadata"]["managedFields"] = json!([{"manager": FIELD_MANAGER, "operation": "Apply",
            "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {},
                "f:resources": {"f:limits": {"f:cpu": {}}},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}}}]);
        live
    }

    fn predicted(container: &Value, replicas: u32) -> Vec<String> {
        let (live, desired) = (live(), deployment(container, replicas));
        let predicted = overlay(&desired, &live);
        changes(&desired, &live, &predicted, &Fresh::NotAsked)
            .0
            .iter()
            .map(|change| change.path.to_string())
            .collect()
    }

    #[test]
    fn defaults_quantities_and_default_keys_are_no_differences() {
        // The pull policy, the port's protocol and the form of the limit are the server's.
        let same = json!({"name": "web", "image": "a:1", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "2000m"}}});
        assert_eq!(predicted(&same, 1), Vec::<String>::new());
    }

    #[test]
    fn a_changed_and_a_removed_field_are() {
        // The ports leave the release: our entry held them alone, so that an apply takes them away.
        let other = json!({"name": "web", "image": "a:2", "resources": {"limits": {"cpu": "2"}}});

        let at = "/spec/template/spec/containers/[name=web]";
        assert_eq!(
            predicted(&other, 3),
            [
                "/spec/replicas".to_owned(),
                format!("{at}/image"),
                format!("{at}/ports/[containerPort=80,protocol=TCP]")
            ]
        );
    }
}
