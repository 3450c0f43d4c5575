//! Custom resources: the environment's rule where there is one, else the conditions that most controllers
//! write.
//!
//! No rule here knows a single custom kind. An object without a status is done when it is there, for many
//! kinds never have one; a controller that has not come to the spec is waited for, and at the deadline its
//! health is unknown rather than bad.

use super::super::conditions::{ConditionSet, current_status, sets};
use super::super::fields::Condition;
use super::super::policy::Policy;
use super::super::status::{KindStatus, reported};
use crate::model::Object;
use crate::model::expression::Expression;
use crate::model::verdict::{CauseKind, Health};

/// Conditions that mean that an object is as it should be, the first that is there counts.
const GOOD: &[&str] = &[
    "Ready",
    "Available",
    "Healthy",
    "Synced",
    "Established",
    "Programmed",
    "Accepted",
    "ResolvedRefs",
];

/// By the environment's CEL, else by the usual conditions; without any, done when it is there.
pub(super) fn assess<'a>(object: &'a Object, policy: &Policy) -> KindStatus<'a> {
    let gvk = object.gvk();
    let rule = policy
        .health_checks
        .iter()
        .find(|rule| rule.group == gvk.group && rule.kind == gvk.kind);

    let sets = sets(object);
    let mut status = match rule {
        Some(rule) => KindStatus::without_pods(by_rule(object, rule.failed.as_deref(), &rule.current)),
        None => by_conditions(&sets),
    };

    // A controller that gets on meets one condition after the other: each of them is progress.
    let met: usize = sets.iter().map(ConditionSet::met).sum();
    status.figures = vec![met as u32];
    status
}

fn by_rule(object: &Object, failed: Option<&str>, current: &str) -> Health {
    // A rule is not asked to tell an old condition from a new one.
    let value = current_status(object);

    // What a status does not hold yet is an error in CEL: that is not "failed".
    if let Some(what) = failed.filter(|failed| holds(failed, &value) == Ok(true)) {
        return reported(
            CauseKind::ReportedByObject,
            format!("its health check says failed: {what}"),
        );
    }

    match holds(current, &value) {
        Ok(true) => Health::done(),
        Ok(false) => Health::waiting(0, 1, format!("its health check does not hold yet: {current}")),
        // A field that is missing is nothing but a status that is not filled yet.
        Err(why) => Health::waiting(
            0,
            1,
            format!("its health check does not hold yet: {current} ({why})"),
        ),
    }
}

fn holds(expression: &str, object: &serde_json::Value) -> Result<bool, String> {
    Expression::parse(expression)?.holds(&[("self", object)])
}

/// Every set has to be good: those of a route are one for each of its parents. Where all that is missing is a look of its
/// controller, nothing is known.
fn by_conditions<'a>(sets: &[ConditionSet<'_>]) -> KindStatus<'a> {
    let verdicts: Vec<Health> = sets.iter().map(by_set).collect();
    let is_open = |one: &Health| matches!(one, Health::Waiting { .. });

    if let Some(failed) = verdicts.iter().find(|one| matches!(one, Health::Failed { .. })) {
        return KindStatus::without_pods(failed.clone());
    }

    let Some(open) = verdicts.iter().find(|one| is_open(one)) else {
        return KindStatus::without_pods(Health::done());
    };

    let mut status = KindStatus::without_pods(open.clone());
    let mut waiting = sets.iter().zip(&verdicts).filter(|(_, verdict)| is_open(verdict));
    if waiting.all(|(set, verdict)| *verdict == outdated(set)) {
        status.unknown_after = Some(u32::MAX);
    }
    status
}

fn by_set(set: &ConditionSet<'_>) -> Health {
    let is = |name: &str| set.get(name).filter(|one| one.status == "True");

    // What is wrong outweighs what is ready: `Ready` may be of the last good state.
    for name in ["Stalled", "Failed"] {
        if let Some(one) = is(name) {
            return reported(
                CauseKind::ReportedByObject,
                format!("it reports {name}: {}", one.says()),
            );
        }
    }

    if let Some(one) = is("Reconciling") {
        return waiting("is being reconciled", &one);
    }

    // The first that is there, outdated or not: a lesser one must not answer in its place.
    match GOOD.iter().find(|name| set.holds(name)) {
        Some(name) => match set.get(name) {
            Some(one) if one.status == "True" => Health::done(),
            Some(one) => waiting(&format!("is not {}", name.to_lowercase()), &one),
            None => outdated(set),
        },
        None if set.is_outdated() => outdated(set),
        // None of its conditions speaks of readiness: it is done when it is there.
        None => Health::done(),
    }
}

fn outdated(set: &ConditionSet<'_>) -> Health {
    let (observed, generation) = (set.observed().unwrap_or(0), set.generation());
    let why = format!("waiting for its controller (observedGeneration {observed} of {generation})");
    Health::waiting(0, 1, why)
}

fn waiting(what: &str, one: &Condition<'_>) -> Health {
    Health::waiting(0, 1, format!("it {what}: {}", one.says()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::environment::HealthCheck;
    use serde_json::{Value, json};

    fn verdict(status: &Value, policy: &Policy) -> Health {
        let object = json!({"apiVersion": "shop.example/v1", "kind": "Route", "status": status,
            "metadata": {"name": "web", "generation": 2}});
        assess(&Object::new(object).unwrap(), policy).verdict
    }

    fn ready(status: &str, observed: i64) -> Value {
        json!({"type": "Ready", "status": status, "observedGeneration": observed})
    }

    #[test]
    fn a_condition_of_an_older_spec_says_neither_that_it_is_ready_nor_that_it_failed() {
        let stale = verdict(&json!({"conditions": [ready("True", 1)]}), &Policy::default());
        let expected = "waiting for its controller (observedGeneration 1 of 2)";
        assert_eq!(stale, Health::waiting(0, 1, expected));

        let failed = json!({"type": "Stalled", "status": "True", "observedGeneration": 1});
        let was_stalled = verdict(
            &json!({"conditions": [failed, ready("True", 2)]}),
            &Policy::default(),
        );
        assert_eq!(was_stalled, Health::done());

        // It says nothing of readiness, but its older generation shows that the controller has not come yet.
        let other = json!({"type": "Custom", "status": "True", "observedGeneration": 1});
        let other = verdict(&json!({"conditions": [other]}), &Policy::default());
        assert!(matches!(other, Health::Waiting { .. }), "{other:?}");
    }

    #[test]
    fn one_without_a_generation_of_its_own_counts_and_a_late_one_of_another_type_does_not_hold_it_up() {
        let plain = json!({"type": "Ready", "status": "True"});
        // Controllers that write no generation must not be waited for on another one's account.
        let late = json!({"type": "Custom", "status": "True", "observedGeneration": 1});
        assert_eq!(
            verdict(&json!({"conditions": [plain, late]}), &Policy::default()),
            Health::done()
        );
        assert_eq!(verdict(&json!({}), &Policy::default()), Health::done());
    }

    #[test]
    fn each_parent_of_a_route_has_to_accept_it() {
        let of = |statuses: [&str; 2], observed: i64| {
            let parent = |status: &&str| {
                json!({"parentRef": {"name": "gateway"}, "conditions": [
                {"type": "Accepted", "status": status, "reason": "NoMatchingParent", "observedGeneration": observed}]})
            };
            let parents: Vec<Value> = statuses.iter().map(parent).collect();
            verdict(&json!({"parents": parents}), &Policy::default())
        };

        assert_eq!(of(["True", "True"], 2), Health::done());
        assert_eq!(
            of(["True", "False"], 2),
            Health::waiting(0, 1, "it is not accepted: NoMatchingParent")
        );
        // Both were accepted at an older spec: that says nothing of this one.
        assert!(matches!(of(["True", "True"], 1), Health::Waiting { .. }));
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
        let policy = Policy {
            health_checks: vec![rule],
            ..Policy::default()
        };

        let of = |observed| verdict(&json!({"conditions": [ready("True", observed)]}), &policy);
        assert_eq!(of(2), Health::done());
        assert!(matches!(of(1), Health::Waiting { .. }));
    }
}
