//! Custom resources: the environment's rule where there is one, else what their own status says (`health/`).
//!
//! That an object is there does not make it ready. Of one that says nothing its health is unknown, after a short time for a
//! first status; a failure that its controller may still mend has the time that any progress has.

use super::super::health::{self, CustomState};
use super::super::policy::RolloutPolicy;
use super::super::status::{KindStatus, UnknownAfter, reported};
use super::super::subject::RolloutContext;
use crate::model::Object;
use crate::model::environment::HealthCheck;
use crate::model::expression::Expression;
use crate::model::verdict::{CauseKind, Health};
use serde_json::Value;

/// By the environment's CEL, else by its own status.
pub(super) fn assess<'a>(
    object: &'a Object,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    let gvk = object.gvk();
    let mut rules = policy.health_checks.iter();
    let rule = rules.find(|rule| rule.group == gvk.group && rule.kind == gvk.kind);
    let (status, is_by_status) = match rule {
        Some(rule) => {
            let verdict = assess_by_rule(object.value(), rule);
            let is_by_status = assess_by_rule(&without_status(object), rule) != verdict;
            (KindStatus::without_pods(verdict), is_by_status)
        }
        None => (assess_by_status(object, context.lacks_status, policy), true),
    };

    KindStatus {
        // A controller that gets on meets one condition after the other: each of them is progress.
        figures: vec![health::count_met(object.value())],
        is_by_status,
        ..status
    }
}

fn without_status(object: &Object) -> Value {
    let mut value = object.value().clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    value
}

/// Whether pods are to run because of an object; none where its kind is not known. Of one that starts them on demand none
/// are.
pub fn wants_pods(object: &Object) -> Option<bool> {
    let gvk = object.gvk();
    health::wants_pods(&gvk.group, &gvk.kind, object.value())
}

fn assess_by_status<'a>(object: &'a Object, lacks_status: bool, policy: &RolloutPolicy) -> KindStatus<'a> {
    let gvk = object.gvk();
    let found = health::assess(&gvk.group, &gvk.kind, object.value());
    let (grace, why) = (policy.graces.first_status, found.message);
    // Without the subresource no status is meant to come, unless the kind is known for writing one all the same.
    let is_silent = lacks_status && !health::is_known(&gvk.group, &gvk.kind);
    let first_status = if is_silent { 0 } else { grace };

    match found.state {
        CustomState::Ready => KindStatus::without_pods(Health::ready()),
        CustomState::Progressing | CustomState::Paused => {
            KindStatus::without_pods(Health::progressing(0, 1, why))
        }
        // It may merely be slow; and it may never say what it has seen.
        CustomState::NotObserved => KindStatus::unknown_after(UnknownAfter::Deadline, why),
        CustomState::Failed => KindStatus::may_mend(CauseKind::ReportedByObject, why),
        CustomState::FailedForGood => KindStatus::without_pods(reported(CauseKind::ReportedByObject, why)),
        // Somebody has to let it go on.
        CustomState::Suspended => KindStatus::unknown_after(UnknownAfter::Outside(policy.outside), why),
        CustomState::Unknown => {
            KindStatus::unknown_after(UnknownAfter::Seconds(grace), format!("applied; {why}"))
        }
        CustomState::NotReported => KindStatus::unknown_after(
            UnknownAfter::Seconds(first_status),
            "applied; no controller reports its health",
        ),
    }
}

fn assess_by_rule(object: &Value, rule: &HealthCheck) -> Health {
    // A rule is not asked to tell an old condition from a new one.
    let value = health::without_outdated(object);

    // What a status does not hold yet is an error in CEL: that is not "failed".
    let failed = rule.failed.as_deref();
    if let Some(what) = failed.filter(|failed| holds(failed, &value) == Ok(true)) {
        return reported(
            CauseKind::ReportedByObject,
            format!("its health check failed: {what}"),
        );
    }

    let current = &rule.current;
    match holds(current, &value) {
        Ok(true) => Health::ready(),
        Ok(false) => Health::progressing(0, 1, format!("its health check has not passed yet: {current}")),
        // A field that is missing is nothing but a status that is not filled yet.
        Err(why) => Health::progressing(
            0,
            1,
            format!("its health check has not passed yet: {current} ({why})"),
        ),
    }
}

fn holds(expression: &str, object: &Value) -> Result<bool, String> {
    Expression::parse(expression)?.holds(&[("self", object)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn assess<'a>(object: &'a Object, policy: &RolloutPolicy) -> KindStatus<'a> {
        super::assess(object, &RolloutContext::default(), policy)
    }

    fn verdict(status: &Value, policy: &RolloutPolicy) -> Health {
        let object = json!({"apiVersion": "shop.example/v1", "kind": "Route", "status": status,
            "metadata": {"name": "web", "generation": 2}});
        let object = Object::new(object).unwrap();
        assess(&object, policy).verdict
    }

    fn ready(status: &str, observed: i64) -> Value {
        json!({"type": "Ready", "status": status, "observedGeneration": observed})
    }

    #[test]
    fn a_condition_of_an_older_spec_says_neither_that_it_is_ready_nor_that_it_failed() {
        let stale = verdict(
            &json!({"conditions": [ready("True", 1)]}),
            &RolloutPolicy::default(),
        );
        let expected = "waiting for its controller (observedGeneration 1 of 2)";
        assert_eq!(stale, Health::progressing(0, 1, expected));

        let failed = json!({"type": "Stalled", "status": "True", "observedGeneration": 1});
        let was_stalled = verdict(
            &json!({"conditions": [failed, ready("True", 2)]}),
            &RolloutPolicy::default(),
        );
        assert_eq!(was_stalled, Health::ready());

        // It says nothing of readiness, but its older generation shows that the controller has not come yet.
        let other = json!({"type": "Custom", "status": "True", "observedGeneration": 1});
        let other = verdict(&json!({"conditions": [other]}), &RolloutPolicy::default());
        assert!(matches!(other, Health::Progressing { .. }), "{other:?}");
    }

    #[test]
    fn one_without_a_generation_of_its_own_counts_and_a_late_one_of_another_type_does_not_hold_it_up() {
        let plain = json!({"type": "Ready", "status": "True"});
        // Controllers that write no generation must not be waited for on another one's account.
        let late = json!({"type": "Custom", "status": "True", "observedGeneration": 1});
        assert_eq!(
            verdict(&json!({"conditions": [plain, late]}), &RolloutPolicy::default()),
            Health::ready()
        );
    }

    /// The status of an object by its rule, at its first look.
    fn status_of(status: &Value, spec: &Value) -> (Health, Option<UnknownAfter>, Option<CauseKind>) {
        let object = json!({"apiVersion": "shop.example/v1", "kind": "Widget", "status": status, "spec": spec,
            "metadata": {"name": "web", "generation": 2}});
        let object = Object::new(object).unwrap();
        let found = assess(&object, &RolloutPolicy::default());
        (found.verdict, found.unknown_after, found.reported)
    }

    #[test]
    fn an_object_that_says_nothing_is_never_done_and_soon_unknown() {
        let silent = "applied; no controller reports its health";
        for empty in [json!({}), json!(null), json!({"conditions": [], "revision": 0})] {
            let (verdict, after, _) = status_of(&empty, &json!({}));
            assert_eq!(verdict, Health::progressing(0, 1, silent));
            assert_eq!(after, Some(UnknownAfter::Seconds(10)));
        }

        let (verdict, after, _) = status_of(&json!({"color": "blue"}), &json!({}));
        let unclear = "applied; its status does not report readiness";
        assert_eq!(verdict, Health::progressing(0, 1, unclear));
        assert_eq!(after, Some(UnknownAfter::Seconds(10)));

        // Of an older spec: its controller may merely be slow.
        let (_, after, _) = status_of(&json!({"observedGeneration": 1, "phase": "Running"}), &json!({}));
        assert_eq!(after, Some(UnknownAfter::Deadline));
    }

    #[test]
    fn without_a_status_subresource_no_first_status_is_waited_for_but_of_kinds_that_write_one() {
        let after = |group: &str, kind: &str, status: Value| {
            let object = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": "a"}, "status": status});
            let object = Object::new(object).unwrap();
            let context = RolloutContext {
                lacks_status: true,
                ..RolloutContext::default()
            };
            super::assess(&object, &context, &RolloutPolicy::default()).unknown_after
        };
        assert_eq!(
            after("shop.example", "Widget", json!(null)),
            Some(UnknownAfter::Seconds(0))
        );
        // Its controller has begun to write one.
        assert_eq!(
            after("shop.example", "Widget", json!({"color": "blue"})),
            Some(UnknownAfter::Seconds(10))
        );
        // Argo CD writes the status with the whole object.
        assert_eq!(
            after("argoproj.io", "Application", json!(null)),
            Some(UnknownAfter::Seconds(10))
        );
    }

    #[test]
    fn a_failure_that_may_be_mended_is_waited_for_and_one_for_good_is_not() {
        let failed =
            |kind: &str| json!({"conditions": [{"type": kind, "status": "True", "message": "no such host"}]});
        let (verdict, _, reported) = status_of(&failed("Degraded"), &json!({}));
        assert_eq!(
            verdict,
            Health::progressing(0, 1, "reports Degraded: no such host")
        );
        assert_eq!(reported, Some(CauseKind::ReportedByObject));

        let (verdict, _, _) = status_of(&failed("Stalled"), &json!({}));
        let Health::Failed { cause } = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(cause.message, "reports Stalled: no such host");
    }

    #[test]
    fn what_its_own_spec_suspends_is_waited_for_like_anything_outside() {
        let (verdict, after, _) = status_of(&json!({"phase": "Running"}), &json!({"suspend": true}));
        assert_eq!(verdict, Health::progressing(0, 1, "paused by spec.suspend"));
        assert_eq!(after, Some(UnknownAfter::Outside(30)));
    }

    #[test]
    fn each_parent_of_a_route_has_to_accept_it() {
        let of = |statuses: [&str; 2], observed: i64| {
            let parent = |status: &&str| {
                json!({"parentRef": {"name": "gateway"}, "conditions": [
                {"type": "Accepted", "status": status, "reason": "NoMatchingParent", "observedGeneration": observed}]})
            };
            let parents: Vec<Value> = statuses.iter().map(parent).collect();
            verdict(&json!({"parents": parents}), &RolloutPolicy::default())
        };

        assert_eq!(of(["True", "True"], 2), Health::ready());
        assert_eq!(
            of(["True", "False"], 2),
            Health::progressing(0, 1, "not accepted: NoMatchingParent")
        );
        // Both were accepted at an older spec: that says nothing of this one.
        assert!(matches!(of(["True", "True"], 1), Health::Progressing { .. }));
    }

    #[test]
    fn a_rule_of_the_environment_does_not_see_conditions_of_an_older_spec() {
        let current = "self.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')".to_owned();

        // The rule reads no generation: that is done for it.
        let rule = HealthCheck {
            group: "shop.example".into(),
            kind: "Route".into(),
            failed: None,
            current,
        };
        let policy = RolloutPolicy {
            health_checks: vec![rule],
            ..RolloutPolicy::default()
        };

        let of = |observed| verdict(&json!({"conditions": [ready("True", observed)]}), &policy);
        assert_eq!(of(2), Health::ready());
        assert!(matches!(of(1), Health::Progressing { .. }));
    }
}
