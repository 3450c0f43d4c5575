//! Screens of `wait`.

use super::Stage;
use super::stage::{config, playing, web};

#[test]
fn a_release_that_another_tool_applied_is_running() {
    let stage = Stage::new();
    stage.release("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    stage.applied("1.4.1");
    stage.kubectl("rollout status deployment/web --timeout 20s");

    stage.assert_screen("wait_running", "wait shop-1.4.1.yaml");
}

#[test]
fn a_release_that_is_not_applied_in_time() {
    let stage = Stage::new();
    stage.release("1.4.1", &[config("settings", "EUR")]);
    stage.assert_screen("wait_absent", "wait shop-1.4.1.yaml --timeout 2s");

    stage.namespace.apply(config("settings", "USD"));
    stage.assert_screen("wait_not_applied", "wait shop-1.4.1.yaml --timeout 2s");
}

#[test]
fn a_release_with_a_field_that_another_client_added() {
    let stage = Stage::new();
    stage.release("1.4.1", &[config("settings", "EUR")]);
    stage.applied("1.4.1");
    stage.kubectl(r#"patch configmap settings --type=merge -p {"data":{"debug":"on"}}"#);

    stage.assert_screen("wait_not_in_sync", "wait shop-1.4.1.yaml --timeout 2s");
}

#[test]
fn a_rollout_that_fails() {
    let stage = Stage::new();
    stage.release(
        "1.4.1",
        &[config("settings", "EUR"), playing("1.0.0", "crash-loop")],
    );
    stage.applied("1.4.1");
    stage.wait_for_pod("containerStatuses[*].restartCount", "2");

    stage.assert_screen("wait_failed", "wait shop-1.4.1.yaml");
}
