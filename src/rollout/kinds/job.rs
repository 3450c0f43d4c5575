//! Jobs: complete, not merely started.

use super::super::deadline::Budget;
use super::super::policy::Policy;
use super::super::reading::{Reading, condition, number, reported};
use super::super::subject::Surroundings;
use super::revision::{falling, pods_of};
use crate::model::Object;
use crate::model::verdict::{CauseKind, Verdict};

/// Done when it is complete; failed when it says so. Its pods may exit: the Job counts that itself.
pub(super) fn read<'a>(object: &'a Object, surroundings: &Surroundings<'a>, policy: &Policy) -> Reading<'a> {
    let is = |name| condition(object, name).filter(|one| one.status == "True");
    let pods = pods_of(object.uid(), surroundings);
    if let Some(failed) = is("Failed") {
        let failed_pods = number(object, "/status/failed");
        let message =
            format!("the Job failed ({}): {}; {failed_pods} pods failed", failed.reason, failed.says());
        let mut verdict = reported(CauseKind::JobFailed, message);
        if let Verdict::Failed { cause } = &mut verdict {
            let last = pods.iter().filter(|pod| pod.phase == "Failed").max_by_key(|pod| pod.created);
            cause.pod = last.map(|pod| pod.name.clone());
            cause.container = last.and_then(|pod| Some(pod.lasting().next()?.name.clone()));
        }
        return Reading::without_pods(verdict);
    }
    if let Some(complete) = is("Complete") {
        let policy_met = complete.reason == "SuccessPolicy";
        return match policy_met {
            true => Reading::noted("its success policy is met"),
            false => Reading::without_pods(Verdict::done()),
        };
    }
    if object.at("/spec/suspend").is_some_and(|suspended| suspended == true) {
        return Reading::noted("suspended: it does not run until it is resumed");
    }
    let wanted = match object.at("/spec/completions") {
        Some(_) => number(object, "/spec/completions"),
        None => 1,
    };
    let succeeded = number(object, "/status/succeeded").min(wanted);
    let failed = number(object, "/status/failed");
    let again = if failed > 0 { format!(", {failed} failed and tried again") } else { String::new() };
    let why = format!("{succeeded} of {wanted} completions{again}");
    let running: Vec<_> =
        pods.into_iter().filter(|pod| pod.phase == "Pending" || pod.phase == "Running").collect();
    let still_wanted =
        number(object, "/spec/parallelism").max(1).min(wanted.saturating_sub(succeeded).max(1));
    let mut reading = Reading::with_pods(Verdict::waiting(succeeded, wanted, why), running, still_wanted);
    reading.creators = vec![object.uid().to_owned()];
    reading.must_run = false;
    reading.settles = false;
    reading.figures =
        vec![number(object, "/status/succeeded"), failed, falling(number(object, "/status/active"))];
    reading.budget = match object.at("/spec/activeDeadlineSeconds") {
        Some(_) => Budget::of_seconds(number(object, "/spec/activeDeadlineSeconds"), "activeDeadlineSeconds"),
        None => Budget::of_seconds(policy.deadline, "by default"),
    };
    reading
}
