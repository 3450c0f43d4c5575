//! Screens of `history`.

use super::Stage;
use super::stage::{config, playing};

#[test]
fn each_promotion_is_a_revision_with_its_end() {
    let stage = Stage::new();
    stage.assert_screen("history_none", "history shop");

    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.release(
        "1.4.2",
        &[config("settings", "EUR"), playing("1.1.0", "crash-loop")],
    );
    stage.run("promote shop-1.4.2.yaml --yes").exits(3);
    stage.promoted("1.4.3", &[config("settings", "USD")]);
    stage.run("revert shop --yes").ok();
    stage.run("revert shop --to-revision 3 --yes").ok();

    stage.assert_screen("history", "history shop");
}
