//! Screens of promotions that change nothing: refused, locked, not confirmed.

use super::Stage;
use super::stage::{assert_screen, config, playing, web};
use serde_json::{Value, json};
use std::process::Stdio;

/// Needs a Secret, a ConfigMap and a ServiceAccount that are not there.
fn needy() -> Value {
    let mut web = web("1.0.0");
    let pod = &mut web["spec"]["template"]["spec"];
    pod["serviceAccountName"] = "web".into();
    pod["containers"][0]["envFrom"] =
        json!([{"secretRef": {"name": "db"}}, {"configMapRef": {"name": "flags"}}]);
    web
}

#[test]
fn the_preflight_refuses_with_all_of_its_findings() {
    let stage = Stage::new();
    let all = ["flags", "limits", "settings", "texts"].map(|name| config(name, "EUR"));
    stage.promoted("1.4.1", &all);
    stage.kubectl(
        "patch configmap settings --field-manager kubectl-edit -p {\"data\":{\"currency\":\"CHF\"}}",
    );
    stage.release("1.4.2", &[config("settings", "USD"), needy()]);

    stage.assert_screen("promote_refused", "promote shop-1.4.2.yaml --yes");
}

#[test]
fn missing_permissions_are_named() {
    let stage = Stage::new();
    stage.release("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    let user = stage.namespace.user("ci").with_role("view").ready();

    stage.assert_screen_as(
        &user.kubeconfig(),
        "promote_permissions",
        "promote shop-1.4.1.yaml --yes",
    );
}

#[test]
fn objects_of_another_tool_need_to_be_adopted() {
    let stage = Stage::new();
    let mut settings = config("settings", "EUR");
    settings["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"});
    settings["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": stage.namespace.name()});
    stage.namespace.apply(settings);
    stage.release("1.4.1", &[config("settings", "USD")]);

    stage.assert_screen("promote_managed_by_helm", "promote shop-1.4.1.yaml --yes");
}

#[test]
fn nothing_is_promoted_without_a_confirmation() {
    let stage = Stage::new();
    stage.release("1.4.1", &[config("settings", "EUR")]);

    stage.assert_screen("promote_without_a_terminal", "promote shop-1.4.1.yaml");
}

#[test]
fn a_release_that_failed_is_quarantined() {
    let stage = Stage::new();
    stage.release("1.4.2", &[playing("1.1.0", "crash-loop")]);
    stage.run("promote shop-1.4.2.yaml --yes").exits(3);

    stage.assert_screen("promote_quarantined", "promote shop-1.4.2.yaml --yes");
}

#[test]
fn another_promotion_holds_the_lock() {
    let stage = Stage::new();
    stage.release(
        "1.4.1",
        &[config("settings", "EUR"), playing("1.0.0", "never-ready")],
    );
    stage.release("1.4.2", &[config("settings", "USD")]);
    let mut first = stage
        .command("promote shop-1.4.1.yaml --yes")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    stage.wait_for_pod("phase", "Running");

    // Read before the first is interrupted: a screen that is not as expected would leave it running.
    let same = stage.run("promote shop-1.4.1.yaml --yes");
    let another = stage.run("promote shop-1.4.2.yaml --yes");
    let status = stage.run("status shop");
    let revert = stage.run("revert shop");
    stage.interrupt(&first);
    first.wait().unwrap();

    assert_screen("promote_locked", &same);
    assert_screen("promote_locked_another_release", &another);
    assert_screen("status_locked", &status);
    assert_screen("revert_locked", &revert);
}

#[test]
fn an_unfinished_promotion_is_in_the_way_of_another() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.unfinished("1.4.2");
    stage.release("1.4.3", &[config("settings", "CHF")]);

    stage.assert_screen("promote_unfinished", "promote shop-1.4.3.yaml --yes");
}

#[test]
fn a_plan_is_refused_when_the_cluster_changed_since() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.release("1.4.2", &[config("settings", "USD")]);
    let plan = stage.run("promote shop-1.4.2.yaml --dry-run=server -o json").ok();
    stage.write("plan.json", &plan);
    stage.kubectl("delete configmap settings");

    stage.assert_screen(
        "promote_plan_outdated",
        "promote shop-1.4.2.yaml --plan plan.json --yes",
    );
}
