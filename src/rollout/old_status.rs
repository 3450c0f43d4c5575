//! Whether a status that names no generation is of what was written.
//!
//! Nothing in such a status tells an old `Ready` from a new one: when a condition changed last says nothing of when it was
//! looked at. What tells is a write of its controller after ours: the status is another one than our write found, or its
//! manager wrote it in a later second. A controller that looks and finds nothing to change writes nothing, and cannot be
//! told from one that has not looked. So after the time for a first status its health is unknown: *ready* would be
//! vouched for by nobody, and waiting on would have no end. Its failure may be as old, and is not final.

use super::health;
use super::policy::RolloutPolicy;
use super::status::{KindStatus, UnknownAfter};
use super::subject::{Memory, MonitoredObject, RolloutContext};
use crate::model::Object;
use crate::model::verdict::Health;
use jiff::Timestamp;
use serde_json::Value;

/// What the status says of the object, as far as it is known to be of what was written.
pub(super) fn doubt_old_status<'a>(
    status: KindStatus<'a>,
    subject: &MonitoredObject,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
    memory: &mut Memory,
) -> KindStatus<'a> {
    let Some(object) = context.object.filter(|_| status.is_by_status) else {
        return status;
    };
    // At each look: a status that becomes another and then the same again has been written.
    if is_of_present_spec(object, subject, context.lacks_status, memory) {
        return status;
    }

    let figures = status.figures.clone();
    let doubted = match status.verdict {
        Health::Ready { .. } => {
            KindStatus::unknown_after(UnknownAfter::Seconds(policy.graces.first_status), OLD)
        }
        Health::Failed { cause } => KindStatus::may_mend(cause.kind, cause.message),
        Health::Progressing { .. } | Health::Unknown { .. } => return status,
    };
    KindStatus { figures, ..doubted }
}

const OLD: &str = "applied; its status has no observedGeneration and was not updated since";

fn is_of_present_spec(
    object: &Object,
    subject: &MonitoredObject,
    lacks_status: bool,
    memory: &mut Memory,
) -> bool {
    let Some(before) = &subject.status_before else {
        return true;
    };
    // The first generation has had no spec before it.
    if object.generation() == 1 || health::names_generation(object.value()) {
        return true;
    }

    let now = object.at("/status").unwrap_or(&Value::Null);
    let known = memory
        .status_before
        .get_or_insert_with(|| (subject.generation, before.clone()));
    // Another client has changed the spec since, and the status of then may be of any before. Without the subresource, each
    // write of a status is a generation as well.
    if known.0 < object.generation() && !lacks_status {
        *known = (object.generation(), now.clone());
        memory.has_reported = false;
    }

    let is_written_later =
        known.0 == subject.generation && status_written_at(object).is_some_and(|at| at > subject.started_at);
    memory.has_reported |= known.1 != *now || is_written_later;
    memory.has_reported
}

/// When a controller has written the status last, by the server's clock, which has whole seconds.
fn status_written_at(object: &Object) -> Option<Timestamp> {
    let entries = object.managed_fields().iter();
    let of_status = entries.filter(|entry| entry["subresource"] == "status");
    let times = of_status.filter_map(|entry| entry["time"].as_str()?.parse().ok());
    times.max()
}

#[cfg(test)]
mod tests {
    use super::super::{assess, status_before};
    use super::*;
    use crate::model::environment::HealthCheck;
    use crate::model::verdict::CauseKind;
    use crate::model::{ResourceType, Target};
    use jiff::SignedDuration;
    use serde_json::json;

    const BEGAN: &str = "2026-01-01T00:00:00Z";

    fn widget(generation: i64, status: &Value) -> Object {
        let written = json!([{"manager": "kubectl-delivery", "operation": "Apply", "time": BEGAN}]);
        Object::new(json!({"apiVersion": "shop.example/v1", "kind": "Widget", "spec": {"size": generation}, "status": status,
            "metadata": {"name": "a", "namespace": "shop", "uid": "u", "generation": generation, "managedFields": written}}))
        .unwrap()
    }

    fn ready() -> Value {
        json!({"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2025-01-01T00:00:00Z"}]})
    }

    /// A rollout of generation 2 that found the status of generation 1.
    struct Scene {
        subject: MonitoredObject,
        policy: RolloutPolicy,
        memory: Memory,
        lacks_status: bool,
    }

    impl Scene {
        fn new(found: &Value) -> Self {
            let (before, answer) = (widget(1, found), widget(2, found));
            let resource = ResourceType {
                group: "shop.example".into(),
                version: "v1".into(),
                kind: "Widget".into(),
                plural: "widgets".into(),
                namespaced: true,
            };
            let target = Target::new(&resource, Some("shop"), "a");
            let mut subject = MonitoredObject::new(target, &answer, BEGAN.parse().unwrap());
            subject.status_before = status_before(&answer, Some(&before));
            Self {
                subject,
                policy: RolloutPolicy::default(),
                memory: Memory::default(),
                lacks_status: false,
            }
        }

        fn look(&mut self, object: &Object, seconds: i64) -> Health {
            let context = RolloutContext {
                object: Some(object),
                lacks_status: self.lacks_status,
                ..RolloutContext::default()
            };
            let now = self.subject.started_at + SignedDuration::from_secs(seconds);
            assess(&self.subject, &context, &self.policy, &mut self.memory, now).verdict
        }
    }

    #[test]
    fn a_status_that_nobody_has_written_since_is_waited_for_and_then_unknown() {
        let mut scene = Scene::new(&ready());
        let object = widget(2, &ready());
        assert_eq!(scene.look(&object, 0), Health::progressing(0, 1, OLD));
        assert_eq!(scene.look(&object, 9), Health::progressing(0, 1, OLD));
        assert_eq!(scene.look(&object, 10), Health::Unknown { message: OLD.into() });
    }

    #[test]
    fn a_status_that_was_another_meanwhile_is_of_what_was_written() {
        let mut scene = Scene::new(&ready());
        let updating = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Updating"}]});
        let waiting = scene.look(&widget(2, &updating), 1);
        assert_eq!(waiting, Health::progressing(0, 1, "not ready: Updating"));
        // The same as before, to the letter.
        assert_eq!(scene.look(&widget(2, &ready()), 2), Health::ready());
    }

    #[test]
    fn a_status_of_a_later_second_is_of_what_was_written_and_one_of_the_same_is_not_known_to_be() {
        let written = |time: &str| {
            let mut object = widget(2, &ready());
            let entry =
                json!({"manager": "widgets", "operation": "Update", "subresource": "status", "time": time});
            object.value_mut()["metadata"]["managedFields"]
                .as_array_mut()
                .unwrap()
                .push(entry);
            Scene::new(&ready()).look(&object, 1)
        };
        assert_eq!(written("2026-01-01T00:00:01Z"), Health::ready());
        assert_eq!(written(BEGAN), Health::progressing(0, 1, OLD));
        assert_eq!(written("2025-12-31T23:59:59Z"), Health::progressing(0, 1, OLD));
    }

    #[test]
    fn a_generation_that_is_named_or_was_the_first_or_did_not_move_leaves_no_doubt() {
        let mut named = ready();
        named["conditions"][0]["observedGeneration"] = 2.into();
        assert_eq!(Scene::new(&named).look(&widget(2, &named), 0), Health::ready());

        let (first, same) = (widget(1, &ready()), widget(2, &ready()));
        let mut created = Scene::new(&ready());
        created.subject.generation = 1;
        assert_eq!(created.look(&first, 0), Health::ready());

        // A label has changed, and no spec.
        let mut labelled = Scene::new(&ready());
        labelled.subject.status_before = status_before(&same, Some(&same));
        assert_eq!(labelled.look(&same, 0), Health::ready());
        // Without generations nothing tells that.
        let none = widget(0, &ready());
        labelled.subject.status_before = status_before(&none, Some(&none));
        labelled.subject.generation = 0;
        assert_eq!(labelled.look(&none, 0), Health::progressing(0, 1, OLD));
    }

    #[test]
    fn another_spec_since_is_another_doubt_but_where_each_status_is_a_generation() {
        let mut changed = ready();
        changed["color"] = "blue".into();

        let mut scene = Scene::new(&ready());
        assert_eq!(scene.look(&widget(2, &changed), 1), Health::ready());
        assert_eq!(
            scene.look(&widget(3, &changed), 2),
            Health::progressing(0, 1, OLD)
        );
        assert_eq!(scene.look(&widget(3, &ready()), 3), Health::ready());

        let mut scene = Scene::new(&ready());
        scene.lacks_status = true;
        assert_eq!(scene.look(&widget(3, &changed), 1), Health::ready());
    }

    #[test]
    fn a_failure_that_may_be_of_the_spec_before_is_not_final() {
        let stalled =
            json!({"conditions": [{"type": "Stalled", "status": "True", "message": "no such host"}]});
        let mut scene = Scene::new(&stalled);
        let says = "reports Stalled: no such host";
        assert_eq!(
            scene.look(&widget(2, &stalled), 0),
            Health::progressing(0, 1, says)
        );
        assert_eq!(scene.look(&widget(2, &ready()), 1), Health::ready());

        let mut stays = Scene::new(&stalled);
        stays.look(&widget(2, &stalled), 0);
        let Health::Failed { cause } = stays.look(&widget(2, &stalled), 600) else {
            panic!("it has not failed");
        };
        assert_eq!(cause.kind, CauseKind::ReportedByObject);
    }

    #[test]
    fn a_rule_of_the_environment_is_doubted_where_it_reads_the_status() {
        let look = |current: &str| {
            let rule = HealthCheck {
                group: "shop.example".into(),
                kind: "Widget".into(),
                failed: None,
                current: current.into(),
            };
            let mut scene = Scene::new(&ready());
            scene.policy.health_checks = vec![rule];
            scene.look(&widget(2, &ready()), 0)
        };
        assert_eq!(look("self.spec.size == 2"), Health::ready());
        assert_eq!(
            look("self.status.conditions.size() == 1"),
            Health::progressing(0, 1, OLD)
        );
    }
}
