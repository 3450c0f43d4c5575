//! Custom resources of which no controller reports the health, or only that of the spec before.

use super::conditions::{Definition, definition, group};
use crate::execute::app::App;
use crate::harness::{Ran, Run, Running, until};
use rstest::rstest;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A namespace and a kind of the test's own, which no controller runs.
struct Scene {
    app: App,
    group: String,
    _definition: Definition,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(has_status: bool) -> Self {
        let (app, group) = (App::new(), group());
        let name = format!("widgets.{group}");
        let mut made = definition(&group, "Widget");
        if !has_status {
            let scale = json!({"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"});
            made["spec"]["versions"][0]["subresources"] = json!({"scale": scale});
        }
        let delete_at_end = Definition(name.clone());
        app.kubectl_with(&["apply"], &made).exits(0);
        let resources = ["api-resources", "--api-group", &group, "-o", "name"];
        assert!(
            until(20, || app.kubectl(&resources).contains(&name)),
            "{name} is not served"
        );
        Self {
            app,
            group,
            _definition: delete_at_end,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn resource(&self) -> String {
        format!("widgets.{}", self.group)
    }

    fn widget(&self, size: u32, color: &str) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group), "kind": "Widget",
            "metadata": {"name": "main", "labels": {"color": color}}, "spec": {"size": size}})
    }

    fn promote(&self, version: &str, size: u32, color: &str) -> Command {
        let mut promote = self.app.promote(version, &[self.widget(size, color)]);
        promote.args(["-o", "json"]);
        promote
    }

    fn wait(&self, version: &str, size: u32, color: &str) -> Command {
        let release = self.app.release(version, &[self.widget(size, color)]);
        let mut wait = self.app.delivery();
        wait.arg("wait")
            .arg(release)
            .args(["-n", self.app.namespace.name(), "-o", "json"]);
        wait
    }

    /// The Widget; null where it is not there.
    fn live(&self) -> Value {
        let shown = self.app.kubectl(&["get", &self.resource(), "-o", "json"]);
        let list: Value = serde_json::from_str(&shown).unwrap();
        list["items"][0].clone()
    }

    /// As a controller does that names no generation.
    fn report_ready(&self, color: &str) {
        let status = json!({"status": {"color": color, "conditions": [{"type": "Ready", "status": "True"}]}});
        let (resource, patch) = (self.resource(), status.to_string());
        let words = [
            "patch",
            &resource,
            "main",
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ];
        self.app.kubectl(&words);
    }

    /// Promotes, and reports *ready* once the spec is there.
    fn promote_and_report(&self, version: &str, size: u32) -> Ran {
        let running = Running::start(&mut self.promote(version, size, "red"));
        assert!(
            until(20, || self.live()["spec"]["size"] == size),
            "it is not applied"
        );
        self.report_ready(version);
        running.wait()
    }

    /// An environment in which an unknown health is a failure.
    fn failing(&self) -> PathBuf {
        let environment = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment",
            "metadata": {"name": "test"}, "spec": {"unknownHealth": "fail"}});
        let file = self.folder.path().join("environment.yaml");
        std::fs::write(&file, environment.to_string()).unwrap();
        file
    }
}

fn events(ran: &Ran) -> Vec<Value> {
    let lines = ran.stdout.lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The states of the Widget, in their order.
fn states(ran: &Ran) -> Vec<String> {
    let events = events(ran).into_iter();
    let of_widget = events.filter(|event| event["event"] == "rollout" && event["object"]["kind"] == "Widget");
    of_widget
        .map(|event| event["health"].as_str().unwrap().to_owned())
        .collect()
}

/// Why the Widget's health is unknown, as its event says.
fn why_unknown(ran: &Ran) -> Value {
    let mut events = events(ran).into_iter();
    let unknown = events.find(|event| event["health"] == "unknown");
    unknown.unwrap_or_else(|| panic!("{ran:#?}"))["message"].clone()
}

const SILENT: &str = "applied; no controller reports its health";

#[test]
fn a_first_status_is_waited_for_where_the_kind_has_the_subresource_and_nowhere_else() {
    for (has_status, expected) in [(true, &["progressing", "unknown"][..]), (false, &["unknown"])] {
        let scene = Scene::new(has_status);
        let promoted = scene.promote("1", 1, "red").run().exits(0);
        assert_eq!(states(&promoted), expected, "{promoted:#?}");
        assert_eq!(why_unknown(&promoted), SILENT);
        assert_eq!(
            promoted.took >= Duration::from_secs(10),
            has_status,
            "{:?}",
            promoted.took
        );

        let waited = scene.wait("1", 1, "red").run().exits(0);
        assert_eq!(states(&waited), expected, "{waited:#?}");
        assert_eq!(why_unknown(&waited), SILENT);
    }
}

#[rstest]
fn unknown_health_fails_where_the_user_or_the_environment_says_so_with_the_object(
    #[values("flag", "environment")] by: &str,
) {
    let scene = Scene::new(false);
    let fails = |command: &mut Command| {
        match by {
            "flag" => command.arg("--unknown-health=fail"),
            _ => command.arg("-e").arg(scene.failing()),
        };
        let ran = command.run().exits(3);
        let events = events(&ran);
        let failed = events.iter().find(|event| event["event"] == "failed").unwrap();
        assert_eq!(failed["object"]["kind"], "Widget", "{ran:#?}");
        assert_eq!(failed["object"]["name"], "main", "{ran:#?}");
        let message = format!("health unknown: {SILENT}");
        assert_eq!(failed["cause"]["message"], message, "{ran:#?}");
        // No mark against the release.
        assert_eq!(failed["cause"]["kind"], "unverified", "{ran:#?}");
    };

    fails(&mut scene.promote("1", 1, "red"));
    assert_eq!(scene.live(), Value::Null, "it was rolled back");
    scene
        .app
        .kubectl_with(&["apply"], &scene.widget(1, "red"))
        .exits(0);
    fails(&mut scene.wait("1", 1, "red"));

    // As a person sees it.
    let mut shown = scene.app.promote("2", &[scene.widget(1, "red")]);
    let shown = shown
        .args(["--unknown-health=fail", "--adopt", "kubectl"])
        .run()
        .exits(3);
    let named = format!("Widget {}/main", scene.app.namespace.name());
    let is_named = |line: &str| line.contains(&named) && line.contains("health unknown: applied");
    assert!(shown.stderr.lines().any(is_named), "{shown:#?}");
}

#[test]
fn ready_is_believed_of_a_status_that_was_written_after_the_spec_and_else_unknown() {
    let scene = Scene::new(true);
    let old = "applied; its status has no observedGeneration and was not updated since";

    let first = scene.promote_and_report("1", 1).exits(0);
    assert_eq!(states(&first).last().unwrap(), "ready", "{first:#?}");

    // Its controller does not come: `Ready` is of the spec before.
    let second = scene.promote("2", 2, "red").run().exits(0);
    assert_eq!(states(&second), ["progressing", "unknown"], "{second:#?}");
    assert_eq!(why_unknown(&second), old);
    let waited = scene.wait("2", 2, "red").run().exits(0);
    assert_eq!(states(&waited), ["progressing", "unknown"], "{waited:#?}");
    assert_eq!(why_unknown(&waited), old);

    let third = scene.promote_and_report("3", 3).exits(0);
    assert_eq!(states(&third).last().unwrap(), "ready", "{third:#?}");
    assert!(!states(&third).contains(&"unknown".to_owned()), "{third:#?}");

    // No spec changes, so that the status is of the present one still.
    let labelled = scene.promote("4", 3, "blue").run().exits(0);
    assert_eq!(states(&labelled), ["ready"], "{labelled:#?}");

    // Before anybody waited: the times of the server tell, in whole seconds.
    let apply = ["apply", "--server-side", "--force-conflicts"];
    scene.app.kubectl_with(&apply, &scene.widget(5, "blue")).exits(0);
    std::thread::sleep(Duration::from_millis(1100));
    scene.report_ready("late");
    let waited = scene.wait("5", 5, "blue").run().exits(0);
    assert_eq!(states(&waited), ["ready"], "{waited:#?}");
}
