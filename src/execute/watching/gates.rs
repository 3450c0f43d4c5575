//! Gates: what must hold after the rollout.

use super::prometheus;
use super::service::Watching;
use crate::cluster::{DeleteOptions, WriteOptions};
use crate::execute::follow::Follow;
use crate::model::environment::PrometheusGate;
use crate::model::journal::Failure;
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::Propagation;
use crate::model::verdict::{Cause, CauseKind, Verdict};
use crate::model::{Object, Target};
use crate::rollout::{Policy, Subject, written_at};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// How often a gate that can be asked again is asked during the soak.
pub(super) const BETWEEN: Duration = Duration::from_secs(10);

/// How long to wait before a condition that does not hold yet is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// A Job that is left behind (the program was killed) goes by itself.
const LEFT_SECONDS: u32 = 600;

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
    /// A Job that must complete. It is created under a name of its own, and deleted in the end.
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
pub(super) async fn check(watching: &Watching, gates: &[ReadyGate]) -> Result<(), Box<Failure>> {
    for gate in gates {
        match &gate.check {
            GateCheck::Job { target, object } => job(watching, gate, target, object).await?,
            GateCheck::Prometheus(query) => until_it_holds(watching, gate, query).await?,
        }
        watching.note(None, format!("gate {} holds", gate.name));
    }
    Ok(())
}

/// Asks those again that can be asked again: now they must hold at once.
pub(super) async fn check_again(watching: &Watching, gates: &[ReadyGate]) -> Result<(), Box<Failure>> {
    for gate in gates {
        if let GateCheck::Prometheus(query) = &gate.check
            && let Err(why) = prometheus::ask(query).await
        {
            let message = format!("gate {} does not hold any more: {why}", gate.name);
            return Err(watching.tell_plain(CauseKind::Gate, message));
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
        let Err(why) = prometheus::ask(query).await else { return Ok(()) };
        if Instant::now() + AGAIN > end {
            let message =
                format!("gate {} does not hold after {} s: {why}", gate.name, gate.timeout.as_secs());
            return Err(watching.tell_plain(CauseKind::Gate, message));
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn job(
    watching: &Watching,
    gate: &ReadyGate,
    target: &Target,
    object: &Object,
) -> Result<(), Box<Failure>> {
    let failed = |why: String| watching.tell_plain(CauseKind::Gate, format!("gate {}: {why}", gate.name));
    let (target, object) = named_anew(target, object);
    let options = WriteOptions { manager: FIELD_MANAGER.into(), dry_run: false, not_after: None };
    let mut follow = Follow::start(
        watching.cluster.clone(),
        Policy { timeout: u32::try_from(gate.timeout.as_secs()).ok(), ..watching.options.policy.clone() },
    );
    follow.prepare(std::slice::from_ref(&target), super::service::FIRST_READ).await;
    let made = watching.cluster.create(&target, object.value(), &options).await;
    let made = made.map_err(|error| failed(format!("its Job cannot be created: {error}")))?.object;
    let written = written_at(&made).unwrap_or_else(Timestamp::now);
    follow.add([Subject::new(target.clone(), &made, written)]);
    let verdict = loop {
        let update = follow.next().await;
        if !matches!(update.verdict, Verdict::Waiting { .. }) {
            break update.verdict;
        }
    };
    let result = match verdict {
        Verdict::Failed { cause } => {
            let message = (watching.options.clean)(&format!("gate {}: {}", gate.name, cause.message));
            let cause = Cause { kind: CauseKind::Gate, message, ..cause };
            Err(watching.tell(&follow, target.id(), cause, &[]).await)
        }
        Verdict::Done { .. } | Verdict::Waiting { .. } => Ok(()),
    };
    let delete = DeleteOptions {
        uid: made.uid().to_owned(),
        resource_version: None,
        propagation: Propagation::Background,
        dry_run: false,
        not_after: None,
    };
    if let Err(error) = watching.cluster.delete(&target, &delete).await {
        watching.note(Some(target.id()), format!("the gate's Job stays: {error}"));
    }
    result
}

/// A Job runs once; each check gets one of its own.
fn named_anew(target: &Target, object: &Object) -> (Target, Object) {
    let stamp = format!("{:x}", Timestamp::now().as_millisecond());
    let base: String = target.name.chars().take(50).collect();
    let name = format!("{base}-{stamp}");
    let mut object = object.clone();
    object.set_namespace(target.namespace.as_deref());
    if let Some(metadata) = object.value_mut().get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("name".into(), name.clone().into());
    }
    if let Some(spec) = object.value_mut().get_mut("spec").and_then(Value::as_object_mut) {
        spec.entry("ttlSecondsAfterFinished").or_insert(LEFT_SECONDS.into());
    }
    (Target { name, ..target.clone() }, object)
}
