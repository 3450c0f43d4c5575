//! Gates: what must hold after the rollout.
//!
//! A gate may say no, or have no answer. Only the first speaks of the release; a Prometheus that cannot be
//! reached and a Job that never ran fail the promotion all the same, and put nothing into quarantine. A query
//! is asked again until it holds, and from then on has to hold each time; a Job runs once.

use super::gate_job;
use super::options::{GateCheck, ReadyGate};
use super::prometheus::{self, QueryResult};
use super::service::Watching;
use crate::model::environment::PrometheusGate;
use crate::model::journal::Failure;
use crate::model::phrase::format_seconds;
use crate::model::unknown::Unknown;
use crate::model::verdict::CauseKind;
use crate::monitor::{MonitorContext, Stopped};
use std::convert::Infallible;
use std::fmt::Display;
use std::time::Duration;
use tokio::time::Instant;

/// How often a gate that can be asked again is asked during the soak.
const BETWEEN: Duration = Duration::from_secs(10);

/// How long to wait before a condition that does not hold yet is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs every gate, in order.
pub(super) async fn check(
    watching: &Watching,
    gates: &[ReadyGate],
    context: &dyn MonitorContext,
) -> Result<(), Stopped> {
    for gate in gates {
        match &gate.check {
            GateCheck::Job { target, object } => {
                gate_job::run(watching, gate, target, object, context).await?;
            }
            GateCheck::Prometheus(query) => until_it_holds(watching, gate, query).await?,
        }
        watching.note(None, &format!("gate {} passed", gate.name));
    }
    Ok(())
}

/// Asks those again and again that can be asked again; the first that fails ends it.
pub(super) async fn keep_asking(
    watching: &Watching,
    gates: &[ReadyGate],
) -> Result<Infallible, Box<Failure>> {
    loop {
        // First a pause: the proof has just asked them.
        tokio::time::sleep(BETWEEN).await;
        check_again(watching, gates).await?;
    }
}

/// Asks those again that can be asked again: now they must hold at once. One that does not answer gets its time.
pub(super) async fn check_again(watching: &Watching, gates: &[ReadyGate]) -> Result<(), Box<Failure>> {
    for gate in gates {
        let GateCheck::Prometheus(query) = &gate.check else {
            continue;
        };

        let end = Instant::now() + gate.timeout;
        loop {
            match prometheus::ask(query).await {
                QueryResult::Holds => break,
                // It held before: there is nothing to wait for.
                QueryResult::HoldsNot(why) => {
                    let message = format!("gate {} failed during the soak: {why}", gate.name);
                    return Err(watching.report_failure(CauseKind::Gate, &message));
                }
                QueryResult::Unknown(why) if Instant::now() + AGAIN > end => {
                    return Err(unanswered(watching, gate, &why));
                }
                QueryResult::Unknown(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
    Ok(())
}

async fn until_it_holds(
    watching: &Watching,
    gate: &ReadyGate,
    query: &PrometheusGate,
) -> Result<(), Box<Failure>> {
    let end = Instant::now() + gate.timeout;
    loop {
        let answer = prometheus::ask(query).await;
        // No other try would come before the end.
        let is_late = Instant::now() + AGAIN > end;

        match answer {
            QueryResult::Holds => return Ok(()),
            QueryResult::HoldsNot(why) if is_late => {
                let message = format!(
                    "gate {} not passed within {}: {why}",
                    gate.name,
                    format_seconds(gate.timeout.as_secs())
                );
                return Err(watching.report_failure(CauseKind::Gate, &message));
            }
            QueryResult::Unknown(why) if is_late => return Err(unanswered(watching, gate, &why)),
            QueryResult::HoldsNot(why) => wait_again(watching, gate, end, &why).await,
            QueryResult::Unknown(why) => wait_again(watching, gate, end, &why).await,
        }
    }
}

async fn wait_again(watching: &Watching, gate: &ReadyGate, end: Instant, why: &impl Display) {
    watching.report_wait(None, Some(end), || {
        format!("gate {} has not passed yet: {why}", gate.name)
    });
    tokio::time::sleep(AGAIN).await;
}

/// A query without an answer says nothing of the release.
fn unanswered(watching: &Watching, gate: &ReadyGate, why: &Unknown) -> Box<Failure> {
    let message = format!(
        "gate {} had no answer within {}: {why}",
        gate.name,
        format_seconds(gate.timeout.as_secs())
    );

    watching.report_failure(CauseKind::Unverified, &message)
}
