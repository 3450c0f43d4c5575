//! Live fields that no manager owns. Most are defaults of the server; what is none of those was injected by admission,
//! or set by somebody whose traces are gone.
//!
//! A proof from ownership says nothing of such fields: it counts only where none is left unexplained. What is a default is
//! known in `model/k8s/defaults.rs`.

use crate::model::k8s::defaults::Defaults;
use crate::model::k8s::entries::is_status_entry;
use crate::model::k8s::list_key::{key_step, list_key};
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::{Map, Value};

/// The leaves of live, besides metadata of the server's own and status, that no manager owns and that no table of
/// defaults explains. Only a fresh object can tell what they are.
pub fn unexplained(live: &Object) -> Vec<FieldPath> {
    let is_content = |entry: &&Value| !is_status_entry(entry);
    let entries = live.managed_fields().iter().filter(is_content);
    let sets: Vec<&Map<String, Value>> = entries
        .filter_map(|entry| entry["fieldsV1"].as_object())
        .collect();

    let mut walk = UnownedWalk {
        defaults: Defaults::new(live),
        path: Vec::new(),
        found: Vec::new(),
    };

    for (key, value) in live.value().as_object().into_iter().flatten() {
        match key.as_str() {
            "apiVersion" | "kind" | "status" => {}
            "metadata" => walk.walk_metadata(&sets, value),
            _ => walk.walk_field(&sets, key, value),
        }
    }
    walk.found
}

/// What each manager owns at the place at hand.
type Sets<'a> = Vec<&'a Map<String, Value>>;

struct UnownedWalk<'a> {
    defaults: Defaults<'a>,
    path: Vec<Step>,
    found: Vec<FieldPath>,
}

impl UnownedWalk<'_> {
    fn walk_metadata(&mut self, sets: &Sets<'_>, metadata: &Value) {
        let below: Sets<'_> = sets
            .iter()
            .filter_map(|set| set.get("f:metadata")?.as_object())
            .collect();

        self.path.push(Step::Field("metadata".into()));
        // Most of metadata is the server's own and has no manager.
        for field in ["labels", "annotations", "finalizers"] {
            if let Some(value) = metadata.get(field) {
                self.walk_field(&below, field, value);
            }
        }
        self.path.pop();
    }

    fn walk_field(&mut self, sets: &Sets<'_>, key: &str, value: &Value) {
        let owned = format!("f:{key}");
        let below: Sets<'_> = sets
            .iter()
            .filter_map(|set| set.get(&owned)?.as_object())
            .collect();

        self.path.push(Step::Field(key.to_owned()));
        self.walk_value(&below, value);
        self.path.pop();
    }

    fn walk_value(&mut self, sets: &Sets<'_>, value: &Value) {
        // Whoever owns a place and nothing under it owns the whole.
        if sets.iter().any(|set| set.is_empty()) {
            return;
        }

        match value {
            // Nobody's empty map or list is a leaf like any other.
            Value::Object(map) if map.is_empty() && sets.is_empty() => self.add_leaf(value),
            Value::Array(items) if items.is_empty() && sets.is_empty() => self.add_leaf(value),
            Value::Object(map) => map
                .iter()
                .for_each(|(key, below)| self.walk_field(sets, key, below)),
            Value::Array(items) => self.walk_list(sets, items),
            Value::Null => {}
            leaf if sets.is_empty() => self.add_leaf(leaf),
            _ => {}
        }
    }

    fn add_leaf(&mut self, value: &Value) {
        let path = FieldPath::from_steps(self.path.clone());
        if !self.defaults.explain(&path, value) {
            self.found.push(path);
        }
    }

    /// Items are told apart as the entries tell them apart; a list of which no entry tells, by the keys that its items have.
    fn walk_list(&mut self, sets: &Sets<'_>, items: &[Value]) {
        let steps: Vec<(Step, &Map<String, Value>)> = sets
            .iter()
            .flat_map(|set| set.iter())
            .filter_map(|(key, below)| Some((Step::from_fields_v1(key)?, below.as_object()?)))
            .collect();

        let Some((first, _)) = steps.first() else {
            return self.walk_keyless_list(items);
        };

        let names: Vec<String> = match first {
            Step::Key(fields) => fields.iter().map(|(name, _)| name.clone()).collect(),
            _ => Vec::new(),
        };
        for item in items {
            // An item of which no entry tells has no sets, and all below it is nobody's.
            let below: Sets<'_> = steps
                .iter()
                .filter(|(step, _)| step.is_item(item))
                .map(|(_, below)| *below)
                .collect();

            let step = match names.as_slice() {
                [] => Step::Value(item.to_string()),
                names => Step::key(
                    names
                        .iter()
                        .filter_map(|name| Some((name.as_str(), item.get(name)?))),
                ),
            };

            self.path.push(step);
            self.walk_value(&below, item);
            self.path.pop();
        }
    }

    fn walk_keyless_list(&mut self, items: &[Value]) {
        let keyed = list_key(&[items]).filter(|_| !items.is_empty());
        let steps: Option<Vec<Step>> =
            keyed.and_then(|keys| items.iter().map(|item| key_step(item, keys)).collect());
        match steps {
            Some(steps) => {
                for (step, item) in steps.into_iter().zip(items) {
                    self.path.push(step);
                    self.walk_value(&Vec::new(), item);
                    self.path.pop();
                }
            }
            // Items that nothing tells apart are one value; an empty list that nobody owns is told above.
            None if !items.is_empty() => self.add_leaf(&Value::from(items.to_vec())),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(live: Value) -> Vec<String> {
        unexplained(&Object::new(live).unwrap())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn deployment(container: &Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "managedFields": [
            {"manager": "kubectl-delivery", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:spec": {"f:selector": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}}}]},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "strategy": {"type": "RollingUpdate"},
            "template": {"spec": {"restartPolicy": "Always", "securityContext": {}, "containers": [container]}}},
        "status": {"replicas": 1}})
    }

    #[test]
    fn defaults_are_explained_and_what_admission_injected_is_not() {
        let plain = json!({"name": "web", "image": "a.example/web:1", "imagePullPolicy": "IfNotPresent", "resources": {}});

        assert_eq!(found(deployment(&plain)), Vec::<String>::new());
        // A policy that does not follow from the tag is somebody's choice, as is a variable.
        let injected = json!({"name": "web", "image": "a.example/web:1", "imagePullPolicy": "Always",
            "env": [{"name": "INJECTED", "value": "1"}]});
        let at = "/spec/template/spec/containers/[name=web]";
        let env = |field: &str| format!("{at}/env/[name=INJECTED]/{field}");
        assert_eq!(
            found(deployment(&injected)),
            [format!("{at}/imagePullPolicy"), env("name"), env("value")]
        );

        // Empty and unowned is not the same as absent.
        let empty = json!({"name": "web", "image": "a.example/web:1", "securityContext": {}, "args": []});
        let at = "/spec/template/spec/containers/[name=web]";
        assert_eq!(
            found(deployment(&empty)),
            [format!("{at}/securityContext"), format!("{at}/args")]
        );

        // A whole container that no entry names: told by its leaves, all of which are nobody's.
        let side = json!({"name": "side", "image": "a.example/side:1", "imagePullPolicy": "IfNotPresent"});
        let at = "/spec/template/spec/containers/[name=side]";
        assert_eq!(
            found(deployment(&side)),
            [format!("{at}/name"), format!("{at}/image")]
        );
    }

    #[test]
    fn a_policy_is_a_default_by_the_images_tag() {
        for (image, policy, is_default) in [
            ("web", "Always", true),
            ("web:latest", "Always", true),
            ("reg:5000/web", "Always", true),
            ("reg:5000/web:1", "Always", false),
            ("web@sha256:abc", "IfNotPresent", true),
        ] {
            let container = json!({"name": "web", "image": image, "imagePullPolicy": policy});
            assert_eq!(
                found(deployment(&container)).is_empty(),
                is_default,
                "{image} {policy}"
            );
        }
    }
}
