//! Screens of `status`.

use super::Stage;
use super::stage::{config, playing, web};

#[test]
fn a_namespace_without_a_release() {
    let stage = Stage::new();

    stage.assert_screen("status_none", "status");
    stage.assert_screen("status_unknown_release", "status shop");
}

#[test]
fn a_promoted_release_and_its_workloads() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);

    stage.assert_screen("status_promoted", "status");
}

#[test]
fn a_workload_that_another_client_scaled() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[web("1.0.0")]);
    stage.kubectl("scale deployment web --replicas 0");
    stage.kubectl("wait --for=delete pod -l app=web --timeout 20s");

    stage.assert_screen("status_scaled_to_zero", "status shop");
}

#[test]
fn a_workload_that_another_client_changed() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[web("1.0.0")]);
    stage.kubectl(r#"patch deployment web --type=merge -p {"spec":{"minReadySeconds":1,"replicas":2}}"#);
    stage.kubectl("rollout status deployment/web --timeout 20s");

    stage.assert_screen("status_drifted", "status shop");
}

#[test]
fn an_unfinished_promotion() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.unfinished("1.4.2");
    // Between two restarts the container is running, or has exited.
    stage.wait_for_pod("containerStatuses[*].state.waiting.reason", "CrashLoopBackOff");

    stage.assert_screen("status_unfinished", "status shop");
}

#[test]
fn a_promotion_that_was_rolled_back_and_one_that_was_reverted() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.release(
        "1.4.2",
        &[config("settings", "EUR"), playing("1.1.0", "crash-loop")],
    );
    stage.run("promote shop-1.4.2.yaml --yes").exits(3);
    stage.assert_screen("status_rolled_back", "status shop");

    stage.promoted("1.4.3", &[config("settings", "USD")]);
    stage.run("revert shop --yes").ok();
    stage.assert_screen("status_reverted", "status shop");
}
