//! Whoever may look into the temporary folder of the machine, while a command runs or after it was killed, finds no value of a
//! Secret there.

use super::traces::assert_no_trace;
use crate::harness::{Act, KillProxy, Namespace, Running, TestCluster, until};
use crate::promote::support::{ReleaseFile, config, promote};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const VALUES: [&str; 2] = ["correct-horse-battery", "wrong-horse-staple-42"];

fn objects(version: usize) -> Vec<Value> {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "stringData": {"password": VALUES[version]}});
    // What a Secret holds stands in other objects, too.
    let note = format!("the password is {}", VALUES[version]);
    vec![secret, config("notes", json!({"note": note}))]
}

/// Two promoted versions, the second one runs.
fn scene() -> (Namespace, [ReleaseFile; 2]) {
    let namespace = TestCluster::get().namespace_named("t-files");
    let releases = [("1", 0), ("2", 1)].map(|(version, n)| ReleaseFile::new("shop", version, objects(n)));
    releases
        .iter()
        .for_each(|release| drop(promote(&namespace, release, &["-y"]).exits(0)));
    (namespace, releases)
}

/// Everything below a folder: path and permissions.
fn below(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            found.extend(below(&path));
        }
        found.push((path, mode));
    }
    found
}

fn assert_holds_no_value(folder: &Path) {
    for (path, _) in below(folder).iter().filter(|(path, _)| path.is_file()) {
        let text = std::fs::read_to_string(path).unwrap();
        VALUES
            .iter()
            .for_each(|value| assert_no_trace(value, &text, &path.display().to_string()));
    }
}

#[test]
fn what_another_tool_is_shown_is_masked_private_and_gone_after_a_signal() {
    let (namespace, [old, _]) = scene();
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\n: > \"$READY\"\nexec sleep 30\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();

    for signal in ["TERM", "HUP", "KILL"] {
        let temporary = folder.path().join(signal);
        std::fs::create_dir(&temporary).unwrap();
        let ready = folder.path().join(format!("{signal}-ready"));
        let mut diff = TestCluster::get().delivery();
        diff.arg("diff").arg(old.path()).args(["-n", namespace.name()]);
        diff.env("KUBECTL_EXTERNAL_DIFF", &tool)
            .env("READY", &ready)
            .env("TMPDIR", &temporary);
        let running = Running::start(&mut diff);
        assert!(until(60, || ready.exists()), "the tool is not started");

        let all = below(&temporary);
        assert!(
            all.iter().filter(|(path, _)| path.is_file()).count() >= 4,
            "{all:?}"
        );
        let top = all
            .iter()
            .find(|(path, _)| path.parent() == Some(&temporary))
            .unwrap();
        assert_eq!(top.1, 0o700, "{all:?}");
        let files = all.iter().filter(|(path, _)| path.is_file());
        files.for_each(|(path, mode)| assert_eq!(*mode, 0o600, "{}", path.display()));
        let texts: String = all
            .iter()
            .filter_map(|(path, _)| std::fs::read_to_string(path).ok())
            .collect();
        assert!(texts.contains("‹secret "), "{texts}");
        assert_holds_no_value(&temporary);

        running.process().signal(signal);
        // The tool of a killed run sleeps on, with the pipes in its hands.
        if signal == "KILL" {
            std::thread::sleep(std::time::Duration::from_millis(300));
            assert_holds_no_value(&temporary);
            break;
        }
        let ran = running.wait();
        assert_eq!(ran.code, Some(130), "{ran:?}");
        assert_eq!(below(&temporary), [], "removed after SIG{signal}");
    }
}

#[test]
fn a_revert_to_a_revision_with_secrets_writes_no_file_killed_or_not() {
    let (namespace, [_, new]) = scene();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let folder = tempfile::tempdir().unwrap();
    let revert = || {
        let mut revert = TestCluster::get().delivery();
        revert.args([
            "revert",
            "shop",
            "-y",
            "-n",
            namespace.name(),
            "--to-revision",
            "1",
        ]);
        revert
            .env("TMPDIR", folder.path())
            .env("HOME", folder.path())
            .current_dir(folder.path());
        revert
    };
    for (n, act) in [(1, Act::KillBefore), (4, Act::KillAfter), (7, Act::KillAfter)] {
        proxy.forget();
        proxy.at_write(n, act);
        let ran = proxy.run(&mut revert());
        assert_eq!(ran.code, None, "killed at write {n}: {ran:?}");
        assert_eq!(below(folder.path()), [], "killed at write {n}");
        let settled = promote(&namespace, &new, &["-y", "--on-open-journal", "revert"]);
        assert_eq!(settled.code, Some(0), "{settled:?}");
    }
    proxy.forget();
    let ran = proxy.run(&mut revert()).exits(0);
    VALUES
        .iter()
        .for_each(|value| assert_no_trace(value, &(ran.stdout.clone() + &ran.stderr), "revert"));
    assert_eq!(below(folder.path()), []);
    let live = namespace.get("", "Secret", "db").unwrap();
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(VALUES[0]);
    assert_eq!(live.text("/data/password"), encoded);
}
