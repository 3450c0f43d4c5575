//! Fields that the server fills in or allocates give way to what the release says of them.

use super::support::{ReleaseFile, config, deployment, promote};
use super::target::{diff, lands, live, service, with_pod};
use crate::harness::{Run, TestCluster};
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[case::without_a_word(json!({"type": "Recreate"}))]
#[case::with_a_null(json!({"type": "Recreate", "rollingUpdate": null}))]
fn a_strategy_that_forbids_the_servers_default_is_promoted_and_reverted(#[case] strategy: Value) {
    let namespace = TestCluster::get().namespace_named("t-target");
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![deployment("web", "web:1")]),
        &[],
    );
    let mut recreate = deployment("web", "web:1");
    recreate["spec"]["strategy"] = strategy;
    lands(&namespace, &ReleaseFile::new("shop", "2", vec![recreate]), &[]);
    assert_eq!(
        live(&namespace, "deployment/web")["spec"]["strategy"],
        json!({"type": "Recreate"})
    );

    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-y", "-n", namespace.name()])
        .run()
        .exits(0);
    let strategy = &live(&namespace, "deployment/web")["spec"]["strategy"];
    assert_eq!(strategy["rollingUpdate"]["maxSurge"], "25%");
}

#[rstest]
#[case::named(json!({"type": "RollingUpdate"}))]
#[case::left_out(Value::Null)]
#[case::with_a_partition(json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}))]
fn the_update_strategy_of_a_stateful_set_may_become_on_delete(#[case] first: Value) {
    let namespace = TestCluster::get().namespace_named("t-target");
    let set = |strategy: Value| {
        let mut set = deployment("db", "web:1");
        set["kind"] = "StatefulSet".into();
        set["spec"]["updateStrategy"] = strategy;
        set
    };
    lands(&namespace, &ReleaseFile::new("shop", "1", vec![set(first)]), &[]);
    lands(
        &namespace,
        &ReleaseFile::new("shop", "2", vec![set(json!({"type": "OnDelete"}))]),
        &[],
    );
    assert_eq!(
        live(&namespace, "statefulset/db")["spec"]["updateStrategy"],
        json!({"type": "OnDelete"})
    );
}

#[test]
fn a_volume_that_gets_a_source_loses_the_one_that_the_server_gave_it() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let web = |source: Value| {
        let mut volume = json!({"name": "v"});
        for (key, value) in source.as_object().unwrap() {
            volume[key] = value.clone();
        }
        with_pod(deployment("web", "web:1"), &json!({"volumes": [volume]}))
    };
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "b"})), web(json!({}))]),
        &[],
    );
    let with = vec![
        config("a", json!({"a": "b"})),
        web(json!({"configMap": {"name": "a"}})),
    ];
    lands(&namespace, &ReleaseFile::new("shop", "2", with), &[]);
    let volume = &live(&namespace, "deployment/web")["spec"]["template"]["spec"]["volumes"][0];
    assert_eq!(
        volume,
        &json!({"name": "v", "configMap": {"name": "a", "defaultMode": 420}})
    );
}

#[rstest]
#[case::node_port(json!({}), json!({"type": "NodePort"}))]
#[case::one_more_port(json!({"type": "NodePort"}),
    json!({"type": "NodePort", "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}))]
#[case::from_external(json!({"type": "ExternalName", "externalName": "a.example", "selector": null, "ports": null}), json!({}))]
#[case::back_to_cluster(json!({"type": "NodePort"}), json!({"type": "ClusterIP"}))]
#[case::local_traffic(json!({"type": "NodePort"}), json!({"type": "NodePort", "externalTrafficPolicy": "Local"}))]
fn a_service_for_which_the_server_allocates_something_is_updated(
    #[case] first: Value,
    #[case] second: Value,
) {
    let namespace = TestCluster::get().namespace_named("t-target");
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![service(&first)]),
        &[],
    );
    lands(
        &namespace,
        &ReleaseFile::new("shop", "2", vec![service(&second)]),
        &[],
    );
}

#[test]
fn a_headless_service_that_would_get_an_address_is_refused_by_the_fields_name() {
    let namespace = TestCluster::get().namespace_named("t-target");
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![service(&json!({"clusterIP": "None"}))]),
        &[],
    );
    let second = ReleaseFile::new("shop", "2", vec![service(&json!({}))]);
    assert!(
        diff(&namespace, &second, "auto")
            .exits(1)
            .stdout
            .contains("/spec/clusterIP")
    );
    let refused = promote(&namespace, &second, &["-y"]).exits(2);
    assert!(
        refused.stderr.contains("immutable") && refused.stderr.contains("/spec/clusterIP"),
        "{}",
        refused.stderr
    );
}
