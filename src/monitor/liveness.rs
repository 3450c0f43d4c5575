//! Whether the API server is still there while rollouts are judged: a watch on which nothing comes may be a
//! quiet one, or one that nobody serves any more.
//!
//! A change, a list or an answer to a question of its own shows that the server reads its store; an open
//! connection does not, nor does a bookmark. A silence is told, its time is added to the deadlines, and one
//! that outlasts the patience ends the run with its journal open: a later run has to find out how things
//! stand.

use super::service::Watching;
use crate::model::k8s::kinds::well_known;
use crate::model::phrase::format_seconds;
use crate::monitor::{MonitorContext, StopReason, Stopped, Watched};
use std::convert::Infallible;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long nothing may come before something is asked for.
const QUIET: Duration = Duration::from_secs(2);

/// From when on a silence is told.
const SILENCE: Duration = Duration::from_secs(5);

/// How often it is told again.
const AGAIN: Duration = Duration::from_secs(30);

/// How often it is looked at.
const TICK: Duration = Duration::from_millis(500);

impl Watching {
    /// Judges for as long as the API server answers. What is judged of these; one of them is what is asked for.
    pub(super) async fn with_liveness<T>(
        &self,
        of: &[Watched],
        context: &dyn MonitorContext,
        work: impl Future<Output = Result<T, Stopped>>,
    ) -> Result<T, Stopped> {
        // Whoever calls has just spoken with it.
        self.server.now();

        // An aggregated API answers for itself: a built-in kind is read from the API server's own store.
        let built_in = |one: &&Watched| well_known(&one.target.resource.gvk()).is_some();
        if let Some(one) = of.iter().find(built_in).or(of.first()) {
            *self.probe_target.lock().unwrap_or_else(PoisonError::into_inner) = Some(one.target.clone());
        }

        tokio::select! {
            judged = work => judged,
            // What is dropped by this has kept in the state what it had taken.
            problem = self.wait_for_outage(context.patience()) => Err(problem.into()),
            // Never ends: it is here to be driven beside the others.
            never = self.probe() => match never {},
        }
    }

    /// Ends where the API server has been silent for too long; a shorter silence is noted.
    async fn wait_for_outage(&self, patience: Duration) -> StopReason {
        // A server that is merely slow needs its time.
        let limit = patience.max(SILENCE);
        let mut since: Option<Instant> = None;
        let mut noted_at: Option<Instant> = None;

        loop {
            let before = Instant::now();
            sleep(TICK).await;
            if before.elapsed() > TICK * 4 {
                // This process was stopped, or too busy to listen.
                self.server.now();
            }

            let silent = self.server.silent();
            if silent >= limit {
                return StopReason::Unreachable {
                    seconds: patience.as_secs(),
                };
            }

            if silent < SILENCE {
                noted_at = None;
                if let Some(since) = since.take() {
                    // Deadlines move by it: while nobody answered, no controller got on.
                    self.server.record_outage(since.elapsed());
                    self.note(None, "the API server responds again");
                }
                continue;
            }

            // It began when the server was last heard, and not when it became long enough to be told.
            since = since.or(Instant::now().checked_sub(silent));
            if noted_at.is_none_or(|noted_at| noted_at.elapsed() >= AGAIN) {
                noted_at = Some(Instant::now());
                let message = format!(
                    "no response from the API server for {}; giving up after {}",
                    format_seconds(silent.as_secs()),
                    format_seconds(patience.as_secs())
                );
                self.note(None, &message);
            }
        }
    }

    /// Asks for something whenever nothing has come for a while: an answer shows that the server reads its store.
    async fn probe(&self) -> Infallible {
        loop {
            // While something comes by itself nothing is asked for: a busy rollout costs no request more.
            sleep(QUIET.saturating_sub(self.server.silent()).max(TICK)).await;
            if self.server.silent() < QUIET {
                continue;
            }

            let target = self
                .probe_target
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let answer = match &target {
                Some(target) => self.cluster.get(target).await.map(drop),
                // Nothing was followed yet: this shows at least that somebody serves.
                None => self.cluster.server_version().await.map(drop),
            };

            // A refusal is an answer too.
            if !answer.is_err_and(|error| error.is_transient()) {
                self.server.now();
            }
        }
    }
}
