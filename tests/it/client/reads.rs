//! Lists, watches, discovery and logs.

use super::{apply, delete, kind, map, map_body, namespace, write};
use crate::harness::{OwnCluster, TestCluster};
use futures::StreamExt;
use kubectl_delivery::testing::cluster::{
    ApiError, ApplyOptions, ListRequest, LogRequest, WatchEvent, WatchRequest,
};
use kubectl_delivery::testing::model::Target;
use serde_json::json;

#[tokio::test]
async fn a_list_comes_in_pages_whose_items_say_their_kind() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    for index in 0..5 {
        let mut body = map_body(&format!("m{index}"), "1");
        body["metadata"]["labels"] = json!({"half": if index % 2 == 0 { "even" } else { "odd" }});
        client
            .create(&map(&namespace, &format!("m{index}")), &body, &write())
            .await
            .unwrap();
    }
    let all = ListRequest::all(&kind("", "ConfigMap"), Some(namespace.name()));
    let mut request = ListRequest {
        limit: Some(2),
        ..all.clone().with_labels("half in (even,odd)")
    };
    let mut names = Vec::new();
    let mut pages = 0;
    loop {
        let page = client.list(&request).await.unwrap();
        pages += 1;
        names.extend(page.items.iter().map(|item| {
            assert_eq!((item.api_version(), item.kind()), ("v1", "ConfigMap"));
            item.name().to_owned()
        }));
        assert!(!page.resource_version.is_empty());
        request.continue_from = page.continue_from;
        if request.continue_from.is_none() {
            break;
        }
    }
    assert_eq!((pages, names.join(" ")), (3, "m0 m1 m2 m3 m4".to_owned()));
    let odd = client.list(&all.clone().with_labels("half=odd")).await.unwrap();
    assert_eq!(odd.items.len(), 2);
    let one = ListRequest {
        fields: "metadata.name=m3".into(),
        ..all
    };
    assert_eq!(client.list(&one).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_continue_token_that_is_wrong_is_an_error_and_not_an_empty_page() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let all = ListRequest::all(&kind("", "ConfigMap"), Some(namespace.name()));
    let request = ListRequest {
        continue_from: Some("bm9uc2Vuc2U".into()),
        ..all
    };
    assert_eq!(client.list(&request).await.unwrap_err().code(), Some(400));
}

#[tokio::test]
async fn a_watch_tells_what_changes_and_ends_when_asked() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let maps = kind("", "ConfigMap");
    let from = client
        .list(&ListRequest::all(&maps, Some(namespace.name())))
        .await
        .unwrap()
        .resource_version;
    let request = WatchRequest {
        resource: maps,
        namespace: Some(namespace.name().into()),
        labels: String::new(),
        fields: "metadata.name=a".into(),
        resource_version: from,
        timeout_seconds: 2,
    };
    let events = client.watch(&request).await.unwrap();
    let target = map(&namespace, "a");
    let made = client
        .create(&target, &map_body("a", "1"), &write())
        .await
        .unwrap()
        .object;
    client
        .create(&map(&namespace, "b"), &map_body("b", "1"), &write())
        .await
        .unwrap();
    client
        .apply(
            &target,
            &map_body("a", "2"),
            &ApplyOptions {
                force: true,
                ..apply()
            },
        )
        .await
        .unwrap();
    client.delete(&target, &delete(&made)).await.unwrap();
    let events: Vec<_> = events.map(|event| event.unwrap()).collect().await;
    let shown: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            WatchEvent::Present(object) => Some(format!("present {}", object.text("/data/key"))),
            WatchEvent::Deleted(object) => Some(format!("deleted {}", object.name())),
            WatchEvent::Bookmark(_) => None,
        })
        .collect();
    assert_eq!(shown, ["present 1", "present 2", "deleted a"]);
}

#[tokio::test]
async fn a_watch_from_a_version_that_is_too_old_says_list_again() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let request = WatchRequest {
        resource: kind("", "ConfigMap"),
        namespace: Some(namespace.name().into()),
        labels: String::new(),
        fields: String::new(),
        resource_version: "1".into(),
        timeout_seconds: 2,
    };
    let ended = match client.watch(&request).await {
        Ok(mut events) => events.next().await.map(|event| event.map(|_| ())),
        Err(error) => Some(Err(error)),
    };
    // A server that has not compacted yet may still know it all.
    if let Some(Err(error)) = ended {
        assert!(error.is_expired(), "{error}");
    }
}

#[tokio::test]
async fn every_kind_is_discovered_preferred_versions_first() {
    let client = TestCluster::get().connect().await;
    let found = client.discover().await.unwrap();
    for group_kind in [
        ("", "Pod"),
        ("apps", "Deployment"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
    ] {
        let expected = kind(group_kind.0, group_kind.1);
        assert!(
            found.iter().any(|found| found.resource == expected),
            "{group_kind:?}"
        );
    }
    let autoscalers: Vec<_> = found
        .iter()
        .filter(|found| found.resource.kind == "HorizontalPodAutoscaler")
        .collect();
    assert_eq!(autoscalers[0].resource.version, "v2");
    assert!(
        found
            .iter()
            .all(|found| !found.resource.plural.contains('/') && !found.verbs.is_empty())
    );
}

#[tokio::test]
async fn the_servers_version_is_told() {
    let version = TestCluster::get().connect().await.server_version().await.unwrap();
    assert!(
        version.git_version.starts_with(&format!("v{}.", version.major)),
        "{version:?}"
    );
}

#[tokio::test]
async fn the_log_of_a_pod_that_is_not_there_is_an_error() {
    let namespace = namespace();
    let request = LogRequest {
        namespace: namespace.name().into(),
        pod: "nobody".into(),
        container: "a".into(),
        previous: false,
        lines: 10,
    };
    let error = TestCluster::get()
        .connect()
        .await
        .logs(&request)
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn thousands_of_objects_at_once_are_asked_for_through_a_bounded_number_of_connections() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let targets: Vec<_> = (0..300)
        .map(|index| map(&namespace, &format!("m{index}")))
        .collect();
    let answers = futures::future::join_all(targets.iter().map(|target| client.get(target))).await;
    assert!(answers.iter().all(|answer| *answer == Ok(None)));
}

#[tokio::test]
async fn a_read_survives_the_restart_of_the_api_server_and_a_write_is_refused_as_not_sent() {
    let cluster = tokio::task::spawn_blocking(|| OwnCluster::start("t-client"))
        .await
        .unwrap();
    let client = cluster.connect().await;
    client.server_version().await.unwrap();
    cluster.kill("kube-apiserver");
    let target = Target::new(&kind("", "ConfigMap"), Some("default"), "a");
    // On the kept connection nobody can say whether the server has seen it; without one, nothing was sent.
    let error = client
        .create(&target, &map_body("a", "1"), &write())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ApiError::Broken { .. } | ApiError::Connect { .. }),
        "{error}"
    );
    let error = client
        .create(&target, &map_body("a", "1"), &write())
        .await
        .unwrap_err();
    assert!(matches!(error, ApiError::Connect { .. }), "{error}");
    assert!(!error.may_have_been_done());
    cluster.restart("kube-apiserver");
    client.server_version().await.unwrap();
}
