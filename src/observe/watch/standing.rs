//! How one watch stands, and since when.
//!
//! A failure that passes changes nothing for some seconds, and then makes what was read old. A considered
//! answer of the server is one to be told: at once where a right or the kind is gone, else only where nothing
//! was ever read.

use super::collection::WatchState;
use crate::cluster::ApiError;
use std::time::Duration;
use tokio::time::Instant;

/// How long a watch may be broken before what it has shown counts as old.
const OLD: Duration = Duration::from_secs(5);

/// How one watch stands.
#[derive(Debug)]
pub struct WatchHealth {
    pub state: WatchState,
    /// When the last read began that the server has answered, one way or the other.
    pub answered: Option<Instant>,
    /// Since when every try has failed.
    pub failing: Option<Instant>,
}

impl Default for WatchHealth {
    fn default() -> Self {
        Self {
            state: WatchState::Loading(None),
            answered: None,
            failing: None,
        }
    }
}

impl WatchHealth {
    pub fn answered(&mut self, began: Instant) {
        self.state = WatchState::Synced;
        // When it began, and not when it ended: a change in between may be missing from it.
        self.answered = Some(began);
        self.failing = None;
    }

    pub fn resumed(&mut self) {
        self.failing = None;
        // Stale alone: nothing but a whole list makes a collection read.
        if matches!(self.state, WatchState::Stale(_)) {
            self.state = WatchState::Synced;
        }
    }

    /// A read that began then has failed, or, without a time, a watch.
    pub fn failed(&mut self, began: Option<Instant>, error: ApiError) {
        // The first failure of several: a success in between takes it away.
        let since = *self.failing.get_or_insert_with(Instant::now);
        let is_refused = error.is_forbidden() || matches!(error, ApiError::NotServed { .. });
        let is_considered = is_considered(&error);

        if is_considered {
            // An answer all the same: whoever waits for a fresh read need not wait for a better one.
            self.answered = began.or(self.answered);
        }

        let was_read = matches!(self.state, WatchState::Synced | WatchState::Stale(_));
        self.state = match (was_read, since.elapsed() >= OLD) {
            // Rights that are gone, or a kind that is: what was seen before is nothing to go by.
            _ if is_refused => WatchState::Unreadable(error),
            // What was read before is still the best that is known.
            (true, false) => return,
            (true, true) => WatchState::Stale(error),
            // Never read, and hardly will be: whoever is judged by it is told why, and not that it loads.
            (false, _) if is_considered => WatchState::Unreadable(error),
            (false, _) => WatchState::Loading(Some(error)),
        };
    }
}

/// Whether the server has thought about it: the next try will hardly be answered otherwise.
fn is_considered(error: &ApiError) -> bool {
    match error {
        // Nobody has thought about it where the store did not answer.
        error if error.is_silent_store() => false,
        // Log in again, list again, ask later, ask another: these say nothing of the collection.
        ApiError::Status { code, .. } => !matches!(code, 401 | 410 | 429 | 502..=504),
        ApiError::NotServed { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> ApiError {
        ApiError::Status {
            code,
            reason: String::new(),
            message: String::new(),
            causes: Vec::new(),
        }
    }

    fn failed(state: WatchState, ago: Duration, code: u16) -> WatchState {
        let now = Instant::now();
        let mut standing = WatchHealth {
            state,
            failing: now.checked_sub(ago),
            ..WatchHealth::default()
        };

        standing.failed(Some(now), status(code));
        standing.state
    }

    #[test]
    fn what_was_read_stays_good_for_some_seconds_and_then_counts_as_old() {
        assert_eq!(
            failed(WatchState::Synced, Duration::from_secs(1), 503),
            WatchState::Synced
        );
        assert_eq!(
            failed(WatchState::Synced, Duration::from_secs(6), 503),
            WatchState::Stale(status(503))
        );
        assert_eq!(
            failed(WatchState::Synced, Duration::from_secs(1), 403),
            WatchState::Unreadable(status(403))
        );
    }

    #[test]
    fn a_first_read_that_fails_is_told_by_whether_the_server_has_thought_about_it() {
        // A 503 may be a proxy's, and passes.
        assert_eq!(
            failed(WatchState::Loading(None), Duration::ZERO, 503),
            WatchState::Loading(Some(status(503)))
        );
        assert_eq!(
            failed(WatchState::Loading(None), Duration::ZERO, 500),
            WatchState::Unreadable(status(500))
        );
    }

    #[test]
    fn a_watch_that_goes_on_where_it_was_has_missed_nothing() {
        let mut standing = WatchHealth {
            state: WatchState::Stale(status(503)),
            ..WatchHealth::default()
        };

        standing.resumed();
        assert_eq!(standing.state, WatchState::Synced);
    }
}
