//! What the API server gives to objects that say nothing of a field: constants of the API, and what follows from the object
//! itself.
//!
//! Nothing stands here that a cluster could set otherwise. The tables err to one side: a default that is missing here costs
//! a question to the server, and hides nothing. A new one goes into the table of its kind, or of pods; what is made of
//! another field goes into `is_derived`.

use crate::model::k8s::image_paths::addressed;
use crate::model::k8s::pod_spec::{CONTAINER_LISTS, pod_spec_path};
use crate::model::k8s::writers::JOB_LABELS;
use crate::model::path::Step;
use crate::model::path_text::escape;
use crate::model::{FieldPath, Object};
use serde_json::{Value, json};

/// Whether a leaf of live is what the API gives to every object that says nothing of it.
pub fn is_default(live: &Object, path: &FieldPath) -> bool {
    path.get(live.value())
        .is_some_and(|value| Defaults::new(live).explain(path, value))
}

/// Whether live has the default that the API writes in place of this empty value. Most numbers are optional by a pointer,
/// and zero is one of them like any other.
pub fn is_default_of_empty(live: &Object, path: &FieldPath, wanted: &Value) -> bool {
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

/// The defaults of one live object.
pub struct Defaults<'a> {
    live: &'a Object,
    /// Where its pods' spec lies, between slashes; none where it has no pods.
    pods: Option<String>,
}

impl<'a> Defaults<'a> {
    /// Those of `live`'s kind.
    pub fn new(live: &'a Object) -> Self {
        let pods = pod_spec_path(&live.gvk()).map(|steps| format!("/{}/", steps.join("/")));
        Self { live, pods }
    }

    /// Whether a value is what the API writes at `path` by itself.
    pub fn explain(&self, path: &FieldPath, value: &Value) -> bool {
        let place = place(path);
        let pods = self.pods.as_deref();
        if let Some(in_pod) = pods.and_then(|pods| place.strip_prefix(pods)) {
            return self.is_pods_default(in_pod, path, value);
        }

        let kind = self.live.kind();
        DEFAULTS
            .iter()
            .any(|(of, at, default)| *of == kind && *at == place && is(value, default))
            || self.is_derived(&place, path, value)
    }

    /// The field beside the one at `path`.
    fn sibling(&self, path: &FieldPath, name: &str) -> Option<&Value> {
        path.parent()?.field(name).get(self.live.value())
    }

    fn is_on_host_network(&self) -> bool {
        let spec = self.pods.as_deref().unwrap_or_default();
        self.live.at(&format!("{spec}hostNetwork")) == Some(&Value::Bool(true))
    }

    fn is_pods_default(&self, place: &str, path: &FieldPath, value: &Value) -> bool {
        let last = place.rsplit('/').next().unwrap_or_default();
        match last {
            // Worked out from the tag when the object is made; an image that changes later leaves it behind.
            "imagePullPolicy" => self
                .sibling(path, "image")
                .and_then(Value::as_str)
                .is_some_and(|image| {
                    let name = image.rsplit('/').next().unwrap_or_default();
                    let is_latest = !name.contains('@') && (name.ends_with(":latest") || !name.contains(':'));
                    is(value, if is_latest { "Always" } else { "IfNotPresent" })
                }),
            // The older name of the same field.
            "serviceAccount" => self.sibling(path, "serviceAccountName") == Some(value),
            // Of the pod alone: into containers the server writes none.
            "securityContext" if place == "securityContext" => is(value, "{}"),
            // On the host's network the server opens each port under its own number.
            "hostPort" if place.ends_with("ports/[]/hostPort") => {
                self.is_on_host_network() && self.sibling(path, "containerPort") == Some(value)
            }
            // Without a slash it is the pod's own field: a container may have one of the same name.
            _ => POD_DEFAULTS.iter().any(|(at, default)| {
                (place == *at || at.contains('/') && place.ends_with(at)) && is(value, default)
            }),
        }
    }

    /// What the server makes of another field, of the name or of the uid, or hands out.
    fn is_derived(&self, place: &str, path: &FieldPath, value: &Value) -> bool {
        match (self.live.kind(), place) {
            (_, "/metadata/annotations/deployment.kubernetes.io~1revision") => true,
            (_, "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration") => true,
            // Whoever names no target port means the port's own number.
            ("Service", "/spec/ports/[]/targetPort") => self.sibling(path, "port") == Some(value),
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
                let is_own = |label: &str| place.ends_with(&escape(label));
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

/// Whether a label is one that an object without any takes from its template, so that it is there once its last own one is
/// gone: `SetDefaults_Job` and `SetDefaults_ReplicationController` (pkg/apis/{batch,core}/v1/defaults.go).
pub fn is_label_of_template(object: &Object, path: &FieldPath) -> bool {
    // Of one that has a label of its own it takes none.
    let labels = object.at(LABELS);
    takes_labels(object, path) && labels.is_some() && labels == object.at(TEMPLATE_LABELS)
}

/// Whether a label of live is one that it took from its template, as an object that is applied without any does.
pub fn is_taken_label(desired: &Object, live: &Object, path: &FieldPath) -> bool {
    let is_empty = |labels: &Value| labels.as_object().is_none_or(serde_json::Map::is_empty);
    let of_template = || {
        let Some(Step::Field(label)) = path.steps().last() else {
            return None;
        };
        live.at(TEMPLATE_LABELS)?.get(label)
    };
    takes_labels(live, path)
        && desired.at(LABELS).is_none_or(is_empty)
        && path
            .get(live.value())
            .is_some_and(|value| of_template() == Some(value))
}

const LABELS: &str = "/metadata/labels";
const TEMPLATE_LABELS: &str = "/spec/template/metadata/labels";

/// Whether the path is that of a label, and the object of a kind that takes those of its template where it has none.
fn takes_labels(object: &Object, path: &FieldPath) -> bool {
    let gvk = object.gvk();
    let is_such_kind = matches!(
        (&*gvk.group, &*gvk.kind),
        ("batch", "Job") | ("", "ReplicationController")
    );
    is_such_kind
        && matches!(path.steps(), [Step::Field(metadata), Step::Field(labels), Step::Field(_)]
            if metadata == "metadata" && labels == "labels")
}

/// Fields of an object that the API works out of others where they are empty, and leaves as they are when those change.
pub fn worked_out(object: &Object) -> Vec<FieldPath> {
    let root = FieldPath::root();
    if object.kind() == "NetworkPolicy" {
        return vec![root.field("spec").field("policyTypes")];
    }
    let Some(steps) = pod_spec_path(&object.gvk()) else {
        return Vec::new();
    };

    let spec = steps.iter().fold(root, |path, step| path.field(step));
    let mut found = Vec::new();
    for (list, _) in CONTAINER_LISTS {
        for container in items_at(object, &spec.field(list)) {
            found.push(container.field("imagePullPolicy"));
            let ports = items_at(object, &container.field("ports"));
            found.extend(ports.iter().map(|port| port.field("hostPort")));
        }
    }
    found
}

/// The paths of a list's items.
fn items_at(object: &Object, list: &FieldPath) -> Vec<FieldPath> {
    let items = list.get(object.value()).and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    addressed(list, items).map(|(step, _)| list.with(step)).collect()
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
    ("containers/[]/terminationMessagePath", "/dev/termination-log"),
    ("containers/[]/terminationMessagePolicy", "File"),
    ("initContainers/[]/terminationMessagePath", "/dev/termination-log"),
    ("initContainers/[]/terminationMessagePolicy", "File"),
    (
        "ephemeralContainers/[]/terminationMessagePath",
        "/dev/termination-log",
    ),
    ("ephemeralContainers/[]/terminationMessagePolicy", "File"),
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
        Step::Field(name) => format!("/{}", escape(name)),
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
    use rstest::rstest;

    #[rstest]
    #[case::of_the_pod("/restartPolicy", true)]
    #[case::of_a_sidecar("/initContainers/[name=a]/restartPolicy", false)]
    #[case::of_a_probe("/containers/[name=a]/livenessProbe/terminationGracePeriodSeconds", false)]
    #[case::of_a_container("/containers/[name=a]/terminationMessagePolicy", true)]
    #[case::of_an_init_container("/initContainers/[name=a]/terminationMessagePolicy", true)]
    #[case::of_the_pods_own_network("/containers/[name=a]/ports/[containerPort=80]/hostPort", false)]
    fn a_default_of_the_pod_is_none_of_its_containers(#[case] path: &str, #[case] is: bool) {
        let container = json!({"name": "a", "restartPolicy": "Always", "terminationMessagePolicy": "File",
            "livenessProbe": {"terminationGracePeriodSeconds": 30}, "ports": [{"containerPort": 80, "hostPort": 80}]});
        let mut live = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"restartPolicy": "Always", "containers": [container], "initContainers": [container]}}}});
        let found = |live: &Value, path: &str| {
            let path = format!("/spec/template/spec{path}").parse().unwrap();
            is_default(&Object::new(live.clone()).unwrap(), &path)
        };
        assert_eq!(found(&live, path), is);

        live["spec"]["template"]["spec"]["hostNetwork"] = true.into();
        let port = "/containers/[name=a]/ports/[containerPort=80]/hostPort";
        assert!(found(&live, port), "on the host's network");
    }
}
