//! The plan as people and programs are told of it: what, why, and what should be thought of before.

use crate::model::event::PlannedStep;
use crate::model::plan::{Action, Plan, PlanStep, Undo};

/// Every step in order, what is deleted after the commit at the end.
pub fn planned_steps(plan: &Plan) -> Vec<PlannedStep> {
    let lost = |step: &PlanStep| plan.data_loss.iter().filter(|lost| lost.step == step.id).count();
    let step = |step: &PlanStep| PlannedStep {
        id: step.id,
        wave: step.wave,
        object: step.target.id(),
        action: step.action.verb(),
        reason: step.why.clone(),
        // Data comes first: nothing else that a step does is as final.
        impact: match lost(step) {
            0 => impact(step),
            1 => Some("deletes the data of 1 volume".into()),
            volumes => Some(format!("deletes the data of {volumes} volumes")),
        },
    };

    plan.steps.iter().chain(&plan.prune).map(step).collect()
}

/// What a step does besides what it is for.
fn impact(step: &PlanStep) -> Option<String> {
    if let Undo::Impossible { why } = &step.undo {
        return Some(format!("irreversible: {why}"));
    }

    let changes_pods = || {
        step.changes
            .iter()
            .any(|path| path.to_string().starts_with("/spec/template/"))
    };
    let changed = |field: &str| {
        step.changes
            .iter()
            .any(|path| path.to_string().starts_with(field))
    };

    match &step.action {
        // In this order, and only the first: each of these says more than the ones below it.
        Action::Recreate { .. } => Some("is deleted first".into()),
        _ if step.undo == Undo::Replace => Some("a revert recreates it with a new UID".into()),
        // It has run, and a revert does not want it back.
        Action::Delete { .. } if step.undo == Undo::Delete => None,
        Action::Delete { .. } => Some("a revert recreates it with a new UID".into()),
        // Pods are replaced only by a new template; labels and replicas of the workload leave them be.
        Action::Apply { object, .. } if changes_pods() => {
            // A strategy that is left open is a rolling update.
            let stops = object.text("/spec/strategy/type") == "Recreate";
            Some(
                if stops {
                    "stops all its pods first"
                } else {
                    "restarts its pods"
                }
                .into(),
            )
        }
        Action::Apply { .. } if changed("/spec/replicas") => Some("scales".into()),
        Action::Create { .. } | Action::Apply { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;
    use crate::model::plan::{Expect, Propagation};
    use crate::model::{Object, StepId, Target, WaveIndex};
    use serde_json::json;

    fn step(action: Action, undo: Undo, changes: &[&str]) -> PlanStep {
        let kind = built_in("apps", "Deployment").unwrap();
        PlanStep {
            id: StepId::new(0),
            wave: WaveIndex::new(0),
            target: Target::new(&kind, Some("shop"), "web"),
            action,
            expect: Expect::Absent,
            undo,
            why: String::new(),
            changes: changes.iter().map(|path| path.parse().unwrap()).collect(),
            stamps: Vec::new(),
        }
    }

    fn apply(strategy: &str) -> Action {
        let object = Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web"}, "spec": {"strategy": {"type": strategy}}}))
        .unwrap();
        Action::Apply {
            expected: Box::new(object.clone()),
            object,
            take_over: None,
        }
    }

    #[test]
    fn each_step_has_its_greatest_impact() {
        let impact_of = |action, undo, changes: &[&str]| impact(&step(action, undo, changes));
        let template = ["/spec/template/spec/containers/[name=web]/image"];

        assert_eq!(
            impact_of(apply("RollingUpdate"), Undo::Restore, &["/metadata/labels/a"]),
            None
        );
        assert_eq!(
            impact_of(apply(""), Undo::Restore, &template).as_deref(),
            Some("restarts its pods")
        );
        assert_eq!(
            impact_of(apply("Recreate"), Undo::Restore, &template).as_deref(),
            Some("stops all its pods first")
        );
        assert_eq!(
            impact_of(apply(""), Undo::Restore, &["/spec/replicas"]).as_deref(),
            Some("scales")
        );

        let delete = Action::Delete {
            propagation: Propagation::Foreground,
        };
        assert!(
            impact_of(delete.clone(), Undo::CreateAgain, &[])
                .is_some_and(|impact| impact.contains("new UID"))
        );
        // A hook that has run and goes for good.
        assert_eq!(
            impact_of(delete.clone(), Undo::Delete, &[]),
            None,
            "what has run is not created again"
        );
        let barrier = Undo::Impossible {
            why: "a claim cannot shrink".into(),
        };
        assert_eq!(
            impact_of(delete, barrier, &[]).as_deref(),
            Some("irreversible: a claim cannot shrink")
        );
    }
}
