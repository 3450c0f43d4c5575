//! `wait` sees what `diff` sees: what another client added to an applied object is no release.

use crate::harness::{Ran, Run, TestCluster};
use crate::wait::{Scene, config, deployment, image};
use std::path::PathBuf;

/// Adds a field as a person does with kubectl.
fn add(scene: &Scene, object: &str, patch: &str) {
    let words = ["patch", object, "--type=merge", "-p", patch];
    scene.namespace.kubectl().args(words).run().ok();
}

/// As administrator: the API server may be asked what desired would be.
fn wait(scene: &Scene, release: &PathBuf, timeout: &str) -> Ran {
    let mut command = TestCluster::get().delivery();
    command
        .arg("wait")
        .arg(release)
        .args([
            "-n",
            scene.namespace.name(),
            "--settle",
            "1s",
            "--timeout",
            timeout,
        ])
        .run()
}

#[test]
fn a_field_that_a_person_added_fails_at_the_deadline_with_its_name_and_the_manager() {
    let scene = Scene::new();
    let release = scene.release("2");
    scene.apply(&[config("2"), deployment(&image("2"), None)]);
    add(&scene, "configmap/shop", r#"{"data": {"EXTRA": "x"}}"#);
    let named = "not in sync within 3s: /data/EXTRA is not in the release (added manually by kubectl-patch)";

    let ran = wait(&scene, &release, "3s").exits(3);
    assert!(ran.stderr.contains(named), "{ran:?}");

    // By reading alone as well: no permission to write is needed for it.
    let ran = scene.wait(&release, &["--timeout", "3s"], &[]).exits(3);
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
