//! Scenarios of a deletion: which members go, in which order, and which stay.

use super::pruning::extra;
use super::{clean, facts, live_mut, refusals};
use crate::model::environment::External;
use crate::model::finding::{Comparison, ObjectComparison, ObjectStatus};
use crate::model::names::AFTER_ANNOTATION;
use crate::model::plan::Undo;
use crate::model::preflight::{Answers, Questions};
use crate::model::{Operation, ResourceType, Target};
use crate::plan::{PlanPolicy, Planned, draft_deletion};
use crate::preflight::take_answers;
use serde_json::json;

/// The clean application, none of which is desired any more.
fn members() -> Comparison {
    let mut comparison = clean();
    for object in &mut comparison.objects {
        object.desired = None;
        object.status = ObjectStatus::Extra;
    }
    comparison
}

fn plan(comparison: &Comparison, policy: &PlanPolicy) -> Planned {
    let planned = draft_deletion(comparison, policy, &facts());
    take_answers(planned, comparison, &Questions::default(), &Answers::default())
}

fn steps(planned: &Planned) -> Vec<String> {
    let step = |step: &crate::model::plan::PlanStep| format!("{} {}", step.wave, step.target.name);
    planned.plan.steps.iter().map(step).collect()
}

fn stays(planned: &Planned) -> Vec<&str> {
    planned
        .plan
        .unchanged
        .iter()
        .map(|target| &*target.name)
        .collect()
}

/// An object of a kind that is not known.
fn custom() -> ObjectComparison {
    let mut thing = extra("thing", "ConfigMap", true);
    live_mut(&mut thing)["apiVersion"] = json!("example.com/v1");
    live_mut(&mut thing)["kind"] = json!("Thing");
    let resource = ResourceType {
        group: "example.com".into(),
        version: "v1".into(),
        kind: "Thing".into(),
        plural: "things".into(),
        namespaced: true,
    };
    thing.target = Target::new(&resource, Some("shop"), "thing");
    thing
}

#[test]
fn all_members_go_in_the_reverse_order_of_a_promotion_and_a_failure_recreates_them() {
    let mut comparison = members();
    comparison.objects.push(custom());
    comparison.objects.push(extra("api", "Service", true));

    let planned = plan(&comparison, &PlanPolicy::default());

    // The custom resource before the workload of its rank: that may be the operator that ends it.
    assert_eq!(steps(&planned), ["0 thing", "1 web", "2 api", "3 config"]);
    assert_eq!(planned.plan.operation, Operation::Delete);
    assert!(planned.plan.prune.is_empty() && planned.plan.members.is_empty());
    let comes_back = |step: &crate::model::plan::PlanStep| step.undo == Undo::CreateAgain;
    assert!(planned.plan.steps.iter().all(comes_back));
    assert!(refusals(&planned).is_empty(), "no third of the set is too many");
}

#[test]
fn what_came_after_another_by_its_annotation_goes_before_it() {
    let mut comparison = members();
    let mut late = extra("late", "ConfigMap", true);
    live_mut(&mut late)["metadata"]["annotations"] = json!({AFTER_ANNOTATION: "Deployment/web"});
    comparison.objects.push(late);

    let planned = plan(&comparison, &PlanPolicy::default());

    assert_eq!(steps(&planned), ["0 late", "1 web", "2 config"]);
}

#[test]
fn kept_kinds_marks_external_objects_and_those_of_others_stay_unless_they_are_named() {
    let mut comparison = members();
    let mut marked = extra("marked", "ConfigMap", true);
    live_mut(&mut marked)["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    comparison.objects.push(marked);
    comparison
        .objects
        .push(extra("data", "PersistentVolumeClaim", true));
    comparison.objects.push(extra("theirs", "ConfigMap", false));
    comparison.objects.push(extra("shared", "ConfigMap", true));
    let external: External = serde_json::from_value(json!({"kind": "ConfigMap", "name": "shared"})).unwrap();
    let policy = PlanPolicy {
        external: vec![external],
        ..PlanPolicy::default()
    };

    let planned = plan(&comparison, &policy);
    assert_eq!(steps(&planned), ["0 web", "1 config"]);
    assert_eq!(stays(&planned), ["marked", "data", "theirs", "shared"]);

    let named = [
        "configmap/marked",
        "persistentvolumeclaim/data",
        "configmap/theirs",
        "configmap/shared",
    ];
    let policy = PlanPolicy {
        prune_kept: named.iter().map(|name| (*name).to_owned()).collect(),
        ..policy
    };
    let planned = plan(&comparison, &policy);
    assert_eq!(
        stays(&planned),
        ["theirs"],
        "a name gives no right to what is another's"
    );
}

#[test]
fn the_release_namespace_stays_whatever_is_named() {
    let mut comparison = members();
    let mut namespace = extra("shop", "Namespace", true);
    namespace.target.namespace = None;
    comparison.objects.push(namespace);
    let policy = PlanPolicy {
        prune_kept: ["namespace/shop".to_owned()].into(),
        ..PlanPolicy::default()
    };

    assert_eq!(stays(&plan(&comparison, &policy)), ["shop"]);
}

#[test]
fn what_stays_keeps_what_it_reads_and_a_finalizer_is_told() {
    let mut comparison = members();
    let web = live_mut(&mut comparison.objects[1]);
    web["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    let mut held = extra("held", "ConfigMap", true);
    live_mut(&mut held)["metadata"]["finalizers"] = json!(["example.com/hold"]);
    comparison.objects.push(held);

    let planned = plan(&comparison, &PlanPolicy::default());

    assert_eq!(steps(&planned), ["0 held"]);
    assert_eq!(stays(&planned), ["web", "config"]);
    let is_told = |text: &str| {
        planned
            .findings
            .iter()
            .any(|finding| finding.message.contains(text))
    };
    assert!(is_told("still used by Deployment shop/web"));
    assert!(is_told("finalizers example.com/hold"));
}
