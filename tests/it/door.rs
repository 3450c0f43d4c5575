//! Every method of the door, against the real server.

use crate::harness::{Namespace, OwnCluster, TestCluster, unique};
use futures::StreamExt;
use kubectl_delivery::cluster::{
    AccessReview, ApiError, ApplyOptions, ConnectionOptions, DeleteOptions, Deleted, ListRequest, LogRequest,
    WatchEvent, WatchRequest, WriteOptions, connect,
};
use kubectl_delivery::model::kinds::built_in;
use kubectl_delivery::model::plan::Propagation;
use kubectl_delivery::model::{Object, ResourceType, Target};
use serde_json::{Value, json};

fn namespace() -> Namespace {
    TestCluster::get().namespace_named("t-door")
}

fn kind(group: &str, kind: &str) -> ResourceType {
    built_in(group, kind).unwrap()
}

fn map(namespace: &Namespace, name: &str) -> Target {
    Target::new(&kind("", "ConfigMap"), Some(namespace.name()), name)
}

fn map_body(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

fn write() -> WriteOptions {
    WriteOptions { manager: "test".into(), dry_run: false }
}

fn apply() -> ApplyOptions {
    ApplyOptions { manager: "test".into(), force: false, dry_run: false }
}

fn delete(object: &Object) -> DeleteOptions {
    DeleteOptions {
        uid: object.uid().into(),
        resource_version: None,
        propagation: Propagation::Background,
        dry_run: false,
    }
}

#[tokio::test]
async fn an_object_is_created_read_replaced_patched_and_deleted() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    assert_eq!(door.get(&target).await, Ok(None));
    let made = door.create(&target, &map_body("a", "1"), &write()).await.unwrap();
    assert!(made.created);
    let read = door.get(&target).await.unwrap().unwrap();
    assert_eq!(read, made.object);
    let mut changed = read.value().clone();
    changed["data"]["key"] = "2".into();
    let replaced = door.replace(&target, &changed, &write()).await.unwrap();
    assert!(!replaced.created);
    let stale = door.replace(&target, &changed, &write()).await.unwrap_err();
    assert!(stale.is_conflict(), "{stale}");
    let patch = [
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": replaced.object.resource_version()}),
        json!({"op": "replace", "path": "/data/key", "value": "3"}),
    ];
    let patched = door.json_patch(&target, &patch, &write()).await.unwrap();
    assert_eq!(patched.object.text("/data/key"), "3");
    assert_eq!(door.delete(&target, &delete(&made.object)).await, Ok(Deleted::Gone));
    assert_eq!(door.delete(&target, &delete(&made.object)).await, Ok(Deleted::WasAbsent));
}

#[tokio::test]
async fn a_create_of_what_is_there_and_a_delete_of_another_uid_are_conflicts() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    let made = door.create(&target, &map_body("a", "1"), &write()).await.unwrap();
    assert!(door.create(&target, &map_body("a", "1"), &write()).await.unwrap_err().is_conflict());
    let other = DeleteOptions { uid: "11111111-2222-3333-4444-555555555555".into(), ..delete(&made.object) };
    assert!(door.delete(&target, &other).await.unwrap_err().is_conflict());
    assert!(door.get(&target).await.unwrap().is_some());
}

#[tokio::test]
async fn a_dry_run_persists_nothing() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    let dry = ApplyOptions { dry_run: true, ..apply() };
    assert!(door.apply(&target, &map_body("a", "1"), &dry).await.unwrap().created);
    assert_eq!(door.get(&target).await, Ok(None));
    let made = door.create(&target, &map_body("a", "1"), &write()).await.unwrap();
    let dry = DeleteOptions { dry_run: true, ..delete(&made.object) };
    door.delete(&target, &dry).await.unwrap();
    assert!(door.get(&target).await.unwrap().is_some());
}

#[tokio::test]
async fn an_apply_tells_created_from_changed_and_names_conflicting_managers() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    assert!(door.apply(&target, &map_body("a", "1"), &apply()).await.unwrap().created);
    assert!(!door.apply(&target, &map_body("a", "2"), &apply()).await.unwrap().created);
    let other = ApplyOptions { manager: "somebody".into(), ..apply() };
    let error = door.apply(&target, &map_body("a", "3"), &other).await.unwrap_err();
    let ApiError::Status { code: 409, causes, .. } = &error else { panic!("{error}") };
    assert!(causes[0].message.contains("test"), "{causes:?}");
    assert_eq!(causes[0].field, ".data.key");
    let forced = ApplyOptions { force: true, ..other };
    assert_eq!(
        door.apply(&target, &map_body("a", "3"), &forced).await.unwrap().object.text("/data/key"),
        "3"
    );
}

#[tokio::test]
async fn an_apply_with_a_uid_does_not_resurrect_what_is_gone_and_one_without_does() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    let made = door.apply(&target, &map_body("a", "1"), &apply()).await.unwrap().object;
    door.delete(&target, &delete(&made)).await.unwrap();
    let mut body = map_body("a", "2");
    body["metadata"]["resourceVersion"] = made.resource_version().into();
    body["metadata"]["uid"] = made.uid().into();
    assert!(door.apply(&target, &body, &apply()).await.unwrap_err().is_conflict());
    body["metadata"].as_object_mut().unwrap().shift_remove("uid");
    assert!(door.apply(&target, &body, &apply()).await.unwrap().created);
}

#[tokio::test]
async fn a_field_that_the_kind_does_not_know_is_refused() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let mut body = map_body("a", "1");
    body["dataa"] = json!({"x": "y"});
    let target = map(&namespace, "a");
    for error in [
        door.apply(&target, &body, &apply()).await.unwrap_err(),
        door.create(&target, &body, &write()).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("dataa"), "{error}");
        assert!(!error.may_have_been_done() || error.code() == Some(500), "{error}");
    }
}

#[tokio::test]
async fn a_missing_namespace_is_told_from_a_missing_kind() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let nowhere = Target::new(&kind("", "ConfigMap"), Some("t-door-nowhere"), "a");
    assert_eq!(door.get(&nowhere).await, Ok(None));
    let error = door.create(&nowhere, &map_body("a", "1"), &write()).await.unwrap_err();
    assert!(
        matches!(&error, ApiError::Status { code: 404, message, .. } if message.contains("t-door-nowhere"))
    );
    let thing = ResourceType {
        group: "nobody.example.com".into(),
        version: "v1".into(),
        kind: "Thing".into(),
        plural: "things".into(),
        namespaced: true,
    };
    let unserved = Target::new(&thing, Some(namespace.name()), "a");
    let body = json!({"apiVersion": "nobody.example.com/v1", "kind": "Thing", "metadata": {"name": "a"}});
    let expected = ApiError::NotServed { resource: "things.nobody.example.com/v1".into() };
    assert_eq!(door.get(&unserved).await, Err(expected.clone()));
    assert_eq!(door.create(&unserved, &body, &write()).await, Err(expected.clone()));
    assert_eq!(door.list(&ListRequest::all(&thing, None)).await.unwrap_err(), expected);
}

#[tokio::test]
async fn a_custom_resource_works_soon_after_its_definition() {
    let group = format!("t{}.example.com", unique());
    let name = format!("things.{group}");
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "shortNames": ["th"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
            }}}],
        },
    });
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let crd = Target::new(&kind("apiextensions.k8s.io", "CustomResourceDefinition"), None, &name);
    let made = door.create(&crd, &definition, &write()).await.unwrap().object;
    let thing = ResourceType {
        group: group.clone(),
        version: "v1".into(),
        kind: "Thing".into(),
        plural: "things".into(),
        namespaced: true,
    };
    let target = Target::new(&thing, Some(namespace.name()), "a");
    let body = json!({"apiVersion": format!("{group}/v1"), "kind": "Thing", "metadata": {"name": "a"}, "spec": {"size": 3}});
    let mut applied = door.apply(&target, &body, &apply()).await;
    for _ in 0..100 {
        if applied.is_ok() {
            break;
        }
        assert!(matches!(applied, Err(ApiError::NotServed { .. })), "{applied:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        applied = door.apply(&target, &body, &apply()).await;
    }
    let created = applied.unwrap().created;
    let found = door.discover().await.unwrap();
    door.delete(&crd, &delete(&made)).await.unwrap();
    assert!(created);
    let found = found.iter().find(|found| found.resource == thing).unwrap();
    assert_eq!(found.short_names, ["th"]);
    assert!(found.verbs.contains(&"patch".to_owned()));
}

#[tokio::test]
async fn a_list_comes_in_pages_whose_items_say_their_kind() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    for index in 0..5 {
        let mut body = map_body(&format!("m{index}"), "1");
        body["metadata"]["labels"] = json!({"half": if index % 2 == 0 { "even" } else { "odd" }});
        door.create(&map(&namespace, &format!("m{index}")), &body, &write()).await.unwrap();
    }
    let all = ListRequest::all(&kind("", "ConfigMap"), Some(namespace.name()));
    let mut request = ListRequest { limit: Some(2), ..all.clone().with_labels("half in (even,odd)") };
    let mut names = Vec::new();
    let mut pages = 0;
    loop {
        let page = door.list(&request).await.unwrap();
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
    let odd = door.list(&all.clone().with_labels("half=odd")).await.unwrap();
    assert_eq!(odd.items.len(), 2);
    let one = ListRequest { fields: "metadata.name=m3".into(), ..all };
    assert_eq!(door.list(&one).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_continue_token_that_is_wrong_is_an_error_and_not_an_empty_page() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let all = ListRequest::all(&kind("", "ConfigMap"), Some(namespace.name()));
    let request = ListRequest { continue_from: Some("bm9uc2Vuc2U".into()), ..all };
    assert_eq!(door.list(&request).await.unwrap_err().code(), Some(400));
}

#[tokio::test]
async fn a_watch_tells_what_changes_and_ends_when_asked() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let maps = kind("", "ConfigMap");
    let from = door.list(&ListRequest::all(&maps, Some(namespace.name()))).await.unwrap().resource_version;
    let request = WatchRequest {
        resource: maps,
        namespace: Some(namespace.name().into()),
        labels: String::new(),
        fields: "metadata.name=a".into(),
        resource_version: from,
        timeout_seconds: 2,
    };
    let events = door.watch(&request).await.unwrap();
    let target = map(&namespace, "a");
    let made = door.create(&target, &map_body("a", "1"), &write()).await.unwrap().object;
    door.create(&map(&namespace, "b"), &map_body("b", "1"), &write()).await.unwrap();
    door.apply(&target, &map_body("a", "2"), &ApplyOptions { force: true, ..apply() }).await.unwrap();
    door.delete(&target, &delete(&made)).await.unwrap();
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
    let door = TestCluster::get().connect().await;
    let request = WatchRequest {
        resource: kind("", "ConfigMap"),
        namespace: Some(namespace.name().into()),
        labels: String::new(),
        fields: String::new(),
        resource_version: "1".into(),
        timeout_seconds: 2,
    };
    let ended = match door.watch(&request).await {
        Ok(mut events) => events.next().await.map(|event| event.map(|_| ())),
        Err(error) => Some(Err(error)),
    };
    // A server that has not compacted yet may still know it all.
    if let Some(Err(error)) = ended {
        assert!(error.is_expired(), "{error}");
    }
}

#[tokio::test]
async fn what_goes_only_with_its_finalizer_is_going() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    let mut body = map_body("a", "1");
    body["metadata"]["finalizers"] = json!(["example.com/wait"]);
    let made = door.create(&target, &body, &write()).await.unwrap().object;
    let Deleted::Going(going) = door.delete(&target, &delete(&made)).await.unwrap() else { panic!() };
    assert_eq!(going.uid(), made.uid());
    let patch = [json!({"op": "remove", "path": "/metadata/finalizers"})];
    door.json_patch(&target, &patch, &write()).await.unwrap();
    assert_eq!(door.get(&target).await, Ok(None));
}

#[tokio::test]
async fn the_servers_warnings_are_told() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let budget = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "a", "image": "a", "env": [{"name": "X"}, {"name": "X"}]}]},
    });
    let target = Target::new(&kind("", "Pod"), Some(namespace.name()), "a");
    let dry = WriteOptions { dry_run: true, ..write() };
    let warnings = door.create(&target, &budget, &dry).await.unwrap().warnings;
    assert!(warnings.iter().any(|text| text.contains("hides previous definition")), "{warnings:?}");
}

#[tokio::test]
async fn rights_and_the_own_name_are_asked_of_the_server() {
    let namespace = namespace();
    let cluster = TestCluster::get();
    let user = namespace.user("reader").may(&["get", "list"], "apps", &["deployments"]).ready();
    let door = cluster.connect_with(&user.kubeconfig()).await;
    let review = |verb: &str| AccessReview {
        verb: verb.into(),
        group: "apps".into(),
        resource: "deployments".into(),
        subresource: String::new(),
        namespace: Some(namespace.name().into()),
        name: String::new(),
    };
    assert_eq!(door.may(&review("list")).await, Ok(true));
    assert_eq!(door.may(&review("patch")).await, Ok(false));
    assert_eq!(door.whoami().await, Ok(format!("system:serviceaccount:{}:reader", namespace.name())));
    assert_eq!(door.default_namespace(), namespace.name());
    let error = door.get(&map(&namespace, "a")).await.unwrap_err();
    assert!(error.is_forbidden(), "{error}");
}

#[tokio::test]
async fn another_user_can_be_impersonated_with_groups_and_uid() {
    let options = ConnectionOptions {
        kubeconfig: Some(TestCluster::get().kubeconfig.clone()),
        impersonate: Some("jane".into()),
        impersonate_groups: vec!["system:masters".into(), "team".into()],
        impersonate_uid: Some("42".into()),
        ..Default::default()
    };
    let door = connect(&options).await.unwrap();
    assert_eq!(door.whoami().await.as_deref(), Ok("jane"));
    let namespaces = door.list(&ListRequest::all(&kind("", "Namespace"), None)).await.unwrap();
    assert!(!namespaces.items.is_empty());
    let powerless = ConnectionOptions { impersonate_groups: Vec::new(), impersonate_uid: None, ..options };
    let door = connect(&powerless).await.unwrap();
    assert!(door.list(&ListRequest::all(&kind("", "Secret"), None)).await.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn every_kind_is_discovered_preferred_versions_first() {
    let door = TestCluster::get().connect().await;
    let found = door.discover().await.unwrap();
    for group_kind in [("", "Pod"), ("apps", "Deployment"), ("rbac.authorization.k8s.io", "ClusterRole")] {
        let expected = kind(group_kind.0, group_kind.1);
        assert!(found.iter().any(|found| found.resource == expected), "{group_kind:?}");
    }
    let autoscalers: Vec<_> =
        found.iter().filter(|found| found.resource.kind == "HorizontalPodAutoscaler").collect();
    assert_eq!(autoscalers[0].resource.version, "v2");
    assert!(found.iter().all(|found| !found.resource.plural.contains('/') && !found.verbs.is_empty()));
}

#[tokio::test]
async fn the_servers_version_is_told() {
    let version = TestCluster::get().connect().await.server_version().await.unwrap();
    assert!(version.git_version.starts_with(&format!("v{}.", version.major)), "{version:?}");
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
    let error = TestCluster::get().connect().await.logs(&request).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn thousands_of_objects_at_once_are_asked_for_through_a_bounded_number_of_connections() {
    let namespace = namespace();
    let door = TestCluster::get().connect().await;
    let targets: Vec<_> = (0..300).map(|index| map(&namespace, &format!("m{index}"))).collect();
    let answers = futures::future::join_all(targets.iter().map(|target| door.get(target))).await;
    assert!(answers.iter().all(|answer| *answer == Ok(None)));
}

#[tokio::test]
async fn a_read_survives_the_restart_of_the_api_server_and_a_write_is_refused_as_not_sent() {
    let cluster = tokio::task::spawn_blocking(|| OwnCluster::start("t-door")).await.unwrap();
    let door = cluster.connect().await;
    door.server_version().await.unwrap();
    cluster.kill("kube-apiserver");
    let target = Target::new(&kind("", "ConfigMap"), Some("default"), "a");
    // On the kept connection nobody can say whether the server has seen it; without one, nothing was sent.
    let error = door.create(&target, &map_body("a", "1"), &write()).await.unwrap_err();
    assert!(matches!(error, ApiError::Broken { .. } | ApiError::Connect { .. }), "{error}");
    let error = door.create(&target, &map_body("a", "1"), &write()).await.unwrap_err();
    assert!(matches!(error, ApiError::Connect { .. }), "{error}");
    assert!(!error.may_have_been_done());
    cluster.restart("kube-apiserver");
    door.server_version().await.unwrap();
}
