//! Screens of `revert`.

use super::Stage;
use super::stage::{config, playing, web};

#[test]
fn the_last_promotion_is_reverted_and_then_nothing_is_left_to_revert() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    stage.promoted(
        "1.4.2",
        &[config("settings", "USD"), web("1.1.0"), config("flags", "on")],
    );

    stage.assert_screen("revert_dry_run", "revert shop --dry-run=server");
    stage.assert_screen("revert_dry_run_json", "revert shop --dry-run=server -o json");
    stage.assert_screen("revert_without_a_terminal", "revert shop");
    stage.assert_screen("revert_last", "revert shop --yes");
    stage.assert_screen("revert_nothing_to_revert", "revert shop");
}

#[test]
fn a_revision_of_the_history_is_promoted_again() {
    let stage = Stage::new();
    for (version, currency) in [("1.4.1", "EUR"), ("1.4.2", "USD"), ("1.4.3", "CHF")] {
        stage.promoted(version, &[config("settings", currency)]);
    }

    stage.assert_screen("revert_to_revision", "revert shop --to-revision 1 --yes");
    stage.assert_screen("revert_to_the_current_revision", "revert shop --to-revision 4");
    stage.assert_screen("revert_to_an_unknown_revision", "revert shop --to-revision 9");
}

#[test]
fn a_failed_promotion_that_was_left_standing_is_reverted() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    stage.release(
        "1.4.2",
        &[config("settings", "USD"), playing("1.1.0", "crash-loop")],
    );
    stage
        .run("promote shop-1.4.2.yaml --yes --on-failure stop")
        .exits(4);

    stage.assert_screen("revert_failed_promotion", "revert shop");
}

#[test]
fn a_failed_promotion_that_was_rolled_back_leaves_nothing_to_revert() {
    let stage = Stage::new();
    stage.release("1.4.2", &[playing("1.1.0", "crash-loop")]);
    stage.run("promote shop-1.4.2.yaml --yes").exits(3);

    stage.assert_screen("revert_after_a_rollback", "revert shop");
}

#[test]
fn after_a_rollback_the_promotion_before_is_reverted_by_its_number() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.release(
        "1.4.2",
        &[config("settings", "USD"), playing("1.1.0", "crash-loop")],
    );
    stage.run("promote shop-1.4.2.yaml --yes").exits(3);

    stage.assert_screen("revert_after_a_rollback_of_the_second", "revert shop --yes");
    stage.assert_screen(
        "revert_of_another_revision",
        "revert shop --yes --undo-revision 2",
    );
    stage.assert_screen(
        "revert_of_the_revision_before",
        "revert shop --yes --undo-revision 1",
    );
}

#[test]
fn a_change_of_another_client_is_overwritten_or_kept() {
    for (name, line) in [
        ("revert_overwrites", "revert shop --yes"),
        ("revert_keeps", "revert shop --yes --keep-foreign"),
    ] {
        let stage = Stage::new();
        stage.promoted("1.4.1", &[config("settings", "EUR")]);
        stage.promoted("1.4.2", &[config("settings", "USD")]);
        stage.kubectl(
            "patch configmap settings --field-manager kubectl-edit -p {\"data\":{\"currency\":\"CHF\"}}",
        );

        stage.assert_screen(name, line);
    }
}

#[test]
fn a_release_that_was_never_promoted_cannot_be_reverted() {
    let stage = Stage::new();

    stage.assert_screen("revert_unknown_release", "revert shop");
    stage.assert_screen("revert_empty_namespace", "revert");
}
