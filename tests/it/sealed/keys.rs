//! Keys: in the cluster, outside of it, and one in another's place.

use super::*;
use std::path::{Path, PathBuf};

pub fn key(folder: &Path, name: &str, byte: u8) -> PathBuf {
    use base64::Engine;
    let file = folder.join(name);
    std::fs::write(&file, base64::engine::general_purpose::STANDARD.encode([byte; 32])).unwrap();
    file
}

#[test]
fn a_key_outside_is_needed_for_every_write_and_nothing_of_it_lies_in_the_cluster() {
    let app = App::new();
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (key(folder.path(), "own", 1), key(folder.path(), "other", 2));
    app.promote("1", &version("1")).arg("--state-key").arg(&own).run().exits(0);
    let secrets = app.kubectl(&["get", "secrets", "-o", "name"]);
    assert!(!secrets.contains("delivery-app-key"), "{secrets}");
    let ran = app.promote("2", &version("2")).run().exits(2);
    assert!(ran.stderr.contains("is kept outside of the cluster: --state-key"), "{}", ran.stderr);
    let ran = app.promote("2", &version("2")).arg("--state-key").arg(&other).run().exits(2);
    assert!(ran.stderr.contains("not with the one that is given"), "{}", ran.stderr);
    let status = command(&app, &["status"]).run().exits(0);
    assert!(status.stdout.contains("not verified"), "{}", status.stdout);
    app.promote("2", &version("2")).env("KUBECTL_DELIVERY_STATE_KEY", &own).run().exits(0);
    app.revert().arg("--state-key").arg(&own).run().exits(0);
    assert_eq!(value_of(&app), "1");
}

#[test]
fn whoever_replaces_the_seal_by_one_of_a_key_in_the_cluster_is_not_believed_where_one_outside_is_given() {
    let app = promoted();
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "own", 1);
    let ran = app.promote("2", &version("2")).arg("--state-key").arg(&own).run().exits(2);
    assert!(ran.stderr.contains("with a key in the cluster, and not with the one"), "{}", ran.stderr);
}

#[test]
fn a_key_that_is_none_is_refused_with_what_to_type() {
    let app = promoted();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    for text in ["", "secret", "c2hvcnQ="] {
        std::fs::write(&file, text).unwrap();
        let ran = app.revert().arg("--state-key").arg(&file).run().exits(1);
        assert!(ran.stderr.contains("openssl rand -base64 32"), "{}", ran.stderr);
    }
    let ran = app.revert().args(["--state-key", "/nowhere"]).run().exits(1);
    assert!(ran.stderr.contains("/nowhere"), "{}", ran.stderr);
}

#[test]
fn a_key_is_rotated_in_the_cluster_and_out_of_it_and_back() {
    let app = promoted();
    app.promote("2", &version("2")).run().exits(0);
    let secret =
        || app.namespace.get("", "Secret", "delivery-app-key").map(|key| key.text("/data/key").to_owned());
    let first = secret().unwrap();
    state(&app, "rotate").run().exits(0);
    assert_ne!(secret().unwrap(), first);
    state(&app, "verify").run().exits(0);
    // What is kept can be used under the new key.
    app.revert().run().exits(0);
    assert_eq!(value_of(&app), "1");
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "own", 1);
    state(&app, "rotate").arg("--to").arg(&own).run().exits(0);
    app.promote("3", &version("3")).run().exits(2);
    app.promote("3", &version("3")).arg("--state-key").arg(&own).run().exits(0);
    let ran = state(&app, "rotate").run().exits(2);
    assert!(ran.stderr.contains("--state-key"), "{}", ran.stderr);
    state(&app, "rotate").arg("--state-key").arg(&own).run().exits(0);
    app.promote("4", &version("4")).run().exits(0);
    app.revert().args(["--to-revision", "3"]).run().exits(0);
    assert_eq!(value_of(&app), "3");
    let leftovers = app.kubectl(&["get", "secrets", "-o", "name"]);
    assert!(!leftovers.contains("key-next"), "{leftovers}");
}
