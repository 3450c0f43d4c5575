//! Screens of `images`.

use super::Stage;
use super::stage::web;

#[test]
fn the_images_of_a_namespace() {
    let stage = Stage::new();
    stage.assert_screen("images_none", "images");

    stage.promoted("1.4.1", &[web("1.0.0")]);
    stage.assert_screen("images", "images");
    stage.assert_screen("images_offline", "images --offline");
}
