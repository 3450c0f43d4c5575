//! What runs in namespaces: pods, reduced as pages arrive, and what stands between them and their workloads.

use crate::cluster::{ApiError, Cluster, ListRequest, paged};
use crate::model::Object;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::k8s::pod::{Controller, PodFacts};
use futures::future::try_join_all;
use std::collections::BTreeMap;

/// The pods of some namespaces.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    /// Pods, reduced.
    pub pods: Vec<PodFacts>,
    /// ReplicaSets: uid → who controls it, and its revision annotation.
    pub between: BTreeMap<String, (Option<Controller>, String)>,
}

/// Lists pods, and the ReplicaSets where any stands above them, page by page.
pub async fn pods(cluster: &dyn Cluster, namespaces: &[String]) -> Result<Pods, ApiError> {
    let (pod, set) = (KnownKind::Pod.resource(), KnownKind::ReplicaSet.resource());

    let each = namespaces.iter().map(|namespace| async {
        let reduce = |object: Object| PodFacts::reduce(&object);
        let link = |object: Object| {
            let revision = object
                .annotation("deployment.kubernetes.io/revision")
                .unwrap_or_default()
                .to_owned();
            (
                object.uid().to_owned(),
                (Controller::of(object.value()), revision),
            )
        };

        let all = |resource| ListRequest::all(resource, Some(namespace));
        let pods: Vec<PodFacts> = paged(cluster, all(&pod), reduce).await?;

        let is_between = |pod: &PodFacts| {
            pod.controller
                .as_ref()
                .is_some_and(|controller| controller.kind == "ReplicaSet")
        };
        // A list for nothing where all pods belong to StatefulSets or Jobs.
        let between = if pods.iter().any(is_between) {
            paged(cluster, all(&set).with_only_metadata(), link).await?
        } else {
            Vec::new()
        };

        Ok::<_, ApiError>((pods, between))
    });

    let mut all = Pods::default();
    for (pods, between) in try_join_all(each).await? {
        all.pods.extend(pods);
        all.between.extend(between);
    }
    Ok(all)
}
