//! Deployments.

use super::super::deadline::Budget;
use super::super::policy::Policy;
use super::super::reading::{Reading, condition, number};
use super::super::subject::Surroundings;
use super::revision::{created, falling, new_replica_set, pods_of, ready, replicas};
use crate::model::Object;
use crate::model::verdict::Verdict;

/// Done when every pod is of the new revision and available, and no old one is left.
pub(super) fn read<'a>(object: &'a Object, surroundings: &Surroundings<'a>, policy: &Policy) -> Reading<'a> {
    // Ahead of the counts: those of a paused rollout may stand still for ever.
    if object.at("/spec/paused").is_some_and(|paused| paused == true) {
        return Reading::noted("paused: nothing is rolled out until it is resumed");
    }

    let wanted = replicas(object);
    let total = number(object, "/status/replicas");
    let updated = number(object, "/status/updatedReplicas");
    let available = number(object, "/status/availableReplicas");
    let budget = Budget::of(object, "/spec/template", policy.deadline);

    if wanted == 0 {
        let verdict = match total {
            0 => return Reading::empty("scaled to 0 replicas: no pods to verify"),
            left => Verdict::waiting(0, 0, format!("{left} old pods must go")),
        };

        let mut reading = Reading::without_pods(verdict);
        (reading.figures, reading.budget) = (vec![falling(total)], budget);
        return reading;
    }

    // Without it nothing tells its new pods from its old ones, whatever the counts say.
    let Some(newest) = new_replica_set(object, surroundings) else {
        let mut reading =
            Reading::without_pods(Verdict::waiting(0, wanted, "its new ReplicaSet is not there yet"));
        (reading.wanted, reading.budget) = (wanted, budget);
        return reading;
    };

    let pods = pods_of(newest.uid(), surroundings);
    let seen = ready(&pods);
    let old = total.saturating_sub(updated);

    let verdict = if updated < wanted {
        Verdict::waiting(
            seen.min(updated),
            wanted,
            format!(
                "{} of {wanted} pods updated, {seen} ready",
                created(updated, &pods, wanted)
            ),
        )
    } else if available < wanted || seen < wanted {
        // Status and pods come by two watches: the one that shows less is believed.
        let counted = available.min(seen);
        let lasting = number(object, "/spec/minReadySeconds");
        let word = if lasting > 0 {
            format!("available (ready for {lasting} s)")
        } else {
            "ready".into()
        };
        Verdict::waiting(counted, wanted, format!("{counted} of {wanted} pods are {word}"))
    } else if old > 0 {
        Verdict::waiting(wanted, wanted, format!("{old} old pods must go"))
    } else {
        Verdict::done()
    };

    let mut reading = Reading::with_pods(verdict, pods, wanted);
    reading.creators = vec![newest.uid().to_owned()];
    reading.refusal = condition(newest, "ReplicaFailure")
        // The same condition tells of deletions that fail: these hold back no new pod.
        .filter(|one| one.status == "True" && one.reason == "FailedCreate")
        .map(|one| one.says().to_owned());
    // With minReadySeconds the author has said how long a pod must live: nothing is added to that.
    reading.settles = number(object, "/spec/minReadySeconds") == 0;
    reading.figures = vec![updated, available, falling(old)];
    reading.budget = budget;
    reading
}
