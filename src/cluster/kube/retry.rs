//! What is sent again, and when. Pure: the caller waits.
//!
//! A read is sent again after a reset, a 429 or a passing 5xx. A write is sent again only where it was certainly not
//! done: on a 429, and where no connection could be made. A write whose answer was lost is left to the caller.

use crate::cluster::ApiError;
use std::time::Duration;

/// How often a request is sent at most.
const TRIES: u32 = 4;
/// The longest pause that a server's Retry-After is obeyed for.
const LONGEST: Duration = Duration::from_secs(10);
/// A write is not sent later than this after it was asked for: its caller holds a lock that ends.
const WRITE_WINDOW: Duration = Duration::from_secs(3);

/// Whether repeating a request can do harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Reads, dry-runs and reviews.
    Harmless,
    /// Writes.
    Once,
}

/// What came of one try.
pub(super) struct Failed<'a> {
    /// Its error.
    pub error: &'a ApiError,
    /// The server's Retry-After.
    pub retry_after: Option<Duration>,
    /// Tries so far, this one included.
    pub tries: u32,
    /// Time since the first one.
    pub elapsed: Duration,
}

/// How long to wait before the next try; none where there is to be none.
pub(super) fn pause(repeat: Repeat, failed: &Failed<'_>) -> Option<Duration> {
    if failed.tries >= TRIES || !may_repeat(repeat, failed.error) {
        return None;
    }

    let backoff = Duration::from_millis(150 * 3u64.pow(failed.tries - 1));
    // The server knows how busy it is; a wish that is too long ends the tries, and is not cut short.
    let pause = failed.retry_after.unwrap_or(backoff);

    let in_time = match repeat {
        Repeat::Harmless => pause <= LONGEST,
        Repeat::Once => failed.elapsed + pause <= WRITE_WINDOW,
    };
    in_time.then_some(pause)
}

fn may_repeat(repeat: Repeat, error: &ApiError) -> bool {
    match error {
        // Throttled before it was looked at: not even a write was begun.
        ApiError::Status { code: 429, .. } | ApiError::Unreadable { code: 429, .. } => true,
        // Nothing was sent. An API server that restarts refuses connections for a while.
        ApiError::Connect { why, .. } => !is_final(why),
        ApiError::Broken { .. } => repeat == Repeat::Harmless,
        error if error.is_silent_store() => repeat == Repeat::Harmless,
        // Any other 500 that carries a Status is the server's considered answer.
        ApiError::Status { code: 502..=504, .. }
        | ApiError::Unreadable {
            code: 500 | 502..=504,
            ..
        } => repeat == Repeat::Harmless,
        _ => false,
    }
}

/// Another try will not make a certificate valid.
fn is_final(why: &str) -> bool {
    why.contains("certificate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn status(code: u16) -> ApiError {
        ApiError::Status {
            code,
            reason: String::new(),
            message: String::new(),
            causes: Vec::new(),
        }
    }

    fn silent_store() -> ApiError {
        let (reason, message) = (
            "ServerTimeout".into(),
            "the list operation could not be completed".into(),
        );
        ApiError::Status {
            code: 500,
            reason,
            message,
            causes: Vec::new(),
        }
    }

    fn unreadable(code: u16) -> ApiError {
        ApiError::Unreadable {
            code,
            body: String::new(),
        }
    }

    fn refused() -> ApiError {
        ApiError::Connect {
            server: String::new(),
            why: "connection refused".into(),
        }
    }

    fn broken() -> ApiError {
        ApiError::Broken { why: "reset".into() }
    }

    fn first(error: &ApiError) -> Failed<'_> {
        Failed {
            error,
            retry_after: None,
            tries: 1,
            elapsed: Duration::ZERO,
        }
    }

    #[rstest]
    #[case::throttled(status(429), true, true)]
    #[case::refused(refused(), true, true)]
    #[case::reset(broken(), true, false)]
    #[case::unavailable(status(503), true, false)]
    // A proxy's own page: no API server has decided anything.
    #[case::gateway(unreadable(502), true, false)]
    #[case::proxy_failure(unreadable(500), true, false)]
    #[case::considered(status(500), false, false)]
    #[case::silent_store(silent_store(), true, false)]
    #[case::too_late(ApiError::TooLate, false, false)]
    #[case::conflict(status(409), false, false)]
    // The limit spans all tries: no time is left for another one.
    #[case::timeout(ApiError::Timeout { seconds: 30 }, false, false)]
    fn only_what_was_certainly_not_done_is_sent_again_as_a_write(
        #[case] error: ApiError,
        #[case] read: bool,
        #[case] write: bool,
    ) {
        assert_eq!(pause(Repeat::Harmless, &first(&error)).is_some(), read);
        assert_eq!(pause(Repeat::Once, &first(&error)).is_some(), write);
    }

    #[test]
    fn the_servers_wish_counts_and_tries_end() {
        let error = status(429);
        let wish = Some(Duration::from_secs(2));
        assert_eq!(
            pause(
                Repeat::Harmless,
                &Failed {
                    retry_after: wish,
                    ..first(&error)
                }
            ),
            wish
        );
        assert_eq!(
            pause(
                Repeat::Harmless,
                &Failed {
                    tries: TRIES,
                    ..first(&error)
                }
            ),
            None
        );

        let long = Some(Duration::from_secs(60));
        assert_eq!(
            pause(
                Repeat::Harmless,
                &Failed {
                    retry_after: long,
                    ..first(&error)
                }
            ),
            None
        );
    }

    #[test]
    fn a_write_is_not_sent_long_after_it_was_asked_for() {
        let error = status(429);
        let late = Failed {
            elapsed: Duration::from_secs(3),
            ..first(&error)
        };
        // Its caller's lock may be another's before a later try arrives.
        assert_eq!(pause(Repeat::Once, &late), None);
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_not_tried_again() {
        let error = ApiError::Connect {
            server: String::new(),
            why: "the certificate is not trusted".into(),
        };
        assert_eq!(pause(Repeat::Harmless, &first(&error)), None);
    }
}
