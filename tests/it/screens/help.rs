//! Screens of `--help` and `version`.

use super::Stage;

#[test]
fn help_and_versions() {
    let stage = Stage::new();

    stage.assert_screen("help", "--help");
    stage.assert_screen("help_of_promote", "promote -h");
    stage.assert_screen("version", "version");
    stage.assert_screen("version_client", "version --client");
}
