//! Of several replicas that watch, one reports: the one that holds a Lease.

use super::{WatchRequest, watch};
use crate::execute::{Candidate, Leadership, LeadershipEnd, LockError, Waiting};
use crate::model::drift::{DriftSink, WatchEnd};
use crate::usecase::signals::Signals;
use crate::usecase::system::random_id;
use crate::usecase::{CommandError, ErrorKind, Scope};
use jiff::Timestamp;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Characters of a name of an object, at most.
const NAME: usize = 253;

/// The Lease of the replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    /// Its namespace; that of the connection where none is given.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl LeaseName {
    /// From `NAME` or `NAMESPACE/NAME`.
    ///
    /// # Errors
    ///
    /// Where the API server would not take it as a name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        let is_name = |text: &str| {
            let is_inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            text.len() <= NAME
                && text.chars().all(is_inside)
                && is_end(text.chars().next())
                && is_end(text.chars().next_back())
        };
        if !namespace.into_iter().chain([name]).all(is_name) {
            return Err(format!(
                "expected NAME or NAMESPACE/NAME of a Lease, found {text:?}"
            ));
        }
        Ok(Self {
            namespace: namespace.map(Into::into),
            name: name.into(),
        })
    }
}

/// What a replica says of itself.
pub trait Replica: Send + Sync {
    /// What it waits for, in one sentence, each time that this changes.
    fn note(&self, waiting: &str);
    /// From now on it leads.
    fn lead(&self);
}

/// Watches as [`watch`] does, while this process holds a Lease; until then it waits.
///
/// # Errors
///
/// As for [`watch`]; where the Lease may not be read or written, a signal came first, or another replica holds it by now.
pub async fn watch_as_leader(
    request: WatchRequest,
    scope: &Scope,
    sinks: Vec<Box<dyn DriftSink>>,
    signals: &Signals,
    (lease, replica): (&LeaseName, &dyn Replica),
) -> Result<WatchEnd, CommandError> {
    let leadership = wait_for_lease(scope, lease, signals, replica).await?;
    replica.lead();

    let lost = OnceLock::new();
    let interrupted = async {
        tokio::select! {
            () = signals.interrupted() => {}
            end = leadership.ended() => {
                lost.set(end).ok();
            }
        }
    };
    let ended = watch(request, scope, sinks, interrupted).await;
    if let Some(end) = lost.into_inner() {
        return Err(end_of_leadership(end, lease));
    }
    leadership.resign().await;
    ended
}

async fn wait_for_lease(
    scope: &Scope,
    lease: &LeaseName,
    signals: &Signals,
    replica: &dyn Replica,
) -> Result<Leadership, CommandError> {
    let cluster = &scope.cluster;
    let namespace = lease.namespace.as_deref().unwrap_or(cluster.default_namespace());
    let candidate = Candidate {
        cluster: cluster.clone(),
        namespace: namespace.into(),
        name: lease.name.clone(),
        instance: random_id()?,
        actor: signals.end(async { Ok(cluster.whoami().await?) }).await?,
        now: Timestamp::now,
    };

    let last = Mutex::new(String::new());
    let waiting = |waiting: Waiting| {
        let text = match waiting {
            Waiting::For(holder) => format!(
                "waiting: the Lease {namespace}/{} is held by {holder}",
                lease.name
            ),
            Waiting::Unknown(why) => format!(
                "waiting: the Lease {namespace}/{} cannot be read: {why}",
                lease.name
            ),
        };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        // It is looked at every two seconds.
        if *last != text {
            last.clone_from(&text);
            replica.note(&text);
        }
    };
    let led = async {
        let led = candidate.lead(waiting).await;
        led.map_err(|error| lease_error(&format!("{namespace}/{}", lease.name), &error))
    };
    signals.end(led).await
}

/// How a watch ends that no longer leads. Its pod is started again, and waits then.
fn end_of_leadership(end: LeadershipEnd, lease: &LeaseName) -> CommandError {
    let message = format!("the watch has ended: it no longer holds the Lease {}", lease.name);
    CommandError::new(ErrorKind::Locked, message).with_source(&end)
}

fn lease_error(lease: &str, error: &LockError) -> CommandError {
    let kind = match error {
        LockError::Held { .. } => ErrorKind::Locked,
        LockError::Interrupted => ErrorKind::Interrupted,
        LockError::Api { source, .. } => {
            let message = format!("cannot take the Lease {lease}");
            let failed = CommandError::new(ErrorKind::Unreachable, message).with_source(source);
            return source.hints().iter().fold(failed, CommandError::with_hint);
        }
    };
    CommandError::from_error(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("watch", Some((None, "watch")))]
    #[case("delivery/watch.eu-1", Some((Some("delivery"), "watch.eu-1")))]
    #[case("", None)]
    #[case("/watch", None)]
    #[case("a/b/c", None)]
    #[case("Watch", None)]
    #[case("-watch", None)]
    #[case("watch\n", None)]
    fn a_lease_is_named_as_the_api_server_takes_names(
        #[case] text: &str,
        #[case] expected: Option<(Option<&str>, &str)>,
    ) {
        let parsed = LeaseName::parse(text).ok();
        let parsed = parsed
            .as_ref()
            .map(|lease| (lease.namespace.as_deref(), &*lease.name));
        assert_eq!(parsed, expected);
    }
}
