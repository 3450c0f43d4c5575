//! Values of the Secrets that a workload's pods read, kept out of what is shown of them.
//!
//! The client hides what it has read. Here it is made to read what a text could quote; what may not be read is unknown, and
//! texts that could hold it are withheld.

use crate::cluster::Cluster;
use crate::model::k8s::kinds::built_in;
use crate::model::k8s::pod::{ContainerState, PodFacts};
use crate::model::k8s::pod_references::references;
use crate::model::secret_texts::{withheld, words_of_admission};
use crate::model::verdict::{Cause, Health};
use crate::model::{ObjectId, Target};
use crate::monitor::follow::Follow;
use crate::rollout::RolloutContext;
use futures::future::join_all;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Reasons of events in which a node repeats what a container or a probe says.
const QUOTING: [&str; 5] = [
    "Failed",
    "Unhealthy",
    "FailedPostStartHook",
    "FailedPreStopHook",
    "BackOff",
];

/// Hides the values of Secrets in texts about workloads.
pub(super) struct Hiding {
    cluster: Arc<dyn Cluster>,
    /// Secrets that were to be read, and whether they could be.
    secrets: Mutex<BTreeMap<Target, bool>>,
}

impl Hiding {
    /// Sends no request by itself.
    pub fn new(cluster: Arc<dyn Cluster>) -> Self {
        Self {
            cluster,
            secrets: Mutex::default(),
        }
    }

    /// Reads the Secrets that a pod's spec refers to, each once a run; the names of those that cannot be read.
    pub async fn know_secrets(&self, namespace: Option<&str>, spec: Option<&Value>) -> Vec<String> {
        let Some(kind) = built_in("", "Secret") else {
            return Vec::new();
        };
        // Without a pod's spec nothing is known to be read, and nothing is withheld.
        let all = spec.map(references).unwrap_or_default();
        let secrets = all.into_iter().filter(|one| one.kind == "Secret");
        let mut targets: Vec<Target> = secrets
            .map(|one| Target::new(&kind, namespace, &one.name))
            .collect();
        // A spec may name one Secret many times.
        targets.sort();
        targets.dedup();

        // Held while they are read: two failures at once would read each of them twice.
        let mut known = self.secrets.lock().await;
        let unread: Vec<Target> = targets
            .iter()
            .filter(|target| !known.contains_key(*target))
            .cloned()
            .collect();
        let reads = join_all(unread.iter().map(|target| self.cluster.get(target))).await;
        for (target, read) in unread.into_iter().zip(reads) {
            // One that is not there holds nothing that could be quoted: it is known.
            known.insert(target, read.is_ok());
        }

        let is_unknown = |target: &&Target| known.get(*target) == Some(&false);
        targets
            .iter()
            .filter(is_unknown)
            .map(|target| target.name.clone())
            .collect()
    }

    /// A text of the cluster as it may be shown.
    pub fn text(&self, text: &str) -> String {
        self.cluster.hide(text)
    }

    /// A verdict as it may be shown: where a Secret could not be read, without what a node says in its own words.
    pub async fn verdict(&self, follow: &Follow, object: &ObjectId, verdict: Health) -> Health {
        if matches!(verdict, Health::Ready { message: None }) {
            return verdict;
        }
        let spec = follow.pod_spec(object);
        let unknown = self
            .know_secrets(object.namespace.as_deref(), spec.as_ref())
            .await;

        // With all of them known their values are found in any text; else what nodes quote goes as a whole.
        let quoting = if unknown.is_empty() {
            Vec::new()
        } else {
            follow.look(object, |_, view| quotable(view)).unwrap_or_default()
        };

        let hide = |text: String| {
            if quoting.iter().any(|quoted| text.contains(quoted.as_str())) {
                withheld(&unknown)
            } else {
                self.text(&text)
            }
        };

        match verdict {
            Health::Progressing { done, total, message } => Health::Progressing {
                done,
                total,
                message: hide(message),
            },
            Health::Ready { message } => Health::Ready {
                message: message.map(hide),
            },
            Health::Unknown { message } => Health::Unknown {
                message: hide(message),
            },
            Health::Failed { cause } => Health::Failed {
                cause: Cause {
                    message: hide(cause.message),
                    ..cause
                },
            },
        }
    }
}

/// What nodes, probes and webhooks say in words of their own.
fn quotable(view: &RolloutContext<'_>) -> Vec<String> {
    let mut texts = said_by_nodes(&view.pods);

    for one in &view.occurrences {
        if QUOTING.contains(&one.reason.as_str()) || words_of_admission(&one.message).is_some() {
            texts.push(one.message.clone());
        }
    }

    let objects = view.owned.iter().copied().chain(view.object);
    let conditions = objects
        .filter_map(|object| object.at("/status/conditions")?.as_array())
        .flatten();
    // A ReplicaSet's condition repeats what a webhook said of its pod.
    let messages = conditions.filter_map(|condition| condition.get("message")?.as_str());
    texts.extend(
        messages
            .filter(|message| words_of_admission(message).is_some())
            .map(str::to_owned),
    );

    texts.retain(|text| !text.trim().is_empty());
    texts
}

/// What nodes and runtimes say of pods: a command with its variables filled in is among it.
fn said_by_nodes(pods: &[&PodFacts]) -> Vec<String> {
    let mut texts = Vec::new();
    for pod in pods {
        texts.push(pod.message.clone());
        for container in &pod.containers {
            match &container.state {
                ContainerState::Waiting { message, .. } => texts.push(message.clone()),
                ContainerState::Terminated { exit } => texts.push(exit.message.clone()),
                ContainerState::Unknown | ContainerState::Running { .. } => {}
            }
            texts.extend(container.last_exit.as_ref().map(|exit| exit.message.clone()));
        }
    }
    texts
}
