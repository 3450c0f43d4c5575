//! Failures that the simulated nodes play: each is known early, with its cause.

use super::followed::{deployment, follow, quick};
use crate::harness::{AT_ONCE, TestCluster};
use kubectl_delivery::testing::model::verdict::{CauseKind, Health};
use kubectl_delivery::testing::rollout::RolloutPolicy;
use rstest::rstest;
use std::time::Duration;

const IMAGE: &str = "127.0.0.1:5000/app:1";

#[rstest]
#[case::image_not_found("image-not-found", CauseKind::ImageNotFound, "not found in its registry")]
#[case::pull_unauthorized("pull-unauthorized", CauseKind::ImageUnauthorized, "401 Unauthorized")]
#[case::invalid_image_name("invalid-image-name", CauseKind::InvalidImageName, "invalid image name")]
#[case::missing_key("missing-config-key", CauseKind::MissingConfiguration, "key")]
#[case::crash_loop("crash-loop", CauseKind::CrashLoop, "exit code 1")]
#[case::init_fails("init-fails", CauseKind::InitFailed, "init container")]
fn a_new_revision_that_cannot_come_up_fails_early_with_its_cause(
    #[case] play: &str,
    #[case] kind: CauseKind,
    #[case] says: &str,
) {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let good = follow(&namespace, &deployment(2, IMAGE, None), quick());
    assert_eq!(good.verdicts.last(), Some(&Health::ready()), "{good:#?}");
    let mut object = deployment(2, IMAGE, Some(play));
    if play == "init-fails" {
        let init = serde_json::json!([{"name": "prepare", "image": IMAGE}]);
        object["spec"]["template"]["spec"]["initContainers"] = init;
    }
    let failed = follow(&namespace, &object, quick());
    assert_eq!(failed.cause().kind, kind, "{failed:#?}");
    assert!(failed.cause().message.contains(says), "{failed:#?}");
    assert!(failed.cause().pod.is_some(), "{failed:#?}");
    assert!(failed.took < AT_ONCE, "{play} took {:?}", failed.took);
    println!(
        "{play}: {:.2} s: {}",
        failed.took.as_secs_f64(),
        failed.cause().message
    );
}

#[test]
fn a_revision_that_never_becomes_ready_fails_at_its_deadline_which_shows_its_arithmetic() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let mut object = deployment(1, IMAGE, Some("never-ready"));
    object["spec"]["progressDeadlineSeconds"] = 3.into();
    let probe = serde_json::json!({"periodSeconds": 1, "failureThreshold": 2, "exec": {"command": ["true"]}});
    object["spec"]["template"]["spec"]["containers"][0]["startupProbe"] = probe;
    let failed = follow(&namespace, &object, quick());
    let cause = failed.cause();
    assert_eq!(cause.kind, CauseKind::DeadlineExceeded);
    assert!(
        cause
            .message
            .contains("5s (progressDeadlineSeconds: 3, startup probe: 2s)"),
        "{}",
        cause.message
    );
    assert!(
        cause.message.contains("is running but not ready"),
        "{}",
        cause.message
    );
    assert!(failed.took >= Duration::from_secs(5), "{:?}", failed.took);
}

#[test]
fn a_container_without_a_readiness_probe_must_live_a_while_before_it_counts() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let policy = RolloutPolicy {
        settle: 2,
        ..RolloutPolicy::default()
    };
    let good = follow(&namespace, &deployment(1, IMAGE, None), policy);
    assert_eq!(good.note(), "");
    assert!(good.took >= Duration::from_secs(2), "{:?}", good.took);
    let settling = good
        .verdicts
        .iter()
        .any(|one| matches!(one, Health::Progressing { message, .. } if message.contains("settling for 2s")));
    assert!(settling, "{good:#?}");
}

#[test]
fn a_container_that_exits_while_it_settles_is_a_crash_loop_and_not_a_success() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let mut object = deployment(1, IMAGE, Some("crash-later"));
    object["spec"]["template"]["metadata"]["annotations"] = serde_json::json!({"kwok-play-after": "2s"});
    let failed = follow(&namespace, &object, RolloutPolicy::default());
    assert_eq!(failed.cause().kind, CauseKind::CrashLoop, "{failed:#?}");
}
