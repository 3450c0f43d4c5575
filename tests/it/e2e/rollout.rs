//! Rollouts on a real kubelet: real pulls, real crashes, real missing keys. Each cause is known early, and by name.

use crate::harness::{AT_ONCE, Namespace, TestCluster, blocking};
use crate::registries::Registry;
use crate::rollout::followed::{Followed, follow};
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use kubectl_delivery::testing::model::k8s::pod::{ContainerState, PodFacts};
use kubectl_delivery::testing::model::verdict::{CauseKind, Health};
use kubectl_delivery::testing::observe::watch::{Collection, WatchStore};
use kubectl_delivery::testing::rollout::RolloutPolicy;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn image(name: &str) -> String {
    format!("{}/{name}", TestCluster::get().registry)
}

/// A Deployment on the real node.
fn deployment(image: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
    "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
        "nodeSelector": {"kubectl-delivery.io/node": "real"},
        "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "web", "image": image}],
    }}}});
    change(&mut object["spec"]["template"]["spec"]);
    object
}

/// When a watch of the pods first shows that something is wrong.
fn first_sign(namespace: &Namespace) -> impl Future<Output = Instant> + use<> {
    let name = namespace.name().to_owned();
    async move {
        let mut store = WatchStore::new(TestCluster::get().connect().await);
        store.ensure(&Collection::new(&built_in("", "Pod").unwrap(), Some(&name)));
        loop {
            store.changed().await;
            if store.contents().pods().any(is_wrong) {
                return Instant::now();
            }
        }
    }
}

pub fn is_wrong(pod: &PodFacts) -> bool {
    pod.containers.iter().any(|container| match &container.state {
        ContainerState::Waiting { reason, .. } => {
            !matches!(reason.as_str(), "ContainerCreating" | "PodInitializing" | "")
        }
        ContainerState::Terminated { exit } => exit.code != 0,
        _ => container.restarts > 1,
    })
}

/// Follows it, and tells how long after the first sign the verdict came.
fn measured(what: &str, namespace: &Namespace, object: &Value) -> (Followed, Duration) {
    let sign = first_sign(namespace);
    let (sign, followed, end) = std::thread::scope(|scope| {
        let sign = scope
            .spawn(|| blocking(async { tokio::time::timeout(Duration::from_secs(60), sign).await.unwrap() }));
        let followed = follow(namespace, object, RolloutPolicy::default());
        let end = Instant::now();
        (sign.join().unwrap(), followed, end)
    });
    let after = end.saturating_duration_since(sign);
    println!(
        "{what}: verdict {:.2} s after the apply, {:.2} s after the first sign: {}",
        followed.took.as_secs_f64(),
        after.as_secs_f64(),
        followed.cause().message
    );
    (followed, after)
}

#[test]
fn an_image_that_the_registry_does_not_have_fails_at_its_first_answer() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let (failed, after) = measured(
        "image not found",
        &namespace,
        &deployment(&image("shop/web:nope"), |_| {}),
    );
    assert_eq!(failed.cause().kind, CauseKind::ImageNotFound, "{failed:#?}");
    assert!(after < AT_ONCE, "{after:?}");
}

#[test]
fn an_image_of_a_registry_that_does_not_answer_waits_for_its_grace() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let object = deployment("127.0.0.1:9/shop/web:1", |_| {});
    let mut policy = RolloutPolicy::default();
    policy.graces.registry = 4;
    let failed = follow(&namespace, &object, policy);
    assert_eq!(failed.cause().kind, CauseKind::ImageUnavailable, "{failed:#?}");
    assert!(
        failed.cause().message.contains("connection refused"),
        "{}",
        failed.cause().message
    );
    assert!(failed.took > Duration::from_secs(4), "{:?}", failed.took);
}

#[test]
fn a_registry_that_refuses_the_pull_is_named_at_its_first_answer() {
    let registry = Registry::start(&["--user", "ci:secret"]);
    let namespace = TestCluster::get().namespace_named("t-real");
    let object = deployment(&format!("{}/shop/web:1", registry.host), |_| {});
    let (failed, after) = measured("no permission to pull", &namespace, &object);
    assert_eq!(failed.cause().kind, CauseKind::ImageUnauthorized, "{failed:#?}");
    assert!(after < AT_ONCE, "{after:?}");
}

#[test]
fn a_volume_that_does_not_mount_is_named_after_its_grace() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let object = deployment(&image("shop/web:1.0.0"), |spec| {
        let path = json!({"path": "/no/such/folder", "type": "Directory"});
        spec["volumes"] = json!([{"name": "data", "hostPath": path}]);
        spec["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    });
    let mut policy = RolloutPolicy::default();
    policy.graces.volume = 3;
    let failed = follow(&namespace, &object, policy);
    assert_eq!(failed.cause().kind, CauseKind::VolumeNotMounted, "{failed:#?}");
    assert!(
        failed.cause().message.contains("/no/such/folder"),
        "{}",
        failed.cause().message
    );
    assert!(failed.took > Duration::from_secs(3), "{:?}", failed.took);
}

#[test]
fn a_pod_that_fits_on_no_node_is_told_with_the_schedulers_reason_after_its_grace() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let object = deployment(&image("shop/web:1.0.0"), |spec| {
        spec["containers"][0]["resources"] = json!({"requests": {"cpu": "4000"}});
    });
    let mut policy = RolloutPolicy::default();
    policy.graces.unschedulable = 3;
    let failed = follow(&namespace, &object, policy);
    assert_eq!(failed.cause().kind, CauseKind::Unschedulable, "{failed:#?}");
    assert!(
        failed.cause().message.contains("Insufficient cpu"),
        "{}",
        failed.cause().message
    );
    assert!(failed.took > Duration::from_secs(3), "{:?}", failed.took);
}

#[test]
fn a_name_that_is_no_images_name_fails_at_once() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let (failed, after) = measured(
        "invalid image name",
        &namespace,
        &deployment("UPPER/CASE:1", |_| {}),
    );
    assert_eq!(failed.cause().kind, CauseKind::InvalidImageName, "{failed:#?}");
    assert!(after < AT_ONCE, "{after:?}");
}

#[test]
fn a_missing_key_is_named_at_once() {
    let namespace = TestCluster::get().namespace_named("t-real");
    namespace.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"user": "u"}}));
    let object = deployment(&image("shop/web:1.0.0"), |spec| {
        let from = json!({"secretKeyRef": {"name": "db", "key": "password"}});
        spec["containers"][0]["env"] = json!([{"name": "PASSWORD", "valueFrom": from}]);
    });
    let (failed, after) = measured("missing key", &namespace, &object);
    assert_eq!(
        failed.cause().kind,
        CauseKind::MissingConfiguration,
        "{failed:#?}"
    );
    assert!(
        failed
            .cause()
            .message
            .contains("couldn't find key password in Secret"),
        "{}",
        failed.cause().message
    );
    assert!(after < AT_ONCE, "{after:?}");
}

#[test]
fn a_missing_config_map_of_a_volume_is_named_with_its_event() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let object = deployment(&image("shop/web:1.0.0"), |spec| {
        spec["volumes"] = json!([{"name": "conf", "configMap": {"name": "nowhere"}}]);
        spec["containers"][0]["volumeMounts"] = json!([{"name": "conf", "mountPath": "/conf"}]);
    });
    let failed = follow(&namespace, &object, RolloutPolicy::default());
    assert_eq!(
        failed.cause().kind,
        CauseKind::MissingConfiguration,
        "{failed:#?}"
    );
    assert!(
        failed
            .cause()
            .message
            .contains(r#"configmap "nowhere" not found"#),
        "{}",
        failed.cause().message
    );
    assert!(failed.took < AT_ONCE, "{:?}", failed.took);
}

#[test]
fn a_crash_loop_is_known_at_the_second_exit_with_its_code() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let (failed, after) = measured(
        "crash loop",
        &namespace,
        &deployment(&image("test/crash:1.0.0"), |_| {}),
    );
    assert_eq!(failed.cause().kind, CauseKind::CrashLoop, "{failed:#?}");
    assert!(
        failed.cause().message.contains("exit code 3"),
        "{}",
        failed.cause().message
    );
    assert!(after < AT_ONCE, "{after:?}");
}

#[test]
fn a_command_that_is_not_in_the_image_is_a_container_that_cannot_start() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let object = deployment(&image("shop/web:1.0.0"), |spec| {
        spec["containers"][0]["command"] = json!(["/no/such/program"]);
    });
    let (failed, _) = measured("bad command", &namespace, &object);
    assert_eq!(failed.cause().kind, CauseKind::CannotStart, "{failed:#?}");
    assert!(
        failed.cause().message.contains("/no/such/program"),
        "{}",
        failed.cause().message
    );
}

#[test]
fn an_init_container_that_keeps_failing_is_named() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let object = deployment(&image("shop/web:1.0.0"), |spec| {
        let prepare = json!([{"name": "prepare", "image": image("test/crash:1.0.0")}]);
        spec["initContainers"] = prepare;
    });
    let (failed, _) = measured("init fails", &namespace, &object);
    assert_eq!(failed.cause().kind, CauseKind::InitFailed, "{failed:#?}");
    assert!(
        failed.cause().message.contains("init container prepare"),
        "{}",
        failed.cause().message
    );
}

#[test]
fn a_container_without_a_probe_that_lives_is_done_after_its_time() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let policy = RolloutPolicy {
        settle: 4,
        ..RolloutPolicy::default()
    };
    let done = follow(
        &namespace,
        &deployment(&image("test/sleep:1.0.0"), |_| {}),
        policy,
    );
    assert_eq!(done.verdicts.last(), Some(&Health::ready()), "{done:#?}");
    assert!(done.took >= Duration::from_secs(4), "{:?}", done.took);
}

#[test]
fn a_container_that_exits_at_once_never_looks_done() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let object = deployment(&image("test/sleep:1.0.0"), |spec| {
        spec["containers"][0]["command"] = json!(["/bin/false"]);
    });
    let (failed, _) = measured("/bin/false without a probe", &namespace, &object);
    assert_eq!(failed.cause().kind, CauseKind::CrashLoop, "{failed:#?}");
    assert!(
        !failed
            .verdicts
            .iter()
            .any(|one| matches!(one, Health::Ready { .. })),
        "{failed:#?}"
    );
}

#[test]
fn a_crashed_containers_last_words_are_told() {
    let namespace = TestCluster::get().namespace_named("t-real");
    let failed = follow(
        &namespace,
        &deployment(&image("test/crash:1.0.0"), |_| {}),
        RolloutPolicy::default(),
    );
    let cause = failed.cause().clone();
    let telling = blocking(async {
        let cluster = TestCluster::get().connect().await;
        kubectl_delivery::testing::monitor::collect_diagnostics(
            &*cluster,
            Some(namespace.name()),
            &cause,
            &[],
            20,
            &|text| text.to_owned(),
        )
        .await
    });
    // What the image writes before it ends.
    assert!(
        telling
            .logs
            .iter()
            .any(|line| line.contains("cannot read /etc/app/config")),
        "{telling:?}"
    );
}

#[tokio::test]
async fn the_values_of_the_secrets_that_a_container_reads_are_not_told_in_its_log() {
    use crate::rollout::service::{apply, failed, run};
    use kubectl_delivery::testing::model::event::Event;
    use kubectl_delivery::testing::monitor::WatchingOptions;
    let namespace = TestCluster::get().namespace_named("t-real");
    namespace.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": "hunter2-and-more"}}));
    let object = deployment(&image("test/sleep:1.0.0"), |spec| {
        let from = json!({"secretKeyRef": {"name": "db", "key": "password"}});
        spec["containers"][0]["env"] = json!([{"name": "PASSWORD", "valueFrom": from}]);
        spec["containers"][0]["command"] = json!(["/bin/sh", "-c", "echo connecting with $PASSWORD; exit 3"]);
    });
    let run = run(WatchingOptions::default()).await;
    let watched = apply(&namespace, object);
    failed(run.follow(&[watched]).await);
    let Some(Event::Failed { logs, .. }) = run.events.failed() else {
        panic!("nothing was told")
    };
    assert_eq!(logs, ["connecting with <Secret db/password>"]);
}
