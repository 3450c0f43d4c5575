//! Which pods are tried, and what they are: by the plan of a dry run.

use super::{MARK, plan, rehearse, web};
use crate::execute::app::{App, image, workload};
use crate::harness::Run;
use serde_json::{Value, json};

#[test]
fn the_pod_is_selected_by_nothing_of_its_namespace() {
    let app = App::new();
    app.promote("1", &[web('1', None)]).run().exits(0);
    let selector = json!({"matchLabels": {"app": "web"}});
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"},
        "spec": {"podSelector": selector}});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"tier": "front"}, "ports": [{"port": 80}]}});
    for object in [policy, service] {
        app.kubectl_with(&["apply"], &object).exits(0);
    }

    let mut next = web('2', None);
    let labels = &mut next["spec"]["template"]["metadata"]["labels"];
    labels["tier"] = "front".into();
    labels["team"] = "shop".into();
    let plan = plan(&app, &[next], &["--rehearse=new"]);
    let [planned] = plan["rehearsals"].as_array().unwrap().as_slice() else {
        panic!("{plan}")
    };
    let pod = &planned["pod"];
    assert_eq!(pod["metadata"]["labels"], json!({"team": "shop"}));
    assert_eq!(planned["withoutNetworkPolicies"], json!(["web"]));
    assert!(pod["metadata"].get("ownerReferences").is_none());
    assert!(pod["metadata"]["annotations"][MARK].is_string());
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], 660);
    assert!(!pod["spec"]["containers"][0]["readinessProbe"].is_null());
}

/// What refuses a rehearsal of a workload.
fn refusal(app: &App, object: &Value) -> String {
    let mut promote = rehearse(app, "x", std::slice::from_ref(object), &["--dry-run=server"]);
    promote.run().exits(2).stderr
}

#[test]
fn what_must_not_run_twice_is_refused_by_name_and_can_be_waived() {
    let app = App::new();
    let allowed = json!({super::ALLOWED: "true"});
    let mut database = workload("StatefulSet", "db", '1', None);
    database["metadata"]["annotations"] = allowed;
    let refused = refusal(&app, &database);
    assert!(
        refused.contains("cannot be rehearsed: each of its pods has a name and volumes of its own"),
        "{refused}"
    );

    let with = |spec: Value| {
        let mut web = web('1', None);
        let pod = web["spec"]["template"]["spec"].as_object_mut().unwrap();
        pod.extend(spec.as_object().unwrap().clone());
        web
    };
    let init = with(json!({"initContainers": [{"name": "migrate", "image": image('1')}]}));
    let cases = [
        (with(json!({"hostNetwork": true})), "(hostNetwork)"),
        (init.clone(), "init container migrate may be a migration"),
        (
            with(json!({"volumes": [{"name": "d", "hostPath": {"path": "/d"}}]})),
            "volume d is a directory of its node",
        ),
    ];
    for (object, words) in cases {
        let refused = refusal(&app, &object);
        assert!(refused.contains(words), "{words}\n{refused}");
    }

    let mut waived = rehearse(&app, "x", std::slice::from_ref(&init), &["--dry-run=server"]);
    waived.args([
        "--waive",
        "rehearsal=Deployment/web",
        "--reason",
        "it is idempotent",
    ]);
    let waived = waived.run().exits(0).json();
    assert!(waived.get("rehearsals").is_none(), "{waived}");
    let init = plan(&app, &[init], &["--rehearse-init"]);
    assert_eq!(init["rehearsals"].as_array().unwrap().len(), 1);
}

#[test]
fn only_workloads_that_the_environment_or_an_annotation_names_are_tried() {
    let app = App::new();
    let plain = [
        workload("Deployment", "web", '1', None),
        workload("Deployment", "worker", '1', None),
    ];
    let refused = rehearse(&app, "1", &plain, &["--dry-run=server"]).run().exits(2);
    assert!(
        refused.stderr.contains("no workload may be rehearsed"),
        "{}",
        refused.stderr
    );

    let folder = tempfile::tempdir().unwrap();
    let environment = folder.path().join("environment.yaml");
    let text = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment", "metadata": {"name": "test"},
        "spec": {"rehearse": [{"target": {"kind": "Deployment", "name": "we*"}, "reason": "stateless"}]}});
    std::fs::write(&environment, text.to_string()).unwrap();
    let plan = plan(&app, &plain, &["-e", environment.to_str().unwrap()]);
    let named: Vec<&Value> = plan["rehearsals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["workload"]["name"])
        .collect();
    assert_eq!(named, ["web"]);
}

#[test]
fn without_permission_to_try_pods_the_preflight_names_it() {
    let app = App::new();
    let user = app.namespace.user("editor").with_role("view").ready();
    let mut promote = rehearse(&app, "1", &[web('1', None)], &["--dry-run=server"]);
    promote.env("KUBECONFIG", user.kubeconfig());
    let ran = promote.run().exits(2);
    assert!(ran.stderr.contains("to rehearse"), "{}", ran.stderr);
}
