//! What is served: the last snapshot as metrics, and what a pod's probes are answered.

use super::collector::SnapshotCollector;
use crate::model::drift::{DriftSink, DriftSnapshot, DriftUpdate, SinkError};
use crate::model::phrase::duration;
use async_trait::async_trait;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How old a snapshot gets where nothing happens.
const INTERVAL: Duration = Duration::from_secs(5);
/// A watch that has not reported for so long is stuck: the probe has its pod restarted.
const STUCK: Duration = Duration::from_secs(180);

/// Whether this replica reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Another replica does, and this one waits.
    Standby,
    /// It does.
    Leading,
}

/// What is served. Written by the watch, read by the server.
pub struct Exposition(Mutex<State>);

struct State {
    role: Role,
    last: Option<Arc<DriftSnapshot>>,
    /// When the watch last reported; before that, since when it could.
    reported: Instant,
}

/// An answer to a probe: whether it is a good one, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProbeResult {
    pub is_ok: bool,
    pub text: String,
}

impl Exposition {
    /// Before anything is known.
    pub fn new(role: Role) -> Arc<Self> {
        let state = State {
            role,
            last: None,
            reported: Instant::now(),
        };
        Arc::new(Self(Mutex::new(state)))
    }

    /// From now on this replica reports.
    pub fn lead(&self) {
        self.change(|state| {
            state.role = Role::Leading;
            state.reported = Instant::now();
        });
    }

    fn record(&self, snapshot: Arc<DriftSnapshot>) {
        self.change(|state| {
            // A sink is given the same one again where the watch has nothing new: that is no sign of life.
            let is_same = state.last.as_ref().is_some_and(|last| last.at == snapshot.at);
            if !is_same {
                state.reported = Instant::now();
            }
            state.last = Some(snapshot);
        });
    }

    /// Whether the process works: a probe that fails has it restarted.
    pub(super) fn liveness(&self, now: Instant) -> ProbeResult {
        let (role, reported) = self.read(|state| (state.role, state.reported));
        let silence = now.saturating_duration_since(reported);
        match role {
            Role::Leading if silence > STUCK => {
                ProbeResult::bad(format!("the watch has not reported for {}", duration(silence)))
            }
            _ => ProbeResult::good("ok"),
        }
    }

    /// Whether it does its work. One that waits for its turn does, too: a rollout of the Deployment must not wait for it.
    pub(super) fn readiness(&self) -> ProbeResult {
        let (role, is_ready) = self.read(|state| {
            let is_ready = state.last.as_ref().is_some_and(|snapshot| snapshot.is_ready);
            (state.role, is_ready)
        });
        match role {
            Role::Standby => ProbeResult::good("ok: another replica leads"),
            Role::Leading if is_ready => ProbeResult::good("ok"),
            Role::Leading => ProbeResult::bad("not every release was compared yet".into()),
        }
    }

    /// All series, in Prometheus' text format. Takes some time where there are many: run it where that delays nothing.
    pub(super) fn metrics(&self) -> Result<String, fmt::Error> {
        let collector = self.read(|state| SnapshotCollector {
            snapshot: state.last.clone(),
            is_leading: state.role == Role::Leading,
        });
        let mut registry = Registry::with_prefix("kubectl_delivery");
        registry.register_collector(Box::new(collector));

        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry)?;
        Ok(text)
    }

    // Whoever holds the mutex only copies: there is nothing that a panic could leave half done.
    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ProbeResult {
    fn good(text: &str) -> Self {
        Self {
            is_ok: true,
            text: text.into(),
        }
    }

    fn bad(text: String) -> Self {
        Self { is_ok: false, text }
    }
}

/// Records each snapshot for the server.
pub struct MetricsSink(Arc<Exposition>);

impl MetricsSink {
    /// For this server.
    pub fn new(exposition: Arc<Exposition>) -> Self {
        Self(exposition)
    }
}

#[async_trait]
impl DriftSink for MetricsSink {
    fn name(&self) -> &str {
        "metrics"
    }

    fn interval(&self) -> Option<Duration> {
        // Without it a watch that is stuck would look like one where nothing happens.
        Some(INTERVAL)
    }

    async fn deliver(&mut self, update: &DriftUpdate) -> Result<(), SinkError> {
        self.0.record(update.snapshot.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::samples::snapshot;

    #[test]
    fn a_watch_that_reports_no_longer_is_not_alive_and_one_that_waits_is() {
        let later = Instant::now() + STUCK + Duration::from_secs(1);
        let leading = Exposition::new(Role::Leading);
        assert!(leading.liveness(Instant::now()).is_ok);
        assert_eq!(
            leading.liveness(later).text,
            "the watch has not reported for 3m1s"
        );

        let standby = Exposition::new(Role::Standby);
        assert!(standby.liveness(later).is_ok && standby.readiness().is_ok);
    }

    #[test]
    fn a_snapshot_that_comes_again_is_no_sign_of_life() {
        let exposition = Exposition::new(Role::Leading);
        let known = Arc::new(snapshot([("shop", "web".to_owned(), Vec::new())]));
        exposition.record(known.clone());
        let reported = exposition.read(|state| state.reported);
        exposition.record(known);
        assert_eq!(exposition.read(|state| state.reported), reported);
    }

    #[test]
    fn it_is_ready_once_every_release_was_compared() {
        let exposition = Exposition::new(Role::Standby);
        exposition.lead();
        assert!(!exposition.readiness().is_ok);

        let mut known = snapshot([("shop", "web".to_owned(), Vec::new())]);
        known.is_ready = false;
        exposition.record(Arc::new(known.clone()));
        assert!(!exposition.readiness().is_ok);
        known.is_ready = true;
        exposition.record(Arc::new(known));
        assert!(exposition.readiness().is_ok);
    }
}
