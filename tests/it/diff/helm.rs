//! `diff --helm` over revisions that are stored as Helm stores them: which one is read, with which permissions, and what
//! becomes of one that others have written. `tests/it/helm` has them from the real helm.

use crate::harness::{
    HELM_VALUE, KillProxy, Namespace, Ran, Run, TestCluster, User, encoded_release, measured, stored_release,
    stored_revision,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

const PASSWORD: &str = "correct-horse-battery";

fn config(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"LEVEL": value}})
}

/// A namespace in which `config` and a Secret run as Helm has installed them.
fn installed() -> Namespace {
    let namespace = TestCluster::get().namespace_named("t-helm");
    for mut object in [config("info"), secret()] {
        object["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"});
        object["metadata"]["annotations"] = json!({
            "meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": namespace.name()});
        namespace.apply(object);
    }
    namespace
}

fn secret() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": PASSWORD}})
}

fn payload(namespace: &Namespace, revision: u32, status: &str, value: &str) -> String {
    let manifest = format!(
        "---\n# Source: web/config.yaml\n{}\n---\n{}\n",
        config(value),
        secret()
    );
    encoded_release(&stored_release(namespace.name(), revision, status, &manifest))
}

/// Stores a revision in which `config` has a value.
fn store(namespace: &Namespace, revision: u32, status: &str, value: &str) {
    let payload = payload(namespace, revision, status, value);
    namespace.apply(stored_revision(revision, status, &payload));
}

fn diff_with(kubeconfig: &Path, namespace: &Namespace, words: &[&str]) -> Ran {
    let mut command = TestCluster::get().delivery();
    command.env("KUBECONFIG", kubeconfig);
    command
        .args(["diff", "-n", namespace.name(), "--helm"])
        .args(words)
        .run()
}

fn diff(namespace: &Namespace, words: &[&str]) -> Ran {
    diff_with(&TestCluster::get().kubeconfig, namespace, words)
}

#[test]
fn without_a_revision_the_deployed_one_is_compared_and_a_newer_one_is_named() {
    let namespace = installed();
    store(&namespace, 1, "superseded", "old");
    store(&namespace, 2, "deployed", "info");
    store(&namespace, 10, "pending-upgrade", "debug");
    // Labelled alike, and no revision.
    let mut other = stored_revision(11, "deployed", "x");
    other["metadata"]["name"] = "notes".into();
    namespace.apply(other);

    let ran = diff(&namespace, &["web", "-o", "json"]).exits(0).json();
    assert_eq!(
        ran["helm"],
        json!({"name": "web", "revision": 2, "status": "deployed", "chart": {"name": "web", "version": "1.2.3"}})
    );
    assert!(ran.get("release").is_none());
    let command = format!("kubectl delivery diff --helm web@10 -n {namespace}");
    assert_eq!(
        ran["notes"],
        json!([
            format!("revision 10 of Helm release web is pending-upgrade; to compare with it: {command}"),
            "1 hook of the chart is not compared",
        ])
    );

    let older = diff(&namespace, &["web@1", "-o", "json"]).exits(1).json();
    let change = &older["objects"][0]["changes"][0];
    assert_eq!(change["path"], "/data/LEVEL");
    assert_eq!(
        (&change["live"], &change["desired"]),
        (&json!("info"), &json!("old"))
    );
}

#[test]
fn where_no_revision_is_deployed_the_newest_is_compared() {
    let namespace = installed();
    store(&namespace, 1, "failed", "old");
    store(&namespace, 2, "pending-rollback", "info");

    let ran = diff(&namespace, &["web"]).exits(0);
    assert!(
        ran.stdout
            .starts_with("Helm release web revision 2 (chart web-1.2.3, pending-rollback)\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("no revision of Helm release web is deployed: compared with the newest"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_named_revision_is_one_read_by_name_and_otherwise_metadata_is_listed_first() {
    let namespace = installed();
    store(&namespace, 1, "superseded", "old");
    store(&namespace, 2, "deployed", "info");
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let asked = |reference: &str| {
        proxy.forget();
        diff_with(&proxy.kubeconfig(), &namespace, &[reference]).exits(0);
        let requests = proxy.requests();
        let texts = requests
            .into_iter()
            .map(|request| format!("{}?{}", request.path, request.query));
        // Its own name has the word as well.
        let texts = texts.map(|text| text.replace(namespace.name(), "NS"));
        let stored = texts.filter(|text| text.contains("helm"));
        stored.collect::<Vec<_>>()
    };

    let get = "/api/v1/namespaces/NS/secrets/sh.helm.release.v1.web.v2?";
    assert_eq!(asked("web@2"), [get]);
    let [list, read] = &asked("web")[..] else {
        panic!("more than a list and a get");
    };
    assert!(
        list.contains("secrets?labelSelector=owner%3Dhelm%2Cname%3Dweb&"),
        "{list}"
    );
    assert_eq!(read, get);
}

/// May read what runs, and `secrets` of what Helm stores.
fn user<'n>(namespace: &'n Namespace, verbs: &[&str], secrets: &[&str]) -> User<'n> {
    let user = namespace.user("ci").may(&["get", "list"], "", &["configmaps"]);
    match secrets {
        [] => user.ready(),
        _ => user.may_named(verbs, "", "secrets", secrets).ready(),
    }
}

#[test]
fn a_user_who_may_get_one_secret_names_its_revision_and_no_more_is_needed() {
    let namespace = installed();
    store(&namespace, 1, "superseded", "old");
    store(&namespace, 2, "deployed", "info");
    let user = user(&namespace, &["get"], &["sh.helm.release.v1.web.v2", "db"]);

    let ran = diff_with(&user.kubeconfig(), &namespace, &["web@2", "--mode", "readonly"]).exits(0);
    assert!(
        ran.stdout.contains("no differences: 2 objects compared"),
        "{}",
        ran.stdout
    );

    let ran = diff_with(&user.kubeconfig(), &namespace, &["web"]).exits(2);
    let missing = format!(
        "error: missing permission: list secrets in namespace {namespace} (to find the revisions of Helm release web)"
    );
    let hint =
        format!("hint: to read one revision alone: kubectl delivery diff --helm web@REVISION -n {namespace}");
    assert!(
        ran.stderr.contains(&missing) && ran.stderr.contains(&hint),
        "{}",
        ran.stderr
    );

    let ran = diff_with(&user.kubeconfig(), &namespace, &["web@1"]).exits(2);
    let missing =
        format!("error: missing permission: get secrets/sh.helm.release.v1.web.v1 in namespace {namespace}");
    assert!(ran.stderr.contains(&missing), "{}", ran.stderr);
}

#[test]
fn what_the_configmap_driver_stores_is_read_and_secrets_that_may_not_be_listed_are_named() {
    let namespace = installed();
    let payload = payload(&namespace, 4, "deployed", "info");
    let mut stored = stored_revision(4, "deployed", &payload);
    stored["kind"] = "ConfigMap".into();
    stored["data"]["release"] = payload.into();
    stored.as_object_mut().unwrap().remove("type");
    namespace.apply(stored);

    for reference in ["web", "web@4"] {
        let ran = diff(&namespace, &[reference]).exits(0);
        assert!(ran.stdout.contains("revision 4"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("missing permission"), "{}", ran.stdout);
    }

    let user = user(&namespace, &["get"], &["db"]);
    let ran = diff_with(&user.kubeconfig(), &namespace, &["web", "--mode", "readonly"]).exits(0);
    let note = format!(
        "missing permission: list secrets in namespace {namespace}; Helm may store newer revisions there"
    );
    assert!(ran.stdout.contains(&note), "{}", ran.stdout);
}

#[test]
fn a_release_or_a_revision_that_does_not_exist_is_an_error_and_no_difference() {
    let namespace = installed();
    let ran = diff(&namespace, &["web"]).exits(2);
    let absent = format!("error: no Helm release web in the Secrets and ConfigMaps of namespace {namespace}");
    assert!(ran.stderr.contains(&absent), "{}", ran.stderr);

    store(&namespace, 1, "deployed", "info");
    let ran = diff(&namespace, &["web@7"]).exits(2);
    let absent = format!("error: no revision 7 of Helm release web in namespace {namespace}");
    assert!(ran.stderr.contains(&absent), "{}", ran.stderr);

    let mut command = TestCluster::get().delivery();
    let ran = command
        .args(["diff", "--helm", "web", "-n", "t-helm-nowhere"])
        .run()
        .exits(2);
    assert!(
        ran.stderr.contains("namespace t-helm-nowhere does not exist"),
        "{}",
        ran.stderr
    );
}

#[rstest]
#[case::plain_text(HELM_VALUE.into(), "its release is not base64")]
#[case::nothing(String::new(), "holds no release")]
#[case::no_json(encoded_release(&HELM_VALUE.into()), "its release is not one of Helm")]
#[case::another_release(
    encoded_release(&stored_release("elsewhere", 1, "deployed", HELM_VALUE)),
    "its release is another one than its name says"
)]
fn a_secret_that_holds_something_else_is_named_and_its_bytes_are_not_shown(
    #[case] payload: String,
    #[case] expected: &str,
) {
    let namespace = installed();
    namespace.apply(stored_revision(1, "deployed", &payload));

    let ran = diff(&namespace, &["web"]).exits(2);
    let error = format!("error: Secret {namespace}/sh.helm.release.v1.web.v1: {expected}");
    assert!(ran.stderr.contains(&error), "{}", ran.stderr);
    assert!(
        !ran.stderr.contains(HELM_VALUE) && ran.stdout.is_empty(),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_secret_that_unpacks_to_more_than_any_release_is_refused_in_little_memory() {
    let namespace = installed();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(br#"{"name": "web", "version": 1, "config": ""#)
        .unwrap();
    let zeros = vec![b'0'; 1 << 20];
    (0..128).for_each(|_| encoder.write_all(&zeros).unwrap());
    encoder.write_all(br#""}"#).unwrap();
    let payload = STANDARD.encode(encoder.finish().unwrap());
    namespace.apply(stored_revision(1, "deployed", &payload));

    let mut command = TestCluster::get().delivery();
    command.env("KUBECONFIG", &TestCluster::get().kubeconfig);
    command.args(["diff", "--helm", "web@1", "-n", namespace.name()]);
    let (ran, mib) = measured(&mut command);
    let ran = ran.exits(2);
    assert!(
        ran.stderr.contains("its release has more than 32 MiB"),
        "{}",
        ran.stderr
    );
    assert!(mib < 150, "{mib} MiB");
}

#[test]
fn no_format_shows_a_value_of_the_release_or_of_its_secrets() {
    let namespace = installed();
    store(&namespace, 1, "deployed", "debug");
    let patch = r#"{"stringData":{"password":"another-horse-battery"}}"#;
    namespace
        .kubectl()
        .args(["patch", "secret", "db", "-p", patch])
        .run()
        .ok();

    for format in ["text", "json", "yaml", "name", "markdown", "junit", "html"] {
        let ran = diff(&namespace, &["web", "-o", format]).exits(1);
        for hidden in [HELM_VALUE, PASSWORD, "another-horse-battery"] {
            let forms = [hidden.to_owned(), STANDARD.encode(hidden)];
            for form in forms {
                assert!(
                    !ran.stdout.contains(&form) && !ran.stderr.contains(&form),
                    "{format}"
                );
            }
        }
        assert!(ran.stdout.contains("db"), "{format}: {}", ran.stdout);
    }
}

#[test]
fn helms_own_marks_are_compared_with_those_that_helm_would_write() {
    let namespace = installed();
    store(&namespace, 1, "deployed", "info");
    let annotate = [
        "annotate",
        "configmap",
        "config",
        "--overwrite",
        "meta.helm.sh/release-name=other",
    ];
    namespace.kubectl().args(annotate).run().ok();

    let ran = diff(&namespace, &["web", "-o", "json"]).exits(1).json();
    let change = &ran["objects"][0]["changes"][0];
    assert_eq!(change["path"], "/metadata/annotations/meta.helm.sh~1release-name");
    assert_eq!(change["live"], "other");
}

#[test]
fn what_was_written_lately_is_listed_for_the_objects_of_the_release() {
    let namespace = installed();
    store(&namespace, 1, "deployed", "debug");
    let recent = diff(&namespace, &["web", "--since", "1h", "-o", "json"])
        .exits(1)
        .json();
    let names: Vec<&str> = recent
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|change| change["object"]["name"].as_str())
        .collect();
    assert_eq!(names, ["config", "db"]);
}
