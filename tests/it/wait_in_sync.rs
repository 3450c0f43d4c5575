//! `wait` sees what `diff` sees: what another client added to an applied object is no release.

use crate::harness::{Ran, Run, Running, TestCluster};
use crate::wait::{Scene, config, deployment, image};
use rstest::rstest;
use std::path::PathBuf;
use std::process::Command;

/// Adds a field as a person does with kubectl.
fn add(scene: &Scene, object: &str, patch: &str) {
    let words = ["patch", object, "--type=merge", "-p", patch];
    scene.namespace.kubectl().args(words).run().ok();
}

/// As administrator: the API server may be asked what desired would be.
fn waiting(scene: &Scene, release: &PathBuf, settle: &str, timeout: &str) -> Command {
    let mut command = TestCluster::get().delivery();
    command
        .arg("wait")
        .arg(release)
        .args(["-n", scene.namespace.name()]);
    command.args(["--settle", settle, "--timeout", timeout]);
    command
}

fn wait(scene: &Scene, release: &PathBuf, timeout: &str) -> Ran {
    waiting(scene, release, "1s", timeout).run()
}

#[test]
fn a_field_that_a_person_added_fails_at_the_deadline_with_its_name_and_the_manager() {
    let scene = Scene::new();
    let release = scene.release("2");
    scene.apply(&[config("2"), deployment(&image("2"), None)]);
    add(&scene, "configmap/shop", r#"{"data": {"EXTRA": "x"}}"#);
    let named = "not in sync within 10s: /data/EXTRA is not in the release (added manually by kubectl-patch)";

    let ran = wait(&scene, &release, "10s").exits(3);
    assert!(ran.stderr.contains(named), "{ran:?}");

    // By reading alone as well: no permission to write is needed for it.
    let ran = scene.wait(&release, &["--timeout", "10s"], &[]).exits(3);
    assert!(ran.stderr.contains(named), "{ran:?}");
}

#[test]
fn a_field_below_a_workload_that_another_client_added_is_waited_for_until_it_is_gone() {
    let scene = Scene::new();
    let release = scene.release("2");
    scene.apply(&[config("2"), deployment(&image("2"), None)]);
    add(&scene, "deployment/web", r#"{"spec": {"minReadySeconds": 1}}"#);

    let ran = std::thread::scope(|threads| {
        threads.spawn(|| {
            std::thread::sleep(std::time::Duration::from_secs(3));
            add(&scene, "deployment/web", r#"{"spec": {"minReadySeconds": null}}"#);
        });
        wait(&scene, &release, "30s")
    });
    assert!(
        ran.stderr.contains("/spec/minReadySeconds is not in the release"),
        "{ran:?}"
    );
    assert!(ran.exits(0).stderr.contains("2 objects in sync"));
}

#[test]
fn who_may_only_read_is_told_what_was_compared_by_reading_alone() {
    let scene = Scene::new();
    let release = scene.release("2");
    scene.apply(&[config("2"), deployment(&image("2"), None)]);

    let ran = scene.wait(&release, &["--timeout", "20s"], &[]).exits(0);
    let note = format!(
        "ConfigMap {0}/shop, Deployment {0}/web: compared by reading alone",
        scene.namespace
    );
    assert!(ran.stderr.contains(&note), "{ran:?}");

    let ran = wait(&scene, &release, "20s").exits(0);
    assert!(!ran.stderr.contains("by reading alone"), "{ran:?}");
}

#[test]
fn the_marks_of_an_installer_and_what_controllers_write_are_as_released() {
    let scene = Scene::new();
    let release = scene.release("2");
    scene.apply(&[config("2"), deployment(&image("2"), None)]);
    let marks = r#"{"metadata": {"annotations": {"meta.helm.sh/release-name": "shop"}, "labels": {"app.kubernetes.io/managed-by": "Helm"}}}"#;
    add(&scene, "configmap/shop", marks);

    wait(&scene, &release, "20s").exits(0);
    scene.wait(&release, &["--timeout", "20s"], &[]).exits(0);
}

/// A change by a person, how it is undone, and how it is named.
struct Change {
    words: &'static [&'static str],
    undo: &'static [&'static str],
    named: &'static str,
}

impl Change {
    fn of(kind: &str) -> Self {
        match kind {
            "ConfigMap" => Self {
                words: &["patch", "configmap/shop", "-p", r#"{"data": {"EXTRA": "x"}}"#],
                undo: &["patch", "configmap/shop", "-p", r#"{"data": {"EXTRA": null}}"#],
                named: "/data/EXTRA is not in the release (added manually by kubectl-patch)",
            },
            // What runs is another image then: the proof would fail at once.
            "image" => Self {
                words: &[
                    "patch",
                    "deployment/web",
                    "-p",
                    r#"{"spec": {"template": {"metadata": {"annotations":
                    {"kwok-image-id/web": "127.0.0.1:5000/wait@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}}}}"#,
                ],
                undo: &["rollout", "undo", "deployment/web"],
                named: "/spec/template/metadata/annotations/kwok-image-id~1web does not have its desired value (changed manually by kubectl-patch)",
            },
            _ => Self {
                words: &["set", "env", "deployment/web", "DEBUG=1"],
                undo: &["set", "env", "deployment/web", "DEBUG-"],
                named: "/spec/template/spec/containers/[name=web]/env",
            },
        }
    }

    fn make(&self, scene: &Scene) {
        scene.namespace.kubectl().args(self.words).run().ok();
    }

    fn undo(&self, scene: &Scene) {
        scene.namespace.kubectl().args(self.undo).run().ok();
    }
}

#[rstest]
fn a_change_during_the_rollout_is_named_and_fails_at_the_deadline_unless_it_is_undone(
    #[values("ConfigMap", "Deployment", "image")] kind: &str,
    #[values(false, true)] is_undone: bool,
) {
    let (scene, change) = (Scene::new(), Change::of(kind));
    let release = scene.release("2");
    scene.apply(&[config("2"), deployment(&image("2"), None)]);
    let timeout = if is_undone { "60s" } else { "15s" };
    let running = Running::start(&mut waiting(&scene, &release, "4s", timeout));
    running.until_stderr("settling for 4s");
    change.make(&scene);

    if is_undone {
        running.until_stderr(change.named);
        change.undo(&scene);
        let ran = running.wait().exits(0);
        assert!(
            ran.stderr.contains("shop 2 is running: 2 objects in sync"),
            "{ran:?}"
        );
    } else {
        let ran = running.wait().exits(3);
        let late = format!("not in sync within 15s: {}", change.named);
        assert!(ran.stderr.contains(&late), "{ran:?}");
        assert!(ran.stderr.contains("manually by kubectl-"), "{ran:?}");
    }
}

#[rstest]
fn a_change_during_the_soak_fails_at_its_end_unless_it_is_undone_and_a_watched_one_is_named_at_once(
    #[values("ConfigMap", "Deployment")] kind: &str,
    #[values(false, true)] is_undone: bool,
) {
    let (scene, change) = (Scene::new(), Change::of(kind));
    let release = scene.release("2");
    scene.apply(&[config("2"), deployment(&image("2"), None)]);
    let mut command = waiting(&scene, &release, "0s", "60s");
    let running = Running::start(command.args(["--soak", "12s"]));
    running.until_stderr("soaking");
    change.make(&scene);
    if kind == "Deployment" {
        running.until_stderr(change.named);
        assert!(!running.has_ended(), "it is named while it soaks");
    }

    if is_undone {
        change.undo(&scene);
        let ran = running.wait().exits(0);
        assert!(
            ran.stderr.contains("shop 2 is running: 2 objects in sync"),
            "{ran:?}"
        );
    } else {
        let ran = running.wait().exits(3);
        let late = format!("not in sync at the end of the soak: {}", change.named);
        assert!(ran.stderr.contains(&late), "{ran:?}");
        assert!(ran.stderr.contains("manually by kubectl-"), "{ran:?}");
    }
}
