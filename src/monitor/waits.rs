//! What is said while nothing happens: the object that is waited for, its pod, and how long that may take.

use super::service::Watching;
use crate::model::ObjectId;
use crate::model::phrase::counted;
use crate::model::verdict::Health;
use crate::monitor::follow::{Blocker, Follow, Update};
use tokio::time::{Instant, timeout_at};

impl Watching {
    /// The next update; meanwhile what holds the rollout up is said. Cancel-safe.
    pub(super) async fn next_update(&self, follow: &mut Follow) -> Update {
        loop {
            // The time of the last event lies outside of this future: one that is dropped again and again is due as well.
            match timeout_at(self.events.due(), follow.next()).await {
                Ok(update) => return update,
                Err(_) => self.report_blocker(follow).await,
            }
        }
    }

    /// What is waited for, where that is due; a text may quote the cluster.
    pub fn report_wait(
        &self,
        object: Option<&ObjectId>,
        end: Option<Instant>,
        message: impl FnOnce() -> String,
    ) {
        self.events.beat(object, end, || self.hiding.text(&message()));
    }

    async fn report_blocker(&self, follow: &Follow) {
        let Some(blocker) = follow.blocker() else {
            // Everything is ready: what comes next reports itself.
            return self.events.restart();
        };
        let Blocker {
            object,
            message,
            left,
            others,
        } = blocker;

        // As a verdict: a node's words may quote a Secret.
        let health = Health::progressing(0, 0, message);
        let health = self.hiding.verdict(follow, &object, health).await;
        let Health::Progressing { message: why, .. } = health else {
            return self.events.restart();
        };
        let message = match others {
            0 => why,
            others => format!("{why}; {} also progressing", counted(others, "object")),
        };
        let end = left.map(|left| Instant::now() + left);
        self.events.beat(Some(&object), end, || message);
    }
}
