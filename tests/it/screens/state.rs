//! Screens of `state`.

use super::Stage;
use super::stage::config;

#[test]
fn state_that_is_as_it_was_written_is_verified() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);

    stage.assert_screen("state_verified", "state verify shop");
    stage.assert_screen("state_verify_unknown_release", "state verify web");
}

#[test]
fn state_that_was_altered_is_not_believed() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.promoted("1.4.2", &[config("settings", "USD")]);
    stage.kubectl("patch configmap delivery-shop-journal -p {\"data\":{\"message\":\"altered\"}}");

    stage.assert_screen("state_altered", "state verify shop");
    stage.assert_screen("state_altered_status", "status shop");
    stage.assert_screen("state_altered_revert", "revert shop");
    stage.assert_screen("state_accept_without_a_terminal", "state accept shop");
}

#[test]
fn another_key_is_given_to_the_state() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.write("state.key", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");

    stage.assert_screen("state_rotate_in_the_cluster", "state rotate shop");
    stage.assert_screen("state_rotate_to_a_file", "state rotate shop --to state.key");
    stage.assert_screen("state_not_verified", "state verify shop");
}
