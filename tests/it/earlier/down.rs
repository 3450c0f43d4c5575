//! The way back: the earlier program before a state that this one wrote.

use super::by_earlier;
use crate::execute::app::{App, NAME, map, workload};
use crate::harness::{Act, KillProxy, Ran, Run, TestCluster};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

fn version(digit: char) -> Vec<Value> {
    let mut web = workload("Deployment", "web", digit, None);
    web["metadata"]["annotations"] = json!({"kubectl-delivery.io/rehearse": "true"});
    vec![map("config", json!({"v": digit.to_string()})), web]
}

/// The version of every object of the namespace that a run could write.
fn versions(app: &App) -> BTreeMap<String, String> {
    let kinds = "configmaps,secrets,deployments,pods";
    let listed: Value = serde_json::from_str(&app.kubectl(&["get", kinds, "-o", "json"])).unwrap();
    let items = listed["items"].as_array().unwrap().iter();
    let named = items.map(|item| {
        let text = |field: &str| item["metadata"][field].as_str().unwrap().to_owned();
        (
            format!("{} {}", item["kind"], text("name")),
            text("resourceVersion"),
        )
    });
    named.collect()
}

fn format_version(app: &App) -> u64 {
    use base64::Engine;
    let seal = app.namespace.get("", "Secret", "delivery-app-seal").unwrap();
    let text = base64::engine::general_purpose::STANDARD.decode(seal.text("/data/seal"));
    serde_json::from_slice::<Value>(&text.unwrap()).unwrap()["formatVersion"]
        .as_u64()
        .unwrap()
}

fn command(app: &App, words: &[&str]) -> Command {
    let mut command = app.delivery();
    command.args(words).args(["-n", app.namespace.name()]);
    command
}

/// Runs the earlier program, which has to end with a sentence and without a write but those of a lock that it gives back.
fn is_refused(app: &App, proxy: &KillProxy, command: &Command) -> Ran {
    let before = versions(app);
    proxy.forget();
    let ran = proxy.run(&mut by_earlier(command));
    assert!(matches!(ran.code, Some(1 | 2)), "{:?} {}", ran.code, ran.stderr);
    let error = ran.stderr.lines().find(|line| line.starts_with("error: "));
    assert!(error.is_some_and(|line| line.len() > 30), "{}", ran.stderr);
    assert!(!ran.stderr.contains("internal error"), "{}", ran.stderr);
    let paths = proxy.writes().into_iter().map(|write| write.path);
    let writes: Vec<String> = paths.filter(|path| !path.contains("/leases")).collect();
    assert!(writes.is_empty(), "{} wrote {writes:?}", ran.command);
    assert_eq!(versions(app), before, "{}", ran.command);
    ran
}

#[test]
fn what_this_version_promoted_is_gone_on_with_or_refused_by_the_earlier_one_as_the_format_says() {
    let (ours, theirs) = (App::new(), App::new());
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    ours.promote("1", &version('1')).run().exits(0);
    ours.promote("2", &version('2')).run().exits(0);
    by_earlier(&theirs.promote("1", &version('1'))).run().exits(0);

    if format_version(&ours) > format_version(&theirs) {
        for command in [ours.promote("3", &version('3')), ours.revert()] {
            let ran = is_refused(&ours, &proxy, &command);
            assert!(ran.stderr.contains("format version"), "{}", ran.stderr);
        }
        return;
    }
    let value = || {
        ours.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/v")
            .to_owned()
    };
    by_earlier(&command(&ours, &["status"])).run().exits(0);
    by_earlier(&ours.revert()).run().exits(0);
    assert_eq!(value(), "1");
    by_earlier(&ours.promote("3", &version('3'))).run().exits(0);
    // And what it left is gone on with here.
    ours.revert().run().exits(0);
    assert_eq!(value(), "1");
}

#[test]
fn a_rehearsal_of_this_version_which_the_earlier_one_does_not_know_is_refused_by_it_untouched() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    app.promote("1", &version('1')).run().exits(0);

    let rehearse = || {
        let mut promote = app.promote("2", &version('2'));
        promote.arg("--rehearse");
        promote
    };
    let is_left = (2..20).any(|n| {
        proxy.forget();
        proxy.at_write(n, Act::KillAfter);
        let ran = proxy.run(&mut rehearse());
        ran.code.is_none() && app.status()["unfinished"]["phase"] == "rehearsing"
    });
    assert!(is_left, "it was never killed in its rehearsal");

    let before = versions(&app);
    for command in [
        app.promote("2", &version('2')),
        app.promote("3", &version('3')),
        app.revert(),
        command(&app, &["delete", NAME, "-y"]),
        command(&app, &["promote", "--resume", NAME, "-y"]),
    ] {
        let ran = is_refused(&app, &proxy, &command);
        println!("{}", ran.stderr.trim());
    }
    assert_eq!(versions(&app), before);

    // This one ends it, and goes on.
    app.promote("2", &version('2')).run().exits(0);
    assert!(app.status().get("unfinished").is_none());
}
