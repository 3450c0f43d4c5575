//! What controllers keep in parts of an object that desired holds: an apply would set it to the release's value, or replace
//! the whole that it is a part of, until the controller is back at it.
//!
//! A promotion sends what live has there, so that nothing of it changes. Each place has a mark that says whose it is.

use super::writers::{POD_HASH_LABEL, is_switched_by_rollouts};
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::{Map, Value};

/// Annotations that ask cert-manager for its certificate authority: cert-manager 1.21, pkg/apis/certmanager/v1/types.go
const INJECTED_CA: [&str; 3] = [
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
    "cert-manager.io/inject-apiserver-ca",
];

/// Gives desired what controllers keep in live.
pub fn carry_controllers_fields(desired: &mut Object, live: &Object) {
    if is_switched_by_rollouts(live) {
        carry_pod_hash(desired, live);
    }
    if asks_for_bundle(desired) {
        carry_bundle(desired, live);
    }
}

/// Whether the field is one that may have been carried into desired: the stored release holds what was sent, and nobody
/// tests such a value.
pub fn is_carried(desired: &Object, path: &FieldPath) -> bool {
    let fields: Vec<&str> = path
        .steps()
        .iter()
        .map(|step| match step {
            Step::Field(name) => name.as_str(),
            _ => "*",
        })
        .collect();
    match (desired.kind(), &fields[..]) {
        ("Service", ["spec", "selector", POD_HASH_LABEL])
        | ("DestinationRule", ["spec", "subsets", "*", "labels", POD_HASH_LABEL]) => true,
        ("MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration", ["webhooks", .., "caBundle"])
        | ("APIService" | "CustomResourceDefinition", ["spec", .., "caBundle"]) => asks_for_bundle(desired),
        _ => false,
    }
}

fn asks_for_bundle(desired: &Object) -> bool {
    INJECTED_CA.iter().any(|key| desired.annotation(key).is_some())
}

/// The revision that Argo Rollouts points to. Selectors and subsets are replaced as a whole: without it a Service would send
/// requests to all revisions at once.
fn carry_pod_hash(desired: &mut Object, live: &Object) {
    let gvk = live.gvk();
    match (&*gvk.group, &*gvk.kind) {
        ("", "Service") => {
            let hash = live
                .at("/spec/selector")
                .and_then(|selector| selector.get(POD_HASH_LABEL));
            let selector = desired.value_mut().pointer_mut("/spec/selector");
            insert_hash(selector, hash);
        }
        ("networking.istio.io", "DestinationRule") => {
            for subset in items_mut(desired, "/spec/subsets") {
                let same = same_item(live, "/spec/subsets", subset);
                let hash = same.and_then(|same| same.get("labels")?.get(POD_HASH_LABEL));
                if hash.is_some()
                    && let Some(subset) = subset.as_object_mut()
                {
                    let labels = subset
                        .entry("labels")
                        .or_insert_with(|| Value::Object(Map::new()));
                    insert_hash(Some(labels), hash);
                }
            }
        }
        _ => {}
    }
}

fn insert_hash(labels: Option<&mut Value>, hash: Option<&Value>) {
    let labels = labels.and_then(Value::as_object_mut);
    if let (Some(labels), Some(hash)) = (labels, hash) {
        labels.insert(POD_HASH_LABEL.into(), hash.clone());
    }
}

/// The bundle that cert-manager injects where a manifest holds a placeholder.
fn carry_bundle(desired: &mut Object, live: &Object) {
    match live.kind() {
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            for webhook in items_mut(desired, "/webhooks") {
                let same = same_item(live, "/webhooks", webhook);
                let bundle = same.and_then(|same| same.pointer("/clientConfig/caBundle"));
                replace_bundle(webhook.pointer_mut("/clientConfig/caBundle"), bundle);
            }
        }
        "APIService" | "CustomResourceDefinition" => {
            for place in ["/spec/caBundle", "/spec/conversion/webhook/clientConfig/caBundle"] {
                replace_bundle(desired.value_mut().pointer_mut(place), live.at(place));
            }
        }
        _ => {}
    }
}

fn replace_bundle(desired: Option<&mut Value>, live: Option<&Value>) {
    let is_injected = |bundle: &&Value| bundle.as_str().is_some_and(|text| !text.is_empty());
    if let (Some(desired), Some(live)) = (desired, live.filter(is_injected)) {
        *desired = live.clone();
    }
}

fn items_mut<'o>(object: &'o mut Object, place: &str) -> impl Iterator<Item = &'o mut Value> {
    let list = object.value_mut().pointer_mut(place);
    list.and_then(Value::as_array_mut).into_iter().flatten()
}

/// Live's item of the same name.
fn same_item<'o>(live: &'o Object, place: &str, item: &Value) -> Option<&'o Value> {
    let name = item.get("name")?;
    let items = live.at(place)?.as_array()?;
    items.iter().find(|other| other.get("name") == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(api_version: &str, kind: &str, annotations: &Value, content: &Value) -> Object {
        let mut object = json!({"apiVersion": api_version, "kind": kind,
            "metadata": {"name": "web", "annotations": annotations}});
        for (key, value) in content.as_object().unwrap() {
            object[key] = value.clone();
        }
        Object::new(object).unwrap()
    }

    fn carried(api_version: &str, kind: &str, annotations: &Value, desired: &Value, live: &Value) -> Value {
        let live = object(api_version, kind, annotations, live);
        // Desired holds what it asks for, and nothing of a controller's.
        let asks = if annotations.get(INJECTED_CA[0]).is_some() {
            annotations.clone()
        } else {
            json!({})
        };
        let mut desired = object(api_version, kind, &asks, desired);
        carry_controllers_fields(&mut desired, &live);
        desired.value().clone()
    }

    #[test]
    fn the_revision_that_argo_rollouts_points_to_stays() {
        let managed = json!({"argo-rollouts.argoproj.io/managed-by-rollouts": "web"});
        let selector = |hash: &str| json!({"spec": {"selector": {"app": "web", POD_HASH_LABEL: hash}}});
        let plain = json!({"spec": {"selector": {"app": "web"}}});

        let service = |annotations: &Value, desired: &Value| {
            carried("v1", "Service", annotations, desired, &selector("b"))["spec"].clone()
        };
        assert_eq!(service(&managed, &plain), selector("b")["spec"]);
        // What a release before has recorded is of that time.
        assert_eq!(service(&managed, &selector("a")), selector("b")["spec"]);
        assert_eq!(service(&json!({}), &plain), plain["spec"], "nobody switches it");

        let subsets = |labels: Value| json!({"spec": {"subsets": [{"name": "stable", "labels": labels}, {"name": "other"}]}});
        let rule = carried(
            "networking.istio.io/v1",
            "DestinationRule",
            &managed,
            &subsets(json!({"app": "web"})),
            &subsets(json!({"app": "web", POD_HASH_LABEL: "b"})),
        );
        assert_eq!(
            rule["spec"],
            subsets(json!({"app": "web", POD_HASH_LABEL: "b"}))["spec"]
        );
    }

    #[test]
    fn what_may_have_been_carried_is_known_by_its_place() {
        let at = |object: &Object, path: &str| is_carried(object, &path.parse().unwrap());
        let service = object("v1", "Service", &json!({}), &json!({}));
        assert!(at(&service, "/spec/selector/rollouts-pod-template-hash"));
        assert!(!at(&service, "/spec/selector/app"));

        let definition = |annotations: &Value| {
            object(
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                annotations,
                &json!({}),
            )
        };
        let place = "/spec/conversion/webhook/clientConfig/caBundle";
        assert!(at(
            &definition(&json!({"cert-manager.io/inject-ca-from": "shop/web"})),
            place
        ));
        assert!(!at(&definition(&json!({})), place), "its author's own");
    }

    #[test]
    fn an_injected_bundle_stays_where_the_manifest_holds_a_placeholder_and_asks_for_one() {
        let asks = json!({"cert-manager.io/inject-ca-from": "shop/web"});
        let webhooks =
            |bundle: &str| json!({"webhooks": [{"name": "a", "clientConfig": {"caBundle": bundle}}]});
        let bundle = |annotations: &Value, live: &str| {
            let kind = "ValidatingWebhookConfiguration";
            let api_version = "admissionregistration.k8s.io/v1";
            let found = carried(api_version, kind, annotations, &webhooks("Cg=="), &webhooks(live));
            found["webhooks"][0]["clientConfig"]["caBundle"].clone()
        };
        assert_eq!(bundle(&asks, "LS0t"), "LS0t");
        assert_eq!(bundle(&asks, ""), "Cg==", "not injected yet");
        assert_eq!(bundle(&json!({}), "LS0t"), "Cg==");

        let conversion = |bundle: &str| json!({"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": bundle}}}}});
        let definition = carried(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            &asks,
            &conversion("Cg=="),
            &conversion("LS0t"),
        );
        assert_eq!(definition["spec"], conversion("LS0t")["spec"]);
    }
}
