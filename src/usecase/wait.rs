//! Waiting for what another tool applies: nothing is written, everything is judged.

mod arrival;
mod following;
mod goal;
mod in_sync;

use self::following::Following;
pub use self::goal::Goal;
use super::images::AskRegistries;
use crate::cluster::ConnectionOptions;
use crate::execute::{RunLimits, RunReport};
use crate::model::environment::UnknownHealth;
use crate::model::event::{EventSink, RunOutcome};
use crate::model::phrase::counted;
use crate::model::verdict::CauseKind;
use crate::model::verification::VerificationSummary;
use crate::monitor::{
    MonitorContext, MonitorWrite, Rollout, StopReason, Stopped, Watching, WatchingOptions, WriteAnswer,
};
use crate::registry::RegistryOptions;
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
    /// Registries without TLS.
    pub insecure_registries: Vec<String>,
}

/// Waits, checks health, verifies and soaks: how it ended.
pub async fn wait(request: &Request, goal: &Goal, events: Arc<dyn EventSink>) -> RunReport {
    report(request, goal, watch(request, goal, events).await)
}

fn report(
    request: &Request,
    goal: &Goal,
    ended: Result<(usize, Option<VerificationSummary>), Stopped>,
) -> RunReport {
    let name = format!("{} {}", goal.release.name, goal.release.version);
    let in_namespace = |command: &str| {
        let (release, home) = (&request.release, &goal.home);
        format!("kubectl delivery {command} {release} -n {home}")
    };

    let failure = match ended {
        Ok((count, verification)) => {
            let objects = counted(count, "object");
            let images = verification.map(|summary| format!(", {}", summary.message));
            let images = images.unwrap_or_default();
            let message = format!("{name} is running: {objects} in sync{images}");
            return RunReport::new(RunOutcome::Running, message, Vec::new());
        }
        Err(Stopped::CannotContinue(problem)) => {
            let message = format!("whether {name} is running is unknown: {}", problem.message());
            let hint = format!("to try again: {}", in_namespace("wait"));
            return RunReport::new(RunOutcome::Unreachable, message, vec![hint]);
        }
        Err(Stopped::Failed(failure)) => failure,
    };

    let object = failure.object.as_ref();
    let (outcome, hint) = match (failure.cause.kind, object) {
        (CauseKind::NotApplied, _) => {
            let hint = format!("to see what differs: {}", in_namespace("diff"));
            (RunOutcome::NotApplied, hint)
        }
        (_, Some(object)) => {
            let namespace = object.namespace.as_deref();
            let namespace = namespace.map(|name| format!(" -n {name}")).unwrap_or_default();
            let hint = format!(
                "to look at it: kubectl describe {}{namespace}",
                object.kubectl_name()
            );
            (RunOutcome::Failed, hint)
        }
        (_, None) => {
            let hint = format!("to see what is running: {}", in_namespace("images"));
            (RunOutcome::Failed, hint)
        }
    };
    let object = object.map(|id| format!("{id}: ")).unwrap_or_default();
    let message = format!("{name} is not running: {object}{}", failure.cause.message);
    RunReport::new(outcome, message, vec![hint])
}

fn options(request: &Request, goal: &Goal) -> WatchingOptions {
    let registries = RegistryOptions::new(&request.insecure_registries, &goal.environment.spec.registries);
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
        resolver: Some(Arc::new(AskRegistries::new(&registries))),
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
