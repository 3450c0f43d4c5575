//! A pod, reduced to what a rollout and a comparison of images need: some 500 bytes instead of some 10 KB.
//!
//! What no node has said yet is none, empty or unknown. Times are the server's or the node's, never ours.

use crate::model::digest::Sha256Digest;
use crate::model::finding::ContainerRole;
use crate::model::image::ImageReference;
use crate::model::k8s::controller::Controller;
use crate::model::object::Object;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Labels that name a pod's revision.
// Pods of Deployments have the first, those of StatefulSets and DaemonSets the second, those of Argo Rollouts the third.
const REVISION_LABELS: &[&str] = &[
    "pod-template-hash",
    "controller-revision-hash",
    "rollouts-pod-template-hash",
];

/// A pod, reduced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodFacts {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// How often its spec was written: 1 where it was never changed in place; 0 where the server does not count.
    #[serde(default)]
    pub generation: i64,
    /// Who controls it.
    pub controller: Option<Controller>,
    /// `pod-template-hash`, `controller-revision-hash` or `rollouts-pod-template-hash`.
    pub revision: Option<String>,
    /// When it was created, by the server's clock.
    pub created: Option<Timestamp>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// `status.reason`, such as `Evicted`; empty where there is none.
    pub reason: String,
    /// `status.message`; empty where there is none.
    pub message: String,
    /// Why it is ended from outside: the reason of a `DisruptionTarget` that is true, such as `PreemptionByScheduler`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruption: Option<String>,
    /// The node, once it has one.
    pub node: Option<String>,
    /// Why no node takes it: the reason and message of a `PodScheduled` that is false.
    pub unscheduled: Option<(String, String)>,
    /// Whether its `Ready` condition is true.
    pub ready: bool,
    /// Since when `Ready` is what it is, by the node's clock.
    pub ready_since: Option<Timestamp>,
    /// Its containers: init, then main, then ephemeral ones.
    pub containers: Vec<ContainerFacts>,
}

/// A container of a pod, reduced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerFacts {
    /// Name.
    pub name: String,
    /// Where in the pod it stands.
    pub role: ContainerRole,
    /// An init container that keeps running beside the others (`restartPolicy: Always`).
    pub sidecar: bool,
    /// As the pod's spec writes it.
    pub image: String,
    /// As the node reports it; empty where it does not yet.
    pub image_id: String,
    /// Its id at the runtime; empty where it has none yet.
    #[serde(default)]
    pub container_id: String,
    /// Whether it has a readiness probe.
    // Without a probe it is ready as soon as it runs: then the time that it has lived decides.
    pub probed: bool,
    /// Whether it is ready.
    pub ready: bool,
    /// How often it was restarted.
    pub restarts: u32,
    /// What it does.
    pub state: ContainerState,
    /// How its previous instance ended.
    pub last_exit: Option<Exit>,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum ContainerState {
    /// The node says nothing of it.
    Unknown,
    /// It is not running.
    Waiting {
        /// Such as `CrashLoopBackOff`.
        reason: String,
        /// What the node says about it.
        message: String,
    },
    /// It runs.
    Running {
        /// Since when, by the node's clock.
        since: Option<Timestamp>,
    },
    /// It has ended.
    Terminated {
        /// How.
        exit: Exit,
    },
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// Exit code.
    pub code: i64,
    /// The signal that ended it, where the runtime reports one.
    pub signal: Option<i64>,
    /// Such as `Error`, `Completed`, `OOMKilled`.
    pub reason: String,
    /// What the container or the runtime left as a message.
    pub message: String,
    /// When, by the node's clock.
    pub at: Option<Timestamp>,
}

impl PodFacts {
    /// Whether it has run to its end, well or not: it runs nothing more, and may stay for days.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Whether it runs, or is about to.
    pub fn is_running(&self) -> bool {
        !self.deleting && !self.has_ended()
    }

    /// Reduces a Pod.
    pub fn reduce(pod: &Object) -> Self {
        let pod = pod.value();

        let condition = |name: &str| {
            let all = pod.pointer("/status/conditions").and_then(Value::as_array);
            all.and_then(|all| {
                all.iter()
                    .find(|one| one.get("type").and_then(Value::as_str) == Some(name))
            })
        };

        let is = |name: &str, status: &str| {
            condition(name).filter(|one| one.get("status").and_then(Value::as_str) == Some(status))
        };

        let label = |key: &&str| {
            pod.pointer("/metadata/labels")?
                .get(*key)?
                .as_str()
                .map(str::to_owned)
        };

        Self {
            namespace: text(pod, "/metadata/namespace"),
            name: text(pod, "/metadata/name"),
            uid: text(pod, "/metadata/uid"),
            generation: pod
                .pointer("/metadata/generation")
                .and_then(Value::as_i64)
                .unwrap_or(0),
            controller: Controller::from_object(pod),
            revision: REVISION_LABELS.iter().find_map(label),
            created: time(pod, "/metadata/creationTimestamp"),
            deleting: pod.pointer("/metadata/deletionTimestamp").is_some(),
            phase: text(pod, "/status/phase"),
            reason: text(pod, "/status/reason"),
            message: text(pod, "/status/message"),
            disruption: is("DisruptionTarget", "True").map(|one| text(one, "/reason")),
            node: Some(text(pod, "/spec/nodeName")).filter(|name| !name.is_empty()),
            // Only a false one: as long as no scheduler has tried, there is no such condition.
            unscheduled: is("PodScheduled", "False").map(|one| (text(one, "/reason"), text(one, "/message"))),
            ready: is("Ready", "True").is_some(),
            ready_since: condition("Ready").and_then(|one| time(one, "/lastTransitionTime")),
            containers: containers(pod),
        }
    }

    /// Whether its spec is the one that it was made with. A server that does not count changes: a controller makes new
    /// pods rather than change old ones.
    pub fn is_never_changed(&self) -> bool {
        self.generation == 1 || self.generation == 0 && self.controller.is_some()
    }

    /// Its containers other than ephemeral ones and init containers that end.
    pub fn lasting(&self) -> impl Iterator<Item = &ContainerFacts> {
        // The others end by themselves, or are somebody's look into the pod.
        self.containers
            .iter()
            .filter(|one| one.role == ContainerRole::Main || one.sidecar)
    }
}

impl ContainerFacts {
    /// The reference by digest that the node reports; none where it names no repository.
    pub fn reported(&self) -> Option<String> {
        let text = self
            .image_id
            .strip_prefix("docker-pullable://")
            .unwrap_or(&self.image_id);
        // Without an @ it is a digest alone, which no registry can be asked for.
        let image = text.parse::<ImageReference>().ok()?;
        image.digest.is_some().then(|| text.to_owned())
    }

    /// The digest that the pod's spec pins.
    pub fn pin(&self) -> Option<Sha256Digest> {
        self.image.parse::<ImageReference>().ok()?.digest
    }

    /// Whether it runs, or has run.
    pub fn has_started(&self) -> bool {
        // A container that waits for its restart has run, too.
        matches!(
            self.state,
            ContainerState::Running { .. } | ContainerState::Terminated { .. }
        ) || self.last_exit.is_some()
    }

    /// The digest that the node reports: of a registry's manifest, or of the configuration of an image loaded by hand.
    pub fn digest(&self) -> Option<Sha256Digest> {
        let at = self.image_id.rfind("sha256:")?;
        self.image_id[at..].parse().ok()
    }
}

fn containers(pod: &Value) -> Vec<ContainerFacts> {
    let mut all = Vec::new();
    for (role, specs, statuses) in [
        (
            ContainerRole::Init,
            "/spec/initContainers",
            "/status/initContainerStatuses",
        ),
        (
            ContainerRole::Main,
            "/spec/containers",
            "/status/containerStatuses",
        ),
        (
            ContainerRole::Ephemeral,
            "/spec/ephemeralContainers",
            "/status/ephemeralContainerStatuses",
        ),
    ] {
        let list = |pointer| {
            pod.pointer(pointer)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        // By name: the lists of a status have an order of their own.
        let by_name: BTreeMap<&str, &Value> = list(statuses)
            .filter_map(|one| Some((one.get("name")?.as_str()?, one)))
            .collect();

        for spec in list(specs) {
            let name = text(spec, "/name");
            all.push(container(
                role,
                spec,
                by_name.get(name.as_str()).copied(),
                name.clone(),
            ));
        }
    }
    all
}

fn container(role: ContainerRole, spec: &Value, status: Option<&Value>, name: String) -> ContainerFacts {
    // A pod that no node has taken has no statuses.
    let status = status.unwrap_or(&Value::Null);

    ContainerFacts {
        name,
        role,
        sidecar: role == ContainerRole::Init && text(spec, "/restartPolicy") == "Always",
        image: text(spec, "/image"),
        image_id: text(status, "/imageID"),
        container_id: text(status, "/containerID"),
        probed: spec.get("readinessProbe").is_some(),
        ready: status.get("ready") == Some(&Value::Bool(true)),
        restarts: status.get("restartCount").and_then(Value::as_u64).unwrap_or(0) as u32,
        state: state(status.get("state").unwrap_or(&Value::Null)),
        last_exit: status.pointer("/lastState/terminated").map(exit),
    }
}

fn state(state: &Value) -> ContainerState {
    if let Some(waiting) = state.get("waiting") {
        ContainerState::Waiting {
            reason: text(waiting, "/reason"),
            message: text(waiting, "/message"),
        }
    } else if let Some(running) = state.get("running") {
        ContainerState::Running {
            since: time(running, "/startedAt"),
        }
    } else if let Some(ended) = state.get("terminated") {
        ContainerState::Terminated { exit: exit(ended) }
    } else {
        // The API takes none of the three for waiting; here it is known to nobody.
        ContainerState::Unknown
    }
}

fn exit(ended: &Value) -> Exit {
    Exit {
        code: ended.get("exitCode").and_then(Value::as_i64).unwrap_or(0),
        signal: ended
            .get("signal")
            .and_then(Value::as_i64)
            // No signal has the number 0.
            .filter(|signal| *signal != 0),
        reason: text(ended, "/reason"),
        message: text(ended, "/message"),
        at: time(ended, "/finishedAt"),
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    value.pointer(pointer)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_keeps_its_controller_its_revision_and_what_each_container_does() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "labels": {"pod-template-hash": "5d", "app": "web"},
                "ownerReferences": [{"kind": "Node", "name": "n", "uid": "x"}, {"kind": "ReplicaSet", "name": "web", "uid": "r", "controller": true}]},
            "spec": {"nodeName": "n1", "initContainers": [{"name": "mesh", "image": "m", "restartPolicy": "Always"}],
                "containers": [{"name": "web", "image": "w:1", "readinessProbe": {}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                "containerStatuses": [{"name": "web", "restartCount": 2, "imageID": "w@sha256:0", "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T00:00:01Z"}}}]}
        });
        let pod = PodFacts::reduce(&Object::new(pod).unwrap());

        // The node is an owner, too.
        assert_eq!(pod.controller.as_ref().unwrap().uid, "r");
        assert_eq!(pod.revision.as_deref(), Some("5d"));
        assert!(pod.containers[0].sidecar && !pod.ready);

        let web = &pod.containers[1];
        assert_eq!((web.restarts, web.last_exit.as_ref().unwrap().code), (2, 137));
        assert_eq!(web.last_exit.as_ref().unwrap().reason, "OOMKilled");
        assert!(web.probed);
    }

    #[test]
    fn a_pod_that_nobody_has_looked_at_yet_has_containers_of_which_nothing_is_known() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "i"}]}});
        let pod = PodFacts::reduce(&Object::new(pod).unwrap());

        assert_eq!(pod.containers[0].state, ContainerState::Unknown);
        assert_eq!((pod.node, pod.unscheduled, pod.ready), (None, None, false));
    }
}
