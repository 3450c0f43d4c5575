//! Pods that no controller made.

use super::super::deadline::Budget;
use super::super::policy::Policy;
use super::super::reading::Reading;
use super::super::subject::Surroundings;
use crate::model::verdict::Verdict;

/// Done when it is ready, or has succeeded. A failed one is seen by its sign.
pub(super) fn read<'a>(surroundings: &Surroundings<'a>, policy: &Policy) -> Reading<'a> {
    let pods = surroundings.pods.clone();
    let Some(pod) = pods.first() else {
        return Reading::without_pods(Verdict::waiting(0, 1, "the pod is not seen yet"));
    };
    let verdict = match pod.phase.as_str() {
        "Succeeded" => return Reading::noted("it has run to its end"),
        "Running" if pod.ready => Verdict::done(),
        "Running" => Verdict::waiting(0, 1, "the pod runs and is not ready"),
        _ => Verdict::waiting(0, 1, "the pod has not started"),
    };
    let mut reading = Reading::with_pods(verdict, pods, 1);
    reading.budget = Budget::of_seconds(policy.deadline, "by default");
    reading
}
