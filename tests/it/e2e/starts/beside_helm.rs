//! The same releases by helm and by this tool, where the way back is gone: helm finds out on it, and stays down.

use super::Place;
use super::place::{image, web};
use super::worlds::{self, World};
use crate::harness::{Ran, Run, TestCluster, helm, until};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// A world by its name, made anew for each of the two.
type Named = (&'static str, fn() -> World);

/// What came of one world.
struct Row {
    what: &'static str,
    /// How long helm took for its upgrade and its rollback.
    helm: Duration,
    /// How long the refusal took.
    refused: Duration,
    /// Its first line.
    cause: String,
}

/// What runs, and the next version: one that is broken, and needs nothing of what goes.
fn versions(world: &World, place: &Place) -> [Value; 2] {
    let pinned = |reference: String| {
        let digest = place.images.crane(&["digest", &reference]);
        let (repository, _) = reference.rsplit_once(':').expect("a tag");
        format!("{repository}@{digest}")
    };
    let first = pinned((world.image)(place));
    [
        web(&first, |template| (world.needs)(place, template)),
        web(&image("test/crash:1.0.0"), |template| {
            (world.instead)(place, template);
        }),
    ]
}

/// helm with a chart of this one object.
fn run_helm(place: &Place, words: &[&str], object: &Value) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path();
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(
        chart.join("Chart.yaml"),
        "{apiVersion: v2, name: web, version: 1.0.0}",
    )
    .unwrap();
    std::fs::write(chart.join("templates/all.yaml"), object.to_string()).unwrap();
    let cluster = TestCluster::get();
    let mut command = Command::new(helm(&cluster.tools));
    command
        .env("KUBECONFIG", &cluster.kubeconfig)
        .args(words)
        .arg(chart);
    command
        .args(["-n", place.namespace.name(), "--timeout", "15s", "--wait"])
        .run()
}

/// helm's upgrade fails, its rollback does too, and nothing runs any more.
fn upgrade_by_helm(world: &World) -> Duration {
    let place = Place::new();
    (world.given)(&place);
    let [first, second] = versions(world, &place);
    run_helm(&place, &["install", "web"], &first).ok();
    assert_eq!(place.ready().len(), 1);
    (world.harm)(&place);

    let ran = run_helm(&place, &["upgrade", "--rollback-on-failure", "web"], &second).exits(1);
    assert!(ran.stderr.contains("while rolling back"), "{}", ran.stderr);
    // The way back is the old template, and it does not start.
    let now = place.kubectl(&["get", "deployment", "web", "-o", "json"]);
    let now: Value = serde_json::from_str(&now).unwrap();
    let at = "/spec/template/spec/containers/0/image";
    assert_eq!(now.pointer(at), first.pointer(at), "{}", ran.stderr);
    assert!(!until(10, || !place.ready().is_empty()), "helm brought it back");
    assert!(place.witnesses().contains(world.witness), "{}", place.witnesses());
    ran.took
}

/// The promotion is refused, and what ran runs on.
fn promotion(world: &World) -> (Duration, String) {
    let place = Place::new();
    (world.given)(&place);
    let [first, second] = versions(world, &place);
    let (running, next) = (place.record("1", &[first]), place.record("2", &[second]));
    place.promote(&running, &[]).exits(0);
    let pods = place.ready();
    (world.harm)(&place);

    let ran = place.promote(&next, &[]).exits(2);
    assert_eq!(place.ready(), pods, "{}", ran.stderr);
    let cause = ran.stderr.lines().find(|line| line.contains("error [rollback]"));
    let cause = cause
        .unwrap_or_else(|| panic!("{}", ran.stderr))
        .trim()
        .to_owned();
    (ran.took, cause)
}

#[test]
fn helm_rolls_back_into_the_hole_that_a_promotion_names_before_anything_moves() {
    let cluster = TestCluster::get();
    // Built before the clocks run.
    helm(&cluster.tools);
    let all: [Named; 5] = [
        ("a key was removed", worlds::key_removed),
        ("the image left its registry", worlds::image_gone),
        ("the quota was cut", worlds::quota_cut),
        ("pod security was tightened", worlds::pod_security_tightened),
        ("a claim is being deleted", worlds::claim_going),
    ];
    let start = Instant::now();
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let played = all.map(|(what, world)| {
            scope.spawn(move || {
                let (refused, cause) = promotion(&world());
                let helm = upgrade_by_helm(&world());
                Row {
                    what,
                    helm,
                    refused,
                    cause,
                }
            })
        });
        played
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    println!("{:<28} {:>28} {:>10}", "", "helm: failed, down after", "refused");
    for row in &rows {
        println!(
            "{:<28} {:>26.1} s {:>8.1} s  {}",
            row.what,
            row.helm.as_secs_f64(),
            row.refused.as_secs_f64(),
            row.cause
        );
        assert!(row.refused < Duration::from_secs(15), "{}", row.what);
    }
    println!("all of it took {:.0?}", start.elapsed());
}
