//! Screens of promotions that fail or are interrupted.

use super::Stage;
use super::stage::{assert_screen, config, migration, playing, web};
use crate::harness::ran;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Output, Stdio};
use std::time::Duration;

/// What is changed by a promotion that fails.
fn broken() -> [Value; 2] {
    [config("settings", "USD"), playing("1.1.0", "crash-loop")]
}

#[test]
fn an_update_that_fails_is_rolled_back() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
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
    let mut process = promote
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = BufReader::new(process.stderr.take().unwrap());
    let mut stderr = String::new();

    while !stderr.contains("waiting") {
        assert_ne!(pipe.read_line(&mut stderr).unwrap(), 0, "{stderr}");
    }
    stage.interrupt(&process);
    pipe.read_to_string(&mut stderr).unwrap();

    let (status, stdout) = (process.wait().unwrap(), Vec::new());
    let output = Output {
        status,
        stdout,
        stderr: stderr.into_bytes(),
    };
    assert_screen("promote_interrupted", &ran(&promote, &output, Duration::ZERO));
}
