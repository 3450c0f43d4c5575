//! What runs in namespaces: pods, reduced as pages arrive, and what owns them.

use super::owners::{OwnerReader, live};
use crate::cluster::{ApiError, Cluster, ListRequest, paged};
use crate::model::Object;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::k8s::ownership::{MOST_OWNERS, Owners};
use crate::model::k8s::pod::PodFacts;
use futures::future::try_join_all;
use std::collections::BTreeMap;

/// The pods of some namespaces.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    /// Pods, reduced.
    pub pods: Vec<PodFacts>,
    /// What owns them.
    pub owners: Owners,
}

/// A namespace whose pods are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodNamespace {
    /// Its name.
    pub name: String,
    /// Whether pods may belong to something further above them than a ReplicaSet's controller: then each owner is read.
    pub has_custom_workloads: bool,
}

impl PodNamespace {
    /// Namespaces with what stands in each of them, as pairs of a namespace and whether a workload there is custom.
    pub fn collect(workloads: impl Iterator<Item = (impl Into<String>, bool)>) -> Vec<Self> {
        let mut all: BTreeMap<String, bool> = BTreeMap::new();
        for (name, is_custom) in workloads {
            *all.entry(name.into()).or_default() |= is_custom;
        }

        let namespace = |(name, has_custom_workloads)| Self {
            name,
            has_custom_workloads,
        };
        all.into_iter().map(namespace).collect()
    }
}

/// Lists pods, and the ReplicaSets where any stands above them, page by page; and reads what else owns them where that
/// matters.
pub async fn pods(cluster: &dyn Cluster, namespaces: &[PodNamespace]) -> Result<Pods, ApiError> {
    let each = namespaces.iter().map(|namespace| pods_in(cluster, namespace));

    let mut all = Pods::default();
    for found in try_join_all(each).await? {
        all.pods.extend(found.pods);
        all.owners.extend(found.owners);
    }
    Ok(all)
}

async fn pods_in(cluster: &dyn Cluster, namespace: &PodNamespace) -> Result<Pods, ApiError> {
    let (pod, set) = (KnownKind::Pod.resource(), KnownKind::ReplicaSet.resource());
    let name = &namespace.name;

    let all = |resource| ListRequest::all(resource, Some(name));
    let pods: Vec<PodFacts> = paged(cluster, all(&pod), |object: Object| PodFacts::reduce(&object)).await?;

    let is_between = |pod: &PodFacts| {
        pod.controller
            .as_ref()
            .is_some_and(|controller| controller.kind == "ReplicaSet")
    };
    let mut reader = OwnerReader::default();
    // A list for nothing where all pods belong to StatefulSets or Jobs.
    if pods.iter().any(is_between) {
        let link = |object: Object| (object.uid().to_owned(), live(&object));
        for (uid, facts) in paged(cluster, all(&set).with_only_metadata(), link).await? {
            reader.add(uid, facts);
        }
    }

    if namespace.has_custom_workloads {
        for _ in 0..MOST_OWNERS {
            let unknown: Vec<_> = pods
                .iter()
                .filter_map(|pod| Some((name.clone(), reader.owners().first_unknown(pod)?.clone())))
                .collect();
            if unknown.is_empty() {
                break;
            }
            reader.read(cluster, unknown).await;
        }
    }

    Ok(Pods {
        pods,
        owners: reader.into_owners(),
    })
}
