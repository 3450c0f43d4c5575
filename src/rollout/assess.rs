//! The verdict on one object, from what the watches show of it.
//!
//! **In which order, and why?** What nothing waits for comes first, for it may as well be absent or broken.
//! Then whether the watch shows the object that was written, at its generation, and its controller has come
//! to that (`observation.rs`): an older status would call the new revision done by the pods of the old one.
//! Then the rule of its kind (`kinds/`), and last what time turns into a failure or lets go (`rules.rs`): the
//! object's own word, signs that outlast their grace, the time without progress.
//!
//! **What does it assume?** That everything is an argument: it reads no clock, and what must outlive a call
//! stands in [`Memory`], which belongs to one subject. That it is called at every change and again at
//! `look_again_at`. That the pods are those of the object, and the baseline is of before the write.
//!
//! **What ends it?** A verdict of done, unknown or failed; a waiting one always has a deadline or a time to look
//! again, but for a spec that asks for none. Where nothing is known, an object is waited for, and a failure
//! that comes of it is [`CauseKind::Unverified`]: no mark against the release.
//!
//! **What cannot come?** Done or failed by the status of an older generation; absent because a read failed;
//! a failure by a pod of another revision, or, outside of a soak, by one bad pod beside a good one.
//!
//! **Where does a new case go?** What a status says: into its kind's file. What a pod shows: `signals.rs` or
//! `waiting.rs`, with a grace in `policy.rs`. A pod that cannot even be created: `refused.rs`. What is not
//! the release's business: `outside.rs`. Only another way of seeing or of failing belongs here.

use super::judgement::Assessment;
use super::kinds::{self, table};
use super::observation::{Observation, observe};
use super::old_status::doubt_old_status;
use super::outside::not_waited;
use super::policy::RolloutPolicy;
use super::rules::apply_failure_rules;
use super::status::{KindStatus, UnknownAfter, reported};
use super::subject::{Case, Memory, MonitoredObject, RolloutContext};
use crate::model::Object;
use crate::model::environment::UnknownHealth;
use crate::model::hook::{CLEANED_UP, runs};
use crate::model::k8s::pod::{ContainerFacts, PodFacts};
use crate::model::phrase::counted;
use crate::model::verdict::{CauseKind, Health};
use jiff::Timestamp;

/// The verdict on one object.
pub fn assess(
    subject: &MonitoredObject,
    context: &RolloutContext<'_>,
    policy: &RolloutPolicy,
    memory: &mut Memory,
    now: Timestamp,
) -> Assessment {
    // Nothing is watched for such an object: its absence from the watches would read as "not there yet".
    if !subject.rolls_out {
        return Assessment::without_deadline(Health::ready());
    }
    // Ahead of every look: what nothing waits for may as well be absent, unreadable or broken.
    if let Some(why) = not_waited(subject, context.object, policy) {
        return Assessment::without_deadline(Health::Ready { message: Some(why) });
    }

    let observation = observe(subject, context, memory);
    let premature = matches!(observation, Observation::Behind(_));
    // The controllers of built-in kinds are the cluster's own: one that lags is not the release's fault.
    let is_ignored = premature && context.object.is_some_and(table::observes_generation);
    let is_unknown = is_ignored || matches!(observation, Observation::Unreadable(_));

    let status = match observation {
        Observation::Current(object) => kinds::assess(object, context, policy),
        Observation::Behind(why) => unobserved(why, subject, context.object, policy),
        Observation::NotYet(why) | Observation::Unreadable(why) => {
            KindStatus::without_pods(Health::progressing(0, 1, why))
        }
        Observation::Gone(why) => KindStatus::without_pods(reported(CauseKind::Disappeared, why)),
        Observation::HasRun => KindStatus::noted(CLEANED_UP),
    };

    // These leave of a verdict what is known; the rules below then judge that.
    let status = doubt_old_status(status, subject, context, policy, memory);
    let status = not_restarted(lost_all_pods(status, subject), subject);
    let case = Case {
        subject,
        context,
        policy,
        now,
    };
    let mut judgement = apply_failure_rules(status, &case, memory);
    // Whoever reports holds back the first of these: most controllers come to it within moments.
    judgement.premature = premature;

    if let (true, Health::Failed { cause }) = (is_unknown, &mut judgement.verdict) {
        // Too late, and yet nothing is known of what was written.
        cause.kind = CauseKind::Unverified;
    }
    judgement.verdict = refuse_unknown(judgement.verdict, policy);
    judgement
}

/// Unknown is a failure for a user who says so, and no mark against the release.
fn refuse_unknown(verdict: Health, policy: &RolloutPolicy) -> Health {
    match verdict {
        Health::Unknown { message } if policy.unknown_health == UnknownHealth::Fail => {
            reported(CauseKind::Unverified, format!("health unknown: {message}"))
        }
        verdict => verdict,
    }
}

/// An object whose controller has not observed what was written. That of a custom kind may never do so, which says
/// nothing against the release: one that was behind before is not waited for to the end.
fn unobserved<'a>(
    why: String,
    subject: &MonitoredObject,
    object: Option<&Object>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    // A disruption budget that cannot be computed never has its generation observed: its condition decides.
    if let Some(failed) = object.and_then(kinds::failed_sync) {
        return failed;
    }

    let was_behind = subject.baseline.pending.is_some();
    match object.filter(|object| table::is_custom(&object.gvk().group)) {
        Some(_) if was_behind => KindStatus::unknown_after(UnknownAfter::Outside(policy.outside), why),
        // Up to the deadline: a controller that is merely slow gets its time.
        Some(_) => KindStatus::unknown_after(UnknownAfter::Deadline, why),
        // A built-in kind: its controller is part of the cluster, and is waited for like everything else.
        None => KindStatus::without_pods(Health::progressing(0, 1, why)),
    }
}

/// A pod whose image was changed in place stays ready until the kubelet comes to it: that says nothing of the new image.
fn not_restarted<'a>(mut status: KindStatus<'a>, subject: &MonitoredObject) -> KindStatus<'a> {
    let is_old = |pod: &&PodFacts, container: &&ContainerFacts| {
        let ran = subject
            .baseline
            .ran
            .get(&format!("{}/{}", pod.uid, container.name));
        ran.is_some_and(|ran| {
            ran.image != container.image
                && !ran.container_id.is_empty()
                && ran.container_id == container.container_id
        })
    };

    // A controller makes new pods instead: only a bare pod keeps its containers over a change of its image.
    if subject.target.resource.kind != "Pod" || !matches!(status.verdict, Health::Ready { .. }) {
        return status;
    }

    let mut old = status
        .pods
        .iter()
        .flat_map(|pod| pod.lasting().filter(move |one| is_old(pod, one)));
    if let Some(container) = old.next() {
        let why = format!(
            "waiting for container {} to restart with its new image",
            container.name
        );
        status.verdict = Health::progressing(0, 1, why);
    }
    status
}

/// An object that ends without a pod though it had some may be meant so, but not in silence.
fn lost_all_pods<'a>(mut status: KindStatus<'a>, subject: &MonitoredObject) -> KindStatus<'a> {
    // What had no pod before either is no news.
    let before = subject.baseline.pods();
    if let (true, 1.., Health::Ready { message: Some(note) }) = (status.is_empty, before, &mut status.verdict)
    {
        let pods = counted(before, "pod");
        *note = format!("{note} (it had {pods} before)");
    }
    status
}

/// Pods of the object's new revision, those that have run to their end among them; else why they are not known.
pub(super) fn current_pods<'a>(
    subject: &MonitoredObject,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
) -> Result<Vec<&'a PodFacts>, String> {
    // A memory of its own: a proof must not move what the verdict remembers.
    match observe(subject, context, &mut Memory::default()) {
        // The rule of a Job keeps only pods that are at work, and those that have ended ran an image too.
        Observation::Current(object) if runs(object) => Ok(context.pods.clone()),
        Observation::Current(object) => Ok(kinds::assess(object, context, policy).pods),
        Observation::HasRun => Ok(Vec::new()),
        Observation::NotYet(why)
        | Observation::Behind(why)
        | Observation::Unreadable(why)
        | Observation::Gone(why) => Err(why),
    }
}
