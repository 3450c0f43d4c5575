//! What differs between the minors of Kubernetes: each test says what the cluster's own does, and that it is told of.
//! `make skew K8S=1.30` runs them on another minor.

use crate::execute::app::{App, image, workload};
use crate::harness::{Run, TestCluster, until};
use serde_json::{Value, json};

/// The minor of the cluster's API server.
fn minor() -> u32 {
    let version = TestCluster::get()
        .kubectl()
        .args(["version", "-o", "json"])
        .run()
        .exits(0)
        .json();
    let minor = version["serverVersion"]["minor"].as_str().unwrap();
    minor.trim_end_matches('+').parse().unwrap()
}

fn diff(app: &App) -> Value {
    let mut diff = app.delivery();
    diff.args(["diff", "-n", app.namespace.name(), "-o", "json"]);
    diff.run().json()
}

fn paths(view: &Value) -> Vec<&str> {
    let objects = view["objects"].as_array().into_iter().flatten();
    let changes = objects.flat_map(|object| object["changes"].as_array().into_iter().flatten());
    changes.map(|change| change["path"].as_str().unwrap()).collect()
}

/// Dry requests of a comparison.
fn dry_runs(app: &App) -> usize {
    let mut diff = app.delivery();
    diff.args(["diff", "-n", app.namespace.name(), "-v", "6"]);
    diff.run().stderr.matches("dryRun").count()
}

/// Each minor has other words for it: those of 1.30 name no field and do not say "immutable".
#[test]
fn a_changed_claim_template_is_refused_as_immutable_with_the_way_out() {
    let app = App::new();
    let set = |size: &str| {
        let mut set = workload("StatefulSet", "db", '1', None);
        set["spec"]["replicas"] = 0.into();
        set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}]);
        set
    };
    app.promote("1", &[set("1Gi")]).run().exits(0);

    let ran = app.promote("2", &[set("2Gi")]).run().exits(2);
    assert!(
        ran.stderr.contains("error [immutable] StatefulSet")
            && ran.stderr.contains("kubectl delete statefulset.apps/db"),
        "{}",
        ran.stderr
    );

    // What no set could have is refused for itself: deleting it would help nobody.
    let mut broken = set("1Gi");
    broken["spec"]["template"]["spec"]["restartPolicy"] = "Never".into();
    let ran = app.promote("3", &[broken]).run().exits(2);
    assert!(
        ran.stderr.contains("error [dry-run] StatefulSet") && !ran.stderr.contains("kubectl delete"),
        "{}",
        ran.stderr
    );
}

/// A kind of the test's own, so that what is said of it touches no other test.
struct Things {
    app: App,
    group: String,
}

impl Things {
    fn new(spec: &Value) -> Self {
        let app = App::new();
        let group = format!("{}.example", app.namespace.name());
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")}, "spec": {"group": group, "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things"}, "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}]}});
        app.kubectl_with(&["create"], &definition).exits(0);
        app.kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd",
            &format!("things.{group}"),
        ]);
        Self { app, group }
    }

    fn thing(&self, spec: &Value) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group), "kind": "Thing", "metadata": {"name": "one"}, "spec": spec})
    }
}

impl Drop for Things {
    fn drop(&mut self) {
        let mut delete = TestCluster::get().kubectl();
        delete.args(["delete", "--wait=false", "crd", &format!("things.{}", self.group)]);
        delete.run();
    }
}

/// An author's rule has words of its own.
#[test]
fn a_value_that_a_rule_keeps_is_refused_as_immutable_whatever_the_rules_words() {
    let things = Things::new(
        &json!({"type": "object", "properties": {"size": {"type": "integer", "maximum": 9,
        "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is chosen once"}]}}}),
    );
    let promote = |version: &str, size: u32| {
        things
            .app
            .promote(version, &[things.thing(&json!({"size": size}))])
            .run()
    };
    promote("1", 1).exits(0);

    let ran = promote("2", 2).exits(2);
    assert!(
        ran.stderr.contains("error [immutable] Thing") && ran.stderr.contains("is chosen once"),
        "{}",
        ran.stderr
    );
    let ran = promote("3", 10).exits(2);
    assert!(ran.stderr.contains("error [dry-run] Thing"), "{}", ran.stderr);
}

/// The version of the API that serves mutating policies: none before 1.32, and up to 1.35 only where it is switched on.
fn policies() -> Option<&'static str> {
    ["v1", "v1beta1", "v1alpha1"].into_iter().find(|version| {
        let path = format!("/apis/admissionregistration.k8s.io/{version}");
        let served = TestCluster::get().kubectl().args(["get", "--raw", &path]).run();
        served.stdout.contains("\"mutatingadmissionpolicies\"")
    })
}

#[test]
fn a_mutating_policy_is_reckoned_with_at_the_version_that_serves_it() {
    let served = policies();
    let expected = match minor() {
        ..=31 => None,
        32 | 33 => Some("v1alpha1"),
        34 | 35 => Some("v1beta1"),
        _ => Some("v1"),
    };
    assert_eq!(served, expected);

    // A kind that no other test compares: a policy for it touches none of them.
    let app = App::new();
    let limits = |cpu: &str| {
        json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "one"},
            "spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": cpu}}]}})
    };
    let release = [limits("1Gi")];
    app.promote("1", &release).run().exits(0);
    // Which webhooks and policies there are is known, of whatever version: nothing has to be asked.
    assert_eq!(dry_runs(&app), 0);
    let Some(version) = served else {
        return;
    };

    let policy = Policy::new(&app, version);
    // It is enforced a moment after it is there.
    let probe = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "-o",
        "json",
    ];
    assert!(until(30, || {
        app.kubectl_with(&probe, &limits("2Gi"))
            .stdout
            .contains("\"red\"")
    }));

    // The object is as it was promoted, and a promotion would make another one of it.
    let view = diff(&app);
    assert_eq!(paths(&view), ["/metadata/labels/colour"], "{view:#}");
    app.promote("2", &release).run().exits(0);
    let view = diff(&app);
    assert_eq!(paths(&view), Vec::<&str>::new(), "{view:#}");
    drop(policy);
}

/// A mutating policy for the LimitRanges of one namespace, deleted when it is dropped.
struct Policy(String);

impl Policy {
    fn new(app: &App, version: &str) -> Self {
        let name = app.namespace.name();
        let api = format!("admissionregistration.k8s.io/{version}");
        let policy = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": api, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
                "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                "matchConstraints": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
                    "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"], "resources": ["limitranges"]}]},
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {
                    "expression": "Object{metadata: Object.metadata{labels: {'colour': 'red'}}}"}}]}},
            {"apiVersion": api, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name},
                "spec": {"policyName": name}}]});
        app.kubectl_with(&["create"], &policy).exits(0);
        Self(name.to_owned())
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let kinds = "mutatingadmissionpolicies,mutatingadmissionpolicybindings";
        let mut delete = TestCluster::get().kubectl();
        delete.args(["delete", "--wait=false", "--ignore-not-found", kinds, &self.0]);
        delete.run();
    }
}

/// Where an image volume is not served, its container would start without it.
#[test]
fn an_image_volume_is_promoted_where_it_is_served_and_refused_by_name_where_it_is_dropped() {
    let app = App::new();
    let mut web = workload("Deployment", "web", '1', None);
    let pod = &mut web["spec"]["template"]["spec"];
    pod["volumes"] = json!([{"name": "assets", "image": {"reference": image('2')}}]);
    pod["containers"][0]["volumeMounts"] = json!([{"name": "assets", "mountPath": "/assets"}]);
    let ran = app.promote("1", &[web]).run();
    if minor() >= 35 {
        ran.exits(0);
        let view = diff(&app);
        assert_eq!(paths(&view), Vec::<&str>::new(), "{view:#}");
        return;
    }
    let ran = ran.exits(2);
    // 1.30 does not know the field at all.
    let expected = match minor() {
        30 => [
            "rejected by the API server",
            "volumes[name=\"assets\"].image: field not declared in schema",
        ],
        _ => [
            "the API server drops fields",
            "(/spec/template/spec/containers/[name=main]/volumeMounts, /spec/template/spec/volumes)",
        ],
    };
    for text in expected {
        assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
    }
    assert_eq!(app.kubectl(&["get", "deployments", "-o", "name"]), "");
}

#[test]
fn a_pod_that_was_resized_in_place_differs_and_cannot_be_put_right_by_an_apply() {
    let app = App::new();
    // No node takes it: a simulated one says of no feature that it has it.
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one",
        "annotations": {"kubectl-delivery.io/wait": "false"}}, "spec": {
        "nodeSelector": {"no": "where"}, "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": image('1'), "resources": {"requests": {"cpu": "10m"}}}]}});
    app.promote("1", std::slice::from_ref(&pod)).run().exits(0);

    let mut resized: Value =
        serde_json::from_str(&app.kubectl(&["get", "pod", "one", "-o", "json"])).unwrap();
    resized["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "20m".into();
    let path = format!("/api/v1/namespaces/{}/pods/one/resize", app.namespace.name());
    let ran = app.kubectl_with(&["replace", "--raw", &path], &resized);
    if minor() < 33 {
        assert!(
            ran.code != Some(0) && ran.stderr.contains("NotFound"),
            "{}",
            ran.stderr
        );
        assert_eq!(paths(&diff(&app)), Vec::<&str>::new());
        return;
    }
    ran.exits(0);
    let view = diff(&app);
    assert_eq!(
        paths(&view),
        ["/spec/containers/[name=main]/resources/requests/cpu"],
        "{view:#}"
    );
    let ran = app.promote("2", &[pod]).arg("--overwrite").run().exits(2);
    assert!(
        ran.stderr.contains("error [immutable] Pod") && ran.stderr.contains("kubectl delete pod/one"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_sidecar_is_waited_for_and_its_image_verified() {
    let app = App::new();
    let mut web = workload("Deployment", "web", '1', None);
    web["spec"]["template"]["spec"]["initContainers"] =
        json!([{"name": "proxy", "image": image('2'), "restartPolicy": "Always"}]);
    app.promote("1", &[web]).run().exits(0);

    let mut images = app.delivery();
    images.args(["images", "-n", app.namespace.name(), "-o", "json"]);
    let view = images.run().json();
    assert!(view.to_string().contains("proxy"), "{view:#}");
    assert_eq!(paths(&diff(&app)), Vec::<&str>::new());
}
