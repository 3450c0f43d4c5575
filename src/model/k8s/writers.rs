//! Fields that the API server and controllers write into objects that others declare, and that are no drift: by their place
//! here, labels and annotations by the table in [`super::marks`].
//!
//! Where a place could carry content, a mark on the object is asked for too: who claims to have set a field says nothing.
//!
//! An entry that is too wide hides somebody's change for good; one that is missing shows drift that no
//! promotion ends. So each is as narrow as its writer's own rule, and a field that desired holds is compared
//! whatever stands here.

use super::marks::{MANAGED_ALB_ANNOTATIONS, MANAGED_BY_ROLLOUTS, is_controllers_mark};
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::{Map, Value};

/// What the server counts and notes of every object. None of it is content.
pub const BOOKKEEPING: [&str; 6] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "selfLink",
    "managedFields",
];

/// What it notes of an object that is on its way out.
const DELETION: [&str; 2] = ["deletionTimestamp", "deletionGracePeriodSeconds"];

/// Leaves in `metadata` what a client can send with a new object.
pub fn drop_server_written(metadata: &mut Map<String, Value>) {
    let is_written = |field: &str| BOOKKEEPING.contains(&field) || DELETION.contains(&field);
    metadata.retain(|field, _| !is_written(field));
}

/// Leaves in `metadata` what a reader of the object cares for, in its order.
pub fn drop_bookkeeping(metadata: &mut Map<String, Value>) {
    metadata.retain(|field, _| !BOOKKEEPING.contains(&field.as_str()));
}

/// Labels that the Job controller writes into a Job's own template.
pub const JOB_LABELS: [&str; 4] = [
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
];

/// Whether the field is one that controllers set on such an object, where nobody else does.
pub fn is_controllers(object: &Object, path: &FieldPath) -> bool {
    let steps = place(path);

    match (object.kind(), &steps[..]) {
        // Certificate authorities are injected into whatever the API server calls: by cert-manager's cainjector
        // (pkg/controller/cainjector/injectables.go), Istio (pkg/webhooks), KEDA (pkg/certificates), the vertical pod
        // autoscaler (pkg/admission-controller/certs.go), and the Jobs of charts that make their own.
        (
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
            ["webhooks", "*", "clientConfig", "caBundle"],
        )
        | ("APIService", ["spec", "caBundle"])
        | ("CustomResourceDefinition", ["spec", "conversion", "webhook", "clientConfig", "caBundle"]) => {
            calls_a_service(object, path)
        }
        // pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go
        ("ClusterRole", ["rules", ..]) => object.at("/aggregationRule").is_some_and(Value::is_object),
        // A claim and its volume find each other, and the binder marks both:
        // component-helpers/storage/volume/pv_helpers.go
        ("PersistentVolumeClaim", ["spec", "volumeName"]) => {
            object.annotation("pv.kubernetes.io/bind-completed").is_some()
        }
        ("PersistentVolume", ["spec", "claimRef", ..]) => object
            .annotation("pv.kubernetes.io/bound-by-controller")
            .is_some(),
        // cloud-provider/service/helpers/helper.go
        ("Service", ["metadata", "finalizers", finalizer]) => {
            *finalizer == "service.kubernetes.io/load-balancer-cleanup"
        }
        // Entries that bear the account's name; a list of one's own names others, and is content.
        ("ServiceAccount", ["secrets", "*"]) => path
            .get(object.value())
            .is_some_and(|secret| is_token_secret(object, secret)),
        ("ServiceAccount", ["secrets"]) => {
            let secrets = path.get(object.value()).and_then(Value::as_array);
            // As a whole only where nobody else has put anything in.
            secrets.is_some_and(|secrets| secrets.iter().all(|secret| is_token_secret(object, secret)))
        }
        // pkg/controller/serviceaccount/tokens_controller.go
        ("Secret", ["data", ..] | ["metadata", "annotations", "kubernetes.io/service-account.uid"]) => {
            object.text("/type") == "kubernetes.io/service-account-token"
        }
        ("Pod", place @ ["spec", ..]) => is_written_into_pod(object, place, path),
        // argo-rollouts 1.10: rollout/service.go, rollout/trafficrouting/istio/istio.go
        ("Service", ["spec", "selector", POD_HASH_LABEL])
        | ("DestinationRule", ["spec", "subsets", "*", "labels", POD_HASH_LABEL]) => {
            is_switched_by_rollouts(object)
        }
        // argo-rollouts 1.10: rollout/trafficrouting/alb/alb.go
        ("Ingress", ["metadata", "annotations", key]) if is_alb_annotation_of_rollouts(object, key) => true,
        (_, ["metadata", "labels" | "annotations", _]) => is_controllers_mark(object, path),
        _ => false,
    }
}

/// The fields on the way: which item of a list it is does not matter, the place alone decides.
fn place(path: &FieldPath) -> Vec<&str> {
    path.steps()
        .iter()
        .map(|step| match step {
            Step::Field(name) => name.as_str(),
            // An item of a set, such as a finalizer, is told by its value.
            Step::Value(value) => value.trim_matches('"'),
            Step::Key(_) | Step::Index(_) => "*",
        })
        .collect()
}

/// The label by which Argo Rollouts tells the pods of one revision from those of another.
pub const POD_HASH_LABEL: &str = "rollouts-pod-template-hash";

/// Whether Argo Rollouts points the object to one revision after the other.
pub fn is_switched_by_rollouts(object: &Object) -> bool {
    object.annotation(MANAGED_BY_ROLLOUTS).is_some()
}

/// Whether the Ingress lists the annotation as one that Argo Rollouts writes: a map of lists, by Rollout.
fn is_alb_annotation_of_rollouts(ingress: &Object, key: &str) -> bool {
    let listed = ingress
        .annotation(MANAGED_ALB_ANNOTATIONS)
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let is_key = |value: &Value| value.as_str() == Some(key);
    listed
        .as_ref()
        .and_then(Value::as_object)
        .is_some_and(|rollouts| {
            rollouts
                .values()
                .filter_map(Value::as_array)
                .flatten()
                .any(is_key)
        })
}

/// The node, and the token of the pod's account.
fn is_written_into_pod(pod: &Object, place: &[&str], path: &FieldPath) -> bool {
    let value = path.get(pod.value());
    match place {
        // The scheduler's binding: pkg/scheduler/framework/plugins/defaultbinder/default_binder.go
        ["spec", "nodeName"] => true,
        // The token that admission mounts: plugin/pkg/admission/serviceaccount/admission.go
        ["spec", "volumes", "*"] => is_token_volume(value),
        ["spec", "containers" | "initContainers", "*", "volumeMounts", "*"] => is_token_mount(pod, value),
        ["spec", "containers" | "initContainers", "*", "volumeMounts"] => {
            // A list that holds anything else is content.
            let mounts = value.and_then(Value::as_array);
            mounts.is_some_and(|mounts| mounts.iter().all(|mount| is_token_mount(pod, Some(mount))))
        }
        _ => false,
    }
}

/// A client of a Service inside the cluster works with a bundle alone that signs for it: where none is declared, one is
/// injected.
fn calls_a_service(object: &Object, path: &FieldPath) -> bool {
    // The bundle's neighbour, in `clientConfig` or in the spec.
    let parent = path.parent().unwrap_or_default();
    parent
        .field("service")
        .get(object.value())
        .is_some_and(Value::is_object)
}

/// A token that the control plane made for the account, or OpenShift's for its registry: the account's name is in theirs.
fn is_token_secret(account: &Object, secret: &Value) -> bool {
    let rest = secret["name"]
        .as_str()
        .and_then(|name| name.strip_prefix(account.name()));
    rest.is_some_and(|rest| rest.starts_with("-token-") || rest.starts_with("-dockercfg-"))
}

fn is_token_volume(volume: Option<&Value>) -> bool {
    let Some(volume) = volume else { return false };
    // By its content as well: under such a name a mount of the host would be content.
    let sources = volume["projected"]["sources"].as_array();

    volume["name"]
        .as_str()
        .is_some_and(|name| name.starts_with("kube-api-access-"))
        && sources.is_some_and(|sources| {
            sources
                .iter()
                .any(|source| source["serviceAccountToken"].is_object())
        })
}

/// A read-only mount of the token's volume at its fixed place.
fn is_token_mount(pod: &Object, mount: Option<&Value>) -> bool {
    let Some(mount) = mount else { return false };
    let volumes = pod
        .at("/spec/volumes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
        && mount["readOnly"] == true
        && volumes
            .filter(|volume| is_token_volume(Some(volume)))
            .any(|volume| volume["name"] == mount["name"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_set(kind: &str, kind_of_secret: &str, path: &str) -> bool {
        let bound =
            json!({"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"});
        let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "annotations": bound},
            "type": kind_of_secret,
            "webhooks": [{"name": "a", "clientConfig": {"service": {"name": "a"}}},
                {"name": "b", "clientConfig": {"url": "https://b.example"}}]});

        is_controllers(&Object::new(object).unwrap(), &path.parse().unwrap())
    }

    #[test]
    fn a_field_is_a_controllers_by_kind_and_place() {
        for (kind, path, expected) in [
            (
                "Deployment",
                "/metadata/annotations/deployment.kubernetes.io~1revision",
                true,
            ),
            ("Deployment", "/metadata/annotations/mine", false),
            ("Deployment", "/spec/template/spec/containers/[name=a]", false),
            (
                "ValidatingWebhookConfiguration",
                "/webhooks/[name=a]/clientConfig/caBundle",
                true,
            ),
            (
                "ValidatingWebhookConfiguration",
                "/webhooks/[name=a]/clientConfig/url",
                false,
            ),
            (
                // It calls a URL: its bundle was written by whoever wrote that.
                "ValidatingWebhookConfiguration",
                "/webhooks/[name=b]/clientConfig/caBundle",
                false,
            ),
            // Without an aggregation rule.
            ("ClusterRole", "/rules", false),
            ("PersistentVolumeClaim", "/spec/volumeName", true),
            ("PersistentVolume", "/spec/claimRef/name", true),
            ("Pod", "/spec/nodeName", true),
            ("Deployment", "/spec/nodeName", false),
            // Of no type that the control plane fills.
            ("Secret", "/data/token", false),
        ] {
            assert_eq!(is_set(kind, "", path), expected, "{kind} {path}");
        }

        assert!(is_set(
            "Secret",
            "kubernetes.io/service-account-token",
            "/data/token"
        ));
    }

    #[test]
    fn the_rules_of_an_aggregated_role_and_the_token_of_a_pod_are_the_control_planes() {
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"},
            "aggregationRule": {"clusterRoleSelectors": []}, "rules": [{"verbs": ["get"]}]});
        assert!(is_controllers(
            &Object::new(role).unwrap(),
            &"/rules".parse().unwrap()
        ));

        let token = json!({"name": "kube-api-access-x", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}});
        let mount = |name: &str| json!({"name": name, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {
            "volumes": [token, {"name": "kube-api-access-y", "hostPath": {"path": "/"}}],
            "containers": [{"name": "a", "volumeMounts": [mount("kube-api-access-x")]},
                {"name": "b", "volumeMounts": [mount("kube-api-access-y")]}]}});
        let pod = Object::new(pod).unwrap();
        let at = |path: &str| is_controllers(&pod, &path.parse().unwrap());

        assert!(at("/spec/volumes/[name=kube-api-access-x]"));
        assert!(
            !at("/spec/volumes/[name=kube-api-access-y]"),
            "a mount of the host is content"
        );
        assert!(at("/spec/containers/[name=a]/volumeMounts"));
        assert!(!at("/spec/containers/[name=b]/volumeMounts"));
    }

    #[test]
    fn what_argo_rollouts_switches_is_its_own_where_its_mark_says_that_it_does() {
        let object = |api_version: &str, kind: &str, annotations: Value| {
            let object = json!({"apiVersion": api_version, "kind": kind,
                "metadata": {"name": "web", "annotations": annotations},
                "spec": {"selector": {"app": "web", POD_HASH_LABEL: "a"}, "subsets": [{"name": "stable", "labels": {POD_HASH_LABEL: "a"}}]}});
            Object::new(object).unwrap()
        };
        let managed = || json!({MANAGED_BY_ROLLOUTS: "web"});
        let at = |object: &Object, path: &str| is_controllers(object, &path.parse().unwrap());

        let service = object("v1", "Service", managed());
        assert!(at(&service, "/spec/selector/rollouts-pod-template-hash"));
        assert!(!at(&service, "/spec/selector/app"));
        // A hand can write such a selector as well.
        let by_hand = object("v1", "Service", json!({}));
        assert!(!at(&by_hand, "/spec/selector/rollouts-pod-template-hash"));

        let rule = object("networking.istio.io/v1", "DestinationRule", managed());
        assert!(at(
            &rule,
            "/spec/subsets/[name=stable]/labels/rollouts-pod-template-hash"
        ));
        assert!(!at(&rule, "/spec/subsets/[name=stable]/labels/app"));

        let listed = json!({MANAGED_ALB_ANNOTATIONS: r#"{"web":["alb.ingress.kubernetes.io/actions.web"]}"#});
        let ingress = object("networking.k8s.io/v1", "Ingress", listed);
        assert!(at(
            &ingress,
            "/metadata/annotations/alb.ingress.kubernetes.io~1actions.web"
        ));
        assert!(!at(
            &ingress,
            "/metadata/annotations/alb.ingress.kubernetes.io~1actions.other"
        ));
    }
}
