//! A cluster whose reads are answered from memory: what it asks the server, and when it asks again.

use super::{kind, map, map_body, namespace, write};
use crate::harness::{KillProxy, Namespace, Run, TestCluster};
use kubectl_delivery::testing::cluster::{Cluster, ListRequest, WriteOptions};
use kubectl_delivery::testing::model::Target;
use kubectl_delivery::testing::observe::held::{Collections, HeldCluster, HeldObject, Reach};
use serde_json::json;
use std::sync::{Arc, RwLock};

/// So many ConfigMaps, labelled by halves.
async fn maps(namespace: &Namespace, count: usize) {
    let client = TestCluster::get().connect().await;
    for index in 0..count {
        let mut body = map_body(&format!("m{index}"), "1");
        body["metadata"]["labels"] = json!({"half": if index % 2 == 0 { "even" } else { "odd" }});
        client
            .create(&map(namespace, &format!("m{index}")), &body, &write())
            .await
            .unwrap();
    }
}

async fn held(proxy: &KillProxy, namespaces: &[&Namespace]) -> HeldCluster {
    let client: Arc<dyn Cluster> = TestCluster::get().connect_with(&proxy.kubeconfig()).await;
    let reach = Reach::new(namespaces.iter().map(|namespace| namespace.name().to_owned()));
    HeldCluster::new(client, reach)
}

/// Paths that were asked for, without queries.
fn asked(proxy: &KillProxy) -> Vec<String> {
    let requests = proxy.requests().into_iter();
    requests.map(|request| request.path).collect()
}

#[tokio::test]
async fn a_few_objects_are_read_by_name_and_the_others_by_one_list() {
    let namespace = namespace();
    maps(&namespace, 9).await;
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let held = held(&proxy, &[&namespace]).await;

    for index in 0..9 {
        let read = held.get(&map(&namespace, &format!("m{index}"))).await.unwrap();
        assert_eq!(read.unwrap().text("/data/key"), "1");
    }
    assert_eq!(held.get(&map(&namespace, "nosuch")).await.unwrap(), None);
    let collection = format!("/api/v1/namespaces/{}/configmaps", namespace.name());
    let paths = asked(&proxy);
    assert_eq!(paths.iter().filter(|path| **path == collection).count(), 1);
    // Five by name before the list; and the one that the list may not have selected.
    assert_eq!(paths.len(), 1 + 5 + 1, "{paths:?}");
}

#[tokio::test]
async fn a_held_list_comes_in_pages_and_by_labels_without_further_requests() {
    let namespace = namespace();
    maps(&namespace, 7).await;
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let held = held(&proxy, &[&namespace]).await;

    let all = ListRequest::all(&kind("", "ConfigMap"), Some(namespace.name()));
    let mut request = ListRequest {
        limit: Some(2),
        ..all.with_labels("half in (odd,even)").with_only_metadata()
    };
    let mut names = Vec::new();
    loop {
        let page = held.list(&request).await.unwrap();
        assert!(page.items.iter().all(|item| item.at("/data").is_none()));
        names.extend(page.items.iter().map(|item| item.name().to_owned()));
        request.continue_from = page.continue_from;
        if request.continue_from.is_none() {
            break;
        }
    }
    assert_eq!(names.join(" "), "m0 m1 m2 m3 m4 m5 m6");
    assert_eq!(asked(&proxy).len(), 1);
}

#[tokio::test]
async fn an_object_that_was_asked_about_is_read_anew() {
    let namespace = namespace();
    maps(&namespace, 7).await;
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let held = held(&proxy, &[&namespace]).await;
    let list = ListRequest::all(&kind("", "ConfigMap"), Some(namespace.name()));
    held.list(&list).await.unwrap();

    let target = map(&namespace, "m3");
    let old = held.get(&target).await.unwrap().unwrap();
    let edit = r#"{"data":{"key":"2"}}"#;
    let mut patch = namespace.kubectl();
    patch.args(["patch", "configmap", "m3", "-p", edit]).run().ok();
    let again = held.get(&target).await.unwrap().unwrap();
    assert_eq!(again.text("/data/key"), "1", "as it was when it was listed");

    let dry = WriteOptions {
        dry_run: true,
        ..write()
    };
    let refused = held.replace(&target, old.value(), &dry).await.unwrap_err();
    assert!(refused.is_conflict(), "{refused}");
    let moved = held.get(&target).await.unwrap().unwrap();
    assert_eq!(moved.text("/data/key"), "2");
}

#[tokio::test]
async fn secrets_and_other_namespaces_are_not_held() {
    let (near, far) = (namespace(), namespace());
    maps(&far, 1).await;
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let held = held(&proxy, &[&near]).await;

    for index in 0..8 {
        let secret = Target::new(&kind("", "Secret"), Some(near.name()), &format!("s{index}"));
        assert_eq!(held.get(&secret).await.unwrap(), None);
        held.get(&map(&far, "m0")).await.unwrap().unwrap();
    }
    let paths = asked(&proxy);
    assert_eq!(paths.len(), 16, "each is a request of its own: {paths:?}");
    let is_list = |path: &String| path.ends_with("/secrets") || path.ends_with("/configmaps");
    assert!(!paths.iter().any(is_list), "{paths:?}");
}

#[tokio::test]
async fn many_namespaces_are_one_list_where_that_is_permitted_and_else_one_of_each() {
    let namespaces: Vec<Namespace> = (0..5).map(|_| namespace()).collect();
    let all: Vec<&Namespace> = namespaces.iter().collect();
    for namespace in &namespaces {
        maps(namespace, 2).await;
    }
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let client = held(&proxy, &all).await;
    for namespace in &namespaces {
        let list = ListRequest::all(&kind("", "ConfigMap"), Some(namespace.name()));
        let page = client.list(&list).await.unwrap();
        let names = page.items.iter().map(|item| item.name());
        assert_eq!(names.filter(|name| name.starts_with('m')).count(), 2);
    }
    let mut paths = asked(&proxy);
    // Further pages are of the same list.
    paths.dedup();
    assert_eq!(paths, ["/api/v1/configmaps"]);

    let user = namespaces[0]
        .user("reader")
        .may(&["get", "list"], "", &["configmaps"])
        .ready();
    let proxy = KillProxy::start(&user.kubeconfig());
    let client = held(&proxy, &all).await;
    let own = ListRequest::all(&kind("", "ConfigMap"), Some(namespaces[0].name()));
    assert!(client.list(&own).await.is_ok());
    let other = ListRequest::all(&kind("", "ConfigMap"), Some(namespaces[1].name()));
    assert!(client.list(&other).await.unwrap_err().is_forbidden());
    assert_eq!(asked(&proxy).len(), 3, "of all of them once, then of each");
}

#[tokio::test]
async fn a_store_that_others_feed_is_served_as_it_is() {
    let namespace = namespace();
    maps(&namespace, 2).await;
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let client: Arc<dyn Cluster> = TestCluster::get().connect_with(&proxy.kubeconfig()).await;
    let whole = ListRequest::all(&kind("", "ConfigMap"), Some(namespace.name()));
    let page = client.list(&whole).await.unwrap();
    proxy.forget();

    let (maps, home) = (kind("", "ConfigMap"), namespace.name());
    let mut collections = Collections::default();
    let listed = page.items.iter().map(HeldObject::new);
    collections.replace(&maps, Some(home), listed, &page.resource_version);
    let gone = collections.remove(&maps, Some(home), "m1").unwrap();
    assert_eq!((gone.name(), gone.uid().is_empty()), ("m1", false));
    let changed = HeldObject::new(&page.items[0]);
    let version = changed.resource_version().to_owned();
    let before = collections.upsert(&maps, changed).unwrap();
    assert_eq!(before.resource_version(), version);
    let (count, bytes) = collections.size();
    assert!(count == page.items.len() - 1 && bytes > 100, "{count} {bytes}");

    let reach = Reach::new([home.to_owned()]);
    let held = HeldCluster::with_collections(client, reach, Arc::new(RwLock::new(collections)));
    assert!(held.get(&map(&namespace, "m0")).await.unwrap().is_some());
    let served = held.list(&whole).await.unwrap();
    assert_eq!(served.resource_version, page.resource_version);
    assert!(asked(&proxy).is_empty());
}
