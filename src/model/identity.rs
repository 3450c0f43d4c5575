//! Which object is meant, and where it is reached.
//!
//! An [`ObjectId`] names no version, for what is served in two of them is one object. A [`Target`] adds what a
//! request needs: version, plural and scope.

use super::k8s::kinds::ResourceType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an object is, whatever version it is read in: group, kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ObjectId {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Namespace; none for cluster-scoped kinds.
    // Missing and not null: findings and events are documented so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectId {
    /// From its parts.
    pub fn new(group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: name.into(),
        }
    }

    /// Whether it is a Secret of the core group.
    pub fn is_secret(&self) -> bool {
        // Another group's `Secret` is a kind like any other.
        self.group.is_empty() && self.kind == "Secret"
    }

    /// As `kubectl get -o name` prints it: `deployment.apps/web`, `configmap/shop`.
    pub fn kubectl_name(&self) -> String {
        let kind = self.kind.to_lowercase();
        if self.group.is_empty() {
            format!("{kind}/{}", self.name)
        } else {
            format!("{kind}.{}/{}", self.group, self.name)
        }
    }

    /// As a command takes it: `deployment.apps/web -n shop`.
    pub fn kubectl_args(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} -n {namespace}", self.kubectl_name()),
            None => self.kubectl_name(),
        }
    }
}

/// `Deployment shop/web`, `ClusterRole reader`.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Where an object is reached: its kind as the server serves it, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// The kind as served.
    pub resource: ResourceType,
    /// Namespace; none for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl Target {
    /// From a kind, a namespace and a name; the namespace is dropped where the kind has none.
    pub fn new(resource: &ResourceType, namespace: Option<&str>, name: &str) -> Self {
        // A manifest may name a namespace for a cluster-scoped kind: no URL has it.
        let namespace = if resource.namespaced {
            namespace.map(Into::into)
        } else {
            None
        };

        Self {
            resource: resource.clone(),
            namespace,
            name: name.into(),
        }
    }

    /// The identity of what is reached.
    pub fn id(&self) -> ObjectId {
        ObjectId::new(
            &self.resource.group,
            &self.resource.kind,
            self.namespace.as_deref(),
            &self.name,
        )
    }

    /// The URL path: `/apis/apps/v1/namespaces/shop/deployments/web`.
    pub fn url_path(&self) -> String {
        format!(
            "{}/{}",
            self.resource.collection_path(self.namespace.as_deref()),
            self.name
        )
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}

/// Uid of an object that a server has made; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uid(String);

impl Uid {
    /// From an object's `metadata.uid`; none where it has none.
    pub fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// As servers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A uid that may not be known, written as a text that is empty then.
pub mod optional_uid {
    use super::Uid;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes it.
    pub fn serialize<S: Serializer>(uid: &Option<Uid>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(uid.as_ref().map_or("", Uid::as_str))
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uid>, D::Error> {
        Ok(Uid::parse(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::{Gvk, well_known};

    #[test]
    fn a_target_of_a_cluster_scoped_kind_has_no_namespace_in_its_path() {
        let role = well_known(&Gvk::new("rbac.authorization.k8s.io/v1", "ClusterRole")).unwrap();
        // A namespace is named on purpose: manifests of cluster-scoped kinds do so.
        let target = Target::new(&role, Some("shop"), "reader");

        assert_eq!(
            target.url_path(),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/reader"
        );
    }
}
