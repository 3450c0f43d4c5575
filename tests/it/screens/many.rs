//! Screens of commands about several releases.

use super::Stage;
use super::stage::{config, web};
use serde_json::{Value, json};

const EDIT: &str =
    "patch configmap settings --field-manager kubectl-edit -p {\"data\":{\"currency\":\"CHF\"}}";

/// Promotes `NAME 1.0` of these objects.
fn promoted(stage: &Stage, name: &str, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    stage.write(&format!("{name}.json"), &list.to_string());
    stage
        .run(&format!(
            "record --quiet --name {name} --version 1.0 -f {name}.json -o {name}.yaml"
        ))
        .ok();
    stage.run(&format!("promote {name}.yaml --yes --settle 0s")).ok();
}

/// Three releases: one in sync, one that was edited, and one that was deleted.
fn three_releases() -> Stage {
    let stage = Stage::new();
    promoted(&stage, "api", &[config("flags", "on"), web("1.0.0")]);
    promoted(&stage, "old", &[config("legacy", "on")]);
    promoted(
        &stage,
        "shop",
        &[config("settings", "EUR"), config("rates", "daily")],
    );
    stage.run("delete old --yes").ok();
    stage.kubectl(EDIT);
    stage
}

#[test]
fn all_releases_of_a_namespace_in_each_format() {
    let stage = three_releases();

    stage.assert_screen("many_diff", "diff --all");
    stage.assert_screen("many_diff_name", "diff --all -o name");
    stage.assert_screen("many_diff_markdown", "diff --all -o markdown");
    stage.assert_screen("many_diff_junit", "diff --all -o junit");
    stage.assert_screen("many_diff_json", "diff --all -o json");
    stage.assert_screen("many_diff_html", "diff --all -o html");
    stage.assert_screen("many_diff_without_a_name", "diff");
    stage.assert_screen("many_diff_unknown_name", "diff shopp");
    stage.assert_screen("many_history", "history --all");
    stage.assert_screen("many_images", "images --all --offline");
    stage.assert_screen("many_images_of_one", "images api --offline");
}

#[test]
fn a_release_whose_stored_objects_are_gone() {
    let stage = Stage::new();
    promoted(&stage, "api", &[config("flags", "on")]);
    promoted(&stage, "shop", &[config("settings", "EUR")]);
    let parts = "kubectl-delivery.io/role=record,kubectl-delivery.io/release=api";
    stage.kubectl(&format!("delete configmaps -l {parts}"));

    stage.assert_screen("many_diff_unknown", "diff --all");
}
