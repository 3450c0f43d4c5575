//! The phases that an execution takes its rollouts through.
//!
//! The order is that of a promotion: a look before the first write, each wave followed on its own, then what
//! lies outside of the release, the images, the gates, and the soak. Objects of an earlier wave are not judged
//! during a later one; proof and soak come back to them.

use super::gates;
use super::rehearsal;
use super::service::Watching;
use super::state::{MonitorState, Turn};
use crate::model::verdict::Health;
use crate::model::verification::VerificationSummary;
use crate::model::{Object, Target};
use crate::monitor::{MonitorContext, Rehearsed, Rollout, StopReason, Stopped, Watched};
use crate::rollout::is_awaited_late;
use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
impl Rollout for Watching {
    async fn before(&self, targets: &[Target]) {
        self.record_baselines(targets).await;
    }

    async fn rehearse(
        &self,
        target: &Target,
        pod: &Object,
        timeout: Duration,
        context: &dyn MonitorContext,
    ) -> Result<Rehearsed, StopReason> {
        self.events.restart();
        let work = async {
            let tried = rehearsal::run(self, target, pod, timeout, context).await;
            tried.map_err(Stopped::from)
        };
        match self.with_liveness(&[], context, work).await {
            Ok(rehearsed) => Ok(rehearsed),
            Err(Stopped::CannotContinue(problem)) => Err(problem),
            Err(Stopped::Failed(failure)) => Ok(Rehearsed::Failed(failure)),
        }
    }

    async fn follow(&self, watched: &[Watched], context: &dyn MonitorContext) -> Result<(), Stopped> {
        self.events.restart();
        let work = async {
            let mut state = self.state.lock().await;
            let MonitorState {
                follow,
                seen,
                open,
                noted,
                late,
                ..
            } = &mut *state;
            let follow = follow.get_or_insert_with(|| self.start());
            // What is left over is of an earlier wave, or of a call that was dropped.
            *open = None;

            // What lies outside of the release would hold up the next wave: `prove` waits for it in the end.
            let (later, now): (Vec<Watched>, Vec<Watched>) = watched
                .iter()
                .cloned()
                .partition(|one| is_awaited_late(&one.target, &one.answer));
            late.extend(later);

            self.follow_only(follow, &now).await;
            self.until_done(follow, open, noted, Turn { watched, context })
                .await?;

            seen.extend(watched.iter().map(|one| (one.target.id(), one.clone())));
            Ok(())
        };
        self.with_liveness(watched, context, work).await
    }

    async fn prove(&self, context: &dyn MonitorContext) -> Result<Option<VerificationSummary>, Stopped> {
        self.events.restart();
        let work = async {
            let mut state = self.state.lock().await;
            // By now everything is applied, and with it what may serve these.
            self.follow_late(&mut state, context).await?;

            let verified = if self.options.tested.is_empty() {
                None
            } else {
                Some(self.prove_images(&mut state, context).await?)
            };

            gates::check(self, &self.options.gates, context).await?;
            Ok(verified)
        };
        // None of its own to ask for: what the last wave asked for shows whether the server is there.
        self.with_liveness(&[], context, work).await
    }

    async fn soak(
        &self,
        watched: &[Watched],
        time: Duration,
        context: &dyn MonitorContext,
    ) -> Result<(), Stopped> {
        self.events.restart();
        let work = async {
            let mut state = self.state.lock().await;
            self.soak_followed(&mut state, time, Turn { watched, context })
                .await
        };
        self.with_liveness(watched, context, work).await
    }
}

impl Watching {
    /// Waits for what something outside of the release brings about, now that everything is applied.
    async fn follow_late(
        &self,
        state: &mut MonitorState,
        context: &dyn MonitorContext,
    ) -> Result<(), Stopped> {
        let MonitorState {
            follow,
            seen,
            open,
            noted,
            late,
            no_longer_awaited,
        } = state;
        if late.is_empty() {
            return Ok(());
        }

        // Taken: a second proof does not wait for them again.
        let watched = std::mem::take(late);
        let follow = follow.get_or_insert_with(|| self.start());
        // It is of a wave that is through: from here on only these are followed.
        *open = None;
        self.follow_only(follow, &watched).await;
        self.until_done(
            follow,
            open,
            noted,
            Turn {
                watched: &watched,
                context,
            },
        )
        .await?;

        // A note says that it was let go and not that it came: the soak would wait for it all over again.
        let is_noted = |verdict: Option<&Health>| {
            matches!(
                verdict,
                Some(Health::Ready { message: Some(_) } | Health::Unknown { .. })
            )
        };
        no_longer_awaited.extend(
            follow
                .verdicts()
                .filter(|(_, one)| is_noted(*one))
                .map(|(id, _)| id.clone()),
        );

        seen.extend(watched.into_iter().map(|one| (one.target.id(), one)));
        Ok(())
    }
}
