//! Quarantine: a release that failed for a cause inside it is not promoted again without a waiver.

use crate::execute::app::{App, map, workload};
use crate::harness::Run;
use serde_json::{Value, json};

fn web(digit: char, play: Option<&str>) -> Vec<Value> {
    vec![
        workload("Deployment", "web", digit, play),
        map("config", json!({"v": digit.to_string()})),
    ]
}

fn promotable(app: &App, version: &str, objects: &[Value]) -> Result<(), String> {
    let ran = app.promote(version, objects).arg("--dry-run=server").run();
    match ran.code {
        Some(0) => Ok(()),
        _ => Err(ran.stderr),
    }
}

#[test]
fn a_release_that_failed_for_a_cause_inside_it_needs_a_waiver_and_the_history_keeps_it() {
    let app = App::new();
    app.promote("1", &web('1', None)).run().exits(0);
    for (version, play) in [
        ("2", "image-not-found"),
        ("3", "crash-loop"),
        ("4", "out-of-memory"),
        ("5", "invalid-image-name"),
    ] {
        let digit = version.chars().next().unwrap();
        let broken = web(digit, Some(play));
        app.promote(version, &broken).run().exits(3);
        let refused = promotable(&app, version, &broken).unwrap_err();
        assert!(
            refused.contains("[quarantine]") && refused.contains("--waive quarantine"),
            "{play}: {refused}"
        );
    }
    let broken = web('2', Some("image-not-found"));
    app.promote("2", &broken)
        .args(["--waive", "quarantine", "--reason", "the image is there now"])
        .run()
        .exits(3);
    let history = app.history().to_string();
    assert!(history.contains("the image is there now"), "{history}");
    // Another release is another release.
    app.promote("6", &web('6', None)).run().exits(0);
}

#[test]
fn a_cause_outside_of_the_release_does_not_quarantine_it() {
    let app = App::new();
    app.promote("1", &web('1', None)).run().exits(0);
    // The registry does not answer, a key of another's Secret is missing, no right to pull.
    for (version, play) in [
        ("2", "registry-unreachable"),
        ("3", "missing-config-key"),
        ("4", "pull-unauthorized"),
    ] {
        let digit = version.chars().next().unwrap();
        let objects = web(digit, Some(play));
        app.promote(version, &objects)
            .args(["--timeout", "10s"])
            .run()
            .exits(3);
        assert_eq!(promotable(&app, version, &objects), Ok(()), "{play}");
    }
    // No node takes the pods.
    let mut nowhere = web('5', None);
    nowhere[0]["spec"]["template"]["spec"]["nodeSelector"] = json!({"no": "where"});
    app.promote("5", &nowhere)
        .args(["--timeout", "10s"])
        .run()
        .exits(3);
    assert_eq!(promotable(&app, "5", &nowhere), Ok(()), "no node");
    // A quota that the pods do not fit into.
    app.namespace.quota(json!({"pods": "2"}));
    let mut many = web('6', None);
    many[0]["spec"]["replicas"] = 5.into();
    app.promote("6", &many)
        .args([
            "--waive",
            "quota=ResourceQuota/small",
            "--waive",
            "pods=Deployment/web",
            "--timeout",
            "10s",
        ])
        .run()
        .exits(3);
    app.kubectl(&["delete", "resourcequota", "small"]);
    assert_eq!(promotable(&app, "6", &many), Ok(()), "quota");
    app.promote("6", &many).run().exits(0);
}

#[test]
fn a_retry_that_fails_for_a_cause_outside_does_not_lift_the_quarantine() {
    let app = App::new();
    app.promote("1", &web('1', None)).run().exits(0);
    let broken = web('2', Some("crash-loop"));
    app.promote("2", &broken).run().exits(3);
    app.namespace.quota(json!({"pods": "2"}));
    let mut retry = app.promote("2", &broken);
    for check in ["quarantine", "quota=ResourceQuota/small", "pods=Deployment/web"] {
        retry.args(["--waive", check]);
    }
    let ran = retry.run().exits(3);
    assert!(ran.stderr.contains("exceeded quota"), "{}", ran.stderr);
    app.kubectl(&["delete", "resourcequota", "small"]);
    let refused = promotable(&app, "2", &broken).unwrap_err();
    assert!(
        refused.contains("[quarantine]") && refused.contains("revision 2"),
        "{refused}"
    );
}
