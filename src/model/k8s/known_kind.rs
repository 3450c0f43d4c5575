//! The kinds that this program itself reads and writes.
//!
//! Each is certain to be a kind, so that no read has to say what it does without one: the table of built-in
//! kinds (`kinds.rs`) answers for any name, and may know none. A test holds the two against each other.

use super::kinds::ResourceType;

/// A kind that the program itself needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownKind {
    /// `configmaps`.
    ConfigMap,
    /// `horizontalpodautoscalers`.
    HorizontalPodAutoscaler,
    /// `jobs`.
    Job,
    /// `leases`.
    Lease,
    /// `namespaces`.
    Namespace,
    /// `nodes`.
    Node,
    /// `persistentvolumeclaims`.
    PersistentVolumeClaim,
    /// `pods`.
    Pod,
    /// `replicasets`.
    ReplicaSet,
    /// `resourcequotas`.
    ResourceQuota,
    /// `secrets`.
    Secret,
}

impl KnownKind {
    /// As servers serve it.
    pub fn resource(self) -> ResourceType {
        let (group, version, kind, plural) = match self {
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::HorizontalPodAutoscaler => {
                let plural = "horizontalpodautoscalers";
                ("autoscaling", "v2", "HorizontalPodAutoscaler", plural)
            }
            Self::Job => ("batch", "v1", "Job", "jobs"),
            Self::Lease => ("coordination.k8s.io", "v1", "Lease", "leases"),
            Self::Namespace => ("", "v1", "Namespace", "namespaces"),
            Self::Node => ("", "v1", "Node", "nodes"),
            Self::PersistentVolumeClaim => ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
            Self::Pod => ("", "v1", "Pod", "pods"),
            Self::ReplicaSet => ("apps", "v1", "ReplicaSet", "replicasets"),
            Self::ResourceQuota => ("", "v1", "ResourceQuota", "resourcequotas"),
            Self::Secret => ("", "v1", "Secret", "secrets"),
        };

        ResourceType {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            plural: plural.into(),
            namespaced: !matches!(self, Self::Namespace | Self::Node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;

    #[test]
    fn each_of_them_is_the_built_in_kind_of_its_name() {
        for known in [
            KnownKind::ConfigMap,
            KnownKind::HorizontalPodAutoscaler,
            KnownKind::Lease,
            KnownKind::Namespace,
            KnownKind::Node,
            KnownKind::PersistentVolumeClaim,
            KnownKind::Pod,
            KnownKind::ReplicaSet,
            KnownKind::ResourceQuota,
            KnownKind::Secret,
        ] {
            let resource = known.resource();
            assert_eq!(built_in(&resource.group, &resource.kind), Some(resource));
        }
    }
}
