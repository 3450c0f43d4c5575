//! What is told is what was done.

use crate::execute::app::{App, map, workload};
use crate::harness::{Run, TestCluster, Webhook};
use serde_json::{Value, json};

#[test]
fn an_object_that_was_refused_is_not_called_deleted() {
    let app = App::new();
    let service = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
    };
    // The dry run passes: what is refused then is refused after the first change.
    let late = |review: &Value| {
        (review["request"]["dryRun"] != true && review["request"]["name"] == "shop")
            .then(|| "not today".to_owned())
    };
    let hook = Webhook::denying(&app.namespace, ("", "services"), late);
    hook.wait(|| {
        let refused = app.kubectl_with(&["create"], &service("shop"));
        if refused.code == Some(0) {
            app.kubectl(&["delete", "service", "shop"]);
        }
        refused.code != Some(0)
    });
    let objects = [map("m", json!({})), service("shop"), service("other")];
    let ran = app.promote("1", &objects).run().exits(3);
    let outcome = |words: &str| ran.stderr.lines().filter(|line| line.contains(words)).count();
    assert_eq!(
        outcome(&format!("cannot create Service {}/shop", app.namespace)),
        1,
        "{ran:?}"
    );
    assert_eq!(
        outcome(&format!("deleted  Service {}/shop", app.namespace)),
        0,
        "{ran:?}"
    );
    assert_eq!(
        outcome(&format!("deleted  ConfigMap {}/m", app.namespace)),
        1,
        "{ran:?}"
    );
    assert_eq!(app.kubectl(&["get", "service", "-o", "name"]), "");
}

#[test]
fn a_variable_that_is_there_twice_is_no_difference_to_itself() {
    let app = App::new();
    let web = |second: &str| {
        let mut web = workload("Deployment", "web", '1', None);
        web["spec"]["template"]["spec"]["containers"][0]["env"] =
            json!([{"name": "A", "value": "first"}, {"name": "A", "value": second}]);
        web
    };
    // An apply refuses it; what `kubectl create` made is there all the same.
    app.kubectl_with(&["create"], &web("second")).exits(0);
    let diff = |object: &Value, mode: &str| {
        let mut diff = TestCluster::get().delivery();
        diff.args([
            "diff",
            "-f",
            "-",
            "-n",
            app.namespace.name(),
            "--mode",
            mode,
            "-o",
            "json",
        ]);
        diff.run_with(&object.to_string())
    };
    for mode in ["auto", "server", "readonly"] {
        diff(&web("second"), mode).exits(0);
        let outcome = diff(&web("third"), mode).exits(1).json();
        let change = &outcome["objects"][0]["changes"][0];
        assert_eq!(
            change["path"], "/spec/template/spec/containers/[name=main]/env",
            "{mode}: {outcome:#}"
        );
        assert_eq!(change["live"][1]["value"], "second", "{mode}: {outcome:#}");
        assert_eq!(change["desired"][1]["value"], "third", "{mode}: {outcome:#}");
    }
}
