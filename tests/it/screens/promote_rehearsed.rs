//! Screens of rehearsals: one that fails, and one that cannot be.

use super::Stage;
use super::stage::playing;
use serde_json::{Value, json};

/// A Deployment of which a second pod may run.
fn web(version: &str, play: &str) -> Value {
    let mut web = playing(version, play);
    web["metadata"]["annotations"] = json!({"kubectl-delivery.io/rehearse": "true"});
    web
}

#[test]
fn a_rehearsal_that_fails_changes_nothing() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[web("1.0.0", "slow-ready")]);
    stage.release("1.4.2", &[web("1.1.0", "crash-loop")]);

    stage.assert_screen(
        "promote_rehearsal_failed",
        "promote shop-1.4.2.yaml --yes --rehearse",
    );
}

#[test]
fn what_must_not_run_twice_is_refused() {
    let stage = Stage::new();
    let mut web = web("1.1.0", "slow-ready");
    web["spec"]["template"]["spec"]["hostNetwork"] = true.into();
    stage.release("1.4.2", &[web]);

    let line = "promote shop-1.4.2.yaml --dry-run=server --rehearse";
    stage.assert_screen("promote_rehearsal_refused", line);
}
