//! Whole kinds of namespaces: autoscalers, without which replicas that one of them set would be taken for drift and be reset,
//! and claims, without which nobody knows what data goes.

use crate::cluster::{Cluster, ListRequest, paged};
use crate::model::Object;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::snapshot::ReadFailure;
use futures::future::join_all;

/// The autoscalers of some namespaces, and what could not be read of them.
pub async fn autoscalers(cluster: &dyn Cluster, namespaces: &[String]) -> (Vec<Object>, Vec<ReadFailure>) {
    all_of(
        cluster,
        KnownKind::HorizontalPodAutoscaler,
        namespaces,
        "autoscalers",
    )
    .await
}

/// The claims of some namespaces, and what could not be read of them.
pub async fn claims(cluster: &dyn Cluster, namespaces: &[String]) -> (Vec<Object>, Vec<ReadFailure>) {
    all_of(cluster, KnownKind::PersistentVolumeClaim, namespaces, "claims").await
}

async fn all_of(
    cluster: &dyn Cluster,
    kind: KnownKind,
    namespaces: &[String],
    called: &str,
) -> (Vec<Object>, Vec<ReadFailure>) {
    let kind = kind.resource();
    let lists = namespaces.iter().map(|namespace| {
        let request = ListRequest::all(&kind, Some(namespace));
        async move { (namespace, paged(cluster, request, |object| object).await) }
    });

    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for (namespace, list) in join_all(lists).await {
        match list {
            Ok(list) => found.extend(list),
            // Told beside what was found: without it, replicas and data of this namespace are unknown.
            Err(error) => unreadable.push(ReadFailure {
                subject: Some(format!("{}/{namespace}", kind.kind)),
                why: format!("{called} of namespace {namespace}: {error}"),
            }),
        }
    }
    (found, unreadable)
}
