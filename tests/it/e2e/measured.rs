//! What a promotion's times are held against: the first new pod that looks wrong, and helm.

use super::promoted::{objects, registry};
use super::rollout::is_wrong;
use crate::harness::{Namespace, TestCluster, blocking, helm};
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use kubectl_delivery::testing::observe::watch::{Collection, WatchStore};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Watches the pods beside a promotion: when the first one that is new looks wrong.
pub(super) struct SignWatch {
    end: Arc<AtomicBool>,
    sign: std::thread::JoinHandle<Option<Instant>>,
}

impl SignWatch {
    pub(super) fn start(namespace: &Namespace) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let (ended, name) = (end.clone(), namespace.name().to_owned());
        let (ready, started) = std::sync::mpsc::channel();
        let sign = std::thread::spawn(move || {
            blocking(async {
                let mut store = WatchStore::new(TestCluster::get().connect().await);
                store.ensure(&Collection::new(&built_in("", "Pod").unwrap(), Some(&name)));
                store.synced(Duration::from_secs(10)).await;
                let old: BTreeSet<String> = store.contents().pods().map(|pod| pod.uid.clone()).collect();
                ready.send(()).unwrap();
                while !ended.load(Ordering::Relaxed) {
                    drop(tokio::time::timeout(Duration::from_millis(200), store.changed()).await);
                    if store
                        .contents()
                        .pods()
                        .any(|pod| !old.contains(&pod.uid) && is_wrong(pod))
                    {
                        return Some(Instant::now());
                    }
                }
                None
            })
        });
        started.recv().unwrap();
        Self { end, sign }
    }

    pub(super) fn end(self) -> Option<Instant> {
        self.end.store(true, Ordering::Relaxed);
        self.sign.join().unwrap()
    }
}

/// How long helm needs for an image that does not exist.
pub(super) fn upgrade_by_helm(namespace: &Namespace) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("chart");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(
        chart.join("Chart.yaml"),
        "{apiVersion: v2, name: web, version: 1.0.0}",
    )
    .unwrap();
    let write = |image: &str| {
        let items: Vec<String> = objects(image, |_| {}).iter().map(Value::to_string).collect();
        std::fs::write(chart.join("templates/all.yaml"), items.join("\n---\n")).unwrap();
    };
    let run = |arguments: &[&str]| {
        let mut command = Command::new(helm(&TestCluster::get().tools));
        command
            .env("KUBECONFIG", &TestCluster::get().kubeconfig)
            .args(arguments)
            .arg(&chart);
        command
            .args(["-n", namespace.name(), "--timeout", "20s", "--wait"])
            .output()
    };
    write(&format!("{}/shop/web:1.0.0", registry()));
    assert!(run(&["install", "web"]).unwrap().status.success());
    write(&format!("{}/shop/web:not-there", registry()));
    let start = Instant::now();
    let failed = run(&["upgrade", "--rollback-on-failure", "web"]).unwrap();
    assert!(!failed.status.success());
    start.elapsed().as_secs_f64()
}
