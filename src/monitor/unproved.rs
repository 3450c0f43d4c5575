//! What a proof of images still waits for, and when it has waited long enough.
//!
//! Each has a time of its own: a silent API server the patience of the run, a node some seconds to report what it runs,
//! and pods that an object wants the deadline of a rollout.

use super::service::Watching;
use crate::model::ObjectId;
use crate::model::phrase::{format_seconds, list_first};
use crate::model::verdict::{Cause, CauseKind};
use crate::monitor::{StopReason, Stopped};
use std::time::Duration;
use tokio::time::Instant;

/// Containers that a sentence names; the rest is counted.
const MOST_NAMED: usize = 10;

/// What is not known of the images that run.
#[derive(Default)]
pub(super) struct Unproved {
    /// Why pods are not known.
    pub unread: Vec<String>,
    /// Containers of which no node has said what they run.
    pub unreported: Vec<String>,
    /// Containers of whose image no registry says what it is, each with why.
    pub unresolved: Vec<String>,
    /// References that only a registry can tell.
    pub unfamiliar: Vec<String>,
    /// Whether something cannot be read for a reason that passes.
    pub passes: bool,
    /// The first object whose pods are waited for.
    pub awaited: Option<(ObjectId, String)>,
    /// The first object whose controller may still replace its pods, and what they run.
    pub outdated: Option<(ObjectId, Cause)>,
}

impl Unproved {
    /// Whether something is not known of what runs.
    pub fn is_unknown(&self) -> bool {
        self.passes || !self.unread.is_empty() || !self.unreported.is_empty() || !self.unresolved.is_empty()
    }

    /// Ends the proof where something was unknown for long enough, or all of it took too long: the object whose pods did
    /// not come in time, where it is one. Else it is said what is waited for.
    pub fn give_up_after(
        &self,
        watching: &Watching,
        (unknown_for, waited): (Duration, Duration),
        (patience, deadline): (Duration, Duration),
    ) -> Result<Option<(ObjectId, Cause)>, Stopped> {
        // The API server is away and not the node: its patience counts, and nothing is said of what runs.
        if self.passes {
            let problem = StopReason::Unreachable {
                seconds: patience.as_secs(),
            };
            return if unknown_for < patience {
                Ok(None)
            } else {
                Err(problem.into())
            };
        }

        let limit = watching.options.unknown_limit;
        if self.is_unknown() && unknown_for >= limit {
            let message = self.describe_unknown(limit);
            return Err(watching.report_failure(CauseKind::Unverified, &message).into());
        }
        let is_late = waited >= deadline;
        let late = self.late().filter(|_| is_late).map(|(object, mut cause)| {
            cause.message = format!("{} after {}", cause.message, format_seconds(deadline.as_secs()));
            (object, cause)
        });
        if late.is_none() {
            self.report_wait(
                watching,
                limit.saturating_sub(unknown_for),
                deadline.saturating_sub(waited),
            );
        }
        Ok(late)
    }

    /// Says what is waited for, where that is due; until when something may be unknown, and all of it may take.
    fn report_wait(&self, watching: &Watching, unknown_left: Duration, left: Duration) {
        let late = self.late();
        let (object, why, left) = match &late {
            Some((object, cause)) => (Some(object), cause.message.clone(), left),
            None => {
                let why = self.unread.first().cloned();
                let why = why.unwrap_or_else(|| self.unreported.join(", "));
                (None, format!("not known yet: {why}"), unknown_left)
            }
        };
        let end = Some(Instant::now() + left);
        watching.report_wait(object, end, || format!("verifying images: {why}"));
    }

    fn describe_unknown(&self, limit: Duration) -> String {
        let limit = format_seconds(limit.as_secs());
        if let Some(why) = self.unread.first() {
            return format!("image digests unknown after {limit}: {why}");
        }
        if self.unreported.is_empty() {
            let containers = list_first(self.unresolved.iter(), MOST_NAMED, "; ");
            return format!("image digests unknown after {limit}: {containers}");
        }
        format!(
            "image digests not reported after {limit}: {}",
            self.unreported.join(", ")
        )
    }

    /// What fails at the deadline.
    fn late(&self) -> Option<(ObjectId, Cause)> {
        let cause = |message: &String| Cause {
            kind: CauseKind::Stalled,
            message: message.clone(),
            pod: None,
            container: None,
            previous_logs: false,
        };
        let awaited = self.awaited.as_ref().map(|(id, why)| (id.clone(), cause(why)));
        self.outdated.clone().or(awaited)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use crate::model::event::{Event, EventSink};
    use crate::monitor::WatchingOptions;
    use std::sync::Arc;

    struct Nobody;

    impl EventSink for Nobody {
        fn emit(&self, _: Event) {}
    }

    #[test]
    fn an_image_of_which_no_registry_says_what_it_is_is_unknown_with_the_cause() {
        let unproved = Unproved {
            unresolved: vec!["container web of pod web-1: cannot reach r.example: name not resolved".into()],
            ..Unproved::default()
        };

        assert!(unproved.is_unknown());
        assert_eq!(
            unproved.describe_unknown(Duration::from_secs(20)),
            "image digests unknown after 20s: container web of pod web-1: cannot reach r.example: name not resolved"
        );
    }

    #[test]
    fn a_digest_that_no_node_reports_is_waited_for_and_then_not_called_a_wrong_one() {
        let watching = Watching::new(
            Arc::new(Fake::default()),
            Arc::new(Nobody),
            WatchingOptions::default(),
        );

        let unproved = Unproved {
            unreported: vec!["container main".into()],
            ..Unproved::default()
        };
        let minute = Duration::from_secs(60);
        let give_up = |seconds| {
            // All of it has taken longer: its pods came late.
            let waited = (Duration::from_secs(seconds), Duration::from_secs(50));
            unproved.give_up_after(&watching, waited, (minute, minute))
        };
        assert_eq!(give_up(19), Ok(None));

        // A node that is slow to report must not put a release into quarantine.
        match give_up(20) {
            Err(Stopped::Failed(failure)) => assert_eq!(failure.cause.kind, CauseKind::Unverified),
            other => panic!("expected a failure, found {other:?}"),
        }
    }
}
