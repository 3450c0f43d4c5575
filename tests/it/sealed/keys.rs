//! Keys: in the cluster, outside of it, and one in another's place.

use super::*;
use crate::harness::{Act, KillProxy, TestCluster};
use crate::promote::support::ReleaseFile;
use kubectl_delivery::testing::model::Sha256Digest;
use std::path::{Path, PathBuf};

pub fn key(folder: &Path, name: &str, byte: u8) -> PathBuf {
    use base64::Engine;
    let file = folder.join(name);
    std::fs::write(
        &file,
        base64::engine::general_purpose::STANDARD.encode([byte; 32]),
    )
    .unwrap();
    file
}

#[test]
fn a_key_outside_is_needed_for_every_write_and_nothing_of_it_lies_in_the_cluster() {
    let app = App::new();
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (key(folder.path(), "own", 1), key(folder.path(), "other", 2));
    app.promote("1", &version("1"))
        .arg("--state-key")
        .arg(&own)
        .run()
        .exits(0);
    let secrets = app.kubectl(&["get", "secrets", "-o", "name"]);
    assert!(!secrets.contains("delivery-app-key"), "{secrets}");
    let ran = app.promote("2", &version("2")).run().exits(2);
    assert!(
        ran.stderr
            .contains("is stored outside of the cluster: add --state-key"),
        "{}",
        ran.stderr
    );
    let ran = app
        .promote("2", &version("2"))
        .arg("--state-key")
        .arg(&other)
        .run()
        .exits(2);
    assert!(ran.stderr.contains("not with the given one"), "{}", ran.stderr);
    let status = command(&app, &["status"]).run().exits(0);
    assert!(status.stdout.contains("not verified"), "{}", status.stdout);
    app.promote("2", &version("2"))
        .env("KUBECTL_DELIVERY_STATE_KEY", &own)
        .run()
        .exits(0);
    app.revert().arg("--state-key").arg(&own).run().exits(0);
    assert_eq!(value_of(&app), "1");
}

#[test]
fn whoever_replaces_the_seal_by_one_of_a_key_in_the_cluster_is_not_believed_where_one_outside_is_given() {
    let app = promoted();
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "own", 1);
    let ran = app
        .promote("2", &version("2"))
        .arg("--state-key")
        .arg(&own)
        .run()
        .exits(2);
    assert!(
        ran.stderr
            .contains("with a key in the cluster, not with the given one"),
        "{}",
        ran.stderr
    );
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
    let secret = || {
        app.namespace
            .get("", "Secret", "delivery-app-key")
            .map(|key| key.text("/data/key").to_owned())
    };
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
    app.promote("3", &version("3"))
        .arg("--state-key")
        .arg(&own)
        .run()
        .exits(0);
    let ran = state(&app, "rotate").run().exits(2);
    assert!(ran.stderr.contains("--state-key"), "{}", ran.stderr);
    state(&app, "rotate").arg("--state-key").arg(&own).run().exits(0);
    app.promote("4", &version("4")).run().exits(0);
    app.revert().args(["--to-revision", "3"]).run().exits(0);
    assert_eq!(value_of(&app), "3");
    let leftovers = app.kubectl(&["get", "secrets", "-o", "name"]);
    assert!(!leftovers.contains("key-next"), "{leftovers}");
}

#[test]
fn a_rotation_killed_at_any_write_is_finished_by_the_next_one_and_nothing_is_lost() {
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    for n in 1.. {
        let app = promoted();
        app.promote("2", &version("2")).run().exits(0);
        proxy.forget();
        proxy.at_write(
            n,
            if n % 2 == 0 {
                Act::KillBefore
            } else {
                Act::KillAfter
            },
        );
        let ran = proxy.run(&mut state(&app, "rotate"));
        if ran.code.is_some() {
            assert!(n > 12, "only {n} writes: {}", ran.stderr);
            break;
        }

        // Killed once more where it begins again.
        proxy.forget();
        proxy.at_write(1 + n % 3, Act::KillAfter);
        proxy.run(&mut state(&app, "rotate"));

        let ran = state(&app, "rotate").run();
        assert_eq!(ran.code, Some(0), "killed at write {n}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("cannot be kept"),
            "killed at write {n}: {}",
            ran.stderr
        );
        state(&app, "verify").run().exits(0);
        app.revert().run().exits(0);
        assert_eq!(value_of(&app), "1", "killed at write {n}");
        let secrets = app.kubectl(&["get", "secrets", "-o", "name"]);
        assert!(!secrets.contains("key-next"), "{secrets}");
    }
}

/// Somebody may read ConfigMaps and what a pipeline shows, and knows all of the release's file but a short value in it.
#[test]
fn no_digest_of_a_release_tells_a_value_in_it() {
    let app = App::new();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "data": {"pin": "NDgyOTEz"}});
    let objects = |value: &str| [version(value), vec![secret.clone()]].concat();
    let mut shown = String::new();
    let mut digests = Vec::new();
    let mut keep = |ran: Ran| shown += &(ran.stdout + &ran.stderr);
    for value in ["1", "2"] {
        let release = ReleaseFile::new(NAME, value, objects(value));
        let path = release.path();
        digests.push(
            Sha256Digest::compute(&std::fs::read(&path).unwrap())
                .hex()
                .to_owned(),
        );
        let path = path.to_str().unwrap();
        keep(
            command(&app, &["promote", path, "--dry-run=server", "-o", "json"])
                .run()
                .exits(0),
        );
        keep(
            command(&app, &["promote", path, "-y", "-o", "json"])
                .run()
                .exits(0),
        );
        keep(command(&app, &["diff", path, "-o", "json"]).run().exits(0));
        keep(command(&app, &["promote", path, "-y"]).run().exits(0));
    }
    keep(command(&app, &["history", NAME, "-o", "json"]).run().exits(0));
    keep(command(&app, &["status", NAME, "-o", "json"]).run().exits(0));
    keep(command(&app, &["history", NAME]).run().exits(0));
    shown += &app.kubectl(&["get", "configmaps", "-o", "json"]);
    shown += &journal_of(&app);
    for digest in &digests {
        assert!(!shown.contains(&digest[..12]), "{shown}");
    }
    let history = command(&app, &["history", NAME, "-o", "json"])
        .run()
        .exits(0)
        .stdout;
    let digests_in = |text: &str| -> Vec<String> {
        let entries: Value = serde_json::from_str(text).unwrap();
        let digest = |entry: &Value| entry["release"]["digest"].as_str().unwrap().to_owned();
        entries.as_array().unwrap().iter().map(digest).collect()
    };
    let before = digests_in(&history);
    assert!(
        before.len() == 2 && before.iter().all(|digest| digest.starts_with("hmac-sha256:")),
        "{history}"
    );

    // Another key gives other digests, of the same releases.
    state(&app, "rotate").run().exits(0);
    let rotated = command(&app, &["history", NAME, "-o", "json"])
        .run()
        .exits(0)
        .stdout;
    let after = digests_in(&rotated);
    assert!(
        after
            .iter()
            .all(|digest| digest.starts_with("hmac-sha256:") && !before.contains(digest)),
        "{rotated}"
    );
    state(&app, "verify").run().exits(0);
    let release = ReleaseFile::new(NAME, "2", objects("2"));
    let ran = command(&app, &["promote", release.path().to_str().unwrap(), "-y"])
        .run()
        .exits(0);
    assert!(ran.stderr.contains("nothing to do"), "{}", ran.stderr);
    app.revert().args(["--to-revision", "1"]).run().exits(0);
    assert_eq!(value_of(&app), "1");
}

/// The journal as it lies in its ConfigMap.
fn journal_of(app: &App) -> String {
    use base64::Engine;
    use std::io::Read;
    let object = app
        .namespace
        .get("", "ConfigMap", "delivery-app-journal")
        .unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(object.text("/binaryData/journal"))
        .unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .unwrap();
    text
}
