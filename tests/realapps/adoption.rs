//! Adoption of what another tool installed, and the way back.

use crate::harness::Run;
use crate::life::{again, promoted, seconds, silent};
use crate::scene::{Scene, expect};
use crate::snapshot::Copy;
use crate::sources;
use crate::table::Row;
use std::process::Command;
use std::time::Duration;

/// Each way in that was asked for.
pub fn run(scene: &Scene, row: &mut Row, takes: fn(&str) -> bool) {
    let ways = [("apply", "kubectl"), ("server-side", "kubectl"), ("helm", "helm")];
    for (way, manager) in ways.into_iter().filter(|(way, _)| takes(way)) {
        if way == "helm" && scene.app.chart().is_none() {
            continue;
        }
        // Helm takes over no Secret that is there before; the chart brings its own.
        let before = if way == "helm" { Ok(()) } else { scene.given() };
        match before
            .and_then(|()| install(scene, way))
            .and_then(|()| scene.given())
        {
            Ok(()) => {
                if way == "helm"
                    && let Err(why) = in_sync_with_helm(scene)
                {
                    row.failed(way, why);
                }
                adopted(scene, row, way, manager);
            }
            // kubectl keeps the whole manifest in an annotation.
            Err(why) if way == "apply" && why.contains("annotations: Too long") => {
                row.passed(way, "too large for it");
            }
            Err(why) => row.failed(way, format!("not installed: {why}")),
        }
        uninstall(scene, way);
        scene.clean();
    }
}

fn install(scene: &Scene, way: &str) -> Result<(), String> {
    if way == "helm" {
        let (_, values) = scene.app.chart().unwrap_or_default();
        let mut helm = helm(scene);
        helm.args(["install", scene.app.name])
            .arg(sources::chart(scene.app).ok_or("no chart")?);
        helm.arg("--create-namespace")
            .args(values.iter().flat_map(|value| ["--set", value]));
        return expect(scene.logged(helm.run()), 0).map(drop);
    }
    // What belongs into a namespace of the manifests comes before it is there, and a resource before its CRD.
    let mut last = Err(String::new());
    for _ in 0..3 {
        let mut kubectl = scene.kubectl();
        kubectl.args(["apply", "-f"]).arg(scene.rendered.manifests());
        if way == "server-side" {
            kubectl.args(["--server-side", "--force-conflicts"]);
        }
        last = expect(scene.logged(kubectl.run()), 0).map(drop);
        if last.is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    last
}

fn uninstall(scene: &Scene, way: &str) {
    if way == "helm" {
        scene.logged(
            helm(scene)
                .args(["uninstall", scene.app.name, "--no-hooks"])
                .run(),
        );
    }
}

fn helm(scene: &Scene) -> Command {
    let mut helm = Command::new(crate::harness::helm(&scene.cluster.tools));
    helm.env("KUBECONFIG", &scene.cluster.kubeconfig)
        .args(["-n", scene.app.namespace]);
    helm
}

/// What helm has just installed is what helm takes for it, asked in each way.
fn in_sync_with_helm(scene: &Scene) -> Result<(), String> {
    settled(scene)?;
    let loud = ["auto", "server", "readonly"].into_iter().filter_map(|mode| {
        let words = ["diff", "--helm", scene.app.name, "--mode", mode];
        let ran = scene.logged(scene.delivery(&words).run());
        (ran.code != Some(0)).then(|| format!("diff --helm, {mode}: {}{}", ran.stdout, ran.stderr))
    });
    let loud: Vec<String> = loud.collect();
    if loud.is_empty() {
        Ok(())
    } else {
        Err(loud.join(" || "))
    }
}

fn adopted(scene: &Scene, row: &mut Row, way: &'static str, manager: &str) {
    let before = match settled(scene) {
        Ok(before) => before,
        Err(why) => return row.failed(way, why),
    };
    if !row.result(way, promoted(scene, &["--adopt", manager])) {
        return;
    }
    for came in [silent(scene), again(scene)] {
        if let Err(why) = came {
            row.failed(way, format!("adopted, and then {why}"));
        }
    }
    let came = expect(scene.revert(), 0).and_then(|ran| {
        is_again(scene, &without_jobs_that_ran(before, &ran.stderr))?;
        Ok(seconds(ran.took))
    });
    row.result("way back", came.map_err(|why| format!("{way}: {why}")));
}

/// A hook's Job that had run before is deleted and run anew, and then gone: a revert does not run it a third time, and says so.
fn without_jobs_that_ran(mut before: Copy, message: &str) -> Copy {
    let is_named = |target: &str| message.contains(&format!("{target}: had completed before; not run again"));
    before
        .0
        .retain(|target, _| !(target.starts_with("Job ") && is_named(target)));
    before
}

/// A copy that stays the same: controllers have done what they do first.
pub fn settled(scene: &Scene) -> Result<Copy, String> {
    let mut last = scene.copy()?;
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(500));
        let next = scene.copy()?;
        if next == last {
            return Ok(next);
        }
        last = next;
    }
    Err("its objects never rest".into())
}

/// Everything is what it was, within the seconds that controllers take.
pub fn is_again(scene: &Scene, before: &Copy) -> Result<(), String> {
    let mut differences = Vec::new();
    for _ in 0..10 {
        differences = scene.copy()?.differences(before);
        if differences.is_empty() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let count = differences.len();
    differences.truncate(4);
    Err(format!(
        "{count} objects are not what they were: {}",
        differences.join(" / ")
    ))
}
