//! StatefulSets. Their pods are replaced one by one, from the highest ordinal down to the partition, and a
//! pod that never becomes ready holds all others up: where that one is of an old revision, it is named, so
//! that it can be deleted.

use super::super::deadline::Budget;
use super::super::judge::Nudge;
use super::super::policy::Policy;
use super::super::reading::{Reading, number};
use super::super::subject::Surroundings;
use super::revision::{created, pods_at, pods_of, ready, replicas};
use crate::model::Object;
use crate::model::k8s::pod::PodFacts;
use crate::model::verdict::Verdict;

/// Done when every pod at or above the partition is of the update revision, and all are available.
pub(super) fn read<'a>(object: &'a Object, surroundings: &Surroundings<'a>, policy: &Policy) -> Reading<'a> {
    let wanted = replicas(object);
    let total = number(object, "/status/replicas");
    let revision = object.text("/status/updateRevision");
    let mine = pods_of(object.uid(), surroundings);

    if wanted == 0 && total == 0 {
        return Reading::empty("scaled to 0 replicas: no pods to verify");
    }

    let on_delete = object.text("/spec/updateStrategy/type") == "OnDelete";
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition");
    let to_update = if on_delete {
        0
    } else {
        wanted.saturating_sub(partition)
    };

    let updated = number(object, "/status/updatedReplicas");
    let available = number(object, "/status/availableReplicas").min(number(object, "/status/readyReplicas"));

    let fresh: Vec<_> = pods_at(revision, surroundings)
        .into_iter()
        .filter(|pod| mine.iter().any(|one| one.uid == pod.uid))
        .collect();

    // Pods below the partition were not ours to change; those that are new and not ready are.
    let judged = if to_update == 0 && updated < wanted {
        Vec::new()
    } else {
        fresh
    };

    let seen = ready(&judged);
    let verdict = if total > wanted {
        Verdict::waiting(
            seen.min(wanted),
            wanted,
            format!("{} pods must go", total - wanted),
        )
    } else if on_delete && updated < wanted {
        Verdict::Done {
            note: Some(format!(
                "updateStrategy OnDelete: {} of {wanted} pods take the new revision once somebody deletes them",
                wanted - updated
            )),
        }
    } else if updated < to_update || seen < to_update {
        let of = if partition > 0 {
            format!(" (partition {partition})")
        } else {
            String::new()
        };
        let now = created(updated, &judged, to_update);
        Verdict::waiting(
            seen.min(to_update),
            to_update,
            format!("{now} of {to_update} pods updated, {seen} ready{of}"),
        )
    } else if available < wanted {
        Verdict::waiting(
            available,
            wanted,
            format!("{available} of {wanted} pods are ready"),
        )
    } else if to_update == 0 {
        Verdict::Done {
            note: Some(format!(
                "partition {partition} keeps all {wanted} pods at the old revision"
            )),
        }
    } else {
        Verdict::done()
    };

    // Under OnDelete it is for a person to choose when each pod goes.
    let nudges = if on_delete {
        Vec::new()
    } else {
        stuck(&mine, revision, partition, object)
    };

    let mut reading = Reading::with_pods(verdict, judged, to_update);
    reading.creators = vec![object.uid().to_owned()];
    reading.settles = number(object, "/spec/minReadySeconds") == 0;
    reading.figures = vec![updated, available];
    reading.budget = Budget::of(object, "/spec/template", policy.deadline);
    reading.nudges = nudges;
    reading
}

/// Pods of an old revision that are not ready: in order, the controller waits for them before it replaces them.
fn stuck(mine: &[&PodFacts], revision: &str, partition: u32, object: &Object) -> Vec<Nudge> {
    // Under Parallel no pod waits for another one.
    if revision.is_empty() || object.text("/spec/podManagementPolicy") == "Parallel" {
        return Vec::new();
    }

    let ordinal = |pod: &PodFacts| {
        pod.name
            .rsplit('-')
            .next()
            .and_then(|text| text.parse::<u32>().ok())
    };

    let first = number(object, "/spec/ordinals/start");
    let is_stuck = |pod: &&&PodFacts| {
        !pod.ready
            && !pod.deleting
            && pod.revision.as_deref().is_some_and(|its| its != revision)
            // Below the partition a deleted pod would come back at its old revision.
            && ordinal(pod).is_some_and(|at| at >= first + partition)
    };

    let nudge = |pod: &&PodFacts| Nudge {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        uid: pod.uid.clone(),
        why: "it is not ready, and of an old revision: the StatefulSet waits for it before it replaces it"
            .into(),
    };

    // The "forced rollback" of Kubernetes' documentation, which leaves the deletion to a person.
    mine.iter().filter(is_stuck).map(nudge).collect()
}
