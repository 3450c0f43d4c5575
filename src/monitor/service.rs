//! The service that an execution judges its rollouts by: what its phases share, and how an update is taken.
//!
//! One follower with its watches serves all phases (`phases.rs`), so that a wave begins with what is read
//! already. `wait` has no waves: it joins objects as another tool applies them.

use super::heartbeat::Heartbeat;
use super::hidden::Hiding;
use super::options::WatchingOptions;
use super::state::{MonitorState, Noted, Turn};
use crate::cluster::Cluster;
use crate::model::event::{Event, EventSink};
use crate::model::k8s::ownership::pod_namespaces;
use crate::model::verdict::Health;
use crate::model::{ObjectId, Target};
use crate::monitor::follow::{Follow, Update};
use crate::monitor::{MonitorContext, Stopped, Watched};
use crate::observe::watch::ServerLiveness;
use crate::rollout::Baseline;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};

/// How long the first read of the watches may take before judging begins without it.
pub(super) const FIRST_READ: Duration = Duration::from_secs(15);

/// Judges rollouts through watches. One for each promotion; its revert may use it too.
pub struct Watching {
    pub(super) cluster: Arc<dyn Cluster>,
    pub(super) events: Heartbeat,
    pub(super) options: WatchingOptions,
    pub(super) state: Mutex<MonitorState>,
    /// How things stood before the first write; a run that takes up another one's work has no such time.
    pub(super) before: OnceLock<BTreeMap<ObjectId, Baseline>>,
    /// When the API server was last heard.
    pub(super) server: ServerLiveness,
    /// Keeps values of Secrets out of what is shown.
    pub(super) hiding: Hiding,
    /// Rung where the content of a followed object has moved.
    content_moved: Arc<Notify>,
    /// What is read to hear it.
    pub(super) probe_target: std::sync::Mutex<Option<Target>>,
}

impl Watching {
    /// Sends no request by itself.
    pub fn new(cluster: Arc<dyn Cluster>, events: Arc<dyn EventSink>, options: WatchingOptions) -> Self {
        Self {
            hiding: Hiding::new(cluster.clone()),
            cluster,
            events: Heartbeat::new(events),
            options,
            state: Mutex::default(),
            before: OnceLock::new(),
            server: ServerLiveness::default(),
            content_moved: Arc::default(),
            probe_target: std::sync::Mutex::default(),
        }
    }

    /// Waits until the content of a followed object has moved, other than its status, since the last call. Cancel-safe.
    pub async fn content_moved(&self) {
        self.content_moved.notified().await;
    }

    /// Waits until everything that is followed is done; the first failure ends it. Cancel-safe.
    pub async fn progress(&self, watched: &[Watched], context: &dyn MonitorContext) -> Result<(), Stopped> {
        // Held to the end of the call: two calls never judge side by side.
        let mut state = self.state.lock().await;
        let MonitorState {
            follow, open, noted, ..
        } = &mut *state;
        let follow = follow.get_or_insert_with(|| self.start());

        let work = self.until_done(follow, open, noted, Turn { watched, context });
        self.with_liveness(watched, context, work).await
    }

    pub(super) async fn until_done(
        &self,
        follow: &mut Follow,
        open: &mut Option<Update>,
        noted: &mut Noted,
        turn: Turn<'_>,
    ) -> Result<(), Stopped> {
        loop {
            // A clone, and taken off only once it was dealt with: this future may be dropped in between.
            if let Some(update) = open.clone() {
                self.take(follow, update, noted, turn).await?;
                *open = None;
            }

            // The last verdicts may still wait to be shown.
            *open = follow.take_update();
            if open.is_none() {
                if follow.is_done() {
                    return Ok(());
                }
                *open = Some(self.next_update(follow).await);
            }
        }
    }

    pub(super) fn start(&self) -> Follow {
        let chained = self
            .options
            .workloads
            .iter()
            .filter(|(_, one)| one.has_chained_pods());
        // What any follower hears shows that the server is there.
        Follow::with_liveness(
            self.cluster.clone(),
            self.options.policy.clone(),
            self.server.clone(),
        )
        .with_pods_of(
            chained.map(|(id, one)| (id.clone(), pod_namespaces(&one.target, &self.options.namespaces))),
        )
        .ringing(self.content_moved.clone())
    }

    pub(super) fn note(&self, object: Option<ObjectId>, message: &str) {
        // What the cluster says may be quoted in it.
        self.events.emit(Event::Note {
            object,
            message: self.hiding.text(message),
        });
    }

    /// Takes what is new of an object: shows it, helps it on, and tells its failure.
    pub(super) async fn take(
        &self,
        follow: &mut Follow,
        update: Update,
        noted: &mut Noted,
        turn: Turn<'_>,
    ) -> Result<(), Stopped> {
        let Update {
            object,
            verdict,
            deadline,
            settled_at,
            stuck_pods,
        } = update;

        // A failure that a fresh read does not confirm was the watch's: what holds comes as an update.
        if matches!(verdict, Health::Failed { .. }) && !follow.confirm(&object, turn.context.patience()).await
        {
            return Ok(());
        }

        let verdict = noted.add_deadline(verdict, &object, deadline);
        // Before anything is shown of it: a node's words may quote a Secret.
        let verdict = self.hiding.verdict(follow, &object, verdict).await;
        self.events.emit(Event::Rollout {
            object: object.clone(),
            health: verdict.clone(),
            settle_millis: settled_at.map(|at| follow.millis_until(at)),
        });

        for pod in &stuck_pods {
            self.delete_stuck_pod(follow, &object, pod, noted, turn).await?;
        }

        match verdict {
            Health::Failed { cause } => Err(self
                .report_object_failure(follow, object, cause, turn.watched)
                .await
                .into()),
            Health::Progressing { .. } | Health::Ready { .. } | Health::Unknown { .. } => Ok(()),
        }
    }
}
