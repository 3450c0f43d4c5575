//! Screens of `compare`.

use super::Stage;
use super::stage::{config, web};
use serde_json::json;

#[test]
fn two_releases_differ_or_do_not() {
    let stage = Stage::new();
    stage.release(
        "1.4.1",
        &[config("settings", "EUR"), config("flags", "on"), web("1.0.0")],
    );
    stage.release(
        "1.4.2",
        &[config("settings", "USD"), config("texts", "EUR"), web("1.1.0")],
    );

    stage.assert_screen("compare_equal", "compare shop-1.4.1.yaml shop-1.4.1.yaml");
    stage.assert_screen("compare", "compare shop-1.4.1.yaml shop-1.4.2.yaml");
    stage.assert_screen(
        "compare_markdown",
        "compare shop-1.4.1.yaml shop-1.4.2.yaml -o markdown",
    );
}

#[test]
fn an_environment_differs_from_what_was_tested() {
    let stage = Stage::new();
    stage.release("1.4.1", &[config("settings", "EUR")]);
    let manifest = json!({"apiVersion": "v1", "kind": "List", "items": [config("settings", "USD")]});
    stage.write("production.json", &manifest.to_string());
    let environment = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment",
        "metadata": {"name": "production"}, "spec": {"manifests": {"files": ["production.json"]}}});
    stage.write("environment.json", &environment.to_string());

    stage.assert_screen(
        "compare_environment",
        "compare shop-1.4.1.yaml -e environment.json",
    );
    stage.assert_screen(
        "compare_suggest",
        "compare shop-1.4.1.yaml -e environment.json --suggest",
    );
}
