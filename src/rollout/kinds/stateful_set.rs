//! StatefulSets. Their pods are replaced one by one, from the highest ordinal down to the partition, and a
//! pod that never becomes ready holds all others up: where that one is of an old revision, it is named, so
//! that it can be deleted.

use super::super::deadline::Budget;
use super::super::fields::number;
use super::super::judgement::StuckPod;
use super::super::policy::RolloutPolicy;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use super::revision::{created, pods_at, pods_of, ready, replicas};
use crate::model::Object;
use crate::model::k8s::pod::PodFacts;
use crate::model::phrase::counted;
use crate::model::verdict::Health;

/// Done when every pod at or above the partition is of the update revision, and all are available.
pub(super) fn assess<'a>(
    object: &'a Object,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    let counts = Counts::from_object(object);
    if counts.wanted == 0 && counts.total == 0 {
        return KindStatus::empty("scaled to 0 replicas: no pods to verify");
    }

    let revision = object.text("/status/updateRevision");
    let mine = pods_of(object.uid(), context);
    let to_update = counts.to_update();

    // Pods below the partition were not ours to change; those that are new and not ready are.
    let judged = if to_update == 0 && counts.updated < counts.wanted {
        Vec::new()
    } else {
        pods_at(revision, &mine)
    };

    // Under OnDelete it is for a person to choose when each pod goes.
    let stuck_pods = if counts.on_delete {
        Vec::new()
    } else {
        stuck(&mine, revision, counts.partition, object)
    };

    KindStatus {
        creators: vec![object.uid().to_owned()],
        settles: number(object, "/spec/minReadySeconds") == 0,
        figures: vec![counts.updated, counts.available],
        budget: Budget::from_object(object, "/spec/template", policy.deadline),
        stuck_pods,
        ..KindStatus::with_pods(counts.verdict(&judged), judged, to_update)
    }
}

/// The numbers of its status, and what its spec says of them.
struct Counts {
    wanted: u32,
    total: u32,
    updated: u32,
    available: u32,
    partition: u32,
    /// Whether somebody has to delete each pod before it is replaced.
    on_delete: bool,
}

impl Counts {
    fn from_object(object: &Object) -> Self {
        Self {
            wanted: replicas(object),
            total: number(object, "/status/replicas"),
            updated: number(object, "/status/updatedReplicas"),
            available: number(object, "/status/availableReplicas")
                .min(number(object, "/status/readyReplicas")),
            partition: number(object, "/spec/updateStrategy/rollingUpdate/partition"),
            on_delete: object.text("/spec/updateStrategy/type") == "OnDelete",
        }
    }

    /// How many pods the controller replaces by itself.
    fn to_update(&self) -> u32 {
        if self.on_delete {
            0
        } else {
            self.wanted.saturating_sub(self.partition)
        }
    }

    /// By the pods of the new revision.
    fn verdict(&self, judged: &[&PodFacts]) -> Health {
        let (wanted, updated, available) = (self.wanted, self.updated, self.available);
        let (to_update, seen) = (self.to_update(), ready(judged));

        if self.total > wanted {
            let why = format!(
                "waiting for {} to terminate",
                counted((self.total - wanted) as usize, "pod")
            );
            return Health::progressing(seen.min(wanted), wanted, why);
        }

        if self.on_delete && updated < wanted {
            let left = wanted - updated;
            return noted(format!(
                "updateStrategy OnDelete: {left} of {wanted} pods keep the old revision until they are deleted"
            ));
        }

        if updated < to_update || seen < to_update {
            let partition = match self.partition {
                0 => String::new(),
                partition => format!(" (partition {partition})"),
            };
            let created = created(updated, judged, to_update);
            let why = format!("{created} of {to_update} pods updated, {seen} ready{partition}");
            return Health::progressing(seen.min(to_update), to_update, why);
        }

        // After the new ones: those below the partition must be up as well.
        if available < wanted {
            let why = format!("{available} of {wanted} pods ready");
            return Health::progressing(available, wanted, why);
        }

        match to_update {
            0 => noted(format!(
                "partition {} keeps all {wanted} pods at the old revision",
                self.partition
            )),
            _ => Health::ready(),
        }
    }
}

fn noted(note: String) -> Health {
    Health::Ready { message: Some(note) }
}

/// Pods of an old revision that are not ready: in order, the controller waits for them before it replaces them.
fn stuck(mine: &[&PodFacts], revision: &str, partition: u32, object: &Object) -> Vec<StuckPod> {
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

    let stuck_pod = |pod: &&PodFacts| StuckPod {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        uid: pod.uid.clone(),
        why: "not ready at an old revision: the StatefulSet waits for it before it updates it".into(),
    };

    // The "forced rollback" of Kubernetes' documentation, which leaves the deletion to a person.
    mine.iter().filter(is_stuck).map(stuck_pod).collect()
}
