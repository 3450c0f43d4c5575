//! What is never passed over in silence: what people do to a cluster at night, and what the server's own answers would hide.

use super::Scene;
use crate::harness::{Ran, Run, TestCluster};
use rstest::rstest;
use serde_json::json;

const APP: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {LEVEL: info}
---
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {user: shop, password: correct-horse-battery}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {note: first}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: registry.example/web:1, args: [first, second], env: [{name: A, value: a}]}
";

const CONTAINER: &str = "Deployment /spec/template/spec/containers/[name=web]";

fn applied() -> Scene {
    Scene::made(APP, &["apply", "--server-side"])
}

#[rstest]
#[case::a_container(
    "containers: [{name: debug, image: registry.example/debug}]",
    "Deployment /spec/template/spec/containers/[name=debug]"
)]
#[case::a_variable(
    "containers: [{name: web, env: [{name: B, value: b}]}]",
    "Deployment /spec/template/spec/containers/[name=web]/env/[name=B]"
)]
#[case::a_port(
    "containers: [{name: web, ports: [{containerPort: 81}]}]",
    "Deployment /spec/template/spec/containers/[name=web]/ports"
)]
#[case::a_toleration(
    "tolerations: [{key: a, operator: Exists}]",
    "Deployment /spec/template/spec/tolerations"
)]
#[case::a_volume(
    "volumes: [{name: tmp, emptyDir: {}}]",
    "Deployment /spec/template/spec/volumes/[name=tmp]"
)]
#[case::another_order(
    "containers: [{name: web, args: [second, first]}]",
    "Deployment /spec/template/spec/containers/[name=web]/args"
)]
fn what_is_patched_into_a_pod_template_is_named(#[case] patch: &str, #[case] path: &str) {
    let scene = applied();
    let patch = format!("spec: {{template: {{spec: {{{patch}}}}}}}");
    scene.kubectl(&["patch", "deployment", "web", "--type=strategic", "-p", &patch]);
    let found = scene.changes();
    assert!(found.len() == 1 && found[0].starts_with(path), "{found:?}");
}

#[test]
fn what_to_type_next_is_true_of_what_others_added() {
    let scene = applied();
    let next = || {
        let outcome = scene.diff(&[]).exits(1).stdout;
        outcome.lines().last().unwrap_or_default().to_owned()
    };
    let apply = || {
        let file = scene.folder.path().join("shop.yaml");
        let words = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            file.to_str().unwrap(),
        ];
        scene.kubectl(&words);
    };
    scene.kubectl(&["scale", "deployment", "web", "--replicas=1"]);
    assert!(
        next().contains("to apply these manifests: kubectl apply"),
        "{}",
        next()
    );
    apply();
    scene.diff(&[]).exits(0);
    scene.kubectl(&["set", "env", "deployment/web", "B=b"]);
    apply();
    assert!(next().contains("removes fields that others added"), "{}", next());
}

#[rstest]
#[case::a_variable("deployment", "/spec/template/spec/containers/0/env/0", &format!("{CONTAINER}/env/[name=A]"))]
#[case::an_annotation(
    "deployment",
    "/metadata/annotations/note",
    "Deployment /metadata/annotations/note"
)]
fn what_is_removed_is_named(#[case] kind: &str, #[case] pointer: &str, #[case] path: &str) {
    let scene = applied();
    let patch = json!([{"op": "remove", "path": pointer}]).to_string();
    scene.kubectl(&["patch", kind, "web", "--type=json", "-p", &patch]);
    let found = scene.changes();
    assert!(found.len() == 1 && path.starts_with(&found[0]), "{found:?}");
}

#[test]
fn an_edit_and_a_write_through_a_subresource_are_named_with_their_hands() {
    let scene = applied();
    let mut edit = scene.namespace.kubectl();
    edit.env("KUBE_EDITOR", "sed -i 's/LEVEL: info/LEVEL: debug/'")
        .args(["edit", "configmap", "config"])
        .run()
        .ok();
    scene.kubectl(&[
        "patch",
        "deployment",
        "web",
        "--subresource=scale",
        "--type=merge",
        "-p",
        r#"{"spec": {"replicas": 1}}"#,
    ]);
    assert_eq!(
        scene.changes(),
        ["ConfigMap /data/LEVEL", "Deployment /spec/replicas"]
    );
    let outcome = scene.diff(&[]).exits(1).stdout;
    assert!(
        outcome.contains("kubectl-edit") && outcome.contains("through scale"),
        "{outcome}"
    );
}

/// A key that `stringData` no longer holds stays in data for ever, for the server.
#[test]
fn a_key_of_a_secret_that_is_gone_or_that_was_added_is_named_and_its_value_is_not_shown() {
    let scene = applied();
    let patch = json!([{"op": "remove", "path": "/data/password"}, {"op": "add", "path": "/data/extra", "value": "c2VjcmV0LXRoaW5n"}]);
    scene.kubectl(&["patch", "secret", "db", "--type=json", "-p", &patch.to_string()]);
    assert_eq!(scene.changes(), ["Secret /data/extra", "Secret /data/password"]);
    for verbosity in ["4", "9"] {
        for format in ["text", "json", "yaml", "markdown", "junit", "html"] {
            let ran = scene.diff(&["-o", format, "-v", verbosity]).exits(1);
            let all = ran.stdout + &ran.stderr;
            for value in [
                "correct-horse-battery",
                "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5",
                "secret-thing",
                "c2VjcmV0LXRoaW5n",
            ] {
                assert!(
                    !all.contains(value),
                    "{value} with -o {format} -v {verbosity}:\n{all}"
                );
            }
        }
    }
}

/// An error quotes what it does not understand: nothing of a Secret.
#[rstest]
#[case::no_base64("data: {password: 'correct-horse battery!'}")]
#[case::no_text("stringData: {password: [correct-horse, {battery: staple}]}")]
#[case::no_map("stringData: correct-horse-battery")]
#[case::no_map_of_data("data: Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5")]
#[case::not_as_bytes("data: {password: 12345678}")]
#[case::no_name_of_a_key("stringData: {'a key': correct-horse-battery}")]
#[case::another_type("type: kubernetes.io/tls\nstringData: {tls.key: correct-horse-battery}")]
#[case::an_unknown_field("password: correct-horse-battery\nstringData: {user: shop}")]
#[case::no_end("stringData: {password: 'correct-horse-battery}")]
#[case::a_tab("stringData:\n\tpassword: correct-horse-battery")]
#[case::twice("stringData: {password: correct-horse-battery, password: correct-horse-staple}")]
fn no_error_quotes_a_secret(#[case] content: &str) {
    let scene = applied();
    let file = scene.write(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\n{content}\n"
    ));
    let is_silent = |ran: &Ran| {
        let all = format!("{}{}", ran.stdout, ran.stderr);
        for secret in [
            "correct-horse",
            "battery",
            "staple",
            "Y29ycmVjdC1ob3JzZS",
            "12345678",
            "MTIzNDU2Nzg",
        ] {
            assert!(!all.contains(secret), "{secret}: {all}");
        }
    };
    let all_of = |command: &mut std::process::Command| {
        let ran = command.args(["-v", "9"]).run();
        assert!(ran.code != Some(0), "{}{}", ran.stdout, ran.stderr);
        is_silent(&ran);
    };
    let in_here = |words: &[&str]| {
        let mut command = TestCluster::get().delivery();
        command
            .args(words)
            .args(["-n", scene.namespace.name(), "-f"])
            .arg(&file);
        command
    };
    for format in ["text", "json"] {
        all_of(in_here(&["diff"]).args(["-o", format]));
    }
    all_of(in_here(&["diff"]).env("KUBECTL_EXTERNAL_DIFF", "diff -u -N -r"));
    let record = [
        "record",
        "--offline",
        "--name",
        "shop",
        "--version",
        "1",
        "-o",
        "/dev/null",
    ];
    let ran = TestCluster::get()
        .delivery()
        .args(record)
        .arg("-f")
        .arg(&file)
        .args(["-v", "9"])
        .run();
    is_silent(&ran);
}

/// With its ownership wiped, an added container is invisible to a dry-run apply.
#[test]
fn an_added_container_whose_ownership_was_wiped_is_of_unknown_origin() {
    let scene = applied();
    let patch = json!([
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "miner", "image": "registry.example/miner"}},
        {"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]);
    scene.kubectl(&[
        "patch",
        "deployment",
        "web",
        "--type=json",
        "-p",
        &patch.to_string(),
    ]);
    let view = scene.diff(&["-o", "json"]).exits(1).json();
    assert!(view.to_string().contains("[name=miner]"), "{view:#}");
}

#[test]
fn a_difference_that_nobody_sees_has_a_picture_and_two_values_in_every_format() {
    let namespace = TestCluster::get().namespace_named("t-diff");
    let map = |data: serde_json::Value| {
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "text"}, "data": data});
        object.to_string()
    };
    let live = map(json!({"end": "a\nb", "line": "a\r\n", "hidden": "ad\u{200b}min", "order": "a\u{202e}b"}));
    namespace
        .kubectl()
        .args(["create", "-f", "-"])
        .run_with(&live)
        .ok();
    let desired = map(json!({"end": "a\nb\n", "line": "a\n", "hidden": "admin", "order": "ab"}));
    let diff = |format: &str| {
        let mut command = TestCluster::get().delivery();
        command
            .args(["diff", "-n", namespace.name(), "-o", format, "-f", "-"])
            .run_with(&desired)
            .exits(1)
    };
    let text = diff("text").stdout;
    for picture in ["\\ no newline at end", "a\\r", "ad\\u200bmin", "a\\u202eb"] {
        assert!(text.contains(picture), "nothing shown of {picture}:\n{text}");
    }
    let view = diff("json").json();
    let changes = view["objects"][0]["changes"].as_array().unwrap().clone();
    assert_eq!(changes.len(), 4);
    assert!(
        changes.iter().all(|change| change["live"] != change["desired"]),
        "{changes:#?}"
    );
    for format in ["markdown", "html", "junit"] {
        let page = diff(format).stdout;
        assert!(
            page.contains("u200b") && !page.contains(['\u{200b}', '\u{202e}', '\r']),
            "{format}:\n{page}"
        );
    }
}
