//! A gate that is a Job: made under a name of its own, judged like any other, and taken away again.
//!
//! It is no object of the release: no step makes it, and no rollback takes it away. One that is left behind
//! by a program that was killed ends and goes by itself, by fields that it is given where its manifest leaves
//! them open.

use super::options::ReadyGate;
use super::service::{FIRST_READ, Watching};
use super::temporary::{create, delete, end};
use crate::model::k8s::pod::{ContainerState, PodFacts};
use crate::model::verdict::{Cause, CauseKind, Health};
use crate::model::{Object, Target};
use crate::monitor::follow::Follow;
use crate::monitor::{MonitorContext, Stopped};
use crate::rollout::{MonitoredObject, RolloutContext, RolloutPolicy, written_at};
use jiff::Timestamp;
use serde_json::Value;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// A Job that is left behind (the program was killed) goes so long after its end.
const LEFT_SECONDS: u32 = 600;

/// A Job that is left behind ends by itself so long after its gate would have failed.
const SPARE_SECONDS: u64 = 60;

/// Runs the Job to its end.
pub(super) async fn run(
    watching: &Watching,
    gate: &ReadyGate,
    target: &Target,
    object: &Object,
    context: &dyn MonitorContext,
) -> Result<(), Stopped> {
    let (target, object) = named_anew(target, object, gate.timeout);

    // A follower of its own: the gate's timeout is a deadline for this Job and for no rollout.
    let mut follow = Follow::with_liveness(
        watching.cluster.clone(),
        RolloutPolicy {
            timeout: u32::try_from(gate.timeout.as_secs()).ok(),
            ..watching.options.policy.clone()
        },
        watching.server.clone(),
    );
    // Before the Job is there: one that ends at once, and goes, is seen all the same.
    follow.prepare(std::slice::from_ref(&target), FIRST_READ).await;

    let made = match create(watching, &target, object, context).await? {
        Ok(made) => made,
        Err(error) => {
            let message = format!("gate {}: its Job cannot be created: {error}", gate.name);
            return Err(watching.report_failure(CauseKind::Refused, &message).into());
        }
    };

    let written = written_at(&made).unwrap_or_else(Timestamp::now);
    follow.add([MonitoredObject::new(target.clone(), &made, written)]);

    let result = match end(watching, &mut follow, &target, context.patience()).await {
        None => Ok(()),
        // Before it is deleted: its log goes with its pods.
        Some(cause) => report_end(watching, gate, &follow, &target, cause).await,
    };

    if let Some(error) = delete(&target, made.uid(), context).await? {
        watching.note(
            Some(target.id()),
            &format!("the gate's Job was not deleted: {error}"),
        );
    }

    result
}

/// Reports that the Job did not complete, as what it says of the release.
async fn report_end(
    watching: &Watching,
    gate: &ReadyGate,
    follow: &Follow,
    target: &Target,
    cause: Cause,
) -> Result<(), Stopped> {
    let id = target.id();
    let has_run = follow.look(&id, |_, view| has_run(view)) == Some(true);

    let failed = Health::Failed { cause };
    let Health::Failed { cause } = watching.hiding.verdict(follow, &id, failed).await else {
        // Cannot be: hiding changes the words of a verdict and never its state.
        return Ok(());
    };

    let message = format!("gate {}: {}", gate.name, cause.message);
    let cause = Cause {
        kind: kind(cause.kind, has_run),
        message,
        ..cause
    };
    Err(watching
        .report_object_failure(follow, id, cause, &[])
        .await
        .into())
}

/// Only a gate that has looked and says no speaks of the release.
fn kind(kind: CauseKind, has_run: bool) -> CauseKind {
    let is_its_own = matches!(
        kind,
        CauseKind::JobFailed
            | CauseKind::PodFailed
            | CauseKind::CrashLoop
            | CauseKind::InitFailed
            | CauseKind::DeadlineExceeded
    );

    match kind {
        _ if is_its_own && has_run => CauseKind::Gate,
        // What is wrong is the gate's own manifest or image: nobody has looked at the release.
        kind if kind.is_inside_release() => CauseKind::Unverified,
        kind => kind,
    }
}

fn has_run(view: &RolloutContext<'_>) -> bool {
    let has_started = |pod: &PodFacts| {
        let ran = |state: &ContainerState| {
            matches!(
                state,
                ContainerState::Running { .. } | ContainerState::Terminated { .. }
            )
        };
        pod.has_ended()
            || pod
                .containers
                .iter()
                .any(|one| ran(&one.state) || one.last_exit.is_some())
    };

    // Its failed pods may be gone by now, and the Job has counted them.
    let failed = view
        .object
        .and_then(|job| job.at("/status/failed")?.as_u64())
        .unwrap_or(0);
    failed > 0 || view.pods.iter().copied().any(has_started)
}

/// A Job runs once; each check gets one of its own.
fn named_anew(target: &Target, object: &Object, timeout: Duration) -> (Target, Object) {
    // Random enough for a name: nothing depends on its being a secret.
    let random = RandomState::new().build_hasher().finish();
    // 63 characters in all: the name of a Job becomes a label's value on its pods.
    let base: String = target.name.chars().take(46).collect();
    let name = format!("{base}-{random:016x}");

    let mut object = object.clone();
    object.set_namespace(target.namespace.as_deref());

    if let Some(metadata) = object
        .value_mut()
        .get_mut("metadata")
        .and_then(Value::as_object_mut)
    {
        metadata.insert("name".into(), name.clone().into());
    }

    if let Some(spec) = object.value_mut().get_mut("spec").and_then(Value::as_object_mut) {
        // What the manifest says itself counts.
        spec.entry("ttlSecondsAfterFinished")
            .or_insert(LEFT_SECONDS.into());
        spec.entry("activeDeadlineSeconds")
            .or_insert((timeout.as_secs() + SPARE_SECONDS).into());
    }

    (
        Target {
            name,
            ..target.clone()
        },
        object,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::it_said_no(CauseKind::JobFailed, true, CauseKind::Gate)]
    #[case::it_took_too_long(CauseKind::DeadlineExceeded, true, CauseKind::Gate)]
    #[case::it_never_ran(CauseKind::DeadlineExceeded, false, CauseKind::Unverified)]
    #[case::its_own_image_is_missing(CauseKind::ImageNotFound, false, CauseKind::Unverified)]
    #[case::no_node(CauseKind::Unschedulable, false, CauseKind::Unschedulable)]
    #[case::no_registry(CauseKind::ImageUnavailable, false, CauseKind::ImageUnavailable)]
    fn only_a_gate_that_has_looked_speaks_of_the_release(
        #[case] cause: CauseKind,
        #[case] has_run: bool,
        #[case] expected: CauseKind,
    ) {
        let kind = kind(cause, has_run);
        assert_eq!(kind, expected);
        assert_eq!(kind.is_inside_release(), expected == CauseKind::Gate);
    }
}
