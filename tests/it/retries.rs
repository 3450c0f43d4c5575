//! What is sent again, shown through a proxy that plays a bad network.

use crate::harness::{Act, Faults, KillProxy, TestCluster};
use http::Method;
use kubectl_delivery::testing::cluster::{ApiError, ApplyOptions, ListRequest, WriteOptions};
use kubectl_delivery::testing::model::Target;
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use serde_json::json;

fn maps() -> kubectl_delivery::testing::model::ResourceType {
    built_in("", "ConfigMap").unwrap()
}

fn write() -> WriteOptions {
    WriteOptions {
        manager: "test".into(),
        dry_run: false,
        not_after: None,
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_sent_again() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-retry");
    let proxy = KillProxy::start(&cluster.kubeconfig);
    let client = cluster.connect_with(&proxy.kubeconfig()).await;
    let target = Target::new(&maps(), Some(namespace.name()), "a");
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    for act in [Act::LoseAnswer, Act::LoseRequest] {
        proxy.forget();
        proxy.at_write(1, act);
        let error = client.create(&target, &body, &write()).await.unwrap_err();
        assert!(matches!(error, ApiError::Broken { .. }), "{error}");
        assert!(error.may_have_been_done());
        assert_eq!(proxy.writes().len(), 1);
    }
    assert!(namespace.get("", "ConfigMap", "a").is_some());
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_and_a_dry_run_are_sent_again() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-retry");
    let proxy = KillProxy::start(&cluster.kubeconfig);
    let client = cluster.connect_with(&proxy.kubeconfig()).await;
    let options = ApplyOptions {
        manager: "test".into(),
        force: false,
        dry_run: true,
        not_after: None,
    };
    let target = Target::new(&maps(), Some(namespace.name()), "a");
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    for seed in 0..10 {
        proxy.forget();
        proxy.play(Some(Faults {
            seed,
            reset: 4,
            cut: 4,
            throttled: 4,
            unavailable: 4,
            failed: 4,
            ..Faults::default()
        }));
        client
            .list(&ListRequest::all(&maps(), Some(namespace.name())))
            .await
            .unwrap();
        assert!(client.apply(&target, &body, &options).await.unwrap().created);
    }
}

#[tokio::test]
async fn a_write_that_the_server_throttled_is_sent_again() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-retry");
    let proxy = KillProxy::start(&cluster.kubeconfig);
    let client = cluster.connect_with(&proxy.kubeconfig()).await;
    // A seed whose first request is throttled and whose second one is not.
    let seed = (0..)
        .find(|seed| throttles(*seed, 0) && !throttles(*seed, 1))
        .unwrap();
    proxy.play(Some(Faults {
        seed,
        throttled: 50,
        ..Faults::default()
    }));
    let target = Target::new(&maps(), Some(namespace.name()), "a");
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    assert!(client.create(&target, &body, &write()).await.unwrap().created);
    assert_eq!(proxy.writes().len(), 2);
    assert!(
        proxy
            .writes()
            .iter()
            .all(|request| request.method == Method::POST)
    );
}

fn throttles(seed: u64, place: usize) -> bool {
    Faults {
        seed,
        throttled: 50,
        ..Faults::default()
    }
    .plays(place)
}

#[tokio::test]
async fn every_write_carries_a_time_limit_and_strict_validation() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-retry");
    let proxy = KillProxy::start(&cluster.kubeconfig);
    let client = cluster.connect_with(&proxy.kubeconfig()).await;
    let target = Target::new(&maps(), Some(namespace.name()), "a");
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let made = client.create(&target, &body, &write()).await.unwrap().object;
    let options = ApplyOptions {
        manager: "test".into(),
        force: true,
        dry_run: false,
        not_after: None,
    };
    let applied = client.apply(&target, &body, &options).await.unwrap().object;
    client.replace(&target, applied.value(), &write()).await.unwrap();
    client
        .json_patch(
            &target,
            &[json!({"op": "add", "path": "/data", "value": {}})],
            &write(),
        )
        .await
        .unwrap();
    let delete = kubectl_delivery::testing::cluster::DeleteOptions {
        uid: made.uid().into(),
        resource_version: None,
        propagation: kubectl_delivery::testing::model::plan::Propagation::Background,
        dry_run: false,
        not_after: None,
    };
    client.delete(&target, &delete).await.unwrap();
    let writes = proxy.writes();
    assert_eq!(writes.len(), 5);
    assert!(
        writes.iter().all(|request| request.query.contains("timeout=10s")),
        "{writes:?}"
    );
    let strict = |request: &&crate::harness::Recorded| request.query.contains("fieldValidation=Strict");
    assert_eq!(writes.iter().filter(strict).count(), 4);
}

#[tokio::test]
async fn an_old_server_that_cannot_aggregate_is_discovered_all_the_same() {
    let cluster = TestCluster::get();
    let proxy = KillProxy::start(&cluster.kubeconfig);
    let client = cluster.connect_with(&proxy.kubeconfig()).await;
    let sorted = |mut found: Vec<kubectl_delivery::testing::cluster::Discovered>| {
        // Other tests define kinds of their own meanwhile.
        found.retain(|found| !found.resource.group.contains("example"));
        for found in &mut found {
            found.verbs.sort();
        }
        found.sort_by_key(|found| (found.resource.group.clone(), found.resource.plural.clone()));
        found
    };
    let aggregated = sorted(client.discover().await.unwrap());
    proxy.play_an_old_server();
    proxy.forget();
    let one_by_one = sorted(client.discover().await.unwrap());
    assert!(proxy.requests().len() > 10);
    assert_eq!(one_by_one, aggregated);
}

#[tokio::test]
async fn a_connection_costs_no_request_of_its_own() {
    let cluster = TestCluster::get();
    let proxy = KillProxy::start(&cluster.kubeconfig);
    let client = cluster.connect_with(&proxy.kubeconfig()).await;
    assert!(proxy.requests().is_empty());
    client.server_version().await.unwrap();
    assert_eq!(proxy.requests().len(), 1);
    proxy.forget();
    client.discover().await.unwrap();
    assert_eq!(proxy.requests().len(), 2);
}
