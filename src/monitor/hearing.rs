//! Whether the API server is still there while rollouts are judged: a watch on which nothing comes may be a quiet one,
//! or one that nobody serves any more.

use super::service::Watching;
use crate::model::k8s::kinds::well_known;
use crate::monitor::{Bounds, Problem, Stopped, Watched};
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
    pub(super) async fn while_heard<T>(
        &self,
        of: &[Watched],
        bounds: &dyn Bounds,
        judging: impl Future<Output = Result<T, Stopped>>,
    ) -> Result<T, Stopped> {
        // Whoever calls has just spoken with it.
        self.heard.now();
        let built_in = |one: &&Watched| well_known(&one.target.resource.gvk()).is_some();
        if let Some(one) = of.iter().find(built_in).or(of.first()) {
            *self.pulse.lock().unwrap_or_else(PoisonError::into_inner) = Some(one.target.clone());
        }
        tokio::select! {
            judged = judging => judged,
            problem = self.silence(bounds.patience()) => Err(problem.into()),
            never = self.ask() => match never {},
        }
    }

    /// Ends where the API server has been silent for too long.
    async fn silence(&self, patience: Duration) -> Problem {
        // A server that is merely slow needs its time.
        let limit = patience.max(SILENCE);
        let mut since: Option<Instant> = None;
        let mut told: Option<Instant> = None;
        loop {
            let before = Instant::now();
            sleep(TICK).await;
            if before.elapsed() > TICK * 4 {
                // This process was stopped, or too busy to listen.
                self.heard.now();
            }
            let silent = self.heard.silent();
            if silent >= limit {
                return Problem::Unreachable {
                    seconds: patience.as_secs(),
                };
            }
            if silent < SILENCE {
                told = None;
                if let Some(since) = since.take() {
                    self.heard.was_silent(since.elapsed());
                    self.note(None, "the API server answers again".into());
                }
                continue;
            }
            since = since.or(Instant::now().checked_sub(silent));
            if told.is_none_or(|told| told.elapsed() >= AGAIN) {
                told = Some(Instant::now());
                let message = format!(
                    "the API server does not answer for {} s; after {} s a later run has to go on",
                    silent.as_secs(),
                    patience.as_secs()
                );
                self.note(None, message);
            }
        }
    }

    /// Asks for something whenever nothing has come for a while: an answer shows that the server reads its store.
    async fn ask(&self) -> Infallible {
        loop {
            sleep(QUIET.saturating_sub(self.heard.silent()).max(TICK)).await;
            if self.heard.silent() < QUIET {
                continue;
            }
            let pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let answer = match &pulse {
                Some(target) => self.cluster.get(target).await.map(drop),
                None => self.cluster.server_version().await.map(drop),
            };
            if !answer.is_err_and(|error| error.is_passing()) {
                self.heard.now();
            }
        }
    }
}
