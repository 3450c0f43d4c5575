//! How things stand before the first write: what is broken then is said at once, and not blamed on the promotion.

use super::service::Watching;
use crate::model::secret_texts::withheld;
use crate::model::{ObjectId, Target};
use crate::rollout::{Baseline, has_baseline};
use serde_json::Value;
use std::time::Duration;

/// How long the reads may hold up the first write. What is not read by then is told by its time instead.
const READ: Duration = Duration::from_secs(5);

impl Watching {
    /// Looks at those whose rollout can be told from how they stood. The watches go on, and are those that the rollout is judged by.
    pub(super) async fn record_baselines(&self, targets: &[Target]) {
        let watched: Vec<Target> = targets
            .iter()
            .filter(|target| has_baseline(target))
            .cloned()
            .collect();
        if watched.is_empty() {
            return;
        }

        let mut state = self.state.lock().await;
        let follow = state.follow.get_or_insert_with(|| self.start());
        // Half a look would call what is missing in it new: the times of pods and Events tell then.
        if !follow.prepare(&watched, READ).await {
            return;
        }

        let baselines = watched
            .iter()
            .map(|target| (target.id(), follow.baseline(target, None)));
        // The first look stays: a later one may show what a write has done already.
        let baselines = self.before.get_or_init(|| baselines.collect());

        for (target, baseline) in watched
            .iter()
            .zip(watched.iter().filter_map(|one| baselines.get(&one.id())))
        {
            self.report_unhealthy(&target.id(), follow.pod_spec_of(target).as_ref(), baseline)
                .await;
        }
    }

    pub(super) async fn report_unhealthy(
        &self,
        object: &ObjectId,
        spec: Option<&Value>,
        baseline: &Baseline,
    ) {
        if baseline.broken.is_empty() {
            return;
        }

        // A phrase may hold a node's words, and these a value: with a Secret unread nothing tells.
        let unknown = self.hiding.know_secrets(object.namespace.as_deref(), spec).await;
        for broken in &baseline.broken {
            let broken = if unknown.is_empty() {
                broken.clone()
            } else {
                withheld(&unknown)
            };
            self.note(
                Some(object.clone()),
                &format!("was unhealthy before this promotion: {broken}"),
            );
        }
    }
}
