//! Screens of promotions that end well, and of those that are only looked at.

use super::Stage;
use super::stage::{assert_screen, config, service, web};
use crate::harness::Run;

#[test]
fn a_first_promotion_and_one_with_nothing_to_do() {
    let stage = Stage::new();
    stage.release("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);

    stage.assert_screen("promote_first", "promote shop-1.4.1.yaml --yes");
    stage.assert_screen("promote_nothing_to_do", "promote shop-1.4.1.yaml --yes");
}

#[test]
fn an_update_is_shown_by_both_dry_runs_and_then_promoted() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    stage.release("1.4.2", &[config("settings", "USD"), service(), web("1.1.0")]);

    stage.assert_screen(
        "promote_dry_run_client",
        "promote shop-1.4.2.yaml --dry-run=client",
    );
    stage.assert_screen(
        "promote_dry_run_server",
        "promote shop-1.4.2.yaml --dry-run=server",
    );
    let mut narrow = stage.command("promote shop-1.4.2.yaml --dry-run=server");
    assert_screen("promote_dry_run_narrow", &narrow.env("COLUMNS", "60").run());
    stage.assert_screen("promote_update", "promote shop-1.4.2.yaml --yes");
}

#[test]
fn objects_that_left_the_release_are_pruned() {
    let stage = Stage::new();
    stage.promoted(
        "1.4.1",
        &["flags", "limits", "settings", "texts"].map(|name| config(name, "EUR")),
    );
    stage.release(
        "1.4.2",
        &["flags", "limits", "settings"].map(|name| config(name, "EUR")),
    );

    stage.assert_screen("promote_prune", "promote shop-1.4.2.yaml --yes");
}

#[test]
fn an_unfinished_promotion_is_resumed() {
    let stage = Stage::new();
    let mut late = web("1.0.0");
    late["spec"]["template"]["metadata"]["annotations"]["kwok-play-after"] = "5s".into();
    stage.release("1.4.1", &[config("settings", "EUR"), late]);
    stage
        .run("promote shop-1.4.1.yaml --yes --timeout 2s --on-failure stop")
        .exits(4);
    stage.kubectl("rollout status deployment/web --timeout 20s");

    stage.assert_screen("promote_resume", "promote shop --resume --yes");
}
