//! Kubernetes Events of several namespaces, some of which take none.

use crate::harness::{Namespace, Run, TestCluster, WatchProcess, series, unique, until};
use crate::screens::stage::{Stage, config};
use serde_json::json;

/// An admission policy that denies every Event of a namespace, until it is dropped.
struct NoEvents(String);

impl NoEvents {
    fn deny(namespace: &Namespace) -> Self {
        let name = format!("t-no-events-{}", unique());
        let policy = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
                "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["events"]}]},
                "validations": [{"expression": "!object.reason.startsWith('Drift')", "message": "no such Events here"}]}},
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {
                "policyName": name, "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name()}}}}}]});
        let made = Self(name);
        let mut kubectl = TestCluster::get().kubectl();
        kubectl
            .args(["apply", "-f", "-"])
            .run_with(&policy.to_string())
            .ok();
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "try"}, "reason": "DriftOpened",
            "involvedObject": {"kind": "ConfigMap", "namespace": namespace.name(), "name": "delivery-shop"}});
        let is_denied = || {
            let mut kubectl = namespace.kubectl();
            kubectl.args(["create", "--dry-run=server", "-f", "-"]);
            kubectl.run_with(&event.to_string()).code != Some(0)
        };
        assert!(until(60, is_denied));
        made
    }
}

impl Drop for NoEvents {
    fn drop(&mut self) {
        let kinds = ["validatingadmissionpolicybinding", "validatingadmissionpolicy"];
        let objects = kinds.map(|kind| format!("{kind}/{}", self.0));
        TestCluster::get().kubectl().arg("delete").args(objects).run();
    }
}

fn events(namespace: &Namespace) -> usize {
    let line = [
        "get",
        "events",
        "--field-selector",
        "involvedObject.name=delivery-shop",
        "-o",
        "name",
    ];
    namespace.kubectl().args(line).run().ok().lines().count()
}

#[test]
fn a_namespace_that_takes_no_events_costs_no_other_namespace_its_own() {
    let stage = Stage::new();
    let others = [(); 2].map(|()| TestCluster::get().namespace_named("shop"));
    let label = stage.namespace.name();
    stage.release("1.4.1", &[config("settings", "EUR")]);
    let mut namespaces = vec![&stage.namespace];
    namespaces.extend(&others);
    for namespace in &namespaces {
        let promote = format!(
            "promote shop-1.4.1.yaml --yes --settle 0s -n {}",
            namespace.name()
        );
        stage.run(&promote).ok();
        let of = format!("of={label}");
        namespace
            .kubectl()
            .args(["label", "configmap", "delivery-shop", &of])
            .run()
            .ok();
    }
    // Events are written in the order of their namespaces: the last one's come after those that are refused.
    namespaces.sort_by_key(|namespace| namespace.name());
    let [denied, forbidden, taken] = namespaces[..] else {
        unreachable!()
    };
    let _policy = NoEvents::deny(denied);
    let user = stage.namespace.user("watcher");
    let user = user
        .may_everywhere(&["get", "list", "watch"], "", &["configmaps"])
        .ready();
    for namespace in [denied, taken] {
        let create = [
            "create",
            "role",
            "events",
            "--verb=create,list",
            "--resource=events",
        ];
        namespace.kubectl().args(create).run().ok();
        let account = format!("--serviceaccount={label}:watcher");
        let bind = ["create", "rolebinding", "events", "--role=events", &account];
        namespace.kubectl().args(bind).run().ok();
    }
    let words = format!("watch -A -l of={label} --mode readonly --kubernetes-events");
    let mut command = stage.command(&words);
    command.env("KUBECONFIG", user.kubeconfig());
    let watch = WatchProcess::start_ready(command);

    let patch = |currency: &str| {
        for namespace in &namespaces {
            let data = json!({"data": {"currency": currency}}).to_string();
            let patch = ["patch", "configmap", "settings", "--type=merge", "-p", &data];
            namespace.kubectl().args(patch).run().ok();
        }
    };
    patch("USD");
    assert!(until(60, || events(taken) == 1), "{}", watch.log());
    patch("EUR");
    assert!(until(60, || events(taken) == 2), "{}", watch.log());
    let lost = |page: &str| {
        series(page, &["sink_dropped_events_total"])
            .iter()
            .map(|(_, count)| count)
            .sum::<f64>()
    };
    watch.wait_for("what is lost is counted", |page| lost(page) >= 4.0);
    assert_eq!(lost(&watch.metrics()), 4.0, "{}", watch.metrics());
    assert_eq!((events(denied), events(forbidden)), (0, 0));
}
