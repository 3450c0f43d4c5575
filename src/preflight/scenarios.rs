//! Scenarios: one clean application, one thing changed, and what the plan makes of it.
//!
//! A ConfigMap and a Deployment that reads it, both applied by an earlier promotion and just as desired. A test changes
//! what the comparison found of them, so that each finding and each step has one cause.

mod deleting;
mod hooks;
mod ownership;
mod pruning;
mod rollback;

use crate::model::check::Check;
use crate::model::finding::{
    Certainty, ChangeKind, Comparison, FieldChange, FieldManager, ManagerClass, ObjectComparison,
    ObjectStatus, Operation,
};
use crate::model::k8s::kinds::well_known;
use crate::model::names::{APPLYSET_PART_OF_LABEL, FIELD_MANAGER, RESTART_ANNOTATION, applyset_id};
use crate::model::plan::{Action, Expect, Severity, Undo};
use crate::model::preflight::{Answers, Permission, PermissionAnswer};
use crate::model::release::PublicRelease;
use crate::model::snapshot::{Absence, Observed};
use crate::model::verb::Verb;
use crate::model::{Gvk, Object, ResourceType, Sha256Digest, Target};
use crate::plan::{Facts, Past, PlanPolicy, Planned, draft, moved, withheld};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn set() -> String {
    applyset_id("delivery-shop", "shop")
}

fn facts() -> Facts {
    Facts {
        id: "p1".into(),
        release: PublicRelease {
            name: "shop".into(),
            version: "2".into(),
            digest: Sha256Digest::compute(b"2").into(),
        },
        namespace: "shop".into(),
        cluster: None,
        // Not the first one: a first promotion plans hooks and its namespace otherwise.
        revision: 2,
        now: "2026-11-23T06:00:00Z".parse().unwrap(),
        actor: "jane".into(),
        autoscalers: Vec::new(),
        unreadable: Vec::new(),
        past: Past {
            has_promoted: true,
            ..Past::default()
        },
    }
}

/// A desired object and its live twin, which we applied.
fn same(value: Value) -> ObjectComparison {
    let mut value = value;
    value["metadata"]["namespace"] = "shop".into();

    let desired = Object::new(value.clone()).unwrap();
    let metadata = &mut value["metadata"];

    metadata["uid"] = "u1".into();
    metadata["labels"] = json!({APPLYSET_PART_OF_LABEL: set()});
    // Our entry owns the replicas and nothing else: what a test makes of ownership is easy to see.
    metadata["managedFields"] = json!([{"manager": FIELD_MANAGER, "operation": "Apply",
        "apiVersion": desired.api_version(), "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);

    let resource = well_known(&desired.gvk()).unwrap();
    ObjectComparison::new(
        Target::new(&resource, Some("shop"), desired.name()),
        Some(desired),
        Observed::Present(Object::new(value).unwrap()),
        ObjectStatus::Same,
        Certainty::DryRun,
    )
}

fn config() -> ObjectComparison {
    same(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"a": "1"}}))
}

fn web() -> ObjectComparison {
    same(
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2,
        "template": {"spec": {"containers": [{"name": "web", "image": "web:1", "envFrom": [{"configMapRef": {"name": "config"}}]}]}}}}),
    )
}

fn clean() -> Comparison {
    Comparison {
        objects: vec![config(), web()],
        ..Comparison::default()
    }
}

fn changed(object: &mut ObjectComparison, path: &str, kind: ChangeKind, class: ManagerClass, manager: &str) {
    object.status = ObjectStatus::Changed;
    object.changes.push(FieldChange {
        path: path.parse().unwrap(),
        kind,
        live: Some(json!("live")),
        desired: Some(json!("desired")),
        owner: Some(FieldManager {
            manager: manager.into(),
            operation: Operation::Update,
            subresource: String::new(),
            time: None,
            class,
        }),
        expected_by: None,
        rule_note: None,
    });
}

fn live_mut(object: &mut ObjectComparison) -> &mut Value {
    match &mut object.live {
        Observed::Present(live) => live.value_mut(),
        _ => panic!("not there"),
    }
}

fn plan(comparison: &Comparison) -> Planned {
    draft(comparison, &PlanPolicy::default(), &facts())
}

fn refusals(planned: &Planned) -> Vec<&str> {
    let refuses = |finding: &&crate::model::plan::PreflightFinding| finding.severity == Severity::Error;
    planned
        .findings
        .iter()
        .filter(refuses)
        .map(|finding| finding.check.name())
        .collect()
}

#[test]
fn a_cluster_that_is_as_desired_gives_no_steps() {
    let planned = plan(&clean());
    assert!(planned.plan.steps.is_empty() && planned.plan.prune.is_empty() && planned.findings.is_empty());
    assert_eq!((planned.plan.unchanged.len(), planned.plan.members.len()), (2, 2));
}

#[test]
fn a_missing_object_is_created_in_the_set_and_undone_by_deleting_it() {
    let mut comparison = clean();
    comparison.objects[0].live = Observed::Absent(Absence::Object);

    comparison.objects[0].status = ObjectStatus::Missing(Absence::Object);
    let planned = plan(&comparison);

    let step = &planned.plan.steps[0];
    let Action::Create { object } = &step.action else {
        panic!("{:?}", step.action)
    };

    assert_eq!(object.label(APPLYSET_PART_OF_LABEL), Some(&*set()));
    assert_eq!((&step.expect, &step.undo), (&Expect::Absent, &Undo::Delete));
}

#[test]
fn configuration_comes_before_the_workload_that_reads_it_which_restarts() {
    let mut comparison = clean();
    let desired = comparison.objects[0].desired.as_mut().unwrap().value_mut();
    desired["data"]["a"] = "2".into();
    changed(
        &mut comparison.objects[0],
        "/data/a",
        ChangeKind::Changed,
        ManagerClass::Ours,
        FIELD_MANAGER,
    );

    let planned = plan(&comparison);
    let steps = &planned.plan.steps;
    let names: Vec<_> = steps
        .iter()
        .map(|step| (step.id.get(), step.wave.get(), &*step.target.name))
        .collect();

    assert_eq!(names, [(0, 0, "config"), (1, 1, "web")]);

    assert_eq!(steps[1].why, "its pods read ConfigMap config");
    let Action::Apply { object, .. } = &steps[1].action else {
        panic!()
    };

    let annotation = object.at("/spec/template/metadata/annotations").unwrap()[RESTART_ANNOTATION].as_str();
    assert!(annotation.is_some_and(|value| !value.is_empty()));
}

#[test]
fn a_pod_is_tried_where_new_ones_can_come_of_a_step() {
    for (path, count) in [
        ("/spec/template/spec/containers/[name=web]/image", 1),
        ("/spec/replicas", 1),
        // Nothing of the pods changes: neither a quota nor admission has anything to say.
        ("/metadata/labels/team", 0),
    ] {
        let mut comparison = clean();
        changed(
            &mut comparison.objects[1],
            path,
            ChangeKind::Changed,
            ManagerClass::Ours,
            FIELD_MANAGER,
        );

        let planned = plan(&comparison);
        let asked = crate::preflight::questions(&planned.plan, &comparison, &[]);
        assert_eq!((planned.plan.steps.len(), asked.pods.len()), (1, count), "{path}");
    }
}

#[test]
fn a_workload_whose_template_changes_anyway_is_not_restarted_twice() {
    let mut comparison = clean();
    comparison.objects[0].desired.as_mut().unwrap().value_mut()["data"]["a"] = "2".into();
    changed(
        &mut comparison.objects[0],
        "/data/a",
        ChangeKind::Changed,
        ManagerClass::Ours,
        FIELD_MANAGER,
    );

    let image = "/spec/template/spec/containers/[name=web]/image";
    changed(
        &mut comparison.objects[1],
        image,
        ChangeKind::Changed,
        ManagerClass::Ours,
        FIELD_MANAGER,
    );

    let planned = plan(&comparison);

    assert_eq!(planned.plan.steps[1].why, "image changes");
    let Action::Apply { object, .. } = &planned.plan.steps[1].action else {
        panic!()
    };
    // The new image makes new pods: an annotation would be one more change to revert.
    assert_eq!(object.at("/spec/template/metadata"), None);
}

#[test]
fn a_job_that_cannot_change_is_deleted_and_created() {
    let mut comparison = clean();
    let mut job =
        same(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {}}));
    job.status = ObjectStatus::Replaced;

    comparison.objects.push(job);
    let planned = plan(&comparison);
    assert!(matches!(planned.plan.steps[0].action, Action::Recreate { .. }));
    // Only the Job that was compared is deleted: another one in its place is somebody's work.
    assert!(matches!(planned.plan.steps[0].expect, Expect::Present { .. }));
}

#[test]
fn a_plan_reads_back_as_it_was_written() {
    let mut comparison = clean();
    changed(
        &mut comparison.objects[1],
        "/spec/paused",
        ChangeKind::Changed,
        ManagerClass::Ours,
        FIELD_MANAGER,
    );

    let plan = plan(&comparison).plan;
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(
        serde_json::from_str::<crate::model::plan::Plan>(&text).unwrap(),
        plan
    );
}

#[test]
fn a_written_plan_holds_no_value_of_a_secret_and_is_the_same_until_the_cluster_moves() {
    let mut comparison = clean();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "aHVudGVyMg=="}});

    comparison.objects.push(same(secret));
    changed(
        &mut comparison.objects[2],
        "/data/password",
        ChangeKind::Changed,
        ManagerClass::Ours,
        FIELD_MANAGER,
    );
    let first = plan(&comparison).plan;
    let written = withheld(&first);

    assert!(!serde_json::to_string(&written).unwrap().contains("aHVudGVyMg"));
    assert_eq!(moved(&written, &plan(&comparison).plan), []);
    // No value could tell it, for none is written: a Secret that moved is known by its resourceVersion.
    live_mut(&mut comparison.objects[2])["metadata"]["resourceVersion"] = "99".into();
    assert_eq!(
        moved(&written, &plan(&comparison).plan),
        [comparison.objects[2].id()]
    );
}

/// A cluster-scoped object of a custom kind with an image.
fn farm() -> ObjectComparison {
    let gvk = Gvk::new("example.org/v1", "Farm");
    let resource = ResourceType {
        group: gvk.group,
        version: gvk.version,
        kind: gvk.kind,
        plural: "farms".into(),
        namespaced: false,
    };
    let farm = json!({"apiVersion": "example.org/v1", "kind": "Farm", "metadata": {"name": "farm"},
        "spec": {"containers": [{"name": "main", "image": "web:1"}]}});
    ObjectComparison {
        target: Target::new(&resource, None, "farm"),
        desired: Some(Object::new(farm).unwrap()),
        ..config()
    }
}

/// What is said of permissions where none to list or watch is given.
fn find_denied_reads(objects: Vec<ObjectComparison>) -> Vec<(Severity, String)> {
    let comparison = Comparison {
        objects,
        ..Comparison::default()
    };
    let planned = plan(&comparison);
    let asked = crate::preflight::questions(&planned.plan, &comparison, &[]);
    let is_read = |right: &&Permission| right.verb == Verb::List || right.verb == Verb::Watch;
    let no = |right: &Permission| (right.clone(), PermissionAnswer::No(BTreeSet::new()));
    let answers = Answers {
        rights: asked.rights.keys().filter(is_read).map(no).collect(),
        ..Answers::default()
    };
    let findings = crate::preflight::take_answers(planned, &comparison, &asked, &answers).findings;
    let rights = findings
        .into_iter()
        .filter(|finding| finding.check == Check::Permissions);
    rights
        .map(|finding| (finding.severity, finding.message))
        .collect()
}

#[test]
fn permissions_that_verification_lacks_are_notes_with_what_stays_unknown() {
    let cron_job = same(
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": {"jobTemplate":
        {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "web:1"}]}}}}}}),
    );

    let missing = |resource: &str, object: &str| {
        let message = format!(
            "missing permission: list, watch {resource} in namespace shop (to verify the images of the pods of {object})"
        );
        (Severity::Note, message)
    };

    let nightly = "CronJob shop/nightly";
    assert_eq!(
        find_denied_reads(vec![config(), cron_job]),
        [missing("jobs.batch", nightly), missing("pods", nightly)]
    );
    // Of a cluster-scoped one in the release's namespaces.
    assert_eq!(
        find_denied_reads(vec![config(), farm()]),
        [
            missing("pods", "Farm farm"),
            missing("replicasets.apps", "Farm farm")
        ]
    );
    // The rule of its kind tells the pods of a Deployment, and a ConfigMap names no image.
    assert_eq!(find_denied_reads(vec![config(), web()]), []);
}
