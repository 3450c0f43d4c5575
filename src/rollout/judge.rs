//! The verdict on one object: its identity, its generation, its kind's rule, then signs, settling and the
//! deadline.
//!
//! A status is read only where the watch shows the object that was written, at the generation that was
//! written, and its controller has observed that: anything older would call the new revision done by the pods
//! of the old one. Where nothing is known, an object is waited for and never taken for absent, and a failure
//! that comes of it is no mark against the release.
//!
//! Of the ways to fail, the object's own word comes first and is final. A sign on a pod must last out its
//! grace, and counts only while no pod of the new revision is good; during a soak each pod counts for itself.
//! The time without progress comes last, and is told with the likeliest reason. Nothing here reads a clock:
//! what must outlive a call stands in [`Memory`], and when to look again is part of the answer.

use super::blame::has_run;
use super::conditions::generation;
use super::deadline::{Budget, Deadline, deadline, figures};
use super::kinds;
use super::memory::Memory;
use super::outside::{excuse, let_go, not_waited};
use super::policy::Policy;
use super::reading::{Reading, reported};
use super::refused::refused;
use super::settle::settled_at;
use super::signs::{Look, Sign, is_good, signs, trouble};
use super::soak;
use super::subject::{Subject, Surroundings};
use crate::model::Object;
use crate::model::hook::{CLEANED_UP, ended, goes_by_itself, runs};
use crate::model::k8s::pod::{ContainerFacts, PodFacts};
use crate::model::verdict::{CauseKind, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is known of one object's rollout, and when it must be looked at again though nothing happens.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// When it fails for lack of progress; none where it is not waiting.
    pub deadline: Option<Deadline>,
    /// When the verdict may change by time alone.
    pub look_again_at: Option<Timestamp>,
    /// What would help it on.
    pub nudges: Vec<Nudge>,
    /// Whether only the controller has not taken our write up yet: the rule, for some milliseconds after it.
    pub premature: bool,
}

impl Judgement {
    /// A verdict that needs no second look.
    fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            deadline: None,
            look_again_at: None,
            nudges: Vec::new(),
            premature: false,
        }
    }
}

/// A pod that must be deleted for the rollout to go on (a StatefulSet never replaces a broken pod of an old revision).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Nudge {
    /// Namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// Its uid: this one, and no successor.
    pub uid: String,
    /// Why, in a phrase.
    pub why: String,
}

/// The verdict on one object.
pub fn judge(
    subject: &Subject,
    surroundings: &Surroundings<'_>,
    policy: &Policy,
    memory: &mut Memory,
    now: Timestamp,
) -> Judgement {
    // Nothing is watched for such an object: its absence from the watches would read as "not there yet".
    if !subject.rolls_out {
        return Judgement::of(Verdict::done());
    }
    // Ahead of every look: what nothing waits for may as well be absent, unreadable or broken.
    if let Some(why) = not_waited(subject, surroundings.object, policy) {
        return Judgement::of(Verdict::Done { note: Some(why) });
    }

    let known = known(subject, surroundings, memory);
    let premature = matches!(known, Known::Unseen(_));
    // The controllers of built-in kinds are the cluster's own: one that lags is not the release's fault.
    let is_ignored = premature && surroundings.object.is_some_and(kinds::observes_generation);
    let is_unknown = is_ignored || matches!(known, Known::Blind(_));

    let reading = match known {
        Known::Current(object) => kinds::read(object, surroundings, policy),
        Known::Unseen(why) => unobserved(why, subject, surroundings.object, policy),
        Known::NotYet(why) | Known::Blind(why) => Reading::without_pods(Verdict::waiting(0, 1, why)),
        Known::Gone(why) => Reading::without_pods(reported(CauseKind::Disappeared, why)),
        Known::HasRun => Reading::noted(CLEANED_UP),
    };

    let reading = not_restarted(lost_all_pods(reading, subject), subject);
    let mut judgement = weigh(reading, subject, surroundings, policy, memory, now);
    judgement.premature = premature;

    if let (true, Verdict::Failed { cause }) = (is_unknown, &mut judgement.verdict) {
        // Too late, and yet nothing is known of what was written.
        cause.kind = CauseKind::Unverified;
    }
    judgement
}

/// An object whose controller has not observed what was written. That of a custom kind may never do so, which says
/// nothing against the release: one that was behind before is not waited for to the end.
fn unobserved<'a>(why: String, subject: &Subject, object: Option<&Object>, policy: &Policy) -> Reading<'a> {
    // A disruption budget that cannot be computed never has its generation observed: its condition decides.
    if let Some(failed) = object.and_then(kinds::failed_sync) {
        return failed;
    }

    let was_behind = subject.baseline.pending.is_some();
    match object.filter(|object| kinds::is_custom(&object.gvk().group)) {
        Some(_) if was_behind => Reading::unknown_after(policy.outside, why),
        // Up to the deadline: a controller that is merely slow gets its time.
        Some(_) => Reading::unknown_after(u32::MAX, why),
        // A built-in kind: its controller is part of the cluster, and is waited for like everything else.
        None => Reading::without_pods(Verdict::waiting(0, 1, why)),
    }
}

/// A pod whose image was changed in place stays ready until the kubelet comes to it: that says nothing of the new image.
fn not_restarted<'a>(mut reading: Reading<'a>, subject: &Subject) -> Reading<'a> {
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
    if subject.target.resource.kind != "Pod" || !matches!(reading.verdict, Verdict::Done { .. }) {
        return reading;
    }

    let mut old = reading
        .pods
        .iter()
        .flat_map(|pod| pod.lasting().filter(move |one| is_old(pod, one)));
    if let Some(container) = old.next() {
        let why = format!(
            "waiting for container {} to restart with its new image",
            container.name
        );
        reading.verdict = Verdict::waiting(0, 1, why);
    }
    reading
}

/// An object that ends without a pod though it had some may be meant so, but not in silence.
fn lost_all_pods<'a>(mut reading: Reading<'a>, subject: &Subject) -> Reading<'a> {
    // What had no pod before either is no news.
    let before = subject.baseline.pods();
    if let (true, 1.., Verdict::Done { note: Some(note) }) = (reading.is_empty, before, &mut reading.verdict)
    {
        let pods = if before == 1 {
            "1 pod".to_owned()
        } else {
            format!("{before} pods")
        };
        note.push_str(&format!(" (it had {pods} before)"));
    }
    reading
}

/// Pods of the object's new revision, those that have run to their end among them; else why they are not known.
pub(super) fn current_pods<'a>(
    subject: &Subject,
    surroundings: &Surroundings<'a>,
    policy: &Policy,
) -> Result<Vec<&'a PodFacts>, String> {
    // A memory of its own: a proof must not move what the verdict remembers.
    match known(subject, surroundings, &mut Memory::default()) {
        // The rule of a Job keeps only pods that are at work, and those that have ended ran an image too.
        Known::Current(object) if runs(object) => Ok(surroundings.pods.clone()),
        Known::Current(object) => Ok(kinds::read(object, surroundings, policy).pods),
        Known::HasRun => Ok(Vec::new()),
        Known::NotYet(why) | Known::Unseen(why) | Known::Blind(why) | Known::Gone(why) => Err(why),
    }
}

enum Known<'a> {
    Current(&'a Object),
    NotYet(String),
    /// The watch shows nothing that can be trusted.
    Blind(String),
    /// The watch, or the controller, has not come to our write.
    Unseen(String),
    Gone(String),
    /// It goes by itself, and has.
    HasRun,
}

/// Whether the watch shows the object as our write left it, and whether its controller has seen that.
fn known<'a>(subject: &Subject, surroundings: &Surroundings<'a>, memory: &mut Memory) -> Known<'a> {
    let target = &subject.target;
    // First of all: an unreadable collection shows what was, or nothing; "deleted" must not follow from that.
    if let Some(why) = &surroundings.unreadable {
        return Known::Blind(format!("{target} cannot be watched: {why}"));
    }

    let Some(object) = surroundings.object else {
        return known_of_absent(subject, surroundings.departed, memory);
    };

    if !subject.uid.is_empty() && object.uid() != subject.uid {
        return match memory.uid {
            Some(_) => Known::Gone(format!("{target} was deleted and created again by somebody")),
            // Never seen under our uid: the watch may still show the predecessor that the step has replaced.
            None => Known::NotYet(format!("{target} is not there yet")),
        };
    }

    // Remembered while it is there: where its going is missed, these tell a run to the end from a deletion.
    memory.uid = Some(object.uid().to_owned());
    memory.goes_by_itself = goes_by_itself(object);
    memory.has_run = memory.goes_by_itself && ended(object) == Some(true);

    // It goes by its time to live, or by the policy of its hook: nobody interferes.
    if memory.has_run && object.at("/metadata/deletionTimestamp").is_some() {
        return Known::HasRun;
    }
    // A namespace has a phase for it, and its rule fails on that. Anything else fails once it is gone.
    if object.at("/metadata/deletionTimestamp").is_some() && object.kind() != "Namespace" {
        return Known::NotYet(format!("{target} is being deleted by somebody"));
    }

    // The watch may lag behind the answer to our write: until it catches up, the status is of the older spec.
    if object.generation() < subject.generation {
        return Known::Unseen("the watch does not show what was written yet".into());
    }

    let observed = object.at("/status/observedGeneration").and_then(generation);
    let has_controller = observed.is_some() || kinds::observes_generation(object);
    // Held against the object and not against our write: an autoscaler may have written to its spec since.
    if has_controller && observed.unwrap_or(0) < object.generation() {
        return Known::Unseen(format!(
            "waiting for its controller (observedGeneration {} of {})",
            observed.unwrap_or(0),
            object.generation()
        ));
    }
    Known::Current(object)
}

/// What is known of an object that is not there: how it was when it went, else how it was last seen.
fn known_of_absent<'a>(subject: &Subject, departed: Option<&'a Object>, memory: &Memory) -> Known<'a> {
    let target = &subject.target;
    let is_it = |object: &&Object| {
        let uid = memory.uid.as_deref().unwrap_or(&subject.uid);
        uid.is_empty() || object.uid() == uid
    };

    let departed = departed.filter(is_it);

    // In this order: how it was when it went is surer than how it was last seen.
    match (departed, departed.and_then(ended)) {
        // Judged as it went, so that the rule of its kind tells the failure with its cause.
        (Some(object), Some(false)) => Known::Current(object),
        (_, Some(true)) => Known::HasRun,
        _ if memory.has_run => Known::HasRun,
        (None, _) if memory.uid.is_none() => Known::NotYet(format!("{target} is not there yet")),
        (None, _) if memory.goes_by_itself => {
            Known::Gone(format!("{target} is gone, and how it ended was not seen"))
        }
        _ => Known::Gone(format!("{target} was deleted by somebody")),
    }
}

fn weigh(
    reading: Reading<'_>,
    subject: &Subject,
    surroundings: &Surroundings<'_>,
    policy: &Policy,
    memory: &mut Memory,
    now: Timestamp,
) -> Judgement {
    let ended = Judgement::of;
    // The object's own word is final: it needs no grace, and no good pod outweighs it.
    if matches!(reading.verdict, Verdict::Failed { .. }) {
        return ended(reading.verdict);
    }

    let look = Look {
        subject,
        policy,
        occurrences: &surroundings.occurrences,
        must_run: reading.must_run,
    };
    let mut found: Vec<Sign> = reading.pods.iter().flat_map(|pod| signs(pod, &look)).collect();
    // After the signs of pods, and the first counts: a pod that is there tells more than one that is missing.
    found.extend(refused(&reading, surroundings, subject, &policy.graces));

    let worse = subject
        .soak
        .iter()
        .flat_map(|soak| soak::worse(&reading.pods, soak, &policy.graces));
    let worse: Vec<Sign> = worse.collect();

    // At each look, done or not: the time of a container runs from when it was first seen running.
    let settled = if reading.settles {
        settled_at(&reading.pods, subject, policy, memory, now)
    } else {
        None
    };

    let verdict = match (reading.verdict.clone(), settled) {
        (Verdict::Done { .. }, Some(_)) => {
            let total = reading.pods.len() as u32;
            let why = format!(
                "{total} of {total} pods are ready, and must stay so for {} s",
                policy.settle
            );
            Verdict::waiting(total, total, why)
        }
        (verdict, _) => verdict,
    };

    // Ahead of the deadline: what lies outside of the release is let go before it could fail anything.
    let let_go = let_go(&reading, subject, policy, memory, now);
    if let Some((_, note)) = let_go.as_ref().filter(|(at, _)| *at <= now) {
        return ended(Verdict::Done {
            note: Some(note.clone()),
        });
    }

    let mut clock = Clock::new(memory, now);
    // What a soak finds counts however good the other pods are: each of these was well when it began.
    let lasting = clock.first_lasting(worse.iter());
    // One bad node does not revert three hundred good pods: where one is good, the deadline decides.
    let good = reading.pods.iter().any(|pod| is_good(pod, subject));
    let is_done = matches!(verdict, Verdict::Done { .. });
    // Timed even where a good pod overrules it: a sign that stays must not begin anew once that pod is gone.
    let early = clock
        .first_lasting(found.iter().filter(|_| !is_done))
        .filter(|_| !good);

    if let Some(sign) = lasting.or(early) {
        return ended(Verdict::Failed {
            cause: sign.cause.clone(),
        });
    }

    // Where it got done without that, the pod is in nobody's way.
    let nudges = clock.ripe(if is_done {
        Vec::new()
    } else {
        reading.nudges.clone()
    });

    // Only here: all signs of this look have been timed, and what is not among them is forgotten.
    let mut again = clock.finish();
    if is_done {
        // Done is not the end of it: a sign of the soak may be in its grace.
        let look_again_at = again.into_iter().filter(|at| *at > now).min();
        return Judgement {
            verdict,
            deadline: None,
            look_again_at,
            nudges,
            premature: false,
        };
    }

    again.extend(settled);
    again.extend(let_go.as_ref().map(|(at, _)| *at));

    let mut rising = figures(&reading.pods);
    rising.extend(reading.figures.iter());
    // A kind whose spec has no field for it.
    let budget = if reading.budget == Budget::default() {
        Budget::of_seconds(policy.deadline, "by default")
    } else {
        reading.budget.clone()
    };

    let deadline = deadline(rising, &budget, policy.timeout, memory, now);
    if let Some(over) = deadline.as_ref().filter(|one| one.at <= now) {
        // `--timeout` may come before the time that it is waited for: it is excused all the same.
        let is_outside = let_go.map(|(_, note)| note);
        let excused =
            is_outside.or_else(|| excuse(&reading, subject, policy, &verdict).filter(|_| found.is_empty()));
        return ended(match excused {
            Some(note) => Verdict::Done { note: Some(note) },
            None => late(over, &verdict, &found, &reading),
        });
    }

    again.extend(deadline.as_ref().map(|one| one.at));
    let look_again_at = again.into_iter().filter(|at| *at > now).min();
    Judgement {
        verdict,
        deadline,
        look_again_at,
        nudges,
        premature: false,
    }
}

/// How long a pod of an old revision must be stuck before it is named: it may just be starting.
const NUDGE_AFTER: u32 = 1;

/// Since when each sign is there, and when it will have lasted.
struct Clock<'m> {
    memory: &'m mut Memory,
    now: Timestamp,
    seen: BTreeSet<String>,
    ends: Vec<Timestamp>,
}

impl<'m> Clock<'m> {
    fn new(memory: &'m mut Memory, now: Timestamp) -> Self {
        Self {
            memory,
            now,
            seen: BTreeSet::new(),
            ends: Vec::new(),
        }
    }

    /// Whether a sign has been there for so many seconds.
    fn has_lasted(&mut self, key: &str, seconds: u32) -> bool {
        let since = *self.memory.signs.entry(key.to_owned()).or_insert(self.now);
        let at = since
            .checked_add(SignedDuration::from_secs(seconds.into()))
            .unwrap_or(since);

        self.seen.insert(key.to_owned());
        self.ends.push(at);
        at <= self.now
    }

    fn first_lasting<'s>(&mut self, signs: impl Iterator<Item = &'s Sign>) -> Option<&'s Sign> {
        // Each of them, not up to the first that has lasted: one that is not timed now would be forgotten.
        let lasting: Vec<_> = signs
            .filter(|sign| self.has_lasted(&sign.key, sign.grace))
            .collect();
        lasting.first().copied()
    }

    fn ripe(&mut self, nudges: Vec<Nudge>) -> Vec<Nudge> {
        // In the same memory as the signs, under a key that none of them has.
        let is_ripe = |one: &Nudge| self.has_lasted(&format!("nudge/{}", one.uid), NUDGE_AFTER);
        nudges.into_iter().filter(is_ripe).collect()
    }

    /// Forgets signs that are gone; returns when the others will have lasted.
    fn finish(self) -> Vec<Timestamp> {
        let seen = self.seen;
        self.memory.signs.retain(|key, _| seen.contains(key));
        self.ends
    }
}

/// The failure for lack of progress: what was waited for, and the likeliest reason.
fn late(deadline: &Deadline, verdict: &Verdict, found: &[Sign], reading: &Reading<'_>) -> Verdict {
    let why = match verdict {
        Verdict::Waiting { why, .. } => why.as_str(),
        // Cannot be: what is done or failed was told before the deadline came up.
        _ => "",
    };

    let what = if deadline.capped {
        format!("not done within {deadline}")
    } else {
        format!("no progress for {} s ({deadline})", deadline.seconds)
    };

    // A sign knows its cause; what merely looks wrong with a pod stands in where there is none.
    let first = found.first();
    let troubled = reading.pods.iter().find_map(|pod| Some((pod, trouble(pod)?)));
    let (reason, pod, container, previous_logs) = match (first, troubled) {
        (Some(sign), _) => (
            Some(sign.cause.message.clone()),
            sign.cause.pod.clone(),
            sign.cause.container.clone(),
            sign.cause.previous_logs,
        ),
        (None, Some((pod, what))) => (
            Some(format!("pod {}: {what}", pod.name)),
            Some(pod.name.clone()),
            pod.containers
                .iter()
                .find(|one| !one.ready)
                .map(|one| one.name.clone()),
            false,
        ),
        (None, None) => (None, None, None, false),
    };

    let tail = reason.map(|text| format!("; {text}")).unwrap_or_default();
    let ran = reading.pods.iter().any(|pod| has_run(pod));
    // Containers that ran and did not get ready failed by themselves; where none ran, something held them.
    let silent = if ran {
        CauseKind::DeadlineExceeded
    } else {
        CauseKind::Stalled
    };
    // A sign that did not last out its grace is the cause all the same: a registry that is down is not the
    // release's fault.
    let kind = first.map_or(silent, |sign| sign.cause.kind);

    let mut failed = reported(kind, format!("{what}: {why}{tail}"));
    if let Verdict::Failed { cause } = &mut failed {
        cause.pod = pod;
        cause.container = container;
        cause.previous_logs = previous_logs;
    }
    failed
}
