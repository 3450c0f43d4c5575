//! Rehearsals on a real kubelet: a key that is gone behind running pods, a new image that crashes, and a probe that decides
//! when a pod is ready.

use super::promoted::{objects, record, registry};
use crate::harness::{Namespace, Ran, Run, TestCluster};
use serde_json::{Value, json};
use std::time::Instant;

/// An application of one Deployment on the real node, of which a second pod may run.
struct Shop {
    namespace: Namespace,
    folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        Self {
            namespace: TestCluster::get().namespace_named("t-tried"),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn promote(&self, version: &str, objects: &[Value], flags: &[&str]) -> Ran {
        let file = record(self.folder.path(), version, objects);
        let mut promote = TestCluster::get().delivery();
        promote.arg("promote").arg(file);
        promote
            .args(["-n", self.namespace.name(), "-y", "-o", "json"])
            .args(flags)
            .run()
    }

    fn image(&self) -> String {
        let web = self.namespace.get("apps", "Deployment", "web").unwrap();
        web.text("/spec/template/spec/containers/0/image").to_owned()
    }

    /// The names of all pods.
    fn pods(&self) -> Vec<String> {
        let mut get = self.namespace.kubectl();
        let listed = get.args(["get", "pods", "-o", "name"]).run().ok();
        listed.lines().map(str::to_owned).collect()
    }
}

/// The Deployment of an image and what it reads, with the same ConfigMap in each version.
fn version(image: &str) -> Vec<Value> {
    let mut all = objects(&format!("{}/{image}", registry()), |_| {});
    all[0]["data"] = json!({"greeting": "hello"});
    all[2]["metadata"]["annotations"] = json!({"kubectl-delivery.io/rehearse": "true"});
    all
}

fn event(ran: &Ran, name: &str) -> Vec<Value> {
    let all = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|event| event["event"] == name).collect()
}

#[test]
fn both_templates_become_ready_by_their_probes_and_no_request_reaches_them() {
    let shop = Shop::new();
    shop.promote("1", &version("shop/web:1.0.0"), &[]).exits(0);
    let ran = shop
        .promote("2", &version("shop/web:1.1.0"), &["--rehearse"])
        .exits(0);
    let results: Vec<Value> = event(&ran, "rehearsalEnded")
        .iter()
        .map(|one| one["result"].clone())
        .collect();
    assert_eq!(results, ["ready", "ready"], "{}", ran.stdout);
    assert_eq!(event(&ran, "finished")[0]["outcome"], "promoted");
    assert!(
        shop.pods().iter().all(|pod| !pod.contains("-rehearsal-")),
        "{:?}",
        shop.pods()
    );
}

#[test]
fn a_key_that_is_gone_behind_running_pods_is_found_before_they_are_replaced() {
    let shop = Shop::new();
    shop.promote("1", &version("shop/web:1.0.0"), &[]).exits(0);
    let before = shop.image();
    let patch = r#"[{"op": "remove", "path": "/data/greeting"}]"#;
    let mut remove = shop.namespace.kubectl();
    remove
        .args(["patch", "configmap", "web", "--type=json", "-p", patch])
        .run()
        .ok();

    let start = Instant::now();
    // The new release reads nothing: only what a rollback would restore is broken.
    let mut next = version("shop/web:1.1.0");
    next.remove(0);
    next[1]["spec"]["template"]["spec"]["containers"][0]
        .as_object_mut()
        .unwrap()
        .remove("env");
    let ran = shop
        .promote(
            "2",
            &next,
            &[
                "--rehearse",
                "--allow-prune",
                // The preflight has found it as well.
                "--waive",
                "rollback=Deployment/web",
                "--reason",
                "the rehearsal is to tell",
            ],
        )
        .exits(2);
    println!(
        "a missing key is found after {:.1} s",
        start.elapsed().as_secs_f64()
    );
    let failed = &event(&ran, "failed")[0];
    assert_eq!(failed["cause"]["kind"], "missingConfiguration", "{failed}");
    assert!(failed.to_string().contains("greeting"), "{failed}");
    assert_eq!(event(&ran, "finished")[0]["outcome"], "rehearsalFailed");
    assert_eq!(shop.image(), before);
}

#[test]
fn a_new_image_that_crashes_is_told_with_its_log_and_changes_nothing() {
    let shop = Shop::new();
    shop.promote("1", &version("shop/web:1.0.0"), &[]).exits(0);
    let before = shop.image();
    let mut next = version("shop/web:1.1.0");
    let container = &mut next[2]["spec"]["template"]["spec"]["containers"][0];
    container["command"] = json!(["sh", "-c", "echo no database at $GREETING; exit 3"]);

    let ran = shop.promote("2", &next, &["--rehearse=new"]).exits(2);
    let failed = &event(&ran, "failed")[0];
    assert_eq!(failed["cause"]["kind"], "crashLoop", "{failed}");
    assert!(
        failed["logs"].to_string().contains("no database at hello"),
        "{failed}"
    );
    assert_eq!(shop.image(), before);
    assert!(
        shop.pods().iter().all(|pod| !pod.contains("-rehearsal-")),
        "{:?}",
        shop.pods()
    );
}
