//! Jobs: complete, not merely started. A Job tries again by itself and counts its failed pods, so that the
//! exit of a main container is no failure before the Job says so.

use super::super::attribution::external_cause;
use super::super::deadline::Budget;
use super::super::fields::{Condition, condition, number};
use super::super::policy::RolloutPolicy;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use super::revision::{falling, pods_of};
use crate::model::Object;
use crate::model::hook::{is_hook, is_irreversible};
use crate::model::k8s::pod::PodFacts;
use crate::model::phrase::counted;
use crate::model::verdict::{Cause, CauseKind, Health};

/// Done when it is complete; failed when it says so. Its pods may exit: the Job counts that itself.
pub(super) fn assess<'a>(
    object: &'a Object,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    let is = |name| condition(object, name).filter(|one| one.status == "True");

    if let Some(failed) = is("Failed") {
        return KindStatus::without_pods(failure(object, &failed, context));
    }
    if let Some(complete) = is("Complete") {
        // Complete without every index: that is worth a remark.
        return match complete.reason {
            "SuccessPolicy" => KindStatus::noted("success policy met"),
            _ => KindStatus::without_pods(Health::ready()),
        };
    }

    let wanted = match object.at("/spec/completions") {
        Some(_) => number(object, "/spec/completions"),
        // A work queue names no number: one success is the least that it needs.
        None => 1,
    };

    let is_suspended = object
        .at("/spec/suspend")
        .is_some_and(|suspended| suspended == true);
    if is_suspended {
        assess_suspended(object, wanted, policy)
    } else {
        assess_running(object, wanted, pods_of(object.uid(), context), policy)
    }
}

/// What holds a hook back (a queue, at admission) lets it go: it has not run yet. Any other Job is as it should be.
fn assess_suspended<'a>(object: &Object, wanted: u32, policy: &RolloutPolicy) -> KindStatus<'a> {
    let why = "suspended: not started until resumed";
    if !is_hook(object) {
        return KindStatus::noted(why);
    }

    KindStatus {
        budget: budget(object, policy),
        ..KindStatus::without_pods(Health::progressing(0, wanted, why))
    }
}

/// A Job that is at work.
fn assess_running<'a>(
    object: &Object,
    wanted: u32,
    pods: Vec<&'a PodFacts>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    let succeeded = number(object, "/status/succeeded");
    let failed = number(object, "/status/failed");

    let again = if failed > 0 {
        format!(", {} and retried", counted(failed as usize, "failed pod"))
    } else {
        String::new()
    };
    let counted = succeeded.min(wanted);
    let waiting = Health::progressing(
        counted,
        wanted,
        format!("{counted} of {wanted} completions{again}"),
    );

    // What has ended is counted by the Job; only a pod that is at work can still show a sign.
    let running: Vec<_> = pods
        .into_iter()
        .filter(|pod| pod.phase == "Pending" || pod.phase == "Running")
        .collect();
    let still_wanted = number(object, "/spec/parallelism")
        .max(1)
        .min(wanted.saturating_sub(counted).max(1));

    KindStatus {
        creators: vec![object.uid().to_owned()],
        must_run: false,
        settles: false,
        // A failed try counts as well: the Job itself bounds how many there are.
        figures: vec![succeeded, failed, falling(number(object, "/status/active"))],
        budget: budget(object, policy),
        ..KindStatus::with_pods(waiting, running, still_wanted)
    }
}

/// Its failure, with what ended its pods where that was not their own containers.
fn failure(object: &Object, failed: &Condition<'_>, context: &RolloutContext<'_>) -> Health {
    let failed_pods = number(object, "/status/failed");
    let mut message = format!(
        "the Job failed ({}): {}; {}",
        failed.reason,
        failed.says(),
        counted(failed_pods as usize, "failed pod")
    );

    // Those that are going show why as well: a Job past its deadline deletes them.
    let mut pods = context.pods.clone();
    pods.sort_by_key(|pod| pod.created);

    let mut kind = CauseKind::JobFailed;
    // The Job counts each of its failed pods against itself; these tell what ended them.
    if let Some((outside, cause)) = external_cause(&pods, object.uid(), &context.occurrences) {
        kind = outside;
        message = format!("{message}; {cause}");
    }

    let last = pods.iter().rfind(|pod| pod.phase == "Failed");

    Health::Failed {
        cause: Cause {
            kind,
            message,
            pod: last.map(|pod| pod.name.clone()),
            container: last.and_then(|pod| Some(pod.lasting().next()?.name.clone())),
            previous_logs: false,
        },
    }
}

/// How long it may be silent. A migration that is cut off cannot be undone: it has the time that its own spec, or
/// whoever promotes, gives it.
fn budget(object: &Object, policy: &RolloutPolicy) -> Budget {
    match object.at("/spec/activeDeadlineSeconds") {
        Some(_) => Budget::from_seconds(
            number(object, "/spec/activeDeadlineSeconds"),
            "activeDeadlineSeconds",
        ),
        None if is_irreversible(object) => Budget::endless(),
        None => Budget::from_seconds(policy.deadline, "default"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Memory, MonitoredObject, assess as assess_watched};
    use super::*;
    use crate::model::Target;
    use crate::model::k8s::kinds::built_in;
    use serde_json::{Value, json};

    fn job(annotations: &Value, spec: &Value) -> Object {
        let metadata = json!({"name": "migrate", "uid": "u", "annotations": annotations});
        Object::new(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}))
            .unwrap()
    }

    #[test]
    fn a_job_that_failed_says_what_ended_its_pods_where_it_was_not_they() {
        let failure = |reason: &str| {
            let mut job = job(&json!({}), &json!({}));
            let failed = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"});
            job.value_mut()["status"] = json!({"conditions": [failed], "failed": 1});

            let ended = json!([{"name": "main", "state": {"terminated": {"exitCode": 1}}}]);
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "migrate-1"},
                "spec": {"containers": [{"name": "main"}]},
                "status": {"phase": "Failed", "reason": reason, "message": reason, "containerStatuses": ended}});

            let pod = PodFacts::reduce(&Object::new(pod).unwrap());
            let context = RolloutContext {
                pods: vec![&pod],
                ..RolloutContext::default()
            };

            match assess(&job, &context, &RolloutPolicy::default()).verdict {
                Health::Failed { cause } => (cause.kind, cause.message, cause.pod),
                other => panic!("{other:?}"),
            }
        };

        let (kind, message, pod) = failure("");
        assert_eq!(
            (kind, pod.as_deref()),
            (CauseKind::JobFailed, Some("migrate-1")),
            "{message}"
        );

        // The same exit of the same Job: only the reason of its pod tells them apart.
        let (kind, message, _) = failure("Evicted");
        assert_eq!(kind, CauseKind::Evicted);
        assert!(message.ends_with("pod migrate-1 failed: Evicted"), "{message}");
    }

    #[test]
    fn a_hook_that_is_held_back_has_not_run_yet() {
        let assess = |annotations: Value| {
            let job = job(&annotations, &json!({"suspend": true}));
            assess(&job, &RolloutContext::default(), &RolloutPolicy::default()).verdict
        };
        assert!(matches!(
            assess(json!({"kubectl-delivery.io/hook": "pre"})),
            Health::Progressing { .. }
        ));
        assert!(matches!(assess(json!({})), Health::Ready { message: Some(_) }));
    }

    #[test]
    fn an_irreversible_job_may_be_silent_as_long_as_its_own_spec_lets_it() {
        let budget =
            |annotations: &Value, spec: Value| budget(&job(annotations, &spec), &RolloutPolicy::default());

        let irreversible = json!({"kubectl-delivery.io/irreversible": "true"});
        assert_eq!(budget(&irreversible, json!({})), Budget::endless());
        let own = Budget::from_seconds(30, "activeDeadlineSeconds");
        assert_eq!(budget(&irreversible, json!({"activeDeadlineSeconds": 30})), own);
        assert_eq!(
            budget(&json!({}), json!({})),
            Budget::from_seconds(600, "default")
        );
    }

    #[test]
    fn one_that_has_run_and_goes_by_itself_was_not_deleted_by_somebody() {
        let complete = json!([{"type": "Complete", "status": "True"}]);
        let last = |spec: Value, conditions: Value| {
            let mut job = job(&json!({}), &spec);
            job.value_mut()["status"] = json!({"conditions": conditions});

            let target = Target::new(&built_in("batch", "Job").unwrap(), Some("shop"), "migrate");
            let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
            let subject = MonitoredObject::new(target, &job, now);

            let mut memory = Memory::default();
            let mut look = |object| {
                let context = RolloutContext {
                    object,
                    ..RolloutContext::default()
                };
                assess_watched(&subject, &context, &RolloutPolicy::default(), &mut memory, now).verdict
            };

            look(Some(&job));
            // The second look finds nothing: what the first one has left in the memory decides.
            look(None)
        };

        let goes = || json!({"ttlSecondsAfterFinished": 1});
        assert!(matches!(last(goes(), complete.clone()), Health::Ready { .. }));
        assert!(
            matches!(last(json!({}), complete), Health::Failed { .. }),
            "nobody takes that one away by itself"
        );
        assert!(
            matches!(last(goes(), json!([])), Health::Failed { .. }),
            "how it ended is not known"
        );
    }

    #[test]
    fn one_that_ends_and_goes_between_two_looks_is_judged_by_how_it_went() {
        let goes = job(&json!({}), &json!({"ttlSecondsAfterFinished": 0}));
        let target = Target::new(&built_in("batch", "Job").unwrap(), Some("shop"), "migrate");
        let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        let subject = MonitoredObject::new(target, &goes, now);

        let look = |memory: &mut Memory, object: Option<&Object>, departed: Option<&Object>| {
            let context = RolloutContext {
                object,
                departed,
                ..RolloutContext::default()
            };
            assess_watched(&subject, &context, &RolloutPolicy::default(), memory, now).verdict
        };

        let ended = |condition: &str| {
            let mut job = goes.clone();
            job.value_mut()["status"] = json!({"conditions": [{"type": condition, "status": "True"}]});
            job
        };

        // Whether it was seen before it went must make no difference where the watch saw it go.
        for is_seen in [true, false] {
            let went = |departed: Option<&Object>| {
                let mut memory = Memory::default();
                if is_seen {
                    look(&mut memory, Some(&goes), None);
                }
                look(&mut memory, None, departed)
            };

            let message = |verdict| match verdict {
                Health::Failed { cause } => cause.message,
                other => panic!("{other:?}"),
            };

            assert!(
                matches!(went(Some(&ended("Complete"))), Health::Ready { message: Some(_) }),
                "{is_seen}"
            );
            assert!(
                matches!(went(Some(&ended("Failed"))), Health::Failed { cause } if cause.kind == CauseKind::JobFailed)
            );
            assert!(
                message(went(Some(&goes))).ends_with("was deleted by another client"),
                "it had not ended"
            );

            match went(None) {
                Health::Progressing { message, .. } => {
                    assert!(!is_seen && message.ends_with("does not exist yet"), "{message}");
                }
                verdict => assert!(
                    message(verdict).ends_with("whether it completed is unknown"),
                    "{is_seen}"
                ),
            }
        }
    }
}
