//! What decides where pods can start: nodes, quotas, and whether something makes nodes.

use crate::cluster::{ApiError, Cluster, ListRequest, paged};
use crate::model::k8s::known_kind::KnownKind;
use crate::model::unknown::Unknown;
use crate::model::{Object, ResourceType, Target};
use futures::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Quotas by namespace, or why those of one are not known.
pub type Quotas = BTreeMap<String, Result<Vec<Object>, Unknown>>;

/// All nodes, without what says nothing of the pods that they could take.
pub async fn nodes(cluster: &dyn Cluster) -> Result<Vec<Object>, Unknown> {
    let resource = KnownKind::Node.resource();
    let request = ListRequest::all(&resource, None);
    let found = paged(cluster, request, reduce).await;
    found.map_err(|error| not_listed(&resource, &error))
}

/// The quotas of namespaces.
pub async fn quotas(cluster: &dyn Cluster, namespaces: BTreeSet<String>) -> Quotas {
    let resource = KnownKind::ResourceQuota.resource();
    let lists = namespaces.into_iter().map(|namespace| {
        let resource = &resource;
        async move {
            let found = list_quotas(cluster, &namespace).await;
            (namespace, found.map_err(|error| not_listed(resource, &error)))
        }
    });
    join_all(lists).await.into_iter().collect()
}

/// The quotas of one namespace.
pub(super) async fn list_quotas(cluster: &dyn Cluster, namespace: &str) -> Result<Vec<Object>, ApiError> {
    let resource = KnownKind::ResourceQuota.resource();
    paged(cluster, ListRequest::all(&resource, Some(namespace)), |quota| {
        quota
    })
    .await
}

/// Whether something makes nodes as pods need them: the cluster autoscaler tells its state in a ConfigMap, and Karpenter
/// has kinds of its own. Where that cannot be read it may be.
pub async fn makes_nodes(cluster: &dyn Cluster) -> bool {
    let state = KnownKind::ConfigMap.resource();
    let state = Target::new(&state, Some("kube-system"), "cluster-autoscaler-status");
    let (state, served) = futures::join!(cluster.get_metadata(&state), cluster.discover());

    let is_karpenter = |resource: &ResourceType| {
        resource.group == "karpenter.sh" || resource.group.ends_with(".karpenter.sh")
    };
    !matches!(state, Ok(None))
        || served.is_ok_and(|served| served.iter().any(|found| is_karpenter(&found.resource)))
}

/// A node holds a list of all its images, which is most of it.
fn reduce(mut node: Object) -> Object {
    node.drop_managed_fields();
    if let Some(status) = node.value_mut().get_mut("status").and_then(Value::as_object_mut) {
        status.retain(|field, _| matches!(field.as_str(), "allocatable" | "nodeInfo"));
    }
    node
}

fn not_listed(resource: &ResourceType, error: &ApiError) -> Unknown {
    if error.is_forbidden() {
        Unknown::new(format_args!("missing permission to list {}", resource.counted()))
    } else {
        Unknown::new(error)
    }
}
