//! Screens of `show`.

use super::Stage;
use super::stage::{config, web};
use serde_json::json;

#[test]
fn a_release_with_images_and_requirements() {
    let stage = Stage::new();
    let mut web = web("1.0.0");
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "db"}}]);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": "x"}});
    stage.release("1.4.2", &[config("settings", "EUR"), secret, web]);

    stage.assert_screen("show", "show shop-1.4.2.yaml");
}
