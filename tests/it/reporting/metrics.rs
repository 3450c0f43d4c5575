//! `/metrics` and the probes of a running watch.

use super::{SECRET, Scene};
use crate::harness::{Run, WatchProcess};

fn drift(scene: &Scene) -> [String; 2] {
    ["kubectl_delivery_drift_findings{".to_owned(), scene.labels()]
}

fn count(page: &str, texts: &[String]) -> f64 {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    crate::harness::series(page, &texts)
        .iter()
        .map(|(_, value)| value)
        .sum()
}

#[test]
fn a_manual_change_is_a_series_with_who_made_it_and_none_when_it_is_undone() {
    let scene = Scene::promote();
    let watch = WatchProcess::start_ready(scene.watch());
    assert_eq!(count(&watch.metrics(), &drift(&scene)), 0.0);

    scene.drift();
    watch.wait_for("drift is a series", |page| {
        let [name, labels] = drift(&scene);
        let changed = r#"kind="Deployment",finding="added",changed_by="kubectl-set""#.to_owned();
        count(page, &[name, labels, changed]) == 1.0
    });
    scene.undo();
    watch.wait_for("the series is gone", |page| count(page, &drift(&scene)) == 0.0);
}

#[test]
fn a_release_has_its_version_and_when_it_was_verified_last() {
    let scene = Scene::promote();
    let watch = WatchProcess::start_ready(scene.watch());

    let labels = scene.labels();
    let info = watch.series(&["release_info", &labels, r#"version="1.0.0",revision="1""#]);
    assert_eq!(info.len(), 1, "{}", watch.metrics());
    let verified = watch.series(&["release_last_verified_timestamp_seconds", &labels]);
    let now = jiff::Timestamp::now().as_second() as f64;
    assert!(
        verified.len() == 1 && (now - 120.0..=now).contains(&verified[0].1),
        "{verified:?}"
    );
    let watched = watch.series(&["release_condition", &labels, r#"condition="watched""#]);
    assert_eq!(watched[0].1, 1.0);
    assert_eq!(watch.series(&["kubectl_delivery_leader"])[0].1, 1.0);
    assert_eq!(watch.get("/healthz"), (200, "ok\n".to_owned()));
}

#[test]
fn what_may_not_be_read_is_counted_as_unknown_and_not_as_in_sync() {
    let scene = Scene::promote();
    // `view` reads no Roles and no Secrets.
    let user = scene.app.namespace.user("viewer").with_role("view").ready();
    let mut command = scene.watch();
    command.env("KUBECONFIG", user.kubeconfig());

    let watch = WatchProcess::start(command);
    watch.wait_for("the Role is unknown", |page| {
        let unknown = "kubectl_delivery_unknown_findings{".to_owned();
        count(page, &[unknown, scene.labels(), r#"kind="Role""#.into()]) == 1.0
    });
    let page = watch.metrics();
    let unverified = |coverage: &str| {
        let name = "kubectl_delivery_release_unverified{".to_owned();
        count(
            &page,
            &[name, scene.labels(), format!(r#"coverage="{coverage}""#)],
        )
    };
    assert_eq!(
        (unverified("objects"), unverified("requirements")),
        (1.0, 1.0),
        "{page}"
    );
    assert_eq!(count(&page, &drift(&scene)), 0.0);
}

#[test]
fn no_value_of_a_field_is_in_the_metrics() {
    let scene = Scene::promote();
    let mut command = scene.watch();
    // Secrets are read with each comparison, and not watched.
    command.args(["--resync", "5s"]);
    let watch = WatchProcess::start_ready(command);
    scene.leak();
    watch.wait_for("the value and the lost key are drift", |page| {
        let has = |what: &str| {
            let [name, labels] = drift(&scene);
            count(page, &[name, labels, what.into()]) > 0.0
        };
        has(r#"kind="ConfigMap",finding="changed""#) && has(r#"kind="Secret",finding="requirement""#)
    });

    let page = watch.metrics();
    for value in [SECRET, "hunter2", "a-label-value", "aHVudGVy"] {
        assert!(!page.contains(value), "{value}:\n{page}");
    }
}

#[test]
fn a_namespace_that_is_deleted_with_drift_in_it_is_no_failure_of_a_sink() {
    let scene = Scene::promote();
    let mut command = scene.watch();
    command.arg("--kubernetes-events");
    let watch = WatchProcess::start_ready(command);
    scene.drift();
    watch.wait_for("drift is a series", |page| count(page, &drift(&scene)) == 1.0);

    // A finalizer holds the namespace where it is: it takes no new Events.
    scene.app.kubectl(&["create", "configmap", "last"]);
    let set_finalizers = |finalizers: &str| {
        let patch = format!(r#"{{"metadata": {{"finalizers": {finalizers}}}}}"#);
        scene
            .app
            .kubectl(&["patch", "configmap/last", "--type=merge", "-p", &patch]);
    };
    set_finalizers(r#"["example.com/last"]"#);
    scene
        .app
        .kubectl(&["delete", "namespace", scene.namespace(), "--wait=false"]);
    watch.wait_for("the release is gone", |page| {
        count(page, &["kubectl_delivery_releases ".into()]) == 0.0
    });
    let is_failed = || !watch.series(&["sink_failures_total"]).is_empty();
    let has_failed = crate::harness::until(5, is_failed);
    set_finalizers("null");
    assert!(!has_failed, "{}", watch.metrics());
}

#[test]
fn an_address_that_is_taken_is_an_error_before_anything_is_watched() {
    let scene = Scene::promote();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = scene.watch().args(["--listen", &address]).run();
    assert_ne!(ran.code, Some(0));
    assert!(
        ran.stderr.contains(&format!("error: cannot listen on {address}")),
        "{ran:?}"
    );
}
