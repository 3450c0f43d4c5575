//! Pods that no controller made.

use super::super::deadline::Budget;
use super::super::fields::number;
use super::super::pod_text::failed_pod;
use super::super::policy::RolloutPolicy;
use super::super::signals::failed_kind;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use crate::model::Object;
use crate::model::hook::is_hook;
use crate::model::k8s::pod::PodFacts;
use crate::model::verdict::{Cause, Health};

/// Done when it is ready, or has succeeded. A failed one is seen by its sign.
pub(super) fn assess<'a>(
    object: &'a Object,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    let pods = context.pods.clone();
    let Some(pod) = pods.first() else {
        return KindStatus::without_pods(Health::progressing(0, 1, "waiting for the pod"));
    };

    if is_hook(object) {
        return hook(object, pod, policy);
    }

    let verdict = match pod.phase.as_str() {
        "Succeeded" => return KindStatus::noted("completed"),
        "Running" if pod.ready => Health::ready(),
        "Running" => Health::progressing(0, 1, "running, not ready"),
        _ => Health::progressing(0, 1, "not started"),
    };

    let mut status = KindStatus::with_pods(verdict, pods, 1);
    status.budget = Budget::from_seconds(policy.deadline, "default");
    status
}

/// A hook is done when completed, and has failed when it says so: its containers may exit.
fn hook<'a>(object: &'a Object, pod: &'a PodFacts, policy: &RolloutPolicy) -> KindStatus<'a> {
    let verdict = match pod.phase.as_str() {
        "Succeeded" => return KindStatus::without_pods(Health::ready()),
        "Failed" => return KindStatus::without_pods(Health::Failed { cause: failed(pod) }),
        "Running" => Health::progressing(0, 1, "running, not completed"),
        _ => Health::progressing(0, 1, "not started"),
    };

    let mut status = KindStatus::with_pods(verdict, vec![pod], 1);
    // Its containers are there to exit, and none of them has to stay ready.
    status.must_run = false;
    status.settles = false;

    status.budget = match object.at("/spec/activeDeadlineSeconds") {
        Some(_) => Budget::from_seconds(
            number(object, "/spec/activeDeadlineSeconds"),
            "activeDeadlineSeconds",
        ),
        None => Budget::from_seconds(policy.deadline, "default"),
    };
    status
}

fn failed(pod: &PodFacts) -> Cause {
    Cause {
        kind: failed_kind(pod),
        message: failed_pod(pod),
        pod: Some(pod.name.clone()),
        container: pod.lasting().next().map(|one| one.name.clone()),
        previous_logs: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::CauseKind;
    use serde_json::{Value, json};

    /// The verdict on a pod with this status, and whether the exits of its containers count.
    fn verdict(annotations: &Value, status: &Value) -> (Health, bool) {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "status": status, "spec": {"containers": [{"name": "main"}]},
            "metadata": {"name": "check", "uid": "u", "annotations": annotations}});

        let object = Object::new(object).unwrap();
        let pod = PodFacts::reduce(&object);
        let context = RolloutContext {
            pods: vec![&pod],
            ..RolloutContext::default()
        };

        let status = assess(&object, &context, &RolloutPolicy::default());
        (status.verdict, status.must_run || status.settles)
    }

    fn hook(status: &Value) -> (Health, bool) {
        verdict(&json!({"helm.sh/hook": "test"}), status)
    }

    #[test]
    fn a_hook_is_done_only_when_it_has_run_to_its_end() {
        let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});

        assert_eq!(verdict(&json!({}), &ready), (Health::ready(), true));
        // The same status of a hook: readiness is not what it is there for.
        let waiting = Health::progressing(0, 1, "running, not completed");
        assert_eq!(hook(&ready), (waiting, false));
        assert_eq!(hook(&json!({"phase": "Succeeded"})), (Health::ready(), false));
    }

    #[test]
    fn a_hook_that_failed_has_failed_at_once_with_how_it_ended() {
        let ended = json!([{"name": "main", "state": {"terminated": {"exitCode": 3}}}]);

        let (Health::Failed { cause }, _) = hook(&json!({"phase": "Failed", "containerStatuses": ended}))
        else {
            panic!("it has failed")
        };
        assert_eq!(
            (cause.kind, cause.container.as_deref()),
            (CauseKind::PodFailed, Some("main"))
        );
        assert!(cause.message.contains("exit code 3"), "{}", cause.message);

        // A node that evicts it says nothing of the release.
        let (Health::Failed { cause }, _) = hook(&json!({"phase": "Failed", "reason": "Evicted"})) else {
            panic!("it has failed")
        };
        assert_eq!(cause.kind, CauseKind::Evicted);
    }
}
