//! Scenarios of pruning: which members go, which stay, and how many may go at once.

use super::{clean, config, facts, live_mut, plan, refusals, same};
use crate::model::finding::{ObjectComparison, ObjectStatus};
use crate::model::preflight::{Answers, Questions};
use crate::plan::{PlanPolicy, draft};
use crate::preflight::take_answers;
use serde_json::json;

pub(super) fn extra(name: &str, kind: &str, labelled: bool) -> ObjectComparison {
    let mut object = same(json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}));
    object.desired = None;
    object.status = ObjectStatus::Extra;
    if !labelled {
        live_mut(&mut object)["metadata"]["labels"] = json!({});
    }
    object
}

#[test]
fn what_a_workload_still_refers_to_as_it_will_be_is_not_pruned() {
    let mut comparison = clean();
    // The Deployment goes on reading it, though no manifest holds it any more.
    comparison.objects[0] = extra("config", "ConfigMap", true);
    comparison.objects.push(extra("old", "ConfigMap", true));
    let policy = PlanPolicy {
        allow_prune: true,
        ..PlanPolicy::default()
    };
    let planned = draft(&comparison, &policy, &facts());
    // Both leave the release; what refers to them is looked at with the server's answers.
    assert_eq!(planned.plan.prune.len(), 2);

    let planned = take_answers(planned, &comparison, &Questions::default(), &Answers::default());
    let names: Vec<&str> = planned
        .plan
        .prune
        .iter()
        .map(|step| step.target.name.as_str())
        .collect();

    assert_eq!(names, ["old"], "the Deployment reads config");
    let note = planned
        .findings
        .iter()
        .find(|finding| finding.message.contains("still used by"))
        .unwrap();
    assert!(note.message.contains("Deployment shop/web"), "{}", note.message);
}

#[test]
fn only_members_that_are_no_kept_kind_are_pruned() {
    // Enough members that the prune of one is less than a third.
    let mut comparison = clean();
    comparison.objects.extend((0..3).map(|n| {
        let mut config = config();
        config.target.name = format!("config-{n}");
        config
    }));
    for (name, kind, labelled) in [
        ("old", "ConfigMap", true),
        ("taken-out", "ConfigMap", false),
        ("data", "PersistentVolumeClaim", true),
    ] {
        comparison.objects.push(extra(name, kind, labelled));
    }
    let planned = plan(&comparison);
    let pruned: Vec<_> = planned.plan.prune.iter().map(|step| &*step.target.name).collect();

    assert_eq!(pruned, ["old"]);
    assert!(refusals(&planned).is_empty());
    assert_eq!(
        planned.findings.len(),
        2,
        "what stays is said: {:?}",
        planned.findings
    );
}

#[test]
fn pruning_more_than_a_third_of_the_set_needs_to_be_allowed() {
    let mut comparison = clean();
    comparison
        .objects
        .extend([extra("a", "ConfigMap", true), extra("b", "ConfigMap", true)]);

    assert_eq!(refusals(&plan(&comparison)), ["prune"]);
    let allow = PlanPolicy {
        allow_prune: true,
        ..PlanPolicy::default()
    };
    let planned = draft(&comparison, &allow, &facts());
    assert!(refusals(&planned).is_empty());
    assert_eq!(planned.plan.prune.len(), 2);
}
