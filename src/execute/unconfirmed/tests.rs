//! What counts as confirmed, and what is sent then.

use super::doubts::{Facts, narrow};
use super::guarded::is_beyond;
use super::planned::undo_job;
use super::*;
use crate::model::journal::StepPart;
use crate::model::k8s::kinds::built_in;
use crate::model::moves::ReleaseRef;
use crate::model::names::{API_VERSION, APPLYSET_PART_OF_LABEL, FIELD_MANAGER};
use crate::model::plan::{Action, Expect, Plan, PlanStep, Propagation, Undo};
use crate::model::{Object, ObjectId, Operation, StepId, Target, WaveIndex};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn target(group: &str, kind: &str, namespace: Option<&str>) -> Target {
    Target::new(&built_in(group, kind).unwrap(), namespace, "tick")
}

fn cron(image: &str) -> Object {
    let pod = json!({"containers": [{"name": "a", "image": image}]});
    let job = json!({"spec": {"template": {"spec": pod}}});
    Object::new(json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "tick", "namespace": "other"}, "spec": {"schedule": "@daily", "jobTemplate": job}}))
    .unwrap()
}

fn part(action: Action, undo: Undo) -> StepPart {
    let step = PlanStep {
        id: StepId::new(0),
        wave: WaveIndex::new(0),
        target: target("batch", "CronJob", Some("other")),
        action,
        expect: Expect::Absent,
        undo,
        why: String::new(),
        changes: vec![
            "/spec/schedule".parse().unwrap(),
            "/spec/jobTemplate/spec/template/spec/hostPID".parse().unwrap(),
        ],
        stamps: Vec::new(),
    };

    StepPart { step, before: None }
}

fn apply(take_over: Option<Vec<Value>>) -> Action {
    // Only `expected` has it: what a forger could have sent besides the object that is shown.
    let mut expected = cron("a");
    expected.value_mut()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["hostPID"] = true.into();
    Action::Apply {
        object: cron("a"),
        take_over,
        expected: Box::new(expected),
    }
}

fn forward(part: &StepPart, rendered: Object) -> Option<Unconfirmed> {
    let own = ReleaseRef::new("shop", "shop");
    let confirmed = Confirmed {
        rendered: vec![rendered],
        ..Confirmed::default()
    };

    Facts {
        part,
        live: &Ok(None),
        lies_in: None,
        own: &own,
    }
    .forward(&confirmed)
}

#[test]
fn a_file_confirms_what_it_renders_and_no_deletion_and_no_other_owners_fields() {
    let recreated = Action::Recreate { object: cron("a") };
    let deleted = Action::Delete {
        propagation: Propagation::Foreground,
    };

    for (action, verb) in [
        (Action::Create { object: cron("a") }, None),
        (apply(None), None),
        // The file does not say whose fields it may take.
        (
            apply(Some(Vec::new())),
            Some("update and take ownership of fields"),
        ),
        (recreated, Some("replace")),
        (deleted, Some("delete")),
    ] {
        let found = forward(&part(action, Undo::Delete), cron("a"));
        assert_eq!(found.as_ref().map(|one| one.verb), verb);
    }
    // The right name, with another content.
    let other = forward(
        &part(Action::Create { object: cron("evil") }, Undo::Delete),
        cron("a"),
    )
    .unwrap();

    assert_eq!(other.content, Some(cron("evil")));
}

#[test]
fn nothing_is_sent_besides_the_object_that_is_shown() {
    let mut step = part(apply(None), Undo::Delete).step;
    narrow(&mut step);
    let Action::Apply { object, expected, .. } = &step.action else {
        panic!("{:?}", step.action)
    };

    assert_eq!(**expected, *object);
    assert_eq!(step.changes, ["/spec/schedule".parse().unwrap()]);
}

#[test]
fn an_answer_is_for_what_was_shown_and_a_flag_for_a_name() {
    let shown = Unconfirmed {
        object: cron("a").id(),
        verb: "change",
        content: Some(cron("a")),
    };

    let swapped = Unconfirmed {
        content: Some(cron("evil")),
        ..shown.clone()
    };

    let answered = Confirmed {
        answered: vec![shown.clone()],
        ..Confirmed::default()
    };
    assert!(answered.allows(&shown) && !answered.allows(&swapped));

    let allowed = BTreeSet::from(["CronJob/other/tick".to_owned()]);
    let named = Confirmed {
        allowed,
        ..Confirmed::default()
    };
    assert!(named.allows(&shown) && named.allows(&swapped));
}

#[test]
fn a_job_that_undoes_a_step_is_a_job_where_the_step_is() {
    let mut job = cron("evil");
    // Whatever the record says of it, a Job is created, in the namespace of the step.
    job.set_namespace(None);
    let found = undo_job(&part(apply(None), Undo::Run { job: Box::new(job) }).step).unwrap();
    assert_eq!(found.object, ObjectId::new("batch", "Job", Some("other"), "tick"));
}

#[test]
fn rights_limits_and_where_traffic_goes_are_beyond_and_the_rest_of_the_namespace_is_not() {
    for (group, kind, namespace, expected) in [
        ("apps", "Deployment", Some("shop"), false),
        ("", "Secret", Some("shop"), false),
        ("apps", "Deployment", Some("other"), true),
        ("", "Namespace", None, true),
        ("rbac.authorization.k8s.io", "RoleBinding", Some("shop"), true),
        ("", "ResourceQuota", Some("shop"), true),
        ("discovery.k8s.io", "EndpointSlice", Some("shop"), true),
    ] {
        assert_eq!(
            is_beyond(&target(group, kind, namespace), "shop"),
            expected,
            "{kind} in {namespace:?}"
        );
    }
}

fn pruned(group: &str, kind: &str, namespace: Option<&str>, live: Option<Value>) -> usize {
    let target = target(group, kind, namespace);
    let live = live.map(|value| Object::new(value).unwrap());

    let step = PlanStep {
        target,
        action: Action::Delete {
            propagation: Propagation::Background,
        },
        ..part(Action::Create { object: cron("a") }, Undo::CreateAgain).step
    };

    let release = crate::model::release::PublicRelease {
        name: "shop".into(),
        version: "1".into(),
        digest: crate::model::Sha256Digest::compute(b"1").into(),
    };

    let plan = Plan {
        format_version: crate::model::format::FormatVersion::default(),
        api_version: API_VERSION.into(),
        kind: "Plan".into(),
        id: "a".into(),
        release,
        operation: Operation::Promote,
        namespace: "shop".into(),
        cluster: None,
        revision: 2,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        actor: "ada".into(),
        steps: Vec::new(),
        prune: vec![step],
        unchanged: Vec::new(),
        members: Vec::new(),
        repair: false,
        moves: Vec::new(),
        data_loss: Vec::new(),
        rehearsals: Vec::new(),
        rollback: None,
        waivers: Vec::new(),
        settings: crate::model::plan::PlanLimits::default(),
    };

    unconfirmed_deletions(&plan, |_| live.as_ref(), &Confirmed::default()).len()
}

#[test]
fn a_prune_beyond_the_namespace_is_confirmed_by_the_objects_own_marks_and_one_of_rights_never() {
    let set = ReleaseRef::new("shop", "shop").set();

    let live = |label: &str, manager: &str| {
        Some(
            json!({"apiVersion": "v1", "kind": "Any", "metadata": {"name": "tick",
            "labels": {APPLYSET_PART_OF_LABEL: label}, "managedFields": [{"manager": manager}]}}),
        )
    };
    let ours = || live(&set, FIELD_MANAGER);

    // In the release namespace nothing is asked.
    assert_eq!(
        pruned("", "ConfigMap", Some("shop"), None),
        0,
        "whoever writes the state may write it, too"
    );

    for (group, kind, namespace) in [
        ("batch", "CronJob", Some("other")),
        ("storage.k8s.io", "StorageClass", None),
        ("", "Namespace", None),
    ] {
        assert_eq!(pruned(group, kind, namespace, ours()), 0, "{kind}");
        assert_eq!(pruned(group, kind, namespace, live(&set, "kubectl")), 1, "{kind}");
        assert_eq!(
            pruned(group, kind, namespace, live("another", FIELD_MANAGER)),
            1,
            "{kind}"
        );
    }
    // Rights and limits are never taken at their word, marked or not.
    for (group, kind, namespace) in [
        ("rbac.authorization.k8s.io", "Role", Some("shop")),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding", None),
        ("", "ResourceQuota", Some("shop")),
    ] {
        assert_eq!(pruned(group, kind, namespace, ours()), 1, "{kind}");
    }
}
