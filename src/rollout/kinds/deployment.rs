//! Deployments.

use super::super::deadline::Budget;
use super::super::fields::number;
use super::super::policy::RolloutPolicy;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use super::revision::{created, falling, new_replica_set, pods_of, ready, refused_creation, replicas};
use crate::model::Object;
use crate::model::k8s::pod::PodFacts;
use crate::model::phrase::counted;
use crate::model::verdict::Health;

/// Done when every pod is of the new revision and available, and no old one is left.
pub(super) fn assess<'a>(
    object: &'a Object,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    // Ahead of the counts: those of a paused rollout may stand still for ever.
    if object.at("/spec/paused").is_some_and(|paused| paused == true) {
        return KindStatus::noted("paused: not rolled out until resumed");
    }

    let counts = Counts::from_object(object);
    let budget = Budget::from_object(object, "/spec/template", policy.deadline);
    if counts.wanted == 0 {
        return assess_scaled_to_zero(counts.total, budget);
    }

    let wanted = counts.wanted;
    // Without it nothing tells its new pods from its old ones, whatever the counts say.
    let Some(newest) = new_replica_set(object, context) else {
        let waiting = Health::progressing(0, wanted, "waiting for its new ReplicaSet");
        return KindStatus {
            wanted,
            budget,
            ..KindStatus::without_pods(waiting)
        };
    };

    let pods = pods_of(newest.uid(), context);
    KindStatus {
        creators: vec![newest.uid().to_owned()],
        refusal: refused_creation(newest),
        // With minReadySeconds the author has said how long a pod must live: nothing is added to that.
        settles: counts.min_ready_seconds == 0,
        figures: vec![counts.updated, counts.available, falling(counts.old())],
        budget,
        ..KindStatus::with_pods(counts.verdict(&pods), pods, wanted)
    }
}

/// Of a Deployment without replicas: waiting for old pods alone.
fn assess_scaled_to_zero<'a>(total: u32, budget: Budget) -> KindStatus<'a> {
    if total == 0 {
        return KindStatus::empty("scaled to 0 replicas: no pods to verify");
    }

    let waiting = Health::progressing(0, 0, waiting_for_old(total));
    KindStatus {
        figures: vec![falling(total)],
        budget,
        ..KindStatus::without_pods(waiting)
    }
}

fn waiting_for_old(pods: u32) -> String {
    format!("waiting for {} to terminate", counted(pods as usize, "old pod"))
}

/// The numbers of its status, and those of its spec that they are held against.
struct Counts {
    wanted: u32,
    total: u32,
    updated: u32,
    available: u32,
    min_ready_seconds: u32,
}

impl Counts {
    fn from_object(object: &Object) -> Self {
        Self {
            wanted: replicas(object),
            total: number(object, "/status/replicas"),
            updated: number(object, "/status/updatedReplicas"),
            available: number(object, "/status/availableReplicas"),
            min_ready_seconds: number(object, "/spec/minReadySeconds"),
        }
    }

    /// Pods of old revisions.
    fn old(&self) -> u32 {
        self.total.saturating_sub(self.updated)
    }

    fn verdict(&self, pods: &[&PodFacts]) -> Health {
        let (wanted, seen) = (self.wanted, ready(pods));

        if self.updated < wanted {
            let created = created(self.updated, pods, wanted);
            let why = format!("{created} of {wanted} pods updated, {seen} ready");
            return Health::progressing(seen.min(self.updated), wanted, why);
        }

        // Status and pods come by two watches: the one that shows less is believed.
        let available = self.available.min(seen);
        if available < wanted {
            let word = match self.min_ready_seconds {
                0 => "ready".to_owned(),
                lasting => format!("available (minReadySeconds: {lasting})"),
            };
            return Health::progressing(available, wanted, format!("{available} of {wanted} pods {word}"));
        }

        match self.old() {
            0 => Health::ready(),
            old => Health::progressing(wanted, wanted, waiting_for_old(old)),
        }
    }
}
