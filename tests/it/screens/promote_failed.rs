//! Screens of promotions that fail or are interrupted.

use super::Stage;
use super::stage::{assert_screen, config, migration, playing, web};
use crate::harness::ran;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;

/// What is changed by a promotion that fails.
fn broken() -> [Value; 2] {
    [config("settings", "USD"), playing("1.1.0", "crash-loop")]
}

#[test]
fn an_update_that_fails_is_rolled_back() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    stage.release("1.4.2", &broken());

    stage.assert_screen("promote_failed", "promote shop-1.4.2.yaml --yes");
}

#[test]
fn a_first_promotion_that_fails_is_rolled_back() {
    let stage = Stage::new();
    stage.release("1.4.2", &broken());

    stage.assert_screen("promote_first_failed", "promote shop-1.4.2.yaml --yes");
}

#[test]
fn a_failure_after_an_irreversible_step_is_not_rolled_back() {
    let stage = Stage::new();
    let [settings, web] = broken();
    let irreversible = migration(&[("kubectl-delivery.io/irreversible", "true")]);
    stage.release("1.4.2", &[settings, irreversible, web]);

    stage.assert_screen("promote_irreversible", "promote shop-1.4.2.yaml --yes");
    stage.assert_screen("revert_irreversible", "revert shop");
}

#[test]
fn a_failure_is_left_standing_where_it_was_asked_for() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    stage.release("1.4.2", &broken());

    stage.assert_screen(
        "promote_on_failure_stop",
        "promote shop-1.4.2.yaml --yes --on-failure stop",
    );
}

#[test]
fn a_promotion_that_takes_too_long_is_rolled_back() {
    let stage = Stage::new();
    stage.release(
        "1.4.2",
        &[config("settings", "USD"), playing("1.1.0", "never-ready")],
    );

    stage.assert_screen("promote_timeout", "promote shop-1.4.2.yaml --yes --timeout 3s");
}

#[test]
fn an_interrupted_promotion_is_rolled_back() {
    let stage = Stage::new();
    stage.release(
        "1.4.2",
        &[config("settings", "USD"), playing("1.1.0", "never-ready")],
    );
    let mut promote = stage.command("promote shop-1.4.2.yaml --yes");
    let process = promote
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.wait_for("Deployment", "web");
    // Long enough for its first line about the rollout.
    std::thread::sleep(Duration::from_millis(700));
    stage.interrupt(&process);

    let output = process.wait_with_output().unwrap();
    assert_screen("promote_interrupted", &ran(&promote, output, Duration::ZERO));
}
