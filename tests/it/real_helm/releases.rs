//! The life of a release: installed, edited, upgraded, failed, rolled back, uninstalled.

use super::{Place, Version};
use crate::harness::{Run, until};
use rstest::rstest;
use std::process::Stdio;

const ENV: &str = "Deployment web /spec/template/spec/containers/[name=web]/env/[name=DEBUG]";

#[rstest]
fn what_helm_has_installed_is_in_sync_in_every_mode(
    #[values(Version::Three, Version::Four)] version: Version,
) {
    let place = Place::installed(version);
    // The Job is gone soon after it has completed.
    assert!(until(30, || place
        .kubectl(&["get", "jobs", "-o", "name"])
        .is_empty()));

    let shown = place.assert_silent("web");
    assert!(
        shown.starts_with("Helm release web revision 1 (chart web-1.2.3, deployed)\n"),
        "{shown}"
    );
    // One of them is expected to be gone.
    assert!(shown.contains("no differences: 15 objects compared"), "{shown}");
    assert!(shown.contains("once: completed and was cleaned up"), "{shown}");
    assert!(shown.contains("2 hooks of the chart are not compared"), "{shown}");

    for mode in ["server", "readonly"] {
        let ran = place.diff("web", &["--mode", mode]).exits(0);
        assert!(ran.stdout.contains("no differences: "), "{mode}: {}", ran.stdout);
    }
}

#[rstest]
fn an_edit_is_the_only_drift_and_is_named_with_who_made_it(
    #[values(Version::Three, Version::Four)] version: Version,
) {
    let place = Place::installed(version);
    place.kubectl(&["scale", "deployment", "web", "--replicas", "4"]);
    assert_eq!(place.changes("web"), ["Deployment web /spec/replicas kubectl"]);

    // What the hint says brings the release to what Helm holds again.
    let hint = format!(
        "hint: to apply this revision again: helm rollback web 1 -n {}",
        place.namespace
    );
    let ran = place.diff("web", &[]).exits(1);
    assert!(ran.stdout.contains(&hint), "{}", ran.stdout);
    let rolled_back = place.helm().args(["rollback", "web", "1"]).run();
    if version == Version::Four {
        // It names whose field it would take.
        assert!(rolled_back.stderr.contains("conflict"), "{}", rolled_back.stderr);
        place
            .helm()
            .args(["rollback", "web", "1", "--force-conflicts"])
            .run()
            .ok();
    } else {
        rolled_back.ok();
    }
    place.assert_silent("web");

    place.kubectl(&["set", "env", "deployment/web", "DEBUG=1"]);
    let edit = r#"{"data":{"LEVEL":"debug"}}"#;
    place.kubectl(&[
        "patch",
        "configmap",
        "settings",
        "--field-manager",
        "kubectl-edit",
        "-p",
        edit,
    ]);
    place.kubectl(&["delete", "service", "web"]);
    let mut changes = place.changes("web");
    changes.sort();
    assert_eq!(
        changes,
        [
            "ConfigMap settings /data/LEVEL kubectl-edit".to_owned(),
            format!("{ENV} kubectl-set")
        ]
    );
    let ran = place.diff("web", &[]).exits(1);
    assert!(
        ran.stdout.contains("Service") && ran.stdout.contains("missing"),
        "{}",
        ran.stdout
    );
    // Helm would leave the variable where it is.
    assert!(
        ran.stdout.contains("helm keeps them: helm get manifest web"),
        "{}",
        ran.stdout
    );
}

#[rstest]
fn after_an_upgrade_its_revision_counts_and_the_one_before_can_be_named(
    #[values(Version::Three, Version::Four)] version: Version,
) {
    let place = Place::installed(version);
    place.release("upgrade", &["--set", "level=debug"]).ok();
    let shown = place.assert_silent("web");
    assert!(
        shown.contains("revision 2 (chart web-1.2.3, deployed)"),
        "{shown}"
    );
    place.assert_silent("web@2");

    let old = place.diff("web@1", &["-o", "json"]).exits(1).json();
    assert_eq!(old["helm"]["status"], "superseded");
    let before = place.changes("web@1");
    // Drawn anew by the upgrade, and the password with it.
    for path in ["/data/LEVEL", "/data/SALT"] {
        let change = format!("ConfigMap settings {path} helm");
        assert!(before.contains(&change), "{before:?}");
    }

    place.kubectl(&["label", "configmap", "settings", "tier=third", "--overwrite"]);
    assert_eq!(
        place.changes("web"),
        ["ConfigMap settings /metadata/labels/tier kubectl-label"]
    );

    place
        .helm()
        .args(["rollback", "web", "1"])
        .args(forced(version))
        .run()
        .ok();
    let shown = place.assert_silent("web");
    assert!(
        shown.contains("revision 3 (chart web-1.2.3, deployed)"),
        "{shown}"
    );
    // The very same manifest.
    place.assert_silent("web@1");
}

/// What helm 4 needs to take a field from another manager.
fn forced(version: Version) -> &'static [&'static str] {
    match version {
        Version::Three => &[],
        Version::Four => &["--force-conflicts"],
    }
}

#[rstest]
fn after_a_failed_upgrade_the_deployed_revision_is_compared_and_the_failed_one_is_named(
    #[values(Version::Three, Version::Four)] version: Version,
) {
    let place = Place::installed(version);
    let words = [
        "--set",
        "play=never-ready",
        "--wait",
        "--timeout",
        "5s",
        "--no-hooks",
    ];
    place.release("upgrade", &words).exits(1);

    let ran = place.diff("web", &[]).exits(1);
    assert!(
        ran.stdout
            .starts_with("Helm release web revision 1 (chart web-1.2.3, deployed)\n"),
        "{}",
        ran.stdout
    );
    let failed =
        "revision 2 of Helm release web is failed; to compare with it: kubectl delivery diff --helm web@2";
    assert!(ran.stdout.contains(failed), "{}", ran.stdout);
    let changes = place.changes("web");
    let play = "Deployment web /spec/template/metadata/labels/kwok-play helm".to_owned();
    assert!(changes.contains(&play), "{changes:?}");
    place.assert_runs_but_for_its_job("web@2");
}

#[rstest]
fn an_upgrade_that_was_killed_is_pending_and_is_named(
    #[values(Version::Three, Version::Four)] version: Version,
) {
    let place = Place::installed(version);
    let mut helm = place.helm();
    let words = [
        "--set",
        "play=never-ready",
        "--wait",
        "--timeout",
        "120s",
        "--no-hooks",
    ];
    helm.args(["upgrade", "web"]).arg(place.chart.path()).args(words);
    let mut process = helm.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let play = "-o=jsonpath={.spec.template.metadata.labels.kwok-play}";
    let is_applied = || place.kubectl(&["get", "deployment", "web", play]) == "never-ready";
    let is_under_way = until(60, is_applied);
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(is_under_way, "helm has not applied its upgrade");

    let ran = place.diff("web", &[]).exits(1);
    assert!(
        ran.stdout
            .contains("revision 2 of Helm release web is pending-upgrade; to compare with it: "),
        "{}",
        ran.stdout
    );
    place.assert_runs_but_for_its_job("web@2");
}

#[rstest]
fn what_was_uninstalled_is_missing_but_for_what_stays(
    #[values(Version::Three, Version::Four)] version: Version,
) {
    let place = Place::installed(version);
    place
        .helm()
        .args(["uninstall", "web", "--keep-history", "--wait"])
        .run()
        .ok();

    let ran = place.diff("web", &["-o", "json"]).exits(1).json();
    assert_eq!(ran["helm"]["status"], "uninstalled");
    let is_missing = |object: &&serde_json::Value| object["status"] == "missing";
    let objects = ran["objects"].as_array().unwrap();
    let missing = objects.iter().filter(is_missing).count();
    // All but the claim.
    assert_eq!(
        missing + 1,
        ran["summary"]["compared"].as_u64().unwrap() as usize,
        "{ran:#}"
    );
}
