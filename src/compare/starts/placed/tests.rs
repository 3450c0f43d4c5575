use super::*;
use crate::compare::would_not_start;
use crate::model::start::Starts;
use crate::model::unknown::Unknown;
use crate::model::{Object, ObjectId};
use rstest::rstest;
use serde_json::json;
use std::collections::BTreeMap;

fn object(value: Value) -> Object {
    Object::new(value).unwrap()
}

fn workload_object(kind: &str, pods: u32) -> Object {
    object(
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "web", "image": "web:1"}]}}},
        "status": {"replicas": pods}}),
    )
}

fn starts(object: &Object, when: StartTime, facts: &StartFacts<'_>) -> Starts {
    let workload = StartingWorkload {
        id: object.id(),
        object,
        spec: object.at("/spec/template/spec").unwrap(),
        when,
    };
    would_not_start(&[workload], facts)
}

fn node(labels: &Value) -> Object {
    object(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": labels}}))
}

fn with_nodes(labels: &Value, makes_nodes: bool) -> StartFacts<'static> {
    StartFacts {
        nodes: Some(Ok(vec![node(labels)])),
        makes_nodes,
        ..StartFacts::default()
    }
}

#[rstest]
#[case::label_gone("Deployment", with_nodes(&json!({}), false), 1, 0)]
#[case::label_there("Deployment", with_nodes(&json!({"disk": "ssd"}), false), 0, 0)]
// A node with it may be made for the pod.
#[case::nodes_are_made("Deployment", with_nodes(&json!({}), true), 0, 1)]
#[case::runs_where_it_can("DaemonSet", with_nodes(&json!({}), false), 0, 0)]
#[case::not_read("Deployment", StartFacts::default(), 0, 0)]
fn no_node_is_certain_where_a_label_is_gone_and_nothing_makes_nodes(
    #[case] kind: &str,
    #[case] facts: StartFacts<'_>,
    #[case] findings: usize,
    #[case] notes: usize,
) {
    let starts = starts(&workload_object(kind, 1), StartTime::Now, &facts);
    assert_eq!(
        (starts.findings.len(), starts.notes.len()),
        (findings, notes),
        "{starts:?}"
    );
    assert_eq!(starts.unknown, []);
}

#[test]
fn what_may_not_be_read_is_unknown() {
    let why = || Err(Unknown::new("missing permission to list it"));
    let facts = StartFacts {
        nodes: Some(why()),
        quotas: BTreeMap::from([("shop".to_owned(), why())]),
        ..StartFacts::default()
    };
    let starts = starts(&workload_object("Deployment", 1), StartTime::Now, &facts);
    assert_eq!((starts.findings.len(), starts.notes.len()), (0, 0));
    let what: Vec<&str> = starts.unknown.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(what, ["nodes", "quotas in namespace shop"]);
}

#[rstest]
#[case::replaces_a_pod(1, StartTime::Now, "3", 0)]
#[case::cut(1, StartTime::Now, "2", 1)]
#[case::has_none(0, StartTime::Now, "3", 1)]
#[case::later(0, StartTime::Resumed, "3", 0)]
#[case::never(0, StartTime::NextRun, "0", 1)]
fn a_quota_counts_one_pod_less_and_one_more(
    #[case] pods: u32,
    #[case] when: StartTime,
    #[case] hard: &str,
    #[case] findings: usize,
) {
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"},
        "spec": {}, "status": {"hard": {"pods": hard}, "used": {"pods": "3"}}});
    let facts = StartFacts {
        quotas: BTreeMap::from([("shop".to_owned(), Ok(vec![object(quota)]))]),
        ..StartFacts::default()
    };
    let starts = starts(&workload_object("Deployment", pods), when, &facts);
    assert_eq!(starts.findings.len(), findings, "{starts:?}");
}

#[test]
fn a_pod_that_was_tried_is_placed_as_admission_makes_it() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1"}, "spec": {}});
    let id = ObjectId::new("apps", "Deployment", Some("shop"), "web");
    let facts = StartFacts {
        pods: BTreeMap::from([(id, DryRunResult::Accepted(Some(Box::new(object(pod)))))]),
        ..with_nodes(&json!({}), false)
    };
    // Admission has taken the selector out.
    let starts = starts(&workload_object("Deployment", 1), StartTime::Now, &facts);
    assert_eq!(starts, Starts::default());
}
