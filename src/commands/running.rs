//! What `promote` and `revert` share: signals, the services of an execution, and how it ends.

use crate::cli::{CommandError, Context, ErrorKind, Exit};
use crate::cluster::Cluster;
use crate::execute::watching::{Watching, WatchingOptions};
use crate::execute::{Ended, ExecuteError, Interrupt, Limits, Services};
use crate::model::Object;
use crate::model::event::{Event, EventSink, Outcome};
use crate::observe::home::{Home, HomeError, list_homes, read_home};
use crate::report::clean;
use jiff::Timestamp;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How many promotions the history keeps.
pub const KEEP_HISTORY: usize = 10;

/// What an execution is given besides the cluster.
pub struct Surroundings {
    /// Where events go.
    pub events: Arc<dyn EventSink>,
    /// What rollouts are judged by.
    pub watching: WatchingOptions,
    /// How long to wait for a lock that another holds.
    pub lock_timeout: Duration,
    /// How many promotions the history keeps.
    pub keep_history: usize,
}

/// The services of an execution.
pub async fn services(
    cluster: Arc<dyn Cluster>,
    surroundings: Surroundings,
) -> Result<Services, CommandError> {
    let Surroundings { events, watching, lock_timeout, keep_history } = surroundings;
    let actor = cluster.whoami().await?;
    let rollout = Arc::new(Watching::new(cluster.clone(), events.clone(), watching));
    Ok(Services {
        cluster,
        events,
        interrupt: interrupts()?,
        rollout,
        now: Timestamp::now,
        instance: instance(),
        actor,
        limits: Limits { lock_timeout, ..Limits::default() },
        keep_history,
    })
}

/// A text that no other run has.
fn instance() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{random:016x}")
}

/// Ctrl-C and SIGTERM: once to put everything back, twice to leave at once.
fn interrupts() -> Result<watch::Receiver<Interrupt>, CommandError> {
    let (sender, receiver) = watch::channel(Interrupt::None);
    let mut ends = signal(SignalKind::terminate())?;
    let mut breaks = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut next = Interrupt::Revert;
        loop {
            tokio::select! {
                Some(()) = ends.recv() => {}
                Some(()) = breaks.recv() => {}
                else => return,
            }
            if sender.send(next).is_err() {
                return;
            }
            next = Interrupt::Leave;
        }
    });
    Ok(receiver)
}

/// Says how it ended, and gives the exit code. `wanted` is the outcome that the command was asked for.
pub fn end(
    result: Result<Ended, ExecuteError>,
    wanted: Outcome,
    context: &Context,
) -> Result<Exit, CommandError> {
    let ended = result.map_err(|error| not_begun(&error))?;
    let kind = match ended.outcome {
        outcome if outcome == wanted => None,
        Outcome::Promoted | Outcome::PromotedPruneIncomplete | Outcome::NothingToDo => None,
        Outcome::Refused => Some(ErrorKind::Refused),
        Outcome::Reverted => Some(ErrorKind::FailedReverted),
        Outcome::NotFullyReverted | Outcome::Left => Some(ErrorKind::FailedNotReverted),
        Outcome::Locked => Some(ErrorKind::Locked),
        Outcome::InterruptedReverted => Some(ErrorKind::Interrupted),
    };
    let Some(kind) = kind else {
        let mut err = context.stderr();
        writeln!(err, "{}", clean(&ended.message))?;
        for next in &ended.next {
            writeln!(err, "  {}", clean(next))?;
        }
        return Ok(Exit::OK);
    };
    let mut error = CommandError::new(kind, ended.message);
    for next in ended.next {
        error = error.with_hint(next);
    }
    Err(error)
}

fn not_begun(error: &ExecuteError) -> CommandError {
    let kind = match error {
        ExecuteError::Nothing(_) => ErrorKind::Usage,
        ExecuteError::Lock(_) | ExecuteError::Home(_) | ExecuteError::Store(_) => ErrorKind::Unreachable,
    };
    CommandError::from_error(kind, error)
}

/// What a release keeps in its home namespace cannot be read.
pub fn home_error(error: &HomeError) -> CommandError {
    CommandError::from_error(ErrorKind::Unreachable, error)
}

/// The release's name: as given, or the only one of the namespace.
pub async fn release_name(
    cluster: &dyn Cluster,
    namespace: &str,
    given: Option<&str>,
) -> Result<String, CommandError> {
    if let Some(name) = given {
        return Ok(name.to_owned());
    }
    let homes = list_homes(cluster, Some(namespace)).await.map_err(|error| home_error(&error))?;
    match &homes[..] {
        [] => {
            Err(CommandError::usage(format!("expected a release in the namespace {namespace}, found none"))
                .with_hint("kubectl delivery status -A shows those of all namespaces"))
        }
        [(_, name)] => Ok(name.clone()),
        several => {
            let names: Vec<_> = several.iter().map(|(_, name)| name.as_str()).collect();
            Err(CommandError::usage(format!("expected the name of one of the releases {}", names.join(", "))))
        }
    }
}

/// Reads what a release keeps in its home namespace.
pub async fn home(cluster: &dyn Cluster, namespace: &str, name: &str) -> Result<Home, CommandError> {
    read_home(cluster, namespace, name).await.map_err(|error| home_error(&error))
}

/// Plain lines on stderr.
pub struct Lines;

impl EventSink for Lines {
    fn emit(&self, event: Event) {
        let text = match event {
            Event::StepEnded { object, result, .. } => format!("{object}: {result}"),
            Event::Note { object: Some(object), message } => format!("{object}: {message}"),
            Event::Note { object: None, message } => message,
            Event::Failed { object: Some(object), cause, logs, events, .. } => {
                let more: Vec<String> =
                    events.iter().chain(&logs).map(|line| format!("\n  {line}")).collect();
                format!("{object}: {}{}", cause.message, more.concat())
            }
            Event::Failed { object: None, cause, .. } => cause.message,
            _ => return,
        };
        // Nobody is left to be told where stderr is closed.
        writeln!(std::io::stderr(), "{}", clean(&text)).ok();
    }
}

/// Whether a workload is as it should be, as its own status says, and a few words.
pub fn readiness(live: &Object) -> (bool, String) {
    let number = |pointer: &str| live.at(pointer).and_then(serde_json::Value::as_i64);
    let observed = number("/status/observedGeneration").unwrap_or_else(|| live.generation());
    if observed < live.generation() {
        return (false, "its controller has not seen the last change yet".into());
    }
    let condition = |kind: &str| {
        let all = live.at("/status/conditions").and_then(serde_json::Value::as_array);
        all.into_iter().flatten().find(|c| c["type"] == kind && c["status"] == "True").cloned()
    };
    match live.kind() {
        "Job" => {
            if let Some(failed) = condition("Failed") {
                return (false, format!("failed: {}", failed["message"].as_str().unwrap_or_default()));
            }
            let done = condition("Complete").is_some();
            (done, if done { "complete" } else { "running" }.into())
        }
        "CronJob" => (true, "scheduled".into()),
        kind => {
            let (wanted, ready) = match kind {
                "DaemonSet" => ("/status/desiredNumberScheduled", "/status/numberReady"),
                _ => ("/spec/replicas", "/status/readyReplicas"),
            };
            let wanted = number(wanted).unwrap_or(1);
            let ready = number(ready).unwrap_or(0);
            (ready >= wanted, format!("{ready} of {wanted} ready"))
        }
    }
}
