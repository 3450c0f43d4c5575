//! The store behind the verdicts: no change is lost whatever breaks, and it stays small beside many pods.

use super::followed::{deployment, follow, quick};
use crate::harness::{AT_ONCE, Faults, KillProxy, Namespace, TestCluster};
use kubectl_delivery::testing::cluster::{DeleteOptions, WriteOptions};
use kubectl_delivery::testing::model::Target;
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use kubectl_delivery::testing::model::plan::Propagation;
use kubectl_delivery::testing::model::verdict::CauseKind;
use kubectl_delivery::testing::observe::watch::{Collection, WatchStore};
use rstest::rstest;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn map(namespace: &Namespace, n: usize) -> Target {
    Target::new(
        &built_in("", "ConfigMap").unwrap(),
        Some(namespace.name()),
        &format!("map-{n}"),
    )
}

fn options() -> WriteOptions {
    WriteOptions {
        manager: "test".into(),
        dry_run: false,
        not_after: None,
    }
}

#[rstest]
#[tokio::test]
async fn watches_that_break_end_or_expire_lose_no_change(#[values(1, 2, 3)] seed: u64) {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-rollout");
    let direct = cluster.connect().await;
    let proxy = KillProxy::start(&cluster.kubeconfig);
    let mut store = WatchStore::new(cluster.connect_with(&proxy.kubeconfig()).await);
    proxy.play(Some(Faults {
        dropped_watch: 80,
        ..Faults::all(seed, 8)
    }));
    let resource = built_in("", "ConfigMap").unwrap();
    store.ensure(&Collection::new(&resource, Some(namespace.name())));
    assert!(store.synced(Duration::from_secs(30)).await, "never read");
    for n in 0..30 {
        let target = map(&namespace, n);
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": target.name, "namespace": namespace.name()}});
        let made = direct.create(&target, &body, &options()).await.unwrap().object;
        if n % 3 == 0 {
            let uid = made.uid().to_owned();
            let gone = DeleteOptions {
                uid,
                resource_version: None,
                propagation: Propagation::Background,
                dry_run: false,
                not_after: None,
            };
            direct.delete(&target, &gone).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let is_right = |store: &WatchStore| {
        let contents = store.contents();
        (0..30).all(|n| contents.object(&map(&namespace, n)).is_some() == (n % 3 != 0))
    };
    let wait = async {
        while !is_right(&store) {
            store.changed().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(40), wait)
        .await
        .expect("a change was lost");
    assert!(proxy.requests().len() > 4, "the watch never broke");
}

/// Pods that nobody schedules, of a controller that nobody is.
async fn many_pods(namespace: &Namespace, count: usize) {
    use futures::StreamExt;
    let client = TestCluster::get().connect().await;
    let pod = built_in("", "Pod").unwrap();
    let env: Vec<Value> = (0..20)
        .map(|n| json!({"name": format!("VARIABLE_{n}"), "value": "x".repeat(60)}))
        .collect();
    let creates = (0..count).map(|n| {
        let target = Target::new(&pod, Some(namespace.name()), &format!("other-{n}"));
        let body = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": target.name, "namespace": namespace.name(), "labels": {"app": "other"}},
            "spec": {"schedulerName": "nobody", "containers": [{"name": "main", "image": "127.0.0.1:5000/other:1", "env": env}]}});
        let client = &client;
        async move { client.create(&target, &body, &options()).await.map(drop) }
    });
    let made: Vec<_> = futures::stream::iter(creates)
        .buffer_unordered(16)
        .collect()
        .await;
    for one in made {
        one.unwrap();
    }
}

#[test]
fn beside_two_thousand_pods_a_verdict_is_as_quick_and_memory_stays_small() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-rollout");
    crate::harness::blocking(many_pods(&namespace, 2000));
    let failed = follow(
        &namespace,
        &deployment(1, "127.0.0.1:5000/app:1", Some("image-not-found")),
        quick(),
    );
    assert_eq!(failed.cause().kind, CauseKind::ImageNotFound);
    println!(
        "2,000 other pods: verdict {:.2} s after the apply",
        failed.took.as_secs_f64()
    );
    assert!(failed.took < AT_ONCE, "{:?}", failed.took);

    let object = deployment(1, "127.0.0.1:5000/app:1", Some("never-ready"));
    let release = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release", "metadata": {"name": "shop", "version": "1"},
        "spec": {"objects": [object]}});
    namespace.apply(object);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), release.to_string()).unwrap();
    let mut command = cluster.delivery();
    command
        .arg("wait")
        .arg(file.path())
        .args(["-n", namespace.name()]);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    let mut most = 0;
    while start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(100));
        most = most.max(peak_kib(child.id()));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    println!("2,000 other pods: at most {} MiB", most / 1024);
    assert!(most > 0 && most < 100 * 1024, "{most} KiB");
}

fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
