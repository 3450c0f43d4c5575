//! How long to go on asking an API server that does not answer, and whether the lock still allows a write.
//!
//! Silence is counted from the last considered answer. A timeout, a torn connection, a 429 or a 503 goes on
//! with it; a conflict, or a server that cannot do it yet, begins it anew. Whoever runs out of patience ends
//! with a `StopReason`, which leaves the journal open: no silence is ever taken for a refusal.

use super::lock::Hold;
use super::locks::Locks;
use super::services::Services;
use crate::cluster::{Moment, SendDeadline};
use crate::model::event::{Event, EventSink};
use crate::model::phrase::duration;
use crate::monitor::StopReason;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// From when on a silence is told.
const SILENCE: Duration = Duration::from_secs(4);
/// How often it is told again.
const AGAIN: Duration = Duration::from_secs(30);

/// Looked at before each write.
#[derive(Clone)]
pub(super) struct RetryBudget {
    /// None in a simulation, which writes nothing.
    pub lock: Option<Arc<Locks>>,
    pub limit: Duration,
    pub events: Arc<dyn EventSink>,
    /// When a silence was told last: many requests wait at once.
    pub reported_at: Arc<Mutex<Option<Instant>>>,
}

/// One request's tries.
pub(super) struct Attempts<'a> {
    patience: &'a RetryBudget,
    start: Instant,
    /// When the server was heard last.
    answered_at: Instant,
    /// Since when it could not do what it was asked for.
    behind: Option<Instant>,
    pause: Duration,
}

/// Between the first tries.
const PAUSE: Duration = Duration::from_millis(50);
/// Between later ones.
const LONGEST: Duration = Duration::from_secs(2);

impl RetryBudget {
    pub(super) fn new(lock: Arc<Locks>, services: &Services) -> Self {
        Self {
            lock: Some(lock),
            ..Self::without_lock(services)
        }
    }

    /// Of what is simulated: no lock allows its writes, and none is needed.
    pub(super) fn without_lock(services: &Services) -> Self {
        let (limit, events) = (services.limits.patience, services.events.clone());
        Self {
            lock: None,
            limit,
            events,
            reported_at: Arc::default(),
        }
    }

    pub(super) fn start(&self) -> Attempts<'_> {
        let now = Instant::now();
        Attempts {
            patience: self,
            start: now,
            answered_at: now,
            behind: None,
            pause: PAUSE,
        }
    }

    fn report_silence(&self, silent: Duration) {
        let Ok(mut reported_at) = self.reported_at.lock() else {
            return;
        };
        // Many requests wait at once: one of them speaks for all.
        if silent < SILENCE || reported_at.is_some_and(|last| last.elapsed() < AGAIN) {
            return;
        }

        *reported_at = Some(Instant::now());
        let message = format!(
            "no response from the API server for {}; giving up after {}",
            duration(silent),
            duration(self.limit)
        );
        self.events.emit(Event::Note {
            object: None,
            message,
        });
    }
}

impl Attempts<'_> {
    /// Waits for an answer; a silence is told meanwhile.
    pub(super) async fn answer<T>(&self, request: impl Future<Output = T>) -> T {
        let mut request = pin!(request);
        loop {
            match timeout(SILENCE, &mut request).await {
                Ok(answer) => return answer,
                Err(_) => self.patience.report_silence(self.silence()),
            }
        }
    }

    /// Waits until the lock is surely ours; until when it is. To be called right before each write, which carries the
    /// deadline: it may have to wait for its turn.
    pub(super) async fn before_write(&self) -> Result<SendDeadline, StopReason> {
        let Some(lock) = &self.patience.lock else {
            return Ok(Moment::now().after(self.patience.limit));
        };
        // In two waits, so that a silence can be told after the first.
        let mut hold = lock.confirm_held(SILENCE.min(self.left())).await;
        if hold == Hold::Doubtful {
            self.patience.report_silence(self.silence().max(SILENCE));
            hold = lock.confirm_held(self.left()).await;
        }

        match hold {
            Hold::Ours(deadline) => Ok(deadline),
            Hold::Lost => Err(StopReason::LockLost),
            // The server has not answered the renewals of the lock either.
            Hold::Doubtful => Err(self.unreachable()),
        }
    }

    /// Waits a little before the next try, up to the limit.
    pub(super) async fn wait(&mut self) -> Result<(), StopReason> {
        if self.left() == Duration::ZERO {
            return Err(self.unreachable());
        }
        self.patience.report_silence(self.silence());
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        Ok(())
    }

    /// Waits a little for a server that answers and cannot do it yet.
    pub(super) async fn catch_up(&mut self) {
        // It is there, and no limit counts here: whoever calls this looks at how long it takes in all.
        self.answered_at = Instant::now();
        self.behind.get_or_insert(self.answered_at);
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
    }

    /// For how long it has been waited for what the server cannot do yet.
    pub(super) fn catching_up(&self) -> Duration {
        self.behind.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The server has answered: a silence begins anew.
    pub(super) fn hear(&mut self) {
        self.answered_at = Instant::now();
        self.behind = None;
        self.pause = PAUSE;
    }

    fn silence(&self) -> Duration {
        self.answered_at.elapsed()
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn left(&self) -> Duration {
        self.patience.limit.saturating_sub(self.silence())
    }

    fn unreachable(&self) -> StopReason {
        StopReason::Unreachable {
            seconds: self.patience.limit.as_secs(),
        }
    }
}
