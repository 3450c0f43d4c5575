//! Screens of `delete`, and of what other commands say of a release that was deleted.

use super::Stage;
use super::stage::{config, web};
use serde_json::json;

#[test]
fn a_release_is_shown_deleted_and_brought_back() {
    let stage = Stage::new();
    let mut flags = config("flags", "on");
    flags["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    stage.promoted("1.4.2", &[config("settings", "EUR"), web("1.0.0"), flags]);

    stage.assert_screen("delete_dry_run", "delete shop --dry-run=server");
    stage.assert_screen("delete_without_a_terminal", "delete shop");
    stage.assert_screen("delete", "delete shop --yes");
    stage.assert_screen("delete_nothing_to_delete", "delete shop --yes");
    stage.assert_screen("delete_status", "status shop");
    stage.assert_screen("delete_history", "history shop");
    stage.assert_screen("delete_diff", "diff");
    stage.assert_screen("delete_reverted", "revert shop");
    stage.assert_screen("delete_reverted_history", "history shop");
    stage.assert_screen("delete_unknown_release", "delete nosuch --yes");
}

#[test]
fn a_deletion_that_a_finalizer_holds_is_rolled_back() {
    let stage = Stage::new();
    stage.promoted("1.4.2", &[config("settings", "EUR"), config("flags", "on")]);
    stage.kubectl("patch configmap settings -p {\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}");

    stage.assert_screen("delete_held", "delete shop --yes --timeout 1s");
    stage.kubectl("patch configmap settings -p {\"metadata\":{\"finalizers\":null}}");
}
