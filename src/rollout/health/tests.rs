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

/// An object with these conditions: `Ready=False/Creating`.
fn with_conditions(text: &str) -> Value {
    let condition = |one: &str| {
        let (kind, status) = one.split_once('=').unwrap();
        let (status, reason) = status.split_once('/').unwrap_or((status, ""));
        json!({"type": kind, "status": status, "reason": reason})
    };
    let all: Vec<Value> = text.split_whitespace().map(condition).collect();
    json!({"status": {"conditions": all}})
}

fn state(object: &Value) -> CustomState {
    assess("shop.example", "Widget", object).state
}

#[test]
fn conditions_speak_by_polarity_and_by_reason() {
    use CustomState::{Failed, FailedForGood, NotReported, Paused, Progressing, Ready, Unknown};
    let table = [
        ("Ready=True", Ready),
        ("Ready=Unknown", Progressing),
        ("Ready=False/Creating", Progressing),
        ("Ready=False/SecretSyncedError", Failed),
        ("Ready=True Stalled=True", FailedForGood),
        ("Ready=True Synced=False/Error", Failed),
        ("Ready=True CronJobAvailable=False", Ready),
        ("HasErrors=False Valid=True", Ready),
        ("Available=True Progressing=True/Rolling", Progressing),
        ("Available=True Progressing=True/NewReplicaSetAvailable", Ready),
        ("Paused=True Ready=True", Paused),
        ("Synced=True/ReconcileSuccess", Progressing),
        // That something was made, or a type that says nothing of health, is no evidence.
        ("Created=True", Unknown),
        ("Colored=False", Progressing),
        ("Custom=True", Unknown),
        ("", NotReported),
    ];

    for (text, expected) in table {
        assert_eq!(state(&with_conditions(text)), expected, "{text}");
    }
}

#[test]
fn words_booleans_errors_and_counts_speak_where_conditions_do_not() {
    use CustomState::{Failed, Progressing, Ready, Unknown};
    let table = [
        (json!({"phase": "Running"}), Ready),
        (json!({"phase": "ImportInProgress"}), Progressing),
        (json!({"state": "ERROR, could not log in"}), Failed),
        (json!({"state": "Unknown"}), Unknown),
        (json!({"state": "NotFound"}), Progressing),
        (json!({"ready": true}), Ready),
        (json!({"phase": "Running", "errorMessage": "no host"}), Failed),
        (
            json!({"phase": "Running", "replicas": 3, "readyReplicas": 1}),
            Progressing,
        ),
        (json!({"phase": "Running", "tasksReady": "1/3"}), Progressing),
        (json!({"replicas": 3, "readyReplicas": 3}), Unknown),
        (
            json!({"statuses": {"a": {"state": "Accepted"}, "b": {"state": "Rejected"}}}),
            Failed,
        ),
        (json!({"statuses": {"a": {"state": "Accepted"}}}), Ready),
        // A controller that has begun a list of conditions has one to come.
        (json!({"conditions": [], "color": "blue"}), Progressing),
        (json!({"color": "blue"}), Unknown),
        (
            json!({"history": [{"state": "Failed"}], "phase": "Running"}),
            Ready,
        ),
    ];

    for (status, expected) in table {
        assert_eq!(state(&json!({"status": status})), expected, "{status}");
    }

    // A word that is none of health is nothing against a condition that sums up, and something where there is none.
    let mut open = with_conditions("Ready=True");
    open["status"]["state"] = "open".into();
    assert_eq!(state(&open), Ready);
    assert_eq!(state(&json!({"status": {"state": "open"}})), Unknown);

    // What runs once and ends is not ready while it runs.
    let running = json!({"status": {"state": "Running"}});
    assert_eq!(assess("shop.example", "DataImport", &running).state, Progressing);
}

#[test]
fn an_older_spec_a_pause_and_an_empty_status_come_first() {
    use CustomState::{NotObserved, NotReported, Progressing, Ready, Suspended};
    let counted = json!({"observedGeneration": 2, "replicas": 3, "readyReplicas": 3});
    let old = json!({"observedGeneration": "1", "phase": "Running"});
    let running = json!({"phase": "Running"});
    let deleted = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
    let table = [
        (json!({"metadata": {"generation": 2}, "status": counted}), Ready),
        (json!({"metadata": {"generation": 2}, "status": old}), NotObserved),
        (json!({"metadata": deleted, "status": running}), Progressing),
        (json!({"spec": {"suspend": true}, "status": running}), Suspended),
        (
            json!({"status": {"observedGeneration": 1, "revision": 0, "uid": ""}}),
            NotReported,
        ),
        (json!({}), NotReported),
    ];

    for (object, expected) in table {
        assert_eq!(state(&object), expected, "{object}");
    }
}
