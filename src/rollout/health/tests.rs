//! Every rule parses, and every case of every rule holds.

use super::custom_health::CustomState;
use super::rules::{Case, Rule, RuleText, texts};
use super::{assess, wants_pods};
use serde_json::{Map, Value, json};

fn rules() -> Vec<(String, RuleText)> {
    let parse = |(path, text): (String, &str)| {
        let rule = serde_yaml::from_str(text).unwrap_or_else(|why| panic!("{path}: {why}"));
        (path, rule)
    };
    texts().map(parse).collect()
}

/// The object of a case. A star stands for a name that no other rule has.
fn object(rule: &RuleText, case: &Case) -> (String, String, Value) {
    let (group, kind) = (rule.group.replace('*', "any"), rule.kind.replace('*', "Any"));
    let mut metadata = case.metadata.clone();
    metadata.insert("name".into(), "web".into());

    let mut object = Map::new();
    object.insert("apiVersion".into(), format!("{group}/v1").into());
    object.insert("kind".into(), kind.as_str().into());
    object.insert("metadata".into(), metadata.into());
    object.insert("spec".into(), case.spec.clone().into());
    if let Some(status) = &case.status {
        object.insert("status".into(), status.clone());
    }
    (group, kind, object.into())
}

fn name(state: CustomState) -> &'static str {
    match state {
        CustomState::Ready => "ready",
        CustomState::Unknown => "unknown",
        CustomState::NotReported => "notReported",
        CustomState::NotObserved => "notObserved",
        CustomState::Progressing => "progressing",
        CustomState::Paused => "paused",
        CustomState::Suspended => "suspended",
        CustomState::Failed => "failed",
        CustomState::FailedForGood => "failedForGood",
    }
}

#[test]
fn every_rule_parses_and_stands_where_its_name_says() {
    let rules = rules();
    assert!(rules.len() >= 40, "{} rules", rules.len());

    for (path, rule) in &rules {
        let stands = format!(
            "{}/{}.yaml",
            rule.group.replace('*', "_"),
            rule.kind.replace('*', "_")
        );
        assert_eq!(*path, stands);
        assert!(rule.source.starts_with("https://"), "{path}: where is it from?");
        if let Err(why) = Rule::parse(rule) {
            panic!("{path}: {why}");
        }
    }
}

#[test]
fn every_case_of_every_rule_holds() {
    let mut wrong = Vec::new();
    for (path, rule) in rules() {
        assert!(!rule.cases.is_empty(), "{path} has no cases");
        for (at, case) in rule.cases.iter().enumerate() {
            let (group, kind, object) = object(&rule, case);
            let health = assess(&group, &kind, &object);

            if case.is.as_deref().is_some_and(|is| is != name(health.state)) {
                wrong.push(format!(
                    "{path}, case {at}: expected {:?}, found {health:?}",
                    case.is
                ));
            }
            if case
                .says
                .as_deref()
                .is_some_and(|says| !health.message.contains(says))
            {
                wrong.push(format!(
                    "{path}, case {at}: expected {:?}, found {health:?}",
                    case.says
                ));
            }
            if case.pods.is_some() && case.pods != wants_pods(&group, &kind, &object) {
                wrong.push(format!("{path}, case {at}: wants pods: expected {:?}", case.pods));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_rule_that_names_its_kind_comes_before_one_of_many() {
    let status =
        |value: Value| json!({"metadata": {"name": "web"}, "spec": {"type": "oci"}, "status": value});
    let repository = assess("source.toolkit.fluxcd.io", "HelmRepository", &status(json!({})));
    let bucket = assess("source.toolkit.fluxcd.io", "Bucket", &status(json!({})));

    assert_eq!(repository.state, CustomState::Ready);
    assert_eq!(bucket.state, CustomState::NotReported);
}

#[test]
fn the_generic_rule_is_ready_by_evidence_alone() {
    use CustomState::{
        Failed, FailedForGood, NotObserved, NotReported, Paused, Progressing, Ready, Suspended, Unknown,
    };
    let condition =
        |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason});
    let conditions = |all: &[Value]| json!({"status": {"conditions": all}});

    let table = [
        // By conditions: polarity, then reason.
        (conditions(&[condition("Ready", "True", "")]), Ready),
        (conditions(&[condition("Ready", "Unknown", "")]), Progressing),
        (
            conditions(&[condition("Ready", "False", "Creating")]),
            Progressing,
        ),
        (
            conditions(&[condition("Ready", "False", "SecretSyncedError")]),
            Failed,
        ),
        (
            conditions(&[condition("Ready", "True", ""), condition("Stalled", "True", "")]),
            FailedForGood,
        ),
        (
            conditions(&[
                condition("Ready", "True", ""),
                condition("Synced", "False", "Error"),
            ]),
            Failed,
        ),
        (
            conditions(&[
                condition("Ready", "True", ""),
                condition("CronJobAvailable", "False", ""),
            ]),
            Ready,
        ),
        (
            conditions(&[
                condition("HasErrors", "False", ""),
                condition("Valid", "True", ""),
            ]),
            Ready,
        ),
        (
            conditions(&[
                condition("Available", "True", ""),
                condition("Progressing", "True", "Rolling"),
            ]),
            Progressing,
        ),
        (
            conditions(&[
                condition("Available", "True", ""),
                condition("Progressing", "True", "NewReplicaSetAvailable"),
            ]),
            Ready,
        ),
        (
            conditions(&[condition("Paused", "True", ""), condition("Ready", "True", "")]),
            Paused,
        ),
        (
            conditions(&[condition("Synced", "True", "ReconcileSuccess")]),
            Progressing,
        ),
        // That something was made, or of a type that says nothing of health.
        (conditions(&[condition("Created", "True", "")]), Unknown),
        (conditions(&[condition("Colored", "False", "")]), Progressing),
        (conditions(&[condition("Custom", "True", "")]), Unknown),
        (conditions(&[]), NotReported),
        // By words, booleans, errors and counts.
        (json!({"status": {"phase": "Running"}}), Ready),
        (json!({"status": {"phase": "ImportInProgress"}}), Progressing),
        (json!({"status": {"state": "ERROR, could not log in"}}), Failed),
        (json!({"status": {"state": "Unknown"}}), Unknown),
        (json!({"status": {"state": "NotFound"}}), Progressing),
        (json!({"status": {"ready": true}}), Ready),
        (
            json!({"status": {"phase": "Running", "errorMessage": "no such host"}}),
            Failed,
        ),
        (
            json!({"status": {"phase": "Running", "replicas": 3, "readyReplicas": 1}}),
            Progressing,
        ),
        (
            json!({"status": {"phase": "Running", "tasksReady": "1/3"}}),
            Progressing,
        ),
        (json!({"status": {"replicas": 3, "readyReplicas": 3}}), Unknown),
        (
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "replicas": 3, "readyReplicas": 3}}),
            Ready,
        ),
        // Of parts.
        (
            json!({"status": {"statuses": {"a": {"state": "Accepted"}, "b": {"state": "Rejected"}}}}),
            Failed,
        ),
        (
            json!({"status": {"statuses": {"a": {"state": "Accepted"}}}}),
            Ready,
        ),
        (
            json!({"status": {"history": [{"state": "Failed"}], "phase": "Running"}}),
            Ready,
        ),
        // Of an older spec, on its way out, not to run, or without a word.
        (
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": "1", "phase": "Running"}}),
            NotObserved,
        ),
        (
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}}),
            Progressing,
        ),
        (
            json!({"spec": {"suspend": true}, "status": {"phase": "Running"}}),
            Suspended,
        ),
        (
            json!({"status": {"observedGeneration": 1, "revision": 0, "uid": ""}}),
            NotReported,
        ),
        (json!({}), NotReported),
    ];

    for (object, expected) in table {
        let found = assess("shop.example", "Widget", &object);
        assert_eq!(found.state, expected, "{object}: {found:?}");
    }

    // What runs once and ends is not as desired while it runs.
    let running = json!({"status": {"state": "Running"}});
    assert_eq!(assess("shop.example", "DataImport", &running).state, Progressing);
}
