//! Screens of `push` and `pull`.

use super::Stage;
use super::stage::config;
use crate::harness::{TestCluster, unique};

#[test]
fn a_release_is_pushed_to_a_registry_and_pulled_from_there() {
    let stage = Stage::new();
    stage.release("1.4.2", &[config("settings", "EUR")]);
    let place = format!("oci://{}/shop-{}:1.4.2", TestCluster::get().registry, unique());

    stage.assert_screen("pull_missing", &format!("pull {place}"));
    stage.assert_screen("push", &format!("push shop-1.4.2.yaml {place}"));
    stage.assert_screen("pull", &format!("pull {place} -o pulled.yaml"));
}

#[test]
fn a_release_is_pushed_to_a_directory() {
    let stage = Stage::new();
    stage.release("1.4.2", &[config("settings", "EUR")]);

    stage.assert_screen("push_to_a_layout", "push shop-1.4.2.yaml oci-layout:layout:1.4.2");
    stage.assert_screen(
        "push_wrong_place",
        "push shop-1.4.2.yaml registry.example/shop:1.4.2",
    );
}
