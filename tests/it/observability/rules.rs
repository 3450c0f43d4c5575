//! `promtool` on the rule file and on what a running watch serves.

use super::promtool;
use crate::harness::{Run, WatchProcess};
use crate::reporting::Scene;
use std::path::{Path, PathBuf};

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_rule_file_is_one_that_prometheus_takes() {
    let rules = file("deploy/watch-rules.yaml");
    let ran = promtool()
        .args(["check", "rules", "--lint=all", "--lint-fatal"])
        .arg(rules)
        .run();
    assert!(ran.exits(0).stdout.contains("8 rules found"));
}

#[test]
fn alerts_fire_after_their_times_and_for_their_releases_alone() {
    promtool()
        .args(["test", "rules"])
        .arg(file("tests/fixtures/observability/rules.test.yaml"))
        .run()
        .exits(0);
}

#[test]
fn the_metrics_of_a_running_watch_are_as_prometheus_wants_them() {
    let scene = Scene::promote();
    let watch = WatchProcess::start_ready(scene.watch());
    scene.drift();
    watch.wait_for("drift", |page| page.contains("kubectl_delivery_drift_findings{"));

    let ran = promtool().args(["check", "metrics"]).run_with(&watch.metrics());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
}
