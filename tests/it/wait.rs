//! `kubectl delivery wait`: beside a tool that applies, with read rights only.

use crate::harness::{AT_ONCE, Namespace, Ran, Run, TestCluster};
use kubectl_delivery::testing::model::Sha256Digest;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A namespace, a user who may only read, and a release's file.
pub struct Scene {
    pub namespace: Namespace,
    folder: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self {
            namespace: TestCluster::get().namespace_named("t-wait"),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, name: &str, value: &Value) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, value.to_string()).unwrap();
        file
    }

    /// A release of one Deployment and one ConfigMap.
    pub fn release(&self, version: &str) -> PathBuf {
        self.release_of(version, &[config(version), deployment(&image(version), None)])
    }

    /// The same of these objects, as that version was tested.
    fn release_of(&self, version: &str, objects: &[Value]) -> PathBuf {
        let image = image(version);
        let digest = Sha256Digest::compute(version.as_bytes());
        self.write(
            "release.json",
            &json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release", "metadata": {"name": "shop", "version": version},
                "spec": {"images": [{"reference": image, "digest": digest}], "objects": objects}}),
        )
    }

    pub fn apply(&self, objects: &[Value]) {
        if objects.is_empty() {
            return;
        }
        let list = self.write(
            "apply.json",
            &json!({"apiVersion": "v1", "kind": "List", "items": objects}),
        );
        self.namespace
            .kubectl()
            .arg("apply")
            .arg("-f")
            .arg(list)
            .run()
            .ok();
    }

    /// Waits while another tool applies `objects` after a second.
    pub fn wait(&self, release: &PathBuf, flags: &[&str], objects: &[Value]) -> Ran {
        let user = self.namespace.user("reader").with_role("view").ready();
        let mut command: Command = TestCluster::get().delivery();
        command
            .env("KUBECONFIG", user.kubeconfig())
            .arg("wait")
            .arg(release);
        command.arg("--settle").arg("1s").args(flags);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_secs(1));
                self.apply(objects);
            });
            command.run()
        })
    }
}

/// As CI wrote it: a tag.
pub fn image(version: &str) -> String {
    format!("127.0.0.1:5000/wait:{version}")
}

pub fn config(version: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop"}, "data": {"VERSION": version}})
}

/// As another tool applies it; its node reports the digest of that version.
pub fn deployment(image: &str, play: Option<&str>) -> Value {
    let version = image.rsplit(':').next().unwrap();
    let id = format!(
        "127.0.0.1:5000/wait@{}",
        Sha256Digest::compute(version.as_bytes())
    );
    let mut labels = json!({"app": "web"});
    if let Some(play) = play {
        labels["kwok-play"] = play.into();
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": labels, "annotations": {"kwok-image-id/web": id}},
            "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

#[test]
fn with_read_rights_alone_it_waits_for_what_another_tool_applies_and_proves_it() {
    let scene = Scene::new();
    // A pipeline that deploys has no file of the one that tested: it names where the release is kept.
    let retained = format!("oci-layout:{}:2", scene.folder.path().join("layout").display());
    TestCluster::get()
        .delivery()
        .arg("push")
        .arg(scene.release("2"))
        .arg(&retained)
        .run()
        .ok();
    let release = PathBuf::from(retained);
    scene.apply(&[config("1"), deployment(&image("1"), None)]);
    let ran = scene
        .wait(
            &release,
            &["--soak", "1s"],
            &[config("2"), deployment(&image("2"), None)],
        )
        .exits(0);
    assert!(ran.stderr.contains("0 of 2 objects are applied"), "{ran:?}");
    assert!(ran.stderr.contains("shop 2 is running: 2 objects"), "{ran:?}");
    assert!(ran.took > Duration::from_secs(2), "{:?}", ran.took);
}

#[test]
fn what_goes_by_itself_and_hooks_of_other_promotions_are_not_waited_for() {
    let scene = Scene::new();
    let release = scene.release("2");
    let mut made: Value = serde_json::from_slice(&std::fs::read(&release).unwrap()).unwrap();
    let job = |name: &str, annotations: Value, spec: Value| {
        let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "annotations": annotations},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image("2")}]}}}});
        job["spec"]
            .as_object_mut()
            .unwrap()
            .extend(spec.as_object().unwrap().clone());
        job
    };
    let more = [
        job("seed", json!({}), json!({"ttlSecondsAfterFinished": 0})),
        job("install", json!({"helm.sh/hook": "pre-install"}), json!({})),
    ];
    made["spec"]["objects"].as_array_mut().unwrap().extend(more);
    let release = scene.write("release.json", &made);
    let ran = scene.wait(
        &release,
        &["--timeout", "20s"],
        &[config("2"), deployment(&image("2"), None)],
    );
    assert!(ran.exits(0).stderr.contains("shop 2 is running: 2 objects"));
}

#[test]
fn a_rollout_that_fails_ends_it_with_the_cause_though_other_objects_never_come() {
    let scene = Scene::new();
    let release = scene.release("2");
    let ran = scene
        .wait(&release, &[], &[deployment(&image("2"), Some("image-not-found"))])
        .exits(3);
    assert!(ran.stderr.contains("not found in its registry"), "{ran:?}");
    assert!(ran.took < AT_ONCE, "{:?}", ran.took);
}

#[test]
fn who_may_not_read_a_secret_is_told_so_in_the_place_of_what_a_node_says() {
    let scene = Scene::new();
    let literal = "--from-literal=pass=correct-horse-battery";
    scene
        .namespace
        .kubectl()
        .args(["create", "secret", "generic", "db", literal])
        .run()
        .ok();
    let mut broken = deployment(&image("2"), Some("none"));
    broken["spec"]["replicas"] = 1.into();
    broken["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "db"}}]);
    scene.apply(&[broken.clone()]);
    // What a kubelet says of a command with its variables filled in; nothing plays this pod.
    let says = "exec: \"/opt/correct-horse-battery/run\": no such file";
    let status = json!({"status": {"phase": "Pending", "containerStatuses": [{"name": "web", "image": "", "imageID": "",
        "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "CreateContainerError", "message": says}}}]}});
    let patch = || {
        let pods = scene
            .namespace
            .kubectl()
            .args(["get", "pods", "-o", "name"])
            .run()
            .stdout;
        let pod = pods.lines().next()?.to_owned();
        let arguments = ["patch", &pod, "--subresource=status", "-p", &status.to_string()];
        (scene.namespace.kubectl().args(arguments).run().code == Some(0)).then_some(())
    };
    let is_told = (0..100).any(|_| {
        patch().is_some() || {
            std::thread::sleep(Duration::from_millis(100));
            false
        }
    });
    assert!(is_told, "no pod to tell of");

    let release = scene.write(
        "release.json",
        &json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release", "metadata": {"name": "shop", "version": "2"},
            "spec": {"objects": [broken]}}),
    );
    for format in [&[][..], &["-o", "json"]] {
        let ran = scene
            .wait(&release, &[&["--timeout", "10s"], format].concat(), &[])
            .exits(3);
        let shown = ran.stdout.clone() + &ran.stderr;
        assert!(
            shown.contains("it may hold values of Secret db, which cannot be read"),
            "{ran:?}"
        );
        assert!(!shown.contains("correct-horse-battery"), "{ran:?}");
    }
}

#[test]
fn another_image_under_the_tested_tag_is_not_the_release() {
    let scene = Scene::new();
    let mut moved = deployment(&image("2"), None);
    let other = format!("127.0.0.1:5000/wait@{}", Sha256Digest::compute(b"moved"));
    moved["spec"]["template"]["metadata"]["annotations"]["kwok-image-id/web"] = other.into();
    let release = scene.release_of("2", &[config("2"), moved.clone()]);
    let ran = scene
        .wait(&release, &["-o", "json"], &[config("2"), moved])
        .exits(3);
    let events: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let failed = events.iter().find(|event| event["event"] == "failed").unwrap();
    assert_eq!(failed["cause"]["kind"], "wrongImage", "{failed}");
    let message = failed["cause"]["message"].as_str().unwrap();
    assert!(
        message.contains(Sha256Digest::compute(b"moved").short()),
        "{message}"
    );
}

#[test]
fn what_nobody_applies_in_time_is_named_with_the_field_that_is_missing() {
    let scene = Scene::new();
    let release = scene.release("2");
    scene.apply(&[config("1"), deployment(&image("2"), None)]);
    let ran = scene.wait(&release, &["--timeout", "10s"], &[]).exits(3);
    assert!(
        ran.stderr
            .contains("not applied within 10s: /data/VERSION does not have its desired value yet"),
        "{ran:?}"
    );
}

/// Applies what lies in a file again and again, as a controller does, until it is told to stop.
struct Controller<'a> {
    scene: &'a Scene,
    stop: std::sync::atomic::AtomicBool,
}

impl Controller<'_> {
    fn want(&self, objects: &[Value]) {
        let list = self.scene.write(
            "next.json",
            &json!({"apiVersion": "v1", "kind": "List", "items": objects}),
        );
        std::fs::rename(list, self.scene.folder.path().join("wanted.json")).unwrap();
    }

    fn run(&self) {
        while !self.stop.load(std::sync::atomic::Ordering::Relaxed) {
            let mut apply = self.scene.namespace.kubectl();
            apply
                .args(["apply", "--server-side", "-f"])
                .arg(self.scene.folder.path().join("wanted.json"))
                .run()
                .ok();
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

/// Stops the loop when a test ends, after a panic too.
struct Stop<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn beside_a_controller_that_applies_all_the_time_a_good_release_soaks_and_a_bad_one_is_told() {
    let scene = Scene::new();
    let user = scene.namespace.user("reader").with_role("view").ready();
    let controller = Controller {
        scene: &scene,
        stop: false.into(),
    };
    controller.want(&[config("1"), deployment(&image("1"), None)]);
    let wait = |release: &PathBuf, soak: &str| {
        let mut command: Command = TestCluster::get().delivery();
        command
            .env("KUBECONFIG", user.kubeconfig())
            .arg("wait")
            .arg(release);
        command
            .args(["--settle", "1s", "--timeout", "30s", "--soak", soak])
            .run()
    };
    std::thread::scope(|scope| {
        let _stops_at_the_end = Stop(&controller.stop);
        scope.spawn(|| controller.run());
        let good = scene.release("2");
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(1));
            controller.want(&[config("2"), deployment(&image("2"), None)]);
        });
        let ran = wait(&good, "3s").exits(0);
        assert!(ran.stderr.contains("shop 2 is running: 2 objects"), "{ran:?}");
        assert!(ran.took > Duration::from_secs(4), "{:?}", ran.took);
        // The next one becomes ready and exits later: the soak finds it.
        let mut broken = deployment(&image("3"), Some("crash-later"));
        broken["spec"]["template"]["metadata"]["annotations"]["kwok-play-after"] = "3s".into();
        let bad = scene.release_of("3", &[config("3"), broken.clone()]);
        controller.want(&[config("3"), broken]);
        let ran = wait(&bad, "60s").exits(3);
        // A busy machine sees the first exit together with the next one.
        let ends = ["exited during the soak", "exited 2 times"];
        assert!(ran.stderr.contains("soaking\n"), "{ran:?}");
        assert!(ends.iter().any(|words| ran.stderr.contains(words)), "{ran:?}");
        assert!(ran.took < Duration::from_secs(40), "{:?}", ran.took);
    });
    let live = scene.namespace.get("apps", "Deployment", "web").unwrap();
    let managers: Vec<_> = live
        .managed_fields()
        .iter()
        .map(|entry| entry["manager"].clone())
        .collect();
    assert!(
        !managers.contains(&json!("kubectl-delivery")),
        "it changed nothing: {managers:?}"
    );
}
