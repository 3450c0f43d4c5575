//! Scenarios of the way back: what runs, and what of it could start again.

use super::{changed, clean, live_mut, plan};
use crate::compare::{self, StartFacts};
use crate::model::ObjectId;
use crate::model::finding::{ChangeKind, Comparison, ManagerClass};
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::{PreflightFinding, Severity};
use crate::model::rollback_outlook::RollbackOutlook;
use crate::model::snapshot::{Absence, Observed};
use crate::model::start::StartCause;
use crate::preflight::{check_rollback, restored_workloads};
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

const IMAGE: &str = "/spec/template/spec/containers/[name=web]/image";

/// The clean application, of which one field of the Deployment changes and what runs is ready.
fn changing(path: &str) -> Comparison {
    let mut comparison = clean();
    live_mut(&mut comparison.objects[1])["status"] =
        json!({"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2});
    let web = &mut comparison.objects[1];
    changed(web, path, ChangeKind::Changed, ManagerClass::Ours, FIELD_MANAGER);
    comparison
}

/// What comes of it where an object that the running template reads is there or not.
fn check(
    comparison: &Comparison,
    name: &str,
    observed: &Observed,
    gone: BTreeMap<ObjectId, Vec<StartCause>>,
) -> (Vec<PreflightFinding>, RollbackOutlook) {
    let plan = plan(comparison).plan;
    let restored = restored_workloads(&plan, comparison);
    let read = ObjectId::new("", "ConfigMap", Some("shop"), name);
    let facts = StartFacts {
        objects: HashMap::from([(read, observed)]),
        ..StartFacts::default()
    };
    let starts = compare::would_not_start(&restored, &facts);
    check_rollback(&plan, comparison, starts, gone)
}

fn absent() -> Observed {
    Observed::Absent(Absence::Object)
}

#[rstest]
#[case::ready(IMAGE, &json!({}), Some(Severity::Error), "; a failed promotion could not be rolled back")]
#[case::not_ready(IMAGE, &json!({"readyReplicas": 1}), Some(Severity::Note), "; it is not ready now either")]
// Of one that stands half-way nothing is known.
#[case::rolling_out(IMAGE, &json!({"updatedReplicas": 1}), Some(Severity::Note), "; it is not ready now either")]
#[case::without_new_pods("/spec/replicas", &json!({}), None, "")]
fn what_could_not_start_again_refuses_where_it_is_ready_now(
    #[case] path: &str,
    #[case] status: &Value,
    #[case] severity: Option<Severity>,
    #[case] end: &str,
) {
    let mut comparison = changing(path);
    for (field, count) in status.as_object().unwrap() {
        live_mut(&mut comparison.objects[1])["status"][field] = count.clone();
    }

    let (findings, outlook) = check(&comparison, "config", &absent(), BTreeMap::new());
    let found: Vec<_> = findings
        .iter()
        .map(|one| (one.severity, one.message.as_str()))
        .collect();
    let message =
        format!("the running version could not start again: ConfigMap shop/config does not exist{end}");
    let expected: Vec<_> = severity
        .map(|severity| (severity, message.as_str()))
        .into_iter()
        .collect();
    assert_eq!(found, expected);
    assert_eq!(outlook.possible, severity.is_none());
}

#[test]
fn what_the_promotion_brings_is_a_note_and_half_of_it_is_not() {
    let mut comparison = changing(IMAGE);
    // The promotion creates the ConfigMap that the running pods have read.
    comparison.objects[0].live = absent();
    comparison.objects[0].status = crate::model::finding::ObjectStatus::Missing(Absence::Object);
    let (findings, outlook) = check(&comparison, "config", &absent(), BTreeMap::new());
    assert_eq!(findings[0].severity, Severity::Note);
    assert!(
        findings[0]
            .message
            .ends_with("; this promotion brings what is missing")
    );
    // It goes again with a rollback.
    assert!(!outlook.possible);

    let web = comparison.objects[1].id();
    let reference = "r.example/web:1".to_owned();
    let gone = BTreeMap::from([(web, vec![StartCause::ImageAbsent { reference }])]);
    let (findings, _) = check(&comparison, "config", &absent(), gone);
    assert_eq!((findings.len(), findings[0].severity), (1, Severity::Error));
    assert!(
        findings[0]
            .message
            .contains("image r.example/web:1 is gone from its registry")
    );
}

#[test]
fn what_is_unknown_refuses_nothing_and_stands_in_the_line() {
    let unreadable = Observed::Unreadable {
        error: "forbidden".into(),
        forbidden: true,
        webhook: None,
    };
    let (findings, outlook) = check(&changing(IMAGE), "config", &unreadable, BTreeMap::new());
    assert_eq!(findings, []);
    assert!(outlook.possible);
    let line = outlook.to_string();
    assert!(
        line.starts_with("possible (not checked: ConfigMaps in namespace shop: "),
        "{line}"
    );
}
