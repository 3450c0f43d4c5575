//! Kinds as objects name them and as a server serves them, and the built-in ones, which need no discovery.
//!
//! What is not here is asked of discovery. Whatever reads a kind from a text checks it against this table:
//! the plural makes the URL, and says what is a Secret.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Group, version and kind, as an object's `apiVersion` and `kind` say them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gvk {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, such as `v1`.
    pub version: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
}

impl Gvk {
    /// From an `apiVersion` (`apps/v1`, `v1`) and a kind.
    pub fn new(api_version: &str, kind: &str) -> Self {
        // The core group has no slash: what stands there is its version.
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));

        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
        }
    }

    /// As objects write it: `apps/v1`, `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// A kind as a server serves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
// No text makes a kind that is served otherwise: see `is_served_so`.
#[serde(try_from = "Claimed")]
pub struct ResourceType {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, such as `v1`.
    pub version: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// The name in URLs, such as `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// A kind as a text names it.
#[derive(Deserialize, JsonSchema)]
struct Claimed {
    group: String,
    version: String,
    kind: String,
    plural: String,
    namespaced: bool,
}

impl TryFrom<Claimed> for ResourceType {
    type Error = String;

    fn try_from(claimed: Claimed) -> Result<Self, String> {
        let Claimed {
            group,
            version,
            kind,
            plural,
            namespaced,
        } = claimed;
        let resource = Self {
            group,
            version,
            kind,
            plural,
            namespaced,
        };

        if is_served_so(&resource) {
            return Ok(resource);
        }

        Err(format!(
            "{} is not served as {}",
            resource.kind,
            resource.counted()
        ))
    }
}

impl ResourceType {
    /// Whether these are Secrets: known by group and plural, for a kind is what a text claims.
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.plural == "secrets"
    }

    /// Whether a replacement by desired alone can say anything: of a Pod and a Job the server lets nothing be left out.
    pub fn is_replaceable(&self) -> bool {
        !matches!((&*self.group, &*self.kind), ("", "Pod") | ("batch", "Job"))
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> Gvk {
        Gvk {
            group: self.group.clone(),
            version: self.version.clone(),
            kind: self.kind.clone(),
        }
    }

    /// As quotas count it: `services`, `deployments.apps`.
    pub fn counted(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// As objects write it: `apps/v1`, `v1`.
    pub fn api_version(&self) -> String {
        self.gvk().api_version()
    }

    /// The URL path of the collection; all namespaces where `namespace` is none.
    pub fn collection_path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        // Callers give the namespace that they work in, whatever the kind.
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }
}

/// apiVersion, kind, plural, namespaced.
// Of a kind in two versions the newer one stands below: it is the one that is read.
// A kind whose plural or scope is another one here cannot be named by any text.
const WELL_KNOWN: &[(&str, &str, &str, bool)] = &[
    ("v1", "Namespace", "namespaces", false),
    ("v1", "Node", "nodes", false),
    ("v1", "PersistentVolume", "persistentvolumes", false),
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "Service", "services", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("v1", "Pod", "pods", true),
    ("v1", "ReplicationController", "replicationcontrollers", true),
    ("v1", "Endpoints", "endpoints", true),
    ("v1", "Event", "events", true),
    ("v1", "LimitRange", "limitranges", true),
    ("v1", "ResourceQuota", "resourcequotas", true),
    ("v1", "PodTemplate", "podtemplates", true),
    ("apps/v1", "Deployment", "deployments", true),
    ("apps/v1", "ReplicaSet", "replicasets", true),
    ("apps/v1", "StatefulSet", "statefulsets", true),
    ("apps/v1", "DaemonSet", "daemonsets", true),
    ("apps/v1", "ControllerRevision", "controllerrevisions", true),
    ("batch/v1", "Job", "jobs", true),
    ("batch/v1", "CronJob", "cronjobs", true),
    (
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        true,
    ),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        true,
    ),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("networking.k8s.io/v1", "Ingress", "ingresses", true),
    ("networking.k8s.io/v1", "IngressClass", "ingressclasses", false),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", true),
    (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "rolebindings",
        true,
    ),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "clusterroles",
        false,
    ),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        false,
    ),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", false),
    ("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", false),
    ("node.k8s.io/v1", "RuntimeClass", "runtimeclasses", false),
    ("coordination.k8s.io/v1", "Lease", "leases", true),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    ),
    ("apiregistration.k8s.io/v1", "APIService", "apiservices", false),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        false,
    ),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        false,
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        false,
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        false,
    ),
];

/// The built-in kind of that group, version and kind. A version that is not in the table is left to discovery.
pub fn well_known(gvk: &Gvk) -> Option<ResourceType> {
    let api_version = gvk.api_version();

    WELL_KNOWN
        .iter()
        .find(|(version, kind, ..)| *version == api_version && *kind == gvk.kind)
        .map(|(_, kind, plural, namespaced)| ResourceType {
            group: gvk.group.clone(),
            version: gvk.version.clone(),
            kind: (*kind).into(),
            plural: (*plural).into(),
            namespaced: *namespaced,
        })
}

/// The built-in kind of that name in a group, in the version this tool reads it in.
pub fn built_in(group: &str, kind: &str) -> Option<ResourceType> {
    WELL_KNOWN
        .iter()
        .rev()
        .find(|(version, name, ..)| {
            *name == kind && version.rsplit_once('/').map_or("", |(group, _)| group) == group
        })
        .and_then(|(version, kind, ..)| well_known(&Gvk::new(version, kind)))
}

/// Whether the built-in kind is served under this plural, and the plural by this kind. A Secret read as a ConfigMap
/// would be shown as one.
pub fn is_served_so(resource: &ResourceType) -> bool {
    // Every version of the group: a line may name one that the table does not hold.
    let of_group = WELL_KNOWN
        .iter()
        .filter(|(version, ..)| version.rsplit_once('/').map_or("", |(group, _)| group) == resource.group);

    // A kind or a plural of the table is a claim on all of its row.
    let mut claimed =
        of_group.filter(|(_, kind, plural, _)| *kind == resource.kind || *plural == resource.plural);
    // None at all is a custom kind, and only a server knows those.
    claimed.all(|(_, kind, plural, namespaced)| {
        *kind == resource.kind && *plural == resource.plural && *namespaced == resource.namespaced
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_kind_lives_under_api_and_a_group_under_apis() {
        let pods = built_in("", "Pod").unwrap();

        assert_eq!(pods.collection_path(Some("shop")), "/api/v1/namespaces/shop/pods");

        let roles = built_in("rbac.authorization.k8s.io", "ClusterRole").unwrap();
        assert_eq!(
            roles.collection_path(None),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles"
        );
    }

    #[test]
    fn an_autoscaler_is_read_in_its_newest_version_and_found_in_both() {
        assert_eq!(
            built_in("autoscaling", "HorizontalPodAutoscaler")
                .unwrap()
                .version,
            "v2"
        );
        assert!(well_known(&Gvk::new("autoscaling/v1", "HorizontalPodAutoscaler")).is_some());
    }
}
