//! Screens of `diff --helm`.

use super::Stage;
use super::stage::{config, service};
use crate::harness::{HELM_VALUE, encoded_release, stored_release, stored_revision};
use serde_json::Value;

const EDIT: &str =
    "patch configmap settings --field-manager kubectl-edit -p {\"data\":{\"currency\":\"CHF\"}}";

/// Applies objects as helm 4 does.
fn install(stage: &Stage, objects: &[Value]) {
    let namespace = stage.namespace.name();
    for mut object in objects.iter().cloned() {
        object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm".into();
        object["metadata"]["annotations"]["meta.helm.sh/release-name"] = "web".into();
        object["metadata"]["annotations"]["meta.helm.sh/release-namespace"] = namespace.into();
        stage.write("object.json", &object.to_string());
        let file = stage.path("object.json");
        let file = file.display();
        stage.kubectl(&format!("apply --server-side --field-manager helm -f {file}"));
    }
}

fn store(stage: &Stage, revision: u32, status: &str, objects: &[Value]) {
    let manifest: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    let release = stored_release(stage.namespace.name(), revision, status, &manifest);
    stage
        .namespace
        .apply(stored_revision(revision, status, &encoded_release(&release)));
}

#[test]
fn a_release_in_sync() {
    let stage = Stage::new();
    let objects = [config("settings", "EUR"), service()];
    install(&stage, &objects);
    store(&stage, 3, "deployed", &objects);

    stage.assert_screen("diff_helm_in_sync", "diff --helm web");
}

#[test]
fn drift_in_each_output_format() {
    let stage = Stage::new();
    let objects = [config("settings", "EUR"), service()];
    install(&stage, &objects);
    store(&stage, 3, "deployed", &objects);
    stage.kubectl(EDIT);
    stage.kubectl("delete service web");

    stage.assert_screen("diff_helm_drift", "diff --helm web");
    for format in ["name", "json", "markdown", "junit"] {
        stage.assert_screen(
            &format!("diff_helm_drift_{format}"),
            &format!("diff --helm web@3 -o {format}"),
        );
    }
}

#[test]
fn a_field_that_was_added_and_that_helm_would_leave() {
    let stage = Stage::new();
    let objects = [config("settings", "EUR")];
    install(&stage, &objects);
    store(&stage, 3, "deployed", &objects);
    stage.kubectl(&EDIT.replace("currency", "rate"));

    stage.assert_screen("diff_helm_added", "diff --helm web");
}

#[test]
fn the_deployed_revision_below_a_failed_upgrade() {
    let stage = Stage::new();
    install(&stage, &[config("settings", "USD")]);
    store(&stage, 3, "deployed", &[config("settings", "EUR")]);
    store(&stage, 4, "failed", &[config("settings", "USD")]);

    stage.assert_screen("diff_helm_failed_upgrade", "diff --helm web");
}

#[test]
fn a_release_without_a_deployed_revision() {
    let stage = Stage::new();
    install(&stage, &[config("settings", "EUR")]);
    store(&stage, 1, "pending-install", &[config("settings", "EUR")]);

    stage.assert_screen("diff_helm_pending", "diff --helm web");
}

#[test]
fn what_cannot_be_found_or_read() {
    let stage = Stage::new();
    stage.assert_screen("diff_helm_no_release", "diff --helm web");
    store(&stage, 3, "deployed", &[config("settings", "EUR")]);
    stage.assert_screen("diff_helm_no_revision", "diff --helm web@7");
    stage.namespace.apply(stored_revision(4, "deployed", HELM_VALUE));
    stage.assert_screen("diff_helm_not_a_release", "diff --helm web@4");

    let user = stage.namespace.user("ci");
    let user = user.may(&["get", "list"], "", &["configmaps"]).ready();
    stage.assert_screen_as(&user.kubeconfig(), "diff_helm_may_not_list", "diff --helm web");
    stage.assert_screen_as(&user.kubeconfig(), "diff_helm_may_not_get", "diff --helm web@3");
}

#[test]
fn arguments_that_are_no_release_of_helm() {
    let stage = Stage::new();
    stage.assert_screen("diff_helm_wrong_name", "diff --helm Web_1");
    stage.assert_screen("diff_helm_wrong_revision", "diff --helm web@latest");
    stage.assert_screen("diff_helm_and_a_file", "diff shop.release.yaml --helm web");
}
