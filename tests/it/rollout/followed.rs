//! Applies an object and follows it until its verdict is final.

use crate::harness::{Namespace, TestCluster, blocking};
use jiff::Timestamp;
use kubectl_delivery::testing::cluster::ApplyOptions;
use kubectl_delivery::testing::model::k8s::kinds::well_known;
use kubectl_delivery::testing::model::verdict::{Cause, Health};
use kubectl_delivery::testing::model::{Object, ResourceType, Target};
use kubectl_delivery::testing::monitor::follow::Follow;
use kubectl_delivery::testing::rollout::{MonitoredObject, RolloutPolicy, written_at};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What became of an object.
#[derive(Debug)]
pub struct Followed {
    /// All verdicts, the last one final.
    pub verdicts: Vec<Health>,
    /// From the apply to the final one.
    pub took: Duration,
}

impl Followed {
    /// The cause of the failure.
    pub fn cause(&self) -> &Cause {
        match self.verdicts.last() {
            Some(Health::Failed { cause }) => cause,
            _ => panic!("expected a failure, found {:#?}", self.verdicts),
        }
    }

    /// The remark of what is done.
    pub fn note(&self) -> &str {
        match self.verdicts.last() {
            Some(Health::Ready { message }) => message.as_deref().unwrap_or_default(),
            _ => panic!("expected it done, found {:#?}", self.verdicts),
        }
    }
}

/// Applies an object in the namespace and follows it to the end, at most for a minute.
pub fn follow(namespace: &Namespace, object: &Value, policy: RolloutPolicy) -> Followed {
    follow_while(namespace, object, policy, || {})
}

/// The same, with something that happens once it is applied.
pub fn follow_while(
    namespace: &Namespace,
    object: &Value,
    policy: RolloutPolicy,
    meanwhile: impl FnOnce() + Send,
) -> Followed {
    let target = target(namespace, object);
    blocking(async {
        let cluster = TestCluster::get().connect().await;
        let mut follow = Follow::start(cluster.clone(), policy);
        follow
            .prepare(std::slice::from_ref(&target), Duration::from_secs(10))
            .await;
        let baseline = follow.baseline(&target, None);
        let start = Instant::now();
        let options = ApplyOptions {
            manager: "test".into(),
            force: true,
            dry_run: false,
            not_after: None,
        };
        let answer = cluster
            .apply(&target, object, &options)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
            .object;
        let written = written_at(&answer).unwrap_or_else(Timestamp::now);
        follow.add([MonitoredObject::new(target, &answer, written).with_baseline(baseline)]);
        meanwhile();
        let mut verdicts = Vec::new();
        loop {
            let update = tokio::time::timeout(Duration::from_secs(180), follow.next()).await;
            let verdict = update
                .unwrap_or_else(|_| panic!("no final verdict in three minutes: {verdicts:#?}"))
                .verdict;
            let is_final = !matches!(verdict, Health::Progressing { .. });
            verdicts.push(verdict);
            if is_final {
                return Followed {
                    verdicts,
                    took: start.elapsed(),
                };
            }
        }
    })
}

fn target(namespace: &Namespace, object: &Value) -> Target {
    let object = Object::new(object.clone()).unwrap();
    let gvk = object.gvk();
    let kind = well_known(&gvk).unwrap_or_else(|| ResourceType {
        plural: format!("{}s", gvk.kind.to_lowercase()),
        group: gvk.group,
        version: gvk.version,
        kind: gvk.kind,
        namespaced: true,
    });
    Target::new(&kind, Some(namespace.name()), object.name())
}

/// Seconds without a readiness probe's absence mattering: for what is not about settling.
pub fn quick() -> RolloutPolicy {
    RolloutPolicy {
        settle: 0,
        ..RolloutPolicy::default()
    }
}

/// A Deployment whose pods play something.
pub fn deployment(replicas: u32, image: &str, play: Option<&str>) -> Value {
    workload("Deployment", replicas, image, play)
}

/// A workload whose pods play something.
pub fn workload(kind: &str, replicas: u32, image: &str, play: Option<&str>) -> Value {
    let mut labels = json!({"app": "web"});
    if let Some(play) = play {
        labels["kwok-play"] = play.into();
    }
    let mut spec = json!({
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "web", "image": image}],
        }},
    });
    match kind {
        "StatefulSet" => spec["serviceName"] = "web".into(),
        "DaemonSet" => drop(spec.as_object_mut().unwrap().remove("replicas")),
        _ => {}
    }
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec})
}
