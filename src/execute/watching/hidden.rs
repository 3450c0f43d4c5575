//! Values of the Secrets that a workload's pods read, kept out of what is shown of them.
//!
//! The client hides what it has read. Here it is made to read what a text could quote; what may not be read is unknown, and
//! texts that could hold it are withheld.

use super::service::Watching;
use crate::execute::follow::Follow;
use crate::model::kinds::built_in;
use crate::model::pod::{ContainerState, PodFacts};
use crate::model::pod_spec::references;
use crate::model::verdict::{Cause, Verdict};
use crate::model::{ObjectId, Target};
use futures::future::join_all;
use serde_json::Value;

impl Watching {
    /// Reads the Secrets that a pod's spec refers to, each once a run; the names of those that cannot be read.
    pub(super) async fn know_secrets(&self, namespace: Option<&str>, spec: Option<&Value>) -> Vec<String> {
        let Some(kind) = built_in("", "Secret") else { return Vec::new() };
        let all = spec.map(references).unwrap_or_default();
        let secrets = all.into_iter().filter(|one| one.kind == "Secret");
        let mut targets: Vec<Target> = secrets.map(|one| Target::new(&kind, namespace, &one.name)).collect();
        targets.sort();
        targets.dedup();

        let mut known = self.secrets.lock().await;
        let unread: Vec<Target> =
            targets.iter().filter(|target| !known.contains_key(*target)).cloned().collect();
        let reads = join_all(unread.iter().map(|target| self.cluster.get(target))).await;
        for (target, read) in unread.into_iter().zip(reads) {
            known.insert(target, read.is_ok());
        }
        let is_unknown = |target: &&Target| known.get(*target) == Some(&false);
        targets.iter().filter(is_unknown).map(|target| target.name.clone()).collect()
    }

    /// A text of the cluster as it may be shown.
    pub(super) fn clean(&self, text: &str) -> String {
        (self.options.clean)(&self.cluster.hide(text))
    }

    /// A verdict as it may be shown: where a Secret could not be read, without what a node says in its own words.
    pub(super) async fn cleaned(&self, follow: &Follow, object: &ObjectId, verdict: Verdict) -> Verdict {
        let spec = follow.pod_spec(object);
        let unknown = self.know_secrets(object.namespace.as_deref(), spec.as_ref()).await;
        let quotable = if unknown.is_empty() {
            Vec::new()
        } else {
            follow.look(object, |_, view| said_by_nodes(&view.pods)).unwrap_or_default()
        };
        let clean = |text: String| {
            if quotable.iter().any(|quoted| text.contains(quoted.as_str())) {
                withheld(&unknown)
            } else {
                self.clean(&text)
            }
        };
        match verdict {
            Verdict::Waiting { done, total, why } => Verdict::Waiting { done, total, why: clean(why) },
            Verdict::Done { note } => Verdict::Done { note: note.map(clean) },
            Verdict::Failed { cause } => {
                Verdict::Failed { cause: Cause { message: clean(cause.message), ..cause } }
            }
        }
    }
}

/// In the place of a text that could hold what may not be read.
pub(super) fn withheld(secrets: &[String]) -> String {
    format!("text withheld: it may hold values of Secret {}, which cannot be read", secrets.join(", "))
}

/// What nodes and runtimes say of pods in words of their own: a command with its variables filled in is among them.
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
    texts.retain(|text| !text.trim().is_empty());
    texts
}
