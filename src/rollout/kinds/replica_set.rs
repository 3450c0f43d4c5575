//! ReplicaSets and ReplicationControllers: they have no revisions, their pods are never replaced.

use super::super::deadline::Budget;
use super::super::policy::Policy;
use super::super::reading::{Reading, condition, number};
use super::super::subject::Surroundings;
use super::revision::{falling, pods_of, ready, replicas};
use crate::model::Object;
use crate::model::verdict::Verdict;

/// Done when as many pods as wanted are available.
pub(super) fn read<'a>(object: &'a Object, surroundings: &Surroundings<'a>, policy: &Policy) -> Reading<'a> {
    let wanted = replicas(object);
    let total = number(object, "/status/replicas");
    let available = number(object, "/status/availableReplicas");
    let pods = pods_of(object.uid(), surroundings);
    // Status and pods come by two watches: the one that shows less is believed.
    let counted = available.min(ready(&pods));

    let verdict = if wanted == 0 && total == 0 {
        return Reading::empty("scaled to 0 replicas: no pods to verify");
    } else if total > wanted {
        Verdict::waiting(
            counted.min(wanted),
            wanted,
            format!("{} pods must go", total - wanted),
        )
    } else if counted < wanted {
        Verdict::waiting(counted, wanted, format!("{counted} of {wanted} pods are ready"))
    } else {
        Verdict::done()
    };

    let mut reading = Reading::with_pods(verdict, pods, wanted);
    reading.creators = vec![object.uid().to_owned()];
    reading.refusal = condition(object, "ReplicaFailure")
        // The same condition tells of deletions that fail: these hold back no new pod.
        .filter(|one| one.status == "True" && one.reason == "FailedCreate")
        .map(|one| one.says().to_owned());
    reading.settles = number(object, "/spec/minReadySeconds") == 0;
    reading.figures = vec![available, falling(total)];
    reading.budget = Budget::of(object, "/spec/template", policy.deadline);
    reading
}
