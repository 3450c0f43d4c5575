//! How objects stand now, by the same verdicts that a promotion waits for. One look and a few seconds:
//! whoever asks wants to know, and does not wait for anything to get well.

use super::hidden::Hiding;
use super::proving::member;
use crate::cluster::Cluster;
use crate::model::secret_texts::withheld;
use crate::model::verdict::Health;
use crate::model::{ObjectId, Target};
use crate::monitor::follow::Follow;
use crate::rollout::{Baseline, MonitoredObject, RolloutContext, RolloutPolicy, is_watched};
use std::sync::Arc;
use std::time::Duration;

/// How long the first reads may take.
const READ: Duration = Duration::from_secs(5);

/// How one object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHealth {
    /// The object.
    pub object: ObjectId,
    /// Its verdict; none where what it depends on could not be read in time.
    pub verdict: Option<Health>,
    /// Whether it is read and is not there.
    pub is_absent: bool,
    /// What is broken of it, one sentence each.
    pub broken: Vec<String>,
}

/// Judges those of the objects that have a rollout, in their order.
pub async fn health(
    cluster: Arc<dyn Cluster>,
    targets: &[Target],
    policy: RolloutPolicy,
) -> Vec<ObjectHealth> {
    let watched: Vec<Target> = targets
        .iter()
        .filter(|target| is_watched(target))
        .cloned()
        .collect();

    let hiding = Hiding::new(cluster.clone());
    let mut follow = Follow::start(cluster, policy);
    follow.prepare(&watched, READ).await;

    // The present is its own baseline: an old crash loop is told as broken, and is no rollout that fails.
    let baselines: Vec<Baseline> = watched
        .iter()
        .map(|target| follow.baseline(target, None))
        .collect();
    let subjects = watched.iter().zip(&baselines);
    follow.add(subjects.map(|(target, baseline)| member(target).with_baseline(baseline.clone())));
    judge_all(&mut follow).await;

    let mut all = Vec::with_capacity(watched.len());
    for (target, baseline) in watched.iter().zip(&baselines) {
        all.push(object_health(&follow, &hiding, target.id(), baseline).await);
    }
    all
}

/// Waits until each object has a verdict, or the time for that is over.
async fn judge_all(follow: &mut Follow) {
    // Each verdict comes as an update of its own; what is not read comes never.
    let judged = async {
        while follow.verdicts().any(|(_, verdict)| verdict.is_none()) {
            follow.next().await;
        }
    };
    drop(tokio::time::timeout(READ, judged).await);
}

async fn object_health(
    follow: &Follow,
    hiding: &Hiding,
    object: ObjectId,
    baseline: &Baseline,
) -> ObjectHealth {
    // Secrets are read for what could quote them, and for nothing else.
    let unknown = if baseline.broken.is_empty() {
        Vec::new()
    } else {
        let spec = follow.pod_spec(&object);
        hiding
            .know_secrets(object.namespace.as_deref(), spec.as_ref())
            .await
    };

    let hide = |text: &String| {
        if unknown.is_empty() {
            hiding.text(text)
        } else {
            withheld(&unknown)
        }
    };
    let broken = baseline.broken.iter().map(hide).collect();

    // A watch that cannot be read shows no object either, and that is not its absence.
    let is_absent =
        |_: &MonitoredObject, view: &RolloutContext<'_>| view.object.is_none() && view.unreadable.is_none();
    let is_absent = follow.look(&object, is_absent) == Some(true);

    let judged = follow.verdicts().find(|(known, _)| **known == object);
    let verdict = match judged.and_then(|(_, verdict)| verdict.cloned()) {
        Some(verdict) => Some(hiding.verdict(follow, &object, verdict).await),
        None => None,
    };

    ObjectHealth {
        object,
        verdict,
        is_absent,
        broken,
    }
}
