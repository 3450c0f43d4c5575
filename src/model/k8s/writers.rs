//! Fields that the API server, controllers and installers write into objects that others declare: the one list of what is
//! no drift.
//!
//! They are known by their place, and where the place could carry content by a mark on the object too: who claims to have
//! set a field says nothing.
//!
//! An entry that is too wide hides somebody's change for good; one that is missing shows drift that no
//! promotion ends. So each is as narrow as its writer's own rule, and a field that desired holds is compared
//! whatever stands here.

use crate::model::names::HELM_RELEASE_ANNOTATION;
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

/// Annotations that the control plane writes, by key or by prefix up to the slash, each with the file of Kubernetes 1.37
/// that names it.
const ANNOTATIONS: &[&str] = &[
    // pkg/controller/deployment/util/deployment_util.go
    "deployment.kubernetes.io/",
    // api/apps/v1/types.go
    "deprecated.daemonset.template.generation",
    // client-go/tools/leaderelection/resourcelock/interface.go
    "control-plane.alpha.kubernetes.io/leader",
    // pkg/apis/autoscaling/annotations.go
    "autoscaling.alpha.kubernetes.io/",
    // component-helpers/storage/volume/pv_helpers.go
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/storage-provisioner",
];

/// Whether an annotation belongs to controllers: it is no content, and a revert leaves it as it is.
pub fn is_controllers_annotation(key: &str) -> bool {
    ANNOTATIONS.iter().any(|known| {
        if known.ends_with('/') {
            key.starts_with(known)
        } else {
            key == *known
        }
    })
}

/// Whether the field is one that controllers set on such an object, where nobody else does.
pub fn is_controllers(object: &Object, path: &FieldPath) -> bool {
    // Which item of a list it is does not matter: the place alone decides.
    let steps: Vec<&str> = path
        .steps()
        .iter()
        .map(|step| match step {
            Step::Field(name) => name,
            // An item of a set, such as a finalizer, is told by its value.
            Step::Value(value) => value.trim_matches('"'),
            Step::Key(_) | Step::Index(_) => "*",
        })
        .collect();

    match (object.kind(), &steps[..]) {
        // Certificate authorities are injected into whatever the API server calls.
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
        (_, ["metadata", "annotations", key]) => is_controllers_annotation(key),
        _ => false,
    }
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

/// Marks by which a delivery tool knows what it installed: tool, list, and key or prefix up to the slash.
// A mark says whose it is, and keeps nothing: what keeps an object from being pruned is in `keep.rs`.
const MARKS: &[(&str, &str, &str)] = &[
    ("Helm", "annotations", HELM_RELEASE_ANNOTATION),
    ("Helm", "annotations", "meta.helm.sh/release-namespace"),
    ("Argo CD", "annotations", "argocd.argoproj.io/tracking-id"),
    ("Argo CD", "annotations", "argocd.argoproj.io/installation-id"),
    ("Flux", "labels", "kustomize.toolkit.fluxcd.io/name"),
    ("Flux", "labels", "kustomize.toolkit.fluxcd.io/namespace"),
    ("Flux", "labels", "helm.toolkit.fluxcd.io/name"),
    ("Flux", "labels", "helm.toolkit.fluxcd.io/namespace"),
    ("kapp", "labels", "kapp.k14s.io/app"),
    ("kapp", "labels", "kapp.k14s.io/association"),
    ("kapp", "annotations", "kapp.k14s.io/identity"),
    ("kapp", "annotations", "kapp.k14s.io/original"),
    ("kapp", "annotations", "kapp.k14s.io/original-diff-md5"),
    ("Fleet", "labels", "objectset.rio.cattle.io/hash"),
    ("Fleet", "annotations", "objectset.rio.cattle.io/"),
];

/// The delivery tool whose mark the field is. `value` is what live holds there.
pub fn installer_of(path: &FieldPath, value: Option<&Value>) -> Option<&'static str> {
    // Exactly there: labels of a pod template lie deeper, and decide what pods there are.
    let [Step::Field(metadata), Step::Field(list), Step::Field(key)] = path.steps() else {
        return None;
    };
    if metadata != "metadata" {
        return None;
    }

    // Others put their own names there: only Helm's is Helm's mark.
    if list == "labels" && key == "app.kubernetes.io/managed-by" {
        return value.is_some_and(|value| value == "Helm").then_some("Helm");
    }

    let is_known = |known: &str| {
        if known.ends_with('/') {
            key.starts_with(known)
        } else {
            key == known
        }
    };

    MARKS
        .iter()
        .find(|(_, place, known)| place == list && is_known(known))
        .map(|(tool, ..)| *tool)
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
    fn a_mark_is_its_tools_and_a_label_that_others_use_is_helms_by_its_value() {
        let tool = |path: &str, value: &str| installer_of(&path.parse().unwrap(), Some(&json!(value)));

        assert_eq!(
            tool("/metadata/annotations/meta.helm.sh~1release-name", "web"),
            Some("Helm")
        );
        assert_eq!(
            tool("/metadata/labels/app.kubernetes.io~1managed-by", "Helm"),
            Some("Helm")
        );
        assert_eq!(tool("/metadata/labels/app.kubernetes.io~1managed-by", "me"), None);
        assert_eq!(
            tool("/metadata/labels/kustomize.toolkit.fluxcd.io~1name", "apps"),
            Some("Flux")
        );
        assert_eq!(
            tool("/spec/template/metadata/labels/kapp.k14s.io~1app", "1"),
            None
        );
    }
}
