//! Scenarios of fields that others set: which refuse, which become ours, and which are let go.

use super::{changed, clean, facts, live_mut, plan, refusals, same};
use crate::model::finding::{ChangeKind, ManagerClass};
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::Action;
use crate::plan::{PlanPolicy, draft};
use serde_json::json;

#[test]
fn a_change_by_hand_is_refused_by_the_name_of_who_made_it_until_it_is_overwritten() {
    let mut comparison = clean();
    changed(
        &mut comparison.objects[1],
        "/spec/paused",
        ChangeKind::Changed,
        ManagerClass::Manual,
        "kubectl-edit",
    );

    let planned = plan(&comparison);
    assert_eq!(refusals(&planned), ["ownership"]);
    let finding = &planned.findings[0];
    assert_eq!(finding.paths, ["/spec/paused"]);
    assert!(
        finding.message.starts_with("changed manually by kubectl-edit"),
        "{}",
        finding.message
    );
    let overwrite = PlanPolicy {
        overwrite: true,
        ..PlanPolicy::default()
    };
    assert!(draft(&comparison, &overwrite, &facts()).findings.is_empty());
}

#[test]
fn the_first_promotion_after_kubectl_apply_says_what_to_adopt_and_takes_its_fields_over() {
    let mut comparison = clean();
    let web = &mut comparison.objects[1];
    // As `kubectl apply` leaves an object: its own manager, by Update, and no label of a set.
    let manager = "kubectl-client-side-apply";
    live_mut(web)["metadata"]["labels"] = json!({});
    live_mut(web)["metadata"]["managedFields"][0]["manager"] = manager.into();
    live_mut(web)["metadata"]["managedFields"][0]["operation"] = "Update".into();

    changed(
        web,
        "/spec/replicas",
        ChangeKind::Changed,
        ManagerClass::OtherTool,
        manager,
    );

    let planned = plan(&comparison);
    assert_eq!(
        planned.findings[0].hints.first().map(String::as_str),
        Some("add --adopt kubectl-client-side-apply to take ownership")
    );
    let adopt = PlanPolicy {
        adopt: ["kubectl".to_owned()].into(),
        ..PlanPolicy::default()
    };
    let planned = draft(&comparison, &adopt, &facts());

    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    let Action::Apply {
        take_over: Some(entries),
        ..
    } = &planned.plan.steps[0].action
    else {
        panic!()
    };
    // The manager's entry is ours now: left as it was, it would keep its fields against the next release.
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (&entries[0]["manager"], &entries[0]["operation"]),
        (&json!(FIELD_MANAGER), &json!("Apply"))
    );
}

#[test]
fn replicas_of_an_autoscaled_workload_are_released_and_left_out() {
    let mut comparison = clean();
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});

    comparison.objects.push(same(hpa));
    let image = "/spec/template/spec/containers/[name=web]/image";
    changed(
        &mut comparison.objects[1],
        image,
        ChangeKind::Changed,
        ManagerClass::Ours,
        FIELD_MANAGER,
    );

    let planned = plan(&comparison);
    let Action::Apply {
        object, take_over, ..
    } = &planned.plan.steps[0].action
    else {
        panic!()
    };

    // It owns the replicas no more, and sends none: the autoscaler's number stays.
    assert_eq!(object.at("/spec/replicas"), None);
    assert_eq!(
        take_over.as_deref(),
        Some(&[json!({})][..]),
        "our entry owned nothing but replicas"
    );
}
