//! Creates, applies, replaces, patches and deletes.

use super::{apply, delete, kind, map, map_body, namespace, write};
use crate::harness::{TestCluster, unique};
use kubectl_delivery::testing::cluster::{
    ApiError, ApplyOptions, DeleteOptions, Deleted, ListRequest, WriteOptions,
};
use kubectl_delivery::testing::model::{ResourceType, Target};
use serde_json::json;

#[tokio::test]
async fn an_object_is_created_read_replaced_patched_and_deleted() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    assert_eq!(client.get(&target).await, Ok(None));
    let made = client
        .create(&target, &map_body("a", "1"), &write())
        .await
        .unwrap();
    assert!(made.created);
    let read = client.get(&target).await.unwrap().unwrap();
    assert_eq!(read, made.object);
    let mut changed = read.value().clone();
    changed["data"]["key"] = "2".into();
    let replaced = client.replace(&target, &changed, &write()).await.unwrap();
    assert!(!replaced.created);
    let stale = client.replace(&target, &changed, &write()).await.unwrap_err();
    assert!(stale.is_conflict(), "{stale}");
    let patch = [
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": replaced.object.resource_version()}),
        json!({"op": "replace", "path": "/data/key", "value": "3"}),
    ];
    let patched = client.json_patch(&target, &patch, &write()).await.unwrap();
    assert_eq!(patched.object.text("/data/key"), "3");
    assert_eq!(
        client.delete(&target, &delete(&made.object)).await,
        Ok(Deleted::Gone)
    );
    assert_eq!(
        client.delete(&target, &delete(&made.object)).await,
        Ok(Deleted::WasAbsent)
    );
}

#[tokio::test]
async fn what_is_stored_is_answered_by_its_metadata_alone() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    assert_eq!(client.get_metadata(&target).await, Ok(None));
    let made = client
        .store(&target, &map_body("a", "1"), &write())
        .await
        .unwrap();
    assert!(
        made.created && made.object.at("/data").is_none(),
        "{:?}",
        made.object.value()
    );
    assert!(
        client
            .store(&target, &map_body("a", "1"), &write())
            .await
            .unwrap_err()
            .is_conflict()
    );
    let mut body = map_body("a", "2");
    body["metadata"]["uid"] = made.object.uid().into();
    body["metadata"]["resourceVersion"] = made.object.resource_version().into();
    let changed = client.store(&target, &body, &write()).await.unwrap();
    assert!(!changed.created);
    assert!(
        client
            .store(&target, &body, &write())
            .await
            .unwrap_err()
            .is_conflict(),
        "its resourceVersion moved"
    );
    let read = client.get_metadata(&target).await.unwrap().unwrap();
    assert_eq!((read.uid(), read.at("/data")), (made.object.uid(), None));
    assert_eq!(read.resource_version(), changed.object.resource_version());
    assert_eq!(client.get(&target).await.unwrap().unwrap().text("/data/key"), "2");
}

#[tokio::test]
async fn a_create_of_what_is_there_and_a_delete_of_another_uid_are_conflicts() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    let made = client
        .create(&target, &map_body("a", "1"), &write())
        .await
        .unwrap();
    assert!(
        client
            .create(&target, &map_body("a", "1"), &write())
            .await
            .unwrap_err()
            .is_conflict()
    );
    let other = DeleteOptions {
        uid: "11111111-2222-3333-4444-555555555555".into(),
        ..delete(&made.object)
    };
    assert!(client.delete(&target, &other).await.unwrap_err().is_conflict());
    assert_eq!(
        client.get(&target).await.unwrap().unwrap().uid(),
        made.object.uid()
    );
}

#[tokio::test]
async fn a_dry_run_persists_nothing() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    let dry = ApplyOptions {
        dry_run: true,
        ..apply()
    };
    assert!(
        client
            .apply(&target, &map_body("a", "1"), &dry)
            .await
            .unwrap()
            .created
    );
    assert_eq!(client.get(&target).await, Ok(None));
    let made = client
        .create(&target, &map_body("a", "1"), &write())
        .await
        .unwrap();
    let dry = DeleteOptions {
        dry_run: true,
        ..delete(&made.object)
    };
    client.delete(&target, &dry).await.unwrap();
    assert_eq!(
        client.get(&target).await.unwrap().unwrap().uid(),
        made.object.uid()
    );
}

#[tokio::test]
async fn an_apply_tells_created_from_changed_and_names_conflicting_managers() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    assert!(
        client
            .apply(&target, &map_body("a", "1"), &apply())
            .await
            .unwrap()
            .created
    );
    assert!(
        !client
            .apply(&target, &map_body("a", "2"), &apply())
            .await
            .unwrap()
            .created
    );
    let other = ApplyOptions {
        manager: "somebody".into(),
        ..apply()
    };
    let error = client
        .apply(&target, &map_body("a", "3"), &other)
        .await
        .unwrap_err();
    let ApiError::Status {
        code: 409, causes, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert!(causes[0].message.contains("test"), "{causes:?}");
    assert_eq!(causes[0].field, ".data.key");
    let forced = ApplyOptions { force: true, ..other };
    assert_eq!(
        client
            .apply(&target, &map_body("a", "3"), &forced)
            .await
            .unwrap()
            .object
            .text("/data/key"),
        "3"
    );
}

#[tokio::test]
async fn an_apply_with_a_uid_does_not_resurrect_what_is_gone_and_one_without_does() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    let made = client
        .apply(&target, &map_body("a", "1"), &apply())
        .await
        .unwrap()
        .object;
    client.delete(&target, &delete(&made)).await.unwrap();
    let mut body = map_body("a", "2");
    body["metadata"]["resourceVersion"] = made.resource_version().into();
    body["metadata"]["uid"] = made.uid().into();
    assert!(
        client
            .apply(&target, &body, &apply())
            .await
            .unwrap_err()
            .is_conflict()
    );
    body["metadata"].as_object_mut().unwrap().shift_remove("uid");
    assert!(client.apply(&target, &body, &apply()).await.unwrap().created);
}

#[tokio::test]
async fn a_field_that_the_kind_does_not_know_is_refused() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let mut body = map_body("a", "1");
    body["dataa"] = json!({"x": "y"});
    let target = map(&namespace, "a");
    for error in [
        client.apply(&target, &body, &apply()).await.unwrap_err(),
        client.create(&target, &body, &write()).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("dataa"), "{error}");
        assert!(
            !error.may_have_been_done() || error.code() == Some(500),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_missing_namespace_is_told_from_a_missing_kind() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let nowhere = Target::new(&kind("", "ConfigMap"), Some("t-client-nowhere"), "a");
    assert_eq!(client.get(&nowhere).await, Ok(None));
    let error = client
        .create(&nowhere, &map_body("a", "1"), &write())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ApiError::Status { code: 404, message, .. } if message.contains("t-client-nowhere"))
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
    let expected = ApiError::NotServed {
        resource: "things.nobody.example.com/v1".into(),
    };
    assert_eq!(client.get(&unserved).await, Err(expected.clone()));
    assert_eq!(
        client.create(&unserved, &body, &write()).await,
        Err(expected.clone())
    );
    assert_eq!(
        client.list(&ListRequest::all(&thing, None)).await.unwrap_err(),
        expected
    );
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
    let client = TestCluster::get().connect().await;
    let crd = Target::new(
        &kind("apiextensions.k8s.io", "CustomResourceDefinition"),
        None,
        &name,
    );
    let made = client.create(&crd, &definition, &write()).await.unwrap().object;
    let thing = ResourceType {
        group: group.clone(),
        version: "v1".into(),
        kind: "Thing".into(),
        plural: "things".into(),
        namespaced: true,
    };
    let target = Target::new(&thing, Some(namespace.name()), "a");
    let body = json!({"apiVersion": format!("{group}/v1"), "kind": "Thing", "metadata": {"name": "a"}, "spec": {"size": 3}});
    let mut applied = client.apply(&target, &body, &apply()).await;
    for _ in 0..100 {
        if applied.is_ok() {
            break;
        }
        assert!(matches!(applied, Err(ApiError::NotServed { .. })), "{applied:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        applied = client.apply(&target, &body, &apply()).await;
    }
    let created = applied.unwrap().created;
    let found = client.discover().await.unwrap();
    client.delete(&crd, &delete(&made)).await.unwrap();
    assert!(created);
    let found = found.iter().find(|found| found.resource == thing).unwrap();
    assert_eq!(found.short_names, ["th"]);
    assert!(found.verbs.contains(&"patch".to_owned()));
}

#[tokio::test]
async fn what_goes_only_with_its_finalizer_is_going() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let target = map(&namespace, "a");
    let mut body = map_body("a", "1");
    body["metadata"]["finalizers"] = json!(["example.com/wait"]);
    let made = client.create(&target, &body, &write()).await.unwrap().object;
    let Deleted::Going(going) = client.delete(&target, &delete(&made)).await.unwrap() else {
        panic!()
    };
    assert_eq!(going.uid(), made.uid());
    let patch = [json!({"op": "remove", "path": "/metadata/finalizers"})];
    client.json_patch(&target, &patch, &write()).await.unwrap();
    assert_eq!(client.get(&target).await, Ok(None));
}

#[tokio::test]
async fn the_servers_warnings_are_told() {
    let namespace = namespace();
    let client = TestCluster::get().connect().await;
    let budget = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "a", "image": "a", "env": [{"name": "X"}, {"name": "X"}]}]},
    });
    let target = Target::new(&kind("", "Pod"), Some(namespace.name()), "a");
    let dry = WriteOptions {
        dry_run: true,
        ..write()
    };
    let warnings = client.create(&target, &budget, &dry).await.unwrap().warnings;
    assert!(
        warnings
            .iter()
            .any(|text| text.contains("hides previous definition")),
        "{warnings:?}"
    );
}
