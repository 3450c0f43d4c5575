//! What is not waited for, or not for ever: states that the release does not bring about by itself.
//!
//! An address of a load balancer, an APIService that another release serves, a controller that never says
//! what it has observed: to roll back for these would undo good work for the sake of somebody else's. Such an
//! object ends as done, with a note that says what is missing. `--wait=strict` waits for all of them like for
//! everything else; what an annotation or the environment names is not waited for even then.

use super::health;
use super::kinds::{self, table};
use super::needs::runs_pods;
use super::policy::RolloutPolicy;
use super::status::{KindStatus, UnknownAfter};
use super::subject::{Case, Memory, MonitoredObject, RolloutContext};
use crate::model::names::WAIT_ANNOTATION;
use crate::model::verdict::Health;
use crate::model::{Object, Target};
use jiff::{SignedDuration, Timestamp};

/// Why nothing waits for an object: its own annotation, or a rule of the environment.
pub(super) fn not_waited(
    subject: &MonitoredObject,
    object: Option<&Object>,
    policy: &RolloutPolicy,
) -> Option<String> {
    if object.and_then(|object| object.annotation(WAIT_ANNOTATION)) == Some("false") {
        return Some(format!("not waited for: annotation {WAIT_ANNOTATION}"));
    }

    let id = subject.target.id();
    let rule = policy.not_waited.iter().find(|rule| rule.target.matches(&id))?;
    Some(format!("not waited for: {}", rule.reason))
}

/// Whether an object waits, by its kind, for something outside of the release: such a state comes after the workloads,
/// or never.
pub fn is_awaited_late(target: &Target, object: &Object) -> bool {
    match (&*target.resource.group, &*target.resource.kind) {
        // Of any other type it waits for nothing.
        ("", "Service") => object.text("/spec/type") == "LoadBalancer",
        ("networking.k8s.io", "Ingress") | ("apiregistration.k8s.io", "APIService") => true,
        _ => false,
    }
}

/// What an object was waiting for before it was written to; none where it was ready. Pods are told by themselves.
pub fn pending_before(target: &Target, before: &Object, policy: &RolloutPolicy) -> Option<String> {
    if runs_pods(target) {
        return None;
    }

    // Ahead of the rule of its kind: a status of an older spec is neither ready nor waiting.
    // Only of custom kinds, whose controllers may never say what they have observed.
    let is_custom = table::is_custom(&before.gvk().group);
    if let Some(observed) = health::behind(before.value()).filter(|_| is_custom) {
        return Some(health::not_observed(observed, before.generation()));
    }

    // Of that time only the object itself is known.
    let context = RolloutContext {
        object: Some(before),
        ..RolloutContext::default()
    };

    let status = kinds::assess(before, &context, policy);
    match status.verdict {
        // Nothing is known of it: it neither waited nor was it broken.
        _ if status.unknown_after.is_some() => None,
        Health::Progressing { message, .. } => Some(message),
        Health::Ready { .. } | Health::Unknown { .. } | Health::Failed { .. } => None,
    }
}

/// A state outside of the release that is not waited for like everything else.
pub(super) struct LetGo {
    /// When it is no longer waited for.
    pub at: Timestamp,
    /// What it is then.
    pub verdict: Health,
}

/// When an object is no longer waited for, because what it waits for is outside of the release; none where it is waited
/// for like everything else.
pub(super) fn let_go(status: &KindStatus<'_>, case: &Case<'_>, memory: &mut Memory) -> Option<LetGo> {
    let Health::Progressing { message: why, .. } = &status.verdict else {
        return None;
    };

    // From the first look and not from the write: what is awaited late was written long before.
    let mut after = |seconds: u32| {
        let started = *memory.started.get_or_insert(case.now);
        started
            .checked_add(SignedDuration::from_secs(seconds.into()))
            .ok()
    };

    match status.unknown_after {
        // Nothing is to come, however long anybody waits.
        Some(UnknownAfter::Seconds(seconds)) => {
            return Some(LetGo {
                at: after(seconds)?,
                verdict: Health::Unknown { message: why.clone() },
            });
        }
        Some(UnknownAfter::Outside(seconds)) if !case.policy.strict => {
            return Some(LetGo {
                at: after(seconds)?,
                verdict: unknown(why),
            });
        }
        // The deadline comes, and `excuse` speaks there.
        Some(UnknownAfter::Outside(_) | UnknownAfter::Deadline) | None => {}
    }

    if case.policy.strict || !status.is_outside || case.subject.is_served_within {
        return None;
    }
    // As it was before: neither to be waited for nor a failure.
    if case.subject.baseline.pending.is_some() {
        return Some(LetGo {
            at: case.now,
            verdict: as_before(why),
        });
    }

    Some(LetGo {
        at: after(case.policy.outside)?,
        verdict: noted(format!("{why}; not waited for without --wait=strict")),
    })
}

/// What an object is at the deadline that was not ready before either, or of which its controller says nothing;
/// none where its failure counts. `why` is what it waits for.
pub(super) fn excuse(status: &KindStatus<'_>, case: &Case<'_>, why: &str) -> Option<Health> {
    if case.policy.strict {
        return None;
    }
    if status.unknown_after.is_some() {
        return Some(unknown(why));
    }

    let was_pending = case.subject.baseline.pending.is_some();
    was_pending.then(|| as_before(why))
}

fn unknown(why: &str) -> Health {
    Health::Unknown {
        message: format!("{why}; not waited for without --wait=strict"),
    }
}

fn as_before(why: &str) -> Health {
    noted(format!("{why}; not ready before this promotion either"))
}

fn noted(note: String) -> Health {
    Health::Ready { message: Some(note) }
}

#[cfg(test)]
mod tests {
    use super::super::{Baseline, assess};
    use super::*;
    use crate::model::ResourceType;
    use crate::model::environment::{TargetPattern, UnknownHealth, WaitRule};
    use crate::model::k8s::kinds::built_in;
    use crate::model::verdict::CauseKind;
    use serde_json::{Value, json};

    fn now(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn api(annotations: &Value) -> Object {
        Object::new(json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": "v1.shop.example", "uid": "u", "annotations": annotations},
            "spec": {"service": {"namespace": "shop", "name": "api"}},
            "status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]}}))
        .unwrap()
    }

    /// The verdicts at the start and after so many seconds.
    fn verdicts(
        object: &Object,
        change: impl Fn(&mut MonitoredObject),
        policy: &RolloutPolicy,
        seconds: i64,
    ) -> [Health; 2] {
        let gvk = object.gvk();
        let custom = ResourceType {
            plural: gvk.kind.to_lowercase(),
            group: gvk.group.clone(),
            version: gvk.version.clone(),
            kind: gvk.kind.clone(),
            namespaced: false,
        };
        let resource = built_in(&gvk.group, &gvk.kind).unwrap_or(custom);
        let target = Target::new(&resource, None, object.name());

        let mut subject = MonitoredObject::new(target, object, now(0));
        change(&mut subject);

        let context = RolloutContext {
            object: Some(object),
            ..RolloutContext::default()
        };
        let mut memory = Memory::default();
        [0, seconds].map(|at| assess(&subject, &context, policy, &mut memory, now(at)).verdict)
    }

    fn is_noted(verdict: &Health, text: &str) -> bool {
        matches!(verdict, Health::Ready { message: Some(note) } if note.contains(text))
    }

    #[test]
    fn what_another_release_serves_is_waited_for_thirty_seconds_and_ones_own_until_the_deadline() {
        let policy = RolloutPolicy::default();
        let [first, last] = verdicts(&api(&json!({})), |_| {}, &policy, 30);
        assert!(matches!(first, Health::Progressing { .. }), "{first:?}");
        assert!(
            is_noted(
                &last,
                "not available: MissingEndpoints; not waited for without --wait=strict"
            ),
            "{last:?}"
        );

        // What the release serves itself is worth the whole deadline.
        let within = |subject: &mut MonitoredObject| subject.is_served_within = true;
        let [_, last] = verdicts(&api(&json!({})), within, &policy, 30);
        assert!(matches!(last, Health::Progressing { .. }), "{last:?}");
        let [_, last] = verdicts(&api(&json!({})), within, &policy, 600);
        assert!(matches!(last, Health::Failed { .. }), "{last:?}");

        // Whoever is strict gets neither the thirty seconds nor the note.
        let strict = RolloutPolicy {
            strict: true,
            ..RolloutPolicy::default()
        };
        let [_, last] = verdicts(&api(&json!({})), |_| {}, &strict, 600);
        assert!(matches!(last, Health::Failed { .. }), "{last:?}");
    }

    #[test]
    fn what_was_not_ready_before_is_no_failure_of_the_promotion() {
        let before = |subject: &mut MonitoredObject| {
            subject.baseline = Baseline {
                pending: Some("not available".into()),
                ..Baseline::default()
            };
        };

        let [first, _] = verdicts(&api(&json!({})), before, &RolloutPolicy::default(), 30);
        assert!(
            is_noted(&first, "not ready before this promotion either"),
            "{first:?}"
        );

        // Served by the release: this promotion may be what mends it.
        let within = |subject: &mut MonitoredObject| {
            before(subject);
            subject.is_served_within = true;
        };
        let [first, last] = verdicts(&api(&json!({})), within, &RolloutPolicy::default(), 600);
        assert!(
            matches!(first, Health::Progressing { .. }),
            "a repair is waited for: {first:?}"
        );
        assert!(
            is_noted(&last, "not ready before this promotion either"),
            "{last:?}"
        );
    }

    #[test]
    fn a_custom_resource_without_a_status_is_unknown_after_ten_seconds_and_fails_where_that_is_asked_for() {
        let object = json!({"apiVersion": "shop.example/v1", "kind": "Widget", "metadata": {"name": "main", "uid": "u"}});
        let object = Object::new(object).unwrap();
        let unknown = Health::Unknown {
            message: "applied; no controller reports its health".into(),
        };

        // Whoever is strict waits for what is to come: here nothing is.
        for strict in [false, true] {
            let policy = RolloutPolicy {
                strict,
                ..RolloutPolicy::default()
            };
            let [first, last] = verdicts(&object, |_| {}, &policy, 10);
            assert!(matches!(first, Health::Progressing { .. }), "{first:?}");
            assert_eq!(last, unknown);
        }

        let policy = RolloutPolicy {
            unknown_health: UnknownHealth::Fail,
            ..RolloutPolicy::default()
        };
        let [_, last] = verdicts(&object, |_| {}, &policy, 10);
        let Health::Failed { cause } = last else {
            panic!("{last:?}");
        };
        assert_eq!(cause.kind, CauseKind::Unverified);
        assert_eq!(
            cause.message,
            "health unknown: applied; no controller reports its health"
        );
    }

    #[test]
    fn a_failure_that_a_controller_may_mend_fails_at_the_deadline_with_its_own_message() {
        let object = json!({"apiVersion": "shop.example/v1", "kind": "Widget", "metadata": {"name": "main", "uid": "u"},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Error", "message": "no such host"}]}});
        let object = Object::new(object).unwrap();
        let [first, last] = verdicts(&object, |_| {}, &RolloutPolicy::default(), 600);
        assert_eq!(first, Health::progressing(0, 1, "not ready: no such host"));

        let Health::Failed { cause } = last else {
            panic!("{last:?}");
        };
        assert_eq!(cause.kind, CauseKind::ReportedByObject);
        assert_eq!(
            cause.message,
            "no progress for 10m (default): not ready: no such host"
        );
    }

    #[test]
    fn an_annotation_or_a_rule_says_that_nothing_waits() {
        let marked = api(&json!({WAIT_ANNOTATION: "false"}));
        let [first, _] = verdicts(&marked, |_| {}, &RolloutPolicy::default(), 0);
        assert!(is_noted(&first, "not waited for: annotation"), "{first:?}");

        let target = TargetPattern {
            kind: Some("APIService".into()),
            ..TargetPattern::default()
        };
        let rule = WaitRule {
            target,
            reason: "served later".into(),
        };
        // A rule holds for whoever is strict, too.
        let policy = RolloutPolicy {
            strict: true,
            not_waited: vec![rule],
            ..RolloutPolicy::default()
        };

        let [first, _] = verdicts(&api(&json!({})), |_| {}, &policy, 0);
        assert!(is_noted(&first, "not waited for: served later"), "{first:?}");
    }
}
