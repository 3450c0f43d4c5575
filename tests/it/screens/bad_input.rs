//! Screens of input that cannot be used.

use super::Stage;
use super::stage::config;

#[test]
fn a_command_line_that_is_wrong() {
    let stage = Stage::new();
    stage.release("1.4.2", &[config("settings", "EUR")]);

    for (name, line) in [
        ("bad_input_command", "promot shop-1.4.2.yaml"),
        ("bad_input_flag", "promote shop-1.4.2.yaml --force"),
        ("bad_input_duration", "promote shop-1.4.2.yaml --timeout 5x"),
        ("bad_input_format", "diff shop-1.4.2.yaml -o yam"),
        ("bad_input_missing_argument", "promote"),
        ("bad_input_context", "status --context prod"),
        ("bad_input_namespace", "status -n no-such-namespace"),
        ("bad_input_other_tool", "apply -f manifests-1.4.2.json"),
        ("bad_input_promote_f", "promote -f shop-1.4.2.yaml"),
        ("bad_input_format_as_file", "render shop-1.4.2.yaml -o json"),
        ("bad_input_guarded_flag", "promote shop-1.4.2.yaml --alow-prune"),
    ] {
        stage.assert_screen(name, line);
    }
}

#[test]
fn a_file_that_is_missing_or_cannot_be_read() {
    let stage = Stage::new();
    stage.write("broken.yaml", "apiVersion: v1\nkind: [ConfigMap\nmetadata:\n");
    stage.write("unknown-field.yaml", "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Release\nmetadata: {name: shop, version: '1'}\nspec: {object: []}\n");
    stage.write(
        "manifest.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n",
    );
    stage.release("1.4.2", &[config("settings", "EUR")]);

    for (name, line) in [
        ("bad_input_missing_file", "promote shop.yaml"),
        (
            "bad_input_broken_yaml",
            "record -f broken.yaml --name shop --version 1",
        ),
        ("bad_input_unknown_field", "promote unknown-field.yaml"),
        ("bad_input_other_kind", "promote manifest.yaml"),
        (
            "bad_input_release_as_manifests",
            "record -f shop-1.4.2.yaml --name shop --version 2",
        ),
        ("bad_input_image", "promote ghcr.io/acme/web:1"),
        ("bad_input_similar_file", "promote shop-1.4.2.yml"),
    ] {
        stage.assert_screen(name, line);
    }
}

#[test]
fn a_cluster_that_cannot_be_reached() {
    let stage = Stage::new();

    stage.assert_screen("bad_input_no_kubeconfig", "status --kubeconfig missing");
    // Nothing listens on the port 1.
    stage.assert_screen("bad_input_no_server", "status --server https://127.0.0.1:1");
}
