//! Pods that are created dry: what admission makes of a workload's template.

use super::dry_run_result::answer_of;
use crate::cluster::{ApiError, Cluster, WriteOptions};
use crate::model::Target;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::k8s::writers::JOB_LABELS;
use crate::model::names::FIELD_MANAGER;
use crate::model::preflight::{DryRunResult, PodDryRun};
use crate::model::refusal::RefusalCause;
use crate::model::unknown::Unknown;
use futures::future::join_all;
use std::collections::BTreeMap;

/// Creates them dry, in their order. Of pods that differ in their names alone one is enough where the server takes it.
pub async fn try_pods(cluster: &dyn Cluster, pods: &[PodDryRun]) -> Vec<DryRunResult> {
    let mut alike: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
    for (index, pod) in pods.iter().enumerate() {
        let nameless = nameless(pod);
        alike.entry((&pod.namespace, nameless)).or_default().push(index);
    }

    let answers = alike.values().map(|indexes| try_alike(cluster, pods, indexes));
    let mut answers = join_all(answers).await.concat();
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// The pod without what names its workload: the name that it is generated from, its owner, and a Job's labels.
fn nameless(dry_run: &PodDryRun) -> String {
    let mut pod = dry_run.pod.clone();
    if let Some(metadata) = pod["metadata"].as_object_mut() {
        metadata.shift_remove("generateName");
        metadata.shift_remove("ownerReferences");
    }
    if let Some(labels) = pod["metadata"]["labels"].as_object_mut() {
        labels.retain(|key, _| !JOB_LABELS.contains(&key.as_str()));
    }
    pod.to_string()
}

async fn try_alike(
    cluster: &dyn Cluster,
    pods: &[PodDryRun],
    indexes: &[usize],
) -> Vec<(usize, DryRunResult)> {
    let Some((first, others)) = indexes.split_first() else {
        return Vec::new();
    };

    let answer = try_pod(cluster, &pods[*first]).await;
    // A rejection names its pod.
    let is_shared = matches!(answer, DryRunResult::Accepted(_));
    let others = join_all(others.iter().map(async |index| {
        let shared = is_shared.then(|| answer.clone());
        match shared {
            Some(answer) => (*index, answer),
            None => (*index, try_pod(cluster, &pods[*index]).await),
        }
    }));
    let mut answers = others.await;
    answers.push((*first, answer));
    answers
}

async fn try_pod(cluster: &dyn Cluster, dry_run: &PodDryRun) -> DryRunResult {
    // The pod has a generateName alone, as a controller's would: a fixed name could be taken.
    let target = Target::new(&KnownKind::Pod.resource(), Some(&dry_run.namespace), "");

    let options = WriteOptions {
        manager: FIELD_MANAGER.into(),
        dry_run: true,
        not_after: None,
    };

    match cluster.create(&target, &dry_run.pod, &options).await {
        Ok(applied) => DryRunResult::Accepted(Some(Box::new(applied.object))),
        Err(error) if may_not_create_pods(&error) => DryRunResult::Unknown {
            why: Unknown::new("missing permission to create pods"),
            missing: None,
        },
        Err(error) => answer_of(&error),
    }
}

/// Whether the user has no right to create pods, which says nothing of what a controller may do.
fn may_not_create_pods(error: &ApiError) -> bool {
    let missing = RefusalCause::MissingPermission {
        verb: "create",
        resource: "pods",
    };
    error.code() == Some(403) && error.refusal().is_some_and(|refusal| refusal.cause == missing)
}
