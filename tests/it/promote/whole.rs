//! Whole promotions: adoption and its way back, what is pruned, and nothing to do.

use super::support::{ReleaseFile, config, contents, deployment, kubectl_apply, promote};
use crate::harness::{Namespace, Run, TestCluster};
use kubectl_delivery::testing::model::Object;
use serde_json::{Value, json};

fn revert(namespace: &Namespace) {
    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-y", "-n", namespace.name()])
        .run()
        .exits(0);
}

/// An object without what only controllers write.
fn own(object: &Object) -> Value {
    let mut value = object.value().clone();
    value["status"] = Value::Null;
    for field in ["resourceVersion", "generation"] {
        value["metadata"][field] = Value::Null;
    }
    if let Some(annotations) = value
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.retain(|key, _| !key.starts_with("deployment.kubernetes.io/"));
    }
    let entries = value["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut entries: Vec<String> = entries
        .into_iter()
        .filter(|entry| entry["subresource"] != "status")
        .map(|mut entry| {
            entry["time"] = Value::Null;
            entry.to_string()
        })
        .collect();
    entries.sort();
    value["metadata"]["managedFields"] = entries.into();
    value
}

#[test]
fn an_application_of_kubectl_apply_is_adopted_its_fields_go_and_a_revert_gives_them_back() {
    let namespace = TestCluster::get().namespace_named("t-adopt");
    let mut old = deployment("web", "web:1");
    old["spec"]["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}});
    let containers = old["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap();
    containers.push(json!({"name": "sidecar", "image": "side:1"}));
    let service = |port: i64| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": port}]}})
    };
    kubectl_apply(
        &namespace,
        &[old, service(80), config("a", json!({"keep": "1", "gone": "1"}))],
    );
    let look = || {
        let get = |group: &str, kind: &str, name: &str| own(&namespace.get(group, kind, name).unwrap());
        [
            get("apps", "Deployment", "web"),
            get("", "Service", "web"),
            get("", "ConfigMap", "a"),
        ]
    };
    let before = look();
    let mut new = deployment("web", "web:2");
    new["spec"]["strategy"] = json!({"type": "Recreate"});
    let release = ReleaseFile::new(
        "shop",
        "1",
        vec![new, service(81), config("a", json!({"keep": "1"}))],
    );
    let refused = promote(&namespace, &release, &["-y"]).exits(2);
    assert!(
        refused.stderr.contains("--adopt kubectl-client-side-apply"),
        "{}",
        refused.stderr
    );
    assert_eq!(look(), before);
    promote(
        &namespace,
        &release,
        &["-y", "--settle", "1s", "--adopt", "kubectl"],
    )
    .exits(0);
    let web = namespace.get("apps", "Deployment", "web").unwrap();
    assert_eq!(
        web.at("/spec/template/spec/containers")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(web.at("/spec/strategy"), Some(&json!({"type": "Recreate"})));
    assert_eq!(
        namespace
            .get("", "Service", "web")
            .unwrap()
            .at("/spec/ports/0/port"),
        Some(&json!(81))
    );
    assert_eq!(
        namespace.get("", "ConfigMap", "a").unwrap().at("/data"),
        Some(&json!({"keep": "1"}))
    );
    revert(&namespace);
    assert_eq!(
        look(),
        before,
        "spec, labels, annotations and ownership are as before"
    );
}

#[test]
fn what_is_no_longer_in_the_release_is_pruned_but_for_what_was_taken_out_of_the_set() {
    let namespace = TestCluster::get().namespace_named("t-prune");
    let all: Vec<Value> = (0..6)
        .map(|n| config(&format!("c{n}"), json!({"n": n.to_string()})))
        .collect();
    promote(&namespace, &ReleaseFile::new("shop", "1", all.clone()), &["-y"]).exits(0);
    namespace
        .kubectl()
        .args(["label", "configmap", "c5", "applyset.kubernetes.io/part-of-"])
        .run()
        .ok();
    let few = ReleaseFile::new("shop", "2", all[..3].to_vec());
    let refused = promote(&namespace, &few, &["-y"]).exits(2);
    assert!(
        refused.stderr.contains("error [prune]") && refused.stderr.contains("--allow-prune"),
        "{}",
        refused.stderr
    );
    promote(&namespace, &few, &["-y", "--allow-prune"]).exits(0);
    let there = |name: &str| namespace.get("", "ConfigMap", name).is_some();
    assert_eq!(
        ["c0", "c2", "c3", "c4", "c5"].map(there),
        [true, true, false, false, true]
    );
}

#[test]
fn what_somebody_puts_into_the_set_by_its_label_is_told_and_not_touched() {
    let namespace = TestCluster::get().namespace_named("t-stray");
    for count in [1, 8] {
        let objects = (0..count)
            .map(|n| config(&format!("c{n}"), json!({"n": "1"})))
            .collect();
        let release = ReleaseFile::new("shop", &count.to_string(), objects);
        promote(&namespace, &release, &["-y"]).exits(0);
        let diff = || {
            let mut command = TestCluster::get().delivery();
            command
                .args(["diff", "-n", namespace.name()])
                .arg(release.path())
                .run()
        };
        diff().exits(0);
        let mut stray = config("stray", json!({}));
        let labels = namespace
            .get("", "ConfigMap", "c0")
            .unwrap()
            .labels()
            .unwrap()
            .clone();
        stray["metadata"]["labels"] = labels.into();
        namespace.apply(stray);
        let ran = diff().exits(1).stdout;
        assert!(
            ran.contains("/stray")
                && ran.contains("orphaned: has the label of the release, not in its inventory"),
            "{ran}"
        );
        promote(&namespace, &release, &["-y"]).exits(0);
        namespace
            .kubectl()
            .args(["delete", "configmap", "stray"])
            .run()
            .ok();
    }
}

#[test]
fn nothing_to_do_is_one_line_and_touches_no_object_of_the_release() {
    let namespace = TestCluster::get().namespace_named("t-same");
    let objects = vec![config("a", json!({"a": "1"})), config("b", json!({"b": "1"}))];
    let first = ReleaseFile::new("shop", "1", objects.clone());
    promote(&namespace, &first, &["-y"]).exits(0);
    let before = contents(&namespace);
    let again = promote(&namespace, &first, &["-y"]).exits(0);
    assert!(
        again.stderr.ends_with("\nnothing to do: 2 objects in sync\n"),
        "{}",
        again.stderr
    );
    assert_eq!(contents(&namespace), before);
    let versions = || {
        ["a", "b"].map(|name| {
            namespace
                .get("", "ConfigMap", name)
                .unwrap()
                .resource_version()
                .to_owned()
        })
    };
    let untouched = versions();
    promote(&namespace, &ReleaseFile::new("shop", "2", objects), &["-y"]).exits(0);
    assert_eq!(
        versions(),
        untouched,
        "a new release with equal objects is recorded and nothing else"
    );
    let history = TestCluster::get()
        .delivery()
        .args(["history", "shop", "-n", namespace.name()])
        .run()
        .exits(0);
    let current = history.stdout.lines().nth(1).unwrap();
    assert!(current.starts_with("2*         shop 2 "), "{}", history.stdout);
}
