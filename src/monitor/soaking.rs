//! Sees that everything stays well for a while.
//!
//! A soak in which nothing is heard looks like one in which nothing happens. So it ends with a read of its
//! own: only what is seen to be well after its last second has stayed well. Gates that can be asked again are
//! asked all the time, and once more at the end.

use super::gates;
use super::service::Watching;
use super::state::{MonitorState, Turn};
use crate::model::phrase::counted;
use crate::model::verdict::{CauseKind, Health};
use crate::monitor::follow::Follow;
use crate::monitor::{StopReason, Stopped};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What a log says while nothing happens.
fn soak_line(follow: &Follow) -> String {
    let total = follow.verdicts().count();
    let ended = |(_, verdict): &(_, Option<&Health>)| verdict.is_some_and(Health::is_settled);
    format!(
        "soaking: {} of {} ready",
        follow.verdicts().filter(ended).count(),
        counted(total, "object")
    )
}

impl Watching {
    /// Waits until everything is done, and then that it stays so for this time.
    pub(super) async fn soak_followed(
        &self,
        state: &mut MonitorState,
        time: Duration,
        turn: Turn<'_>,
    ) -> Result<(), Stopped> {
        let MonitorState {
            follow,
            open,
            noted,
            no_longer_awaited,
            ..
        } = state;

        let follow = follow.get_or_insert_with(|| self.start());
        *open = None;
        // What was let go is not there yet, and need not be.
        let followed = turn
            .watched
            .iter()
            .filter(|one| !no_longer_awaited.contains(&one.target.id()));
        self.follow_only(follow, &followed.cloned().collect::<Vec<_>>())
            .await;

        // Only of what is done can it be said that it stays so: the first wave was looked at long ago.
        self.until_done(follow, open, noted, turn).await?;

        follow.begin_soak();
        let end = Instant::now() + time;

        // Only a failure ends it: whatever else a verdict becomes, it may be well again at the end.
        let watching = async {
            loop {
                match timeout_at(self.events.due(), follow.next()).await {
                    Ok(update) => self.take(follow, update, noted, turn).await?,
                    Err(_) => self.report_wait(None, Some(end), || soak_line(follow)),
                }
            }
        };

        let stopped: Result<Infallible, Stopped> = tokio::select! {
            stopped = watching => stopped,
            failed = gates::keep_asking(self, &self.options.gates) => failed.map_err(Into::into),
            () = tokio::time::sleep_until(end) => return self.verify_end_of_soak(follow, turn).await,
        };

        stopped.map(|never| match never {})
    }

    /// What the watches show may be older than the end of the soak: it is read anew.
    async fn verify_end_of_soak(&self, follow: &mut Follow, turn: Turn<'_>) -> Result<(), Stopped> {
        let patience = turn.context.patience();
        // Nobody has seen the end of the soak: that is neither a success nor a failure of the release.
        if !follow.refresh(patience).await {
            return Err(StopReason::Unreachable {
                seconds: patience.as_secs(),
            }
            .into());
        }

        let not_ready_again = follow.verdicts().find_map(|(id, verdict)| match verdict {
            // What was unknown when the soak began may stay so.
            Some(Health::Ready { .. } | Health::Unknown { .. }) => None,
            other => Some((id.clone(), other.cloned())),
        });

        // A node's words may quote a Secret here as well.
        let not_ready_again = match not_ready_again {
            Some((id, Some(verdict))) => {
                let hidden = self.hiding.verdict(follow, &id, verdict).await;
                Some((id, Some(hidden)))
            }
            other => other,
        };

        match not_ready_again {
            // The gates last: they are asked only where everything runs.
            None => Ok(gates::check_again(self, &self.options.gates).await?),
            Some((id, Some(Health::Failed { cause }))) => Err(self
                .report_object_failure(follow, id, cause, turn.watched)
                .await
                .into()),
            // An object that is on its way at the end was not well all the time.
            Some((id, verdict)) => {
                let is_blind = follow.look(&id, |_, view| view.unreadable.is_some()) == Some(true);
                let kind = if is_blind {
                    CauseKind::Unverified
                } else {
                    CauseKind::Soak
                };

                let why = match verdict {
                    Some(Health::Progressing { message, .. }) => message,
                    _ => "not read yet".into(),
                };
                let message = format!("{id} is not ready at the end of the soak: {why}");
                Err(self.report_failure(kind, &message).into())
            }
        }
    }
}
