//! Screens of `render`.

use super::Stage;
use super::stage::config;

#[test]
fn the_objects_of_a_promotion_are_printed_or_written() {
    let stage = Stage::new();
    stage.release("1.4.2", &[config("settings", "EUR"), config("flags", "on")]);

    stage.assert_screen("render", "render shop-1.4.2.yaml -n shop");
    stage.assert_screen("render_without_a_namespace", "render shop-1.4.2.yaml");
    stage.assert_screen(
        "render_to_a_file",
        "render shop-1.4.2.yaml -n shop -o rendered.yaml",
    );
}
