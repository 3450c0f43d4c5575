//! Screens of `forget`.

use super::Stage;
use super::stage::config;

#[test]
fn a_release_is_shown_and_forgotten() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);

    stage.assert_screen("forget_dry_run", "forget shop --manager kubectl --dry-run");
    stage.assert_screen("forget_without_a_terminal", "forget shop --manager kubectl");
    stage.assert_screen("forget_json", "forget shop --manager kubectl --dry-run -o json");
    stage.assert_screen("forget", "forget shop --manager kubectl -y");
    stage.assert_screen("forget_unknown_release", "forget shop --manager kubectl -y");
}
