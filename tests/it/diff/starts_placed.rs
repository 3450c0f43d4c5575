//! `wouldNotStart`: room in quotas, nodes, admission and registries, and worlds beside them in which nothing is wrong.

use super::*;
use crate::harness::{Repository, until};
use serde_json::{Value, json};

/// A Deployment of one container; `pod` are further fields of its pods' spec.
fn web(image: &str, pod: Value) -> Value {
    let mut spec = json!({"containers": [{"name": "main", "image": image}]});
    if let Value::Object(fields) = pod {
        fields.into_iter().for_each(|(name, value)| spec[name] = value);
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}})
}

impl Scene {
    /// With this workload, whose pod is there.
    fn with_web(workload: &Value) -> Self {
        let scene = Self::new();
        let file = scene.write(&workload.to_string());
        scene.kubectl(&["apply", "--server-side", "-f", file.to_str().unwrap()]);
        scene.kubectl(&[
            "wait",
            "deployment/web",
            "--for=jsonpath={.status.replicas}=1",
            "--timeout=60s",
        ]);
        scene
    }

    fn starts(&self, flags: &[&str], code: i32) -> Value {
        self.diff(&[&["-o", "json"], flags].concat()).exits(code).json()
    }
}

/// The message of each cause.
fn messages(view: &Value) -> Vec<String> {
    let findings = view["wouldNotStart"].as_array().unwrap().iter();
    let causes = findings.flat_map(|finding| finding["causes"].as_array().unwrap());
    causes
        .map(|cause| cause["message"].as_str().unwrap().to_owned())
        .collect()
}

/// The message of each note.
fn notes(view: &Value) -> Vec<&str> {
    let notes = view["startNotes"].as_array().unwrap().iter();
    notes.map(|note| note["message"].as_str().unwrap()).collect()
}

#[test]
fn a_quota_that_is_exactly_used_is_no_finding_and_one_that_was_cut_is() {
    let scene = Scene::with_web(&web("registry.example/web:1", json!({})));
    scene.namespace.quota(json!({"pods": "1"}));
    let is_counted = |resource: &str, amount: &str| {
        let quota = scene.namespace.get("", "ResourceQuota", "small");
        quota.is_some_and(|quota| quota.text(resource) == amount)
    };
    assert!(until(60, || is_counted("/status/used/pods", "1")));
    for depth in ["--starts=reads", "--starts=full"] {
        let view = scene.starts(&[depth], 0);
        assert_eq!(messages(&view), Vec::<String>::new(), "{depth}: {view}");
    }

    scene.namespace.quota(json!({"pods": "0"}));
    assert!(until(60, || is_counted("/status/hard/pods", "0")));
    let view = scene.starts(&[], 1);
    let message = format!(
        "ResourceQuota {}/small would be exceeded: requested: pods=1, used without the replaced pod: pods=0, limited: pods=0",
        scene.namespace
    );
    assert_eq!(messages(&view), [message]);
    assert_eq!(view["wouldNotStart"][0]["causes"][0]["kind"], "quota");
}

#[test]
fn a_node_that_lost_its_label_is_found_and_a_cordoned_one_is_none() {
    let label = crate::harness::unique();
    // Cordoned and never ready: no other test's pods land there.
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": label, "labels": {"disk": label}},
        "spec": {"unschedulable": true}});
    let scene = Scene::with_web(&web(
        "registry.example/web:1",
        json!({"nodeSelector": {"disk": label}}),
    ));
    let kubectl = |words: &[&str], input: &str| {
        scene.namespace.kubectl().args(words).run_with(input).ok();
    };
    kubectl(&["apply", "-f", "-"], &node.to_string());
    let silent = scene.starts(&[], 0);
    kubectl(&["label", &format!("node/{label}"), "disk-"], "");
    let found = scene.starts(&[], 1);
    kubectl(&["delete", &format!("node/{label}"), "--wait=false"], "");

    assert_eq!(messages(&silent), Vec::<String>::new(), "{silent}");
    assert_eq!(notes(&silent), [""; 0]);
    let message = format!("no node could take its pods: none has the label \"disk={label}\"");
    assert_eq!(messages(&found), [message]);
}

#[test]
fn a_pod_that_no_node_is_large_enough_for_is_a_note() {
    // Of the nodes that all tests share: others come and go.
    let mut workload = web(
        "registry.example/web:1",
        json!({"nodeSelector": {"type": "kwok"}}),
    );
    workload["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "100000"}});
    let scene = Scene::with_web(&workload);
    let view = scene.starts(&[], 0);
    assert_eq!(messages(&view), Vec::<String>::new());
    assert!(
        notes(&view)[0].contains("requested: cpu=100000, largest allocatable: cpu="),
        "{view}"
    );
}

#[test]
fn pod_security_that_came_later_is_found_by_a_pod_alone() {
    let scene = Scene::with_web(&web("registry.example/web:1", json!({"hostNetwork": true})));
    assert_eq!(
        messages(&scene.starts(&["--starts=full"], 0)),
        Vec::<String>::new()
    );

    let namespace = format!("namespace/{}", scene.namespace);
    scene.kubectl(&["label", &namespace, "pod-security.kubernetes.io/enforce=baseline"]);
    assert_eq!(
        messages(&scene.starts(&[], 0)),
        Vec::<String>::new(),
        "a list does not tell"
    );
    let view = scene.starts(&["--starts=full"], 1);
    assert!(messages(&view)[0].contains("violates PodSecurity"), "{view}");
    assert_eq!(view["wouldNotStart"][0]["causes"][0]["kind"], "podRejected");
}

#[test]
fn an_image_that_its_registry_lost_is_found_and_a_registry_without_an_answer_is_unknown() {
    let repository = Repository::new();
    repository.image("1", None);
    let digest = repository.crane(&["digest", &repository.tag("1")]);
    let image = format!("{}@{digest}", repository.0);
    let scene = Scene::with_web(&web(&image, json!({})));
    assert_eq!(
        messages(&scene.starts(&["--starts=full"], 0)),
        Vec::<String>::new()
    );

    repository.crane(&["delete", &image]);
    assert_eq!(
        messages(&scene.starts(&[], 0)),
        Vec::<String>::new(),
        "nobody was asked"
    );
    let view = scene.starts(&["--starts=full"], 1);
    let message = format!("image {image} is gone from its registry; a node without it could not pull it");
    assert_eq!(messages(&view), [message]);

    let silent = Scene::with_web(&web("127.0.0.1:9/web:1", json!({})));
    let view = silent.starts(&["--starts=full"], 0);
    assert_eq!(messages(&view), Vec::<String>::new());
    let unknown = view["startUnknown"].to_string();
    assert!(unknown.contains("connection refused"), "{view}");
}
