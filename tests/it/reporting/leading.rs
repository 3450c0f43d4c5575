//! Of several replicas one watches and reports: the one that holds the Lease.

use super::Scene;
use crate::harness::{Run, WatchProcess, until};
use serde_json::json;

const LEASE: &str = "watchers";

fn replica(scene: &Scene) -> WatchProcess {
    let mut command = scene.watch();
    command.args(["--lease", LEASE]);
    WatchProcess::start(command)
}

fn is_leading(process: &WatchProcess) -> bool {
    let (_, page) = process.get("/metrics");
    page.contains("kubectl_delivery_leader 1")
}

fn holder(scene: &Scene) -> String {
    let lease = scene.app.namespace.get("coordination.k8s.io", "Lease", LEASE);
    lease
        .map(|lease| lease.text("/spec/holderIdentity").to_owned())
        .unwrap_or_default()
}

/// A leader and one that waits.
fn pair(scene: &Scene) -> (WatchProcess, WatchProcess) {
    let first = replica(scene);
    assert!(until(60, || is_leading(&first)), "{}", first.log());
    let second = replica(scene);
    assert!(
        until(60, || second.log().contains("is held by")),
        "{}",
        second.log()
    );
    assert!(!is_leading(&second));
    (first, second)
}

#[test]
fn one_that_waits_is_alive_and_ready_and_says_nothing_of_any_release() {
    let scene = Scene::promote();
    let (_first, second) = pair(&scene);

    assert_eq!((second.get("/healthz").0, second.get("/readyz").0), (200, 200));
    assert!(!second.metrics().contains("release"), "{}", second.metrics());
}

#[test]
fn after_the_leader_was_killed_the_other_leads_and_reports_what_has_drifted_meanwhile() {
    let scene = Scene::promote();
    let (first, second) = pair(&scene);
    let before = holder(&scene);

    scene.drift();
    first.signal("KILL");
    second.wait_for("the other leads and reports", |page| {
        page.contains("kubectl_delivery_leader 1")
            && !crate::harness::series(page, &["drift_findings", &scene.labels()]).is_empty()
    });
    assert_ne!(holder(&scene), before);
}

#[test]
fn a_leader_that_is_stopped_gives_the_lease_back() {
    let scene = Scene::promote();
    let (first, second) = pair(&scene);

    first.signal("TERM");
    first.ended();
    // At once: a Lease that expires takes 15 s.
    assert!(until(8, || is_leading(&second)), "{}", second.log());
}

#[test]
fn a_leader_whose_lease_another_took_ends() {
    let scene = Scene::promote();
    let leader = replica(&scene);
    assert!(until(60, || is_leading(&leader)), "{}", leader.log());

    let stolen = json!({"spec": {"holderIdentity": "another", "leaseDurationSeconds": 3600}});
    let patch = ["patch", "lease", LEASE, "--type=merge", "-p", &stolen.to_string()];
    scene.app.kubectl(&patch);
    let (code, log) = leader.ended();
    assert_eq!(code, Some(5), "{log}");
    assert!(log.contains("another replica holds the Lease"), "{log}");
    assert_eq!(holder(&scene), "another");
}

#[test]
fn without_the_permission_it_says_so_and_watches_nothing() {
    let scene = Scene::promote();
    let user = scene.app.namespace.user("viewer").with_role("view").ready();
    let ran = scene
        .watch()
        .env("KUBECONFIG", user.kubeconfig())
        .args(["--lease", LEASE])
        .run();
    assert_ne!(ran.code, Some(0));
    assert!(
        ran.stderr.contains("cannot take the Lease") && ran.stderr.contains("leases"),
        "{ran:?}"
    );
}
