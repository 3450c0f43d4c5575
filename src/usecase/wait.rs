//! Waiting for what another tool applies: nothing is written, everything is judged.

mod arrival;
mod following;
mod goal;
mod in_sync;

use self::following::Following;
pub use self::goal::Goal;
use super::images::AskRegistries;
use crate::cluster::ConnectionOptions;
use crate::execute::RunLimits;
use crate::model::environment::UnknownHealth;
use crate::model::event::{EventSink, RunOutcome};
use crate::model::phrase::counted;
use crate::model::verdict::CauseKind;
use crate::model::verification::VerificationSummary;
use crate::monitor::{
    MonitorContext, MonitorWrite, Rollout, StopReason, Stopped, Watching, WatchingOptions, WriteAnswer,
};
use crate::rollout::RolloutPolicy;
use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What is waited for, and how.
pub struct Request {
    /// The release: a file, or where a registry keeps it.
    pub release: String,
    /// The environment's file.
    pub environment: Option<PathBuf>,
    /// How the cluster is reached, where the environment does not say.
    pub connection: ConnectionOptions,
    /// Until when an object must be applied, and rolled out.
    pub timeout: Duration,
    /// How long everything must stay well after the rollout.
    pub soak: Option<Duration>,
    /// How long a container without a readiness probe must live to count as ready.
    pub settle: Duration,
    /// Whether what something outside of the release brings about is waited for, and missed.
    pub strict: bool,
    /// What becomes of an object whose health nothing reports.
    pub unknown_health: UnknownHealth,
    /// How many log lines of a failing container are shown.
    pub log_lines: u32,
}

/// How a wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitOutcome {
    /// Rolled out, its images verified, and ready for the time that it was to stay so.
    Running,
    /// An object was not applied in time.
    NotApplied,
    /// A rollout or a gate failed, or another image runs.
    Failed,
    /// The API server does not answer.
    Unreachable,
}

impl From<WaitOutcome> for RunOutcome {
    fn from(outcome: WaitOutcome) -> Self {
        match outcome {
            WaitOutcome::Running => Self::Running,
            WaitOutcome::NotApplied => Self::NotApplied,
            WaitOutcome::Failed => Self::Failed,
            WaitOutcome::Unreachable => Self::Unreachable,
        }
    }
}

/// Waits, judges, proves and soaks: how it ended, in a word and in a sentence.
pub async fn wait(request: &Request, goal: &Goal, events: Arc<dyn EventSink>) -> (WaitOutcome, String) {
    ending(goal, watch(request, goal, events).await)
}

/// How it ended, in a word and in a sentence.
fn ending(
    goal: &Goal,
    outcome: Result<(usize, Option<VerificationSummary>), Stopped>,
) -> (WaitOutcome, String) {
    match outcome {
        Ok((count, verification)) => {
            let name = format!("{} {}", goal.release.name, goal.release.version);
            let objects = counted(count, "object");
            let images = verification.map(|summary| format!(", {}", summary.message));
            let images = images.unwrap_or_default();
            (
                WaitOutcome::Running,
                format!("{name} is running: {objects} in sync{images}"),
            )
        }
        Err(Stopped::CannotContinue(problem)) => (WaitOutcome::Unreachable, problem.message()),
        Err(Stopped::Failed(failure)) => {
            let of = failure
                .object
                .as_ref()
                .map(|id| format!("{id}: "))
                .unwrap_or_default();
            let is_missing = failure.cause.kind == CauseKind::NotApplied;
            let outcome = if is_missing {
                WaitOutcome::NotApplied
            } else {
                WaitOutcome::Failed
            };
            (outcome, format!("{of}{}", failure.cause.message))
        }
    }
}

fn options(request: &Request, goal: &Goal) -> WatchingOptions {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    WatchingOptions {
        policy: RolloutPolicy {
            timeout: Some(seconds(request.timeout)),
            settle: seconds(request.settle),
            strict: request.strict,
            not_waited: goal.environment.spec.wait.clone(),
            health_checks: goal.environment.spec.health_checks.clone(),
            unknown_health: request
                .unknown_health
                .stricter(goal.environment.spec.unknown_health),
            ..RolloutPolicy::default()
        },
        tested: goal.images.clone(),
        workloads: goal.workloads(),
        namespaces: goal.namespaces(),
        resolver: Some(Arc::new(AskRegistries)),
        injected: goal.environment.spec.injected.clone(),
        services: goal.services(),
        gates: goal::gates(&goal.environment),
        log_lines: request.log_lines,
        ..WatchingOptions::default()
    }
}

async fn watch(
    request: &Request,
    goal: &Goal,
    events: Arc<dyn EventSink>,
) -> Result<(usize, Option<VerificationSummary>), Stopped> {
    let watching = Watching::new(goal.cluster.clone(), events.clone(), options(request, goal));
    let bounds = Looking {
        patience: request.timeout.min(RunLimits::default().patience),
    };
    let mut following = Following::new(goal, &watching, &*events, &bounds, request.timeout);
    let verification = loop {
        following.until_in_sync().await?;
        let verification = watching.prove(&bounds).await?;
        // A gate may take minutes: what was changed meanwhile is waited for, and verified again.
        if following.is_still_in_sync().await? {
            break verification;
        }
    };
    if let Some(time) = request.soak {
        following.soak(time).await?;
    }
    Ok((following.arrived(), verification))
}

/// Whoever only looks holds no lock, and writes nothing.
struct Looking {
    patience: Duration,
}

#[async_trait]
impl MonitorContext for Looking {
    fn patience(&self) -> Duration {
        self.patience
    }

    async fn write(&self, _: &MonitorWrite) -> Result<WriteAnswer, StopReason> {
        Ok(WriteAnswer::NotSent)
    }
}
