//! Live fields that no manager owns. Most are defaults of the server; what is none of those was injected by admission,
//! or set by somebody whose traces are gone.
//!
//! A proof from ownership says nothing of such fields: it counts only where none is left unexplained. The tables hold
//! constants of the API and what follows from the object itself, nothing that a cluster could set otherwise. They
//! err to one side: a default that is missing here costs a question to the server, and hides nothing.

use crate::model::k8s::list_key::{key_step, list_key};
use crate::model::k8s::pod_spec::pod_spec_path;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::{Map, Value, json};

/// The leaves of live, besides metadata of the server's own and status, that no manager owns and that no table of
/// defaults explains. Only a fresh object can tell what they are.
pub fn unexplained(live: &Object) -> Vec<FieldPath> {
    let is_content = |entry: &&Value| entry["subresource"].as_str() != Some("status");
    let entries = live.managed_fields().iter().filter(is_content);
    let sets: Vec<&Map<String, Value>> = entries
        .filter_map(|entry| entry["fieldsV1"].as_object())
        .collect();

    let mut walk = Walk {
        kind: live.kind(),
        pods: pods_of(live),
        live,
        path: Vec::new(),
        found: Vec::new(),
    };

    for (key, value) in live.value().as_object().into_iter().flatten() {
        match key.as_str() {
            "apiVersion" | "kind" | "status" => {}
            "metadata" => walk.metadata(&sets, value),
            _ => walk.field(&sets, key, value),
        }
    }
    walk.found
}

/// Whether a leaf of live is what the API gives to every object that says nothing of it.
pub(super) fn is_default(live: &Object, path: &FieldPath) -> bool {
    let walk = Walk {
        kind: live.kind(),
        pods: pods_of(live),
        live,
        path: Vec::new(),
        found: Vec::new(),
    };

    path.get(live.value())
        .is_some_and(|value| walk.is_default(path, value))
}

/// Whether live has the default that the API writes in place of this empty value. Most numbers are optional by a pointer,
/// and zero is one of them like any other.
pub(super) fn is_default_of_empty(live: &Object, path: &FieldPath, wanted: &Value) -> bool {
    const ZERO_IS_NONE: &[&str] = &[
        "Probe/timeoutSeconds",
        "Probe/periodSeconds",
        "Probe/successThreshold",
        "Probe/failureThreshold",
        "ports/[]/hostPort",
        "ports/[]/targetPort",
    ];

    let is_empty = match wanted {
        Value::String(text) => text.is_empty(),
        Value::Number(number) => {
            let place = place(path);
            number.as_f64() == Some(0.0) && ZERO_IS_NONE.iter().any(|end| place.ends_with(end))
        }
        _ => false,
    };

    is_empty && is_default(live, path)
}

fn pods_of(live: &Object) -> Option<String> {
    pod_spec_path(&live.gvk()).map(|steps| format!("/{}/", steps.join("/")))
}

/// What each manager owns at the place at hand.
type Sets<'a> = Vec<&'a Map<String, Value>>;

struct Walk<'a> {
    kind: &'a str,
    pods: Option<String>,
    live: &'a Object,
    path: Vec<Step>,
    found: Vec<FieldPath>,
}

impl Walk<'_> {
    fn metadata(&mut self, sets: &Sets<'_>, metadata: &Value) {
        let below: Sets<'_> = sets
            .iter()
            .filter_map(|set| set.get("f:metadata")?.as_object())
            .collect();

        self.path.push(Step::Field("metadata".into()));
        // Most of metadata is the server's own and has no manager.
        for field in ["labels", "annotations", "finalizers"] {
            if let Some(value) = metadata.get(field) {
                self.field(&below, field, value);
            }
        }
        self.path.pop();
    }

    fn field(&mut self, sets: &Sets<'_>, key: &str, value: &Value) {
        let owned = format!("f:{key}");
        let below: Sets<'_> = sets
            .iter()
            .filter_map(|set| set.get(&owned)?.as_object())
            .collect();

        self.path.push(Step::Field(key.to_owned()));
        self.value(&below, value);
        self.path.pop();
    }

    fn value(&mut self, sets: &Sets<'_>, value: &Value) {
        // Whoever owns a place and nothing under it owns the whole.
        if sets.iter().any(|set| set.is_empty()) {
            return;
        }

        match value {
            // Nobody's empty map or list is a leaf like any other.
            Value::Object(map) if map.is_empty() && sets.is_empty() => self.leaf(value),
            Value::Array(items) if items.is_empty() && sets.is_empty() => self.leaf(value),
            Value::Object(map) => map.iter().for_each(|(key, below)| self.field(sets, key, below)),
            Value::Array(items) => self.list(sets, items),
            Value::Null => {}
            leaf if sets.is_empty() => self.leaf(leaf),
            _ => {}
        }
    }

    fn leaf(&mut self, value: &Value) {
        let path = FieldPath::from_steps(self.path.clone());
        if !self.is_default(&path, value) {
            self.found.push(path);
        }
    }

    /// Items are told apart as the entries tell them apart; a list of which no entry tells, by the keys that its items have.
    fn list(&mut self, sets: &Sets<'_>, items: &[Value]) {
        let steps: Vec<(Step, &Map<String, Value>)> = sets
            .iter()
            .flat_map(|set| set.iter())
            .filter_map(|(key, below)| Some((Step::from_fields_v1(key)?, below.as_object()?)))
            .collect();

        let Some((first, _)) = steps.first() else {
            return self.unknown_list(items);
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
            self.value(&below, item);
            self.path.pop();
        }
    }

    fn unknown_list(&mut self, items: &[Value]) {
        let keyed = list_key(&[items]).filter(|_| !items.is_empty());
        let steps: Option<Vec<Step>> =
            keyed.and_then(|keys| items.iter().map(|item| key_step(item, keys)).collect());
        match steps {
            Some(steps) => {
                for (step, item) in steps.into_iter().zip(items) {
                    self.path.push(step);
                    self.value(&Vec::new(), item);
                    self.path.pop();
                }
            }
            // Items that nothing tells apart are one value; an empty list that nobody owns is told above.
            None if !items.is_empty() => self.leaf(&Value::from(items.to_vec())),
            None => {}
        }
    }

    fn is_default(&self, path: &FieldPath, value: &Value) -> bool {
        let place = place(path);
        if let Some(in_pod) = self
            .pods
            .as_ref()
            .and_then(|pods| place.strip_prefix(pods.as_str()))
        {
            return self.is_pods_default(in_pod, path, value);
        }

        DEFAULTS
            .iter()
            .any(|(kind, at, default)| *kind == self.kind && *at == place && is(value, default))
            || self.is_derived(&place, path, value)
    }

    fn is_pods_default(&self, place: &str, path: &FieldPath, value: &Value) -> bool {
        let last = place.rsplit('/').next().unwrap_or_default();
        let sibling = |name: &str| {
            path.parent()
                .and_then(|parent| parent.field(name).get(self.live.value()))
        };
        match last {
            // Worked out from the tag when the object is made; an image that changes later leaves it behind.
            "imagePullPolicy" => sibling("image").and_then(Value::as_str).is_some_and(|image| {
                let name = image.rsplit('/').next().unwrap_or_default();
                let is_latest = !name.contains('@') && (name.ends_with(":latest") || !name.contains(':'));
                is(value, if is_latest { "Always" } else { "IfNotPresent" })
            }),
            // The older name of the same field.
            "serviceAccount" => sibling("serviceAccountName") == Some(value),
            // Of the pod alone: into containers the server writes none.
            "securityContext" if place == "securityContext" => is(value, "{}"),
            // On the host's network the server opens each port under its own number.
            "hostPort" if place.ends_with("ports/[]/hostPort") => sibling("containerPort") == Some(value),
            _ => POD_DEFAULTS
                .iter()
                .any(|(at, default)| place.ends_with(at) && is(value, default)),
        }
    }

    /// What the server makes of another field, of the name or of the uid, or hands out.
    fn is_derived(&self, place: &str, path: &FieldPath, value: &Value) -> bool {
        let sibling = |name: &str| {
            path.parent()
                .and_then(|parent| parent.field(name).get(self.live.value()))
        };
        match (self.kind, place) {
            (_, "/metadata/annotations/deployment.kubernetes.io~1revision") => true,
            (_, "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration") => true,
            // Whoever names no target port means the port's own number.
            ("Service", "/spec/ports/[]/targetPort") => sibling("port") == Some(value),
            // Handed out, or chosen by the cluster's network: a fresh object would get others.
            ("Service", "/spec/clusterIP" | "/spec/clusterIPs" | "/spec/ipFamilies") => true,
            ("Service", "/spec/ports/[]/nodePort" | "/spec/healthCheckNodePort") => true,
            // The binder names the volume.
            ("PersistentVolumeClaim", "/spec/volumeName") => true,
            ("NetworkPolicy", "/spec/policyTypes") => *value == policy_types(self.live),
            ("CustomResourceDefinition", "/spec/names/listKind") => {
                *value == format!("{}List", self.live.text("/spec/names/kind"))
            }
            ("CustomResourceDefinition", "/spec/names/singular") => {
                *value == self.live.text("/spec/names/kind").to_lowercase()
            }
            // The server puts its name onto every namespace, and keeps it there.
            ("Namespace", "/metadata/labels/kubernetes.io~1metadata.name") => value == self.live.name(),
            ("Job", _) => {
                // On the Job and on its template alike.
                let is_own = |label: &str| place.ends_with(&label.replace('/', "~1"));
                JOB_LABELS.iter().any(|label| is_own(label))
            }
            // The status of version 2, as version 1 writes it.
            ("HorizontalPodAutoscaler", place) => {
                let status = place.strip_prefix("/metadata/annotations/autoscaling.alpha.kubernetes.io~1");
                matches!(status, Some("conditions" | "current-metrics"))
            }
            _ => false,
        }
    }
}

/// The types that a policy gets which names none: they follow from its rules.
fn policy_types(policy: &Object) -> Value {
    let has_egress = policy
        .at("/spec/egress")
        .and_then(Value::as_array)
        .is_some_and(|rules| !rules.is_empty());

    if has_egress {
        json!(["Ingress", "Egress"])
    } else {
        json!(["Ingress"])
    }
}

const JOB_LABELS: [&str; 4] = [
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
];

/// Kind, place, and its default: constants of the API, the same in every cluster.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("Deployment", "/spec/progressDeadlineSeconds", "600"),
    ("Deployment", "/spec/replicas", "1"),
    ("Deployment", "/spec/revisionHistoryLimit", "10"),
    ("Deployment", "/spec/strategy/type", "RollingUpdate"),
    ("Deployment", "/spec/strategy/rollingUpdate/maxSurge", "25%"),
    ("Deployment", "/spec/strategy/rollingUpdate/maxUnavailable", "25%"),
    ("StatefulSet", "/spec/replicas", "1"),
    ("StatefulSet", "/spec/revisionHistoryLimit", "10"),
    ("StatefulSet", "/spec/podManagementPolicy", "OrderedReady"),
    ("StatefulSet", "/spec/updateStrategy/type", "RollingUpdate"),
    ("StatefulSet", "/spec/updateStrategy/rollingUpdate/partition", "0"),
    (
        "StatefulSet",
        "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted",
        "Retain",
    ),
    (
        "StatefulSet",
        "/spec/persistentVolumeClaimRetentionPolicy/whenScaled",
        "Retain",
    ),
    (
        "StatefulSet",
        "/spec/updateStrategy/rollingUpdate/maxUnavailable",
        "1",
    ),
    ("DaemonSet", "/spec/revisionHistoryLimit", "10"),
    ("DaemonSet", "/spec/updateStrategy/type", "RollingUpdate"),
    ("DaemonSet", "/spec/updateStrategy/rollingUpdate/maxSurge", "0"),
    (
        "DaemonSet",
        "/spec/updateStrategy/rollingUpdate/maxUnavailable",
        "1",
    ),
    ("Job", "/spec/backoffLimit", "6"),
    ("Job", "/spec/completionMode", "NonIndexed"),
    ("Job", "/spec/completions", "1"),
    ("Job", "/spec/parallelism", "1"),
    ("Job", "/spec/podReplacementPolicy", "TerminatingOrFailed"),
    ("Job", "/spec/suspend", "false"),
    ("Job", "/spec/manualSelector", "false"),
    // To Go a struct without a pointer: it is always written, if only as an empty map.
    ("CronJob", "/spec/jobTemplate/metadata", "{}"),
    ("CronJob", "/spec/jobTemplate/spec/template/metadata", "{}"),
    ("NetworkPolicy", "/spec/podSelector", "{}"),
    ("CronJob", "/spec/concurrencyPolicy", "Allow"),
    ("CronJob", "/spec/failedJobsHistoryLimit", "1"),
    ("CronJob", "/spec/successfulJobsHistoryLimit", "3"),
    ("CronJob", "/spec/suspend", "false"),
    ("Service", "/spec/type", "ClusterIP"),
    ("Service", "/spec/sessionAffinity", "None"),
    ("Service", "/spec/internalTrafficPolicy", "Cluster"),
    ("Service", "/spec/externalTrafficPolicy", "Cluster"),
    ("Service", "/spec/ipFamilyPolicy", "SingleStack"),
    ("Service", "/spec/ports/[]/protocol", "TCP"),
    ("Service", "/spec/allocateLoadBalancerNodePorts", "true"),
    ("HorizontalPodAutoscaler", "/spec/minReplicas", "1"),
    ("PersistentVolumeClaim", "/spec/volumeMode", "Filesystem"),
    (
        "PersistentVolumeClaim",
        "/metadata/finalizers",
        // Put there by a plugin of the API server's own (StorageObjectInUseProtection).
        "[\"kubernetes.io/pvc-protection\"]",
    ),
    (
        "PersistentVolume",
        "/metadata/finalizers",
        "[\"kubernetes.io/pv-protection\"]",
    ),
    ("PersistentVolume", "/spec/volumeMode", "Filesystem"),
    ("RoleBinding", "/roleRef/apiGroup", "rbac.authorization.k8s.io"),
    (
        "ClusterRoleBinding",
        "/roleRef/apiGroup",
        "rbac.authorization.k8s.io",
    ),
    ("CustomResourceDefinition", "/spec/conversion/strategy", "None"),
    ("Secret", "/type", "Opaque"),
    ("StorageClass", "/reclaimPolicy", "Delete"),
    ("StorageClass", "/volumeBindingMode", "Immediate"),
    ("Namespace", "/spec/finalizers", "[\"kubernetes\"]"),
];

/// Places in a pod's spec, by their ends, and their defaults.
const POD_DEFAULTS: &[(&str, &str)] = &[
    ("restartPolicy", "Always"),
    ("dnsPolicy", "ClusterFirst"),
    ("schedulerName", "default-scheduler"),
    ("terminationGracePeriodSeconds", "30"),
    ("terminationMessagePath", "/dev/termination-log"),
    ("terminationMessagePolicy", "File"),
    ("ports/[]/protocol", "TCP"),
    // The end of all three probes' names.
    ("Probe/timeoutSeconds", "1"),
    ("Probe/periodSeconds", "10"),
    ("Probe/successThreshold", "1"),
    ("Probe/failureThreshold", "3"),
    ("httpGet/scheme", "HTTP"),
    ("fieldRef/apiVersion", "v1"),
    // Mode 0644: JSON has no octal numbers.
    ("configMap/defaultMode", "420"),
    ("secret/defaultMode", "420"),
    ("projected/defaultMode", "420"),
    ("downwardAPI/defaultMode", "420"),
    ("serviceAccountToken/expirationSeconds", "3600"),
    ("containers/[]/resources", "{}"),
    ("initContainers/[]/resources", "{}"),
    ("volumes/[]/emptyDir", "{}"),
    ("hostPath/type", ""),
];

/// A path with its list items unnamed.
fn place(path: &FieldPath) -> String {
    let step = |step: &Step| match step {
        Step::Field(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        Step::Key(_) | Step::Value(_) | Step::Index(_) => "/[]".to_owned(),
    };
    path.steps().iter().map(step).collect()
}

/// Whether a value is what a table writes: text as it is, anything else as JSON.
fn is(value: &Value, written: &str) -> bool {
    match value {
        Value::String(text) => text == written,
        other => serde_json::from_str::<Value>(written).is_ok_and(|written| json!(other) == written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(live: Value) -> Vec<String> {
        unexplained(&Object::new(live).unwrap())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn deployment(container: Value) -> Value {
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

        assert_eq!(found(deployment(plain)), Vec::<String>::new());
        // A policy that does not follow from the tag is somebody's choice, as is a variable.
        let injected = json!({"name": "web", "image": "a.example/web:1", "imagePullPolicy": "Always",
            "env": [{"name": "INJECTED", "value": "1"}]});
        let at = "/spec/template/spec/containers/[name=web]";
        let env = |field: &str| format!("{at}/env/[name=INJECTED]/{field}");
        assert_eq!(
            found(deployment(injected)),
            [format!("{at}/imagePullPolicy"), env("name"), env("value")]
        );

        // Empty and unowned is not the same as absent.
        let empty = json!({"name": "web", "image": "a.example/web:1", "securityContext": {}, "args": []});
        let at = "/spec/template/spec/containers/[name=web]";
        assert_eq!(
            found(deployment(empty)),
            [format!("{at}/securityContext"), format!("{at}/args")]
        );

        // A whole container that no entry names: told by its leaves, all of which are nobody's.
        let side = json!({"name": "side", "image": "a.example/side:1", "imagePullPolicy": "IfNotPresent"});
        let at = "/spec/template/spec/containers/[name=side]";
        assert_eq!(
            found(deployment(side)),
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
                found(deployment(container)).is_empty(),
                is_default,
                "{image} {policy}"
            );
        }
    }
}
