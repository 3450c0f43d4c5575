//! What turns into a failure with time, and what is let go before it does.
//!
//! In this order: the object's own word, which is final; what lies outside of the release, which is let go
//! before it could fail anything; signs of the soak, each pod for itself; signs of the rollout, which count
//! only while no pod of the new revision is good; and last the time without progress, told with the likeliest
//! reason. Every sign is timed at every look, so that one that stays never begins anew. The rules end in done,
//! in failed, or in a time to look again.

use super::attribution::has_run;
use super::deadline::{Budget, ProgressDeadline, deadline, figures};
use super::failure_signal::{FailureSignal, SignalContext};
use super::judgement::{Assessment, StuckPod};
use super::outside::{excuse, let_go};
use super::pod_text::trouble;
use super::policy::RolloutPolicy;
use super::refused::refused;
use super::settle::settled_at;
use super::signals::{find_signals, is_good};
use super::soak;
use super::status::KindStatus;
use super::subject::{Case, Memory};
use crate::model::phrase::format_seconds;
use crate::model::verdict::{Cause, CauseKind, Health};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// The verdict that the rules make of what an object's kind says.
pub(super) fn apply_failure_rules(
    status: KindStatus<'_>,
    case: &Case<'_>,
    memory: &mut Memory,
) -> Assessment {
    // The object's own word is final: it needs no grace, and no good pod outweighs it.
    if matches!(status.verdict, Health::Failed { .. }) {
        return Assessment::without_deadline(status.verdict);
    }

    let signals = Signals::collect(&status, case);
    // At each look, done or not: the time of a container runs from when it was first seen running.
    let settled = if status.settles {
        settled_at(&status.pods, case.subject, case.policy, memory, case.now)
    } else {
        None
    };
    let verdict = verdict_until(settled, &status, case.policy);

    // Ahead of the deadline: what lies outside of the release is let go before it could fail anything.
    let outside = let_go(&status, case, memory);
    if let Some(outside) = outside.as_ref().filter(|outside| outside.at <= case.now) {
        return Assessment::without_deadline(outside.verdict.clone());
    }

    let is_done = matches!(verdict, Health::Ready { .. });
    let mut timed = match signals.time(&status, is_done, case, memory) {
        Ok(timed) => timed,
        Err(cause) => return Assessment::without_deadline(Health::Failed { cause }),
    };

    let Health::Progressing { message: why, .. } = &verdict else {
        // Done is not the end of it: a sign of the soak may be in its grace.
        return timed.judgement(verdict, None, case.now);
    };

    let deadline = progress_deadline(&status, case, memory);
    if let Some(over) = deadline.as_ref().filter(|one| one.at <= case.now) {
        // `--timeout` may come before the time that it is waited for: it is excused all the same.
        let allowed_absences = outside.map(|outside| outside.verdict);
        let allowed_absences =
            allowed_absences.or_else(|| excuse(&status, case, why).filter(|_| signals.rollout.is_empty()));
        return match allowed_absences {
            Some(verdict) => Assessment::without_deadline(verdict),
            None => Assessment::without_deadline(late(over, why, &signals.rollout, &status)),
        };
    }

    let settled_at = settled.filter(|_| matches!(status.verdict, Health::Ready { .. }));
    timed.ends.extend(settled);
    timed.ends.extend(outside.map(|outside| outside.at));
    timed.ends.extend(deadline.as_ref().map(|one| one.at));
    Assessment {
        settled_at,
        ..timed.judgement(verdict, deadline, case.now)
    }
}

/// What the kind says, but waiting while a container without a readiness probe must still live for a while.
fn verdict_until(settled: Option<Timestamp>, status: &KindStatus<'_>, policy: &RolloutPolicy) -> Health {
    if settled.is_none() || !matches!(status.verdict, Health::Ready { .. }) {
        return status.verdict.clone();
    }

    let total = status.pods.len() as u32;
    let why = format!(
        "{total} of {total} pods ready; settling for {}",
        format_seconds(policy.settle.into())
    );
    Health::progressing(total, total, why)
}

/// When the object fails for lack of progress, as it stands after this look.
fn progress_deadline(
    status: &KindStatus<'_>,
    case: &Case<'_>,
    memory: &mut Memory,
) -> Option<ProgressDeadline> {
    let mut rising = figures(&status.pods);
    rising.extend(status.figures.iter());

    // A kind whose spec has no field for it.
    let budget = if status.budget == Budget::default() {
        Budget::from_seconds(case.policy.deadline, "default")
    } else {
        status.budget.clone()
    };
    deadline(rising, &budget, case.policy.timeout, memory, case.now)
}

/// The signs of one look.
struct Signals {
    /// Signs that the rollout will not come up.
    rollout: Vec<FailureSignal>,
    /// What is worse than when the soak began.
    soak: Vec<FailureSignal>,
}

impl Signals {
    fn collect(status: &KindStatus<'_>, case: &Case<'_>) -> Self {
        let context = SignalContext {
            subject: case.subject,
            policy: case.policy,
            occurrences: &case.context.occurrences,
            must_run: status.must_run,
        };

        let graces = &case.policy.graces;
        let of_pods = status.pods.iter().flat_map(|pod| find_signals(pod, &context));
        let mut rollout: Vec<FailureSignal> = of_pods.collect();
        // After the signs of pods, and the first counts: a pod that is there tells more than one that is missing.
        rollout.extend(refused(status, case.context, case.subject, graces));

        let soak = case.subject.soak.iter();
        let soak = soak.flat_map(|soak| soak::worse(&status.pods, soak, graces));
        Self {
            rollout,
            soak: soak.collect(),
        }
    }

    /// The failure of the first sign that has lasted out its grace; else when the others will have.
    fn time(
        &self,
        status: &KindStatus<'_>,
        is_done: bool,
        case: &Case<'_>,
        memory: &mut Memory,
    ) -> Result<Timed, Cause> {
        let mut timers = SignalTimers::new(memory, case.now);
        // What a soak finds counts however good the other pods are: each of these was well when it began.
        let lasting = timers.first_lasting(self.soak.iter());

        // One bad node does not revert three hundred good pods: where one is good, the deadline decides.
        let is_any_good = status.pods.iter().any(|pod| is_good(pod, case.subject));
        // Timed even where a good pod overrules it: a sign that stays must not begin anew once that pod is gone.
        let early = timers
            .first_lasting(self.rollout.iter().filter(|_| !is_done))
            .filter(|_| !is_any_good);

        if let Some(signal) = lasting.or(early) {
            return Err(signal.cause.clone());
        }

        // Where it got done without that, the pod is in nobody's way.
        let stuck_pods = if is_done {
            Vec::new()
        } else {
            status.stuck_pods.clone()
        };
        let stuck_pods = timers.ripe(stuck_pods);

        // Only here: all signs of this look have been timed, and what is not among them is forgotten.
        let ends = timers.finish();
        Ok(Timed { stuck_pods, ends })
    }
}

/// What comes of signs of which none has lasted out its grace.
struct Timed {
    stuck_pods: Vec<StuckPod>,
    /// When the verdict may change.
    ends: Vec<Timestamp>,
}

impl Timed {
    fn judgement(self, verdict: Health, deadline: Option<ProgressDeadline>, now: Timestamp) -> Assessment {
        Assessment {
            verdict,
            deadline,
            look_again_at: self.ends.into_iter().filter(|at| *at > now).min(),
            settled_at: None,
            stuck_pods: self.stuck_pods,
            premature: false,
        }
    }
}

/// How long a pod of an old revision must be stuck before it is named: it may just be starting.
const NUDGE_AFTER: u32 = 1;

/// Since when each sign is there, and when it will have lasted.
struct SignalTimers<'m> {
    memory: &'m mut Memory,
    now: Timestamp,
    seen: BTreeSet<String>,
    ends: Vec<Timestamp>,
}

impl<'m> SignalTimers<'m> {
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

    fn first_lasting<'s>(
        &mut self,
        signs: impl Iterator<Item = &'s FailureSignal>,
    ) -> Option<&'s FailureSignal> {
        // Each of them, not up to the first that has lasted: one that is not timed now would be forgotten.
        let lasting: Vec<_> = signs
            .filter(|sign| self.has_lasted(&sign.key, sign.grace))
            .collect();
        lasting.first().copied()
    }

    fn ripe(&mut self, stuck_pods: Vec<StuckPod>) -> Vec<StuckPod> {
        // In the same memory as the signs, under a key that none of them has.
        let is_ripe = |one: &StuckPod| self.has_lasted(&format!("nudge/{}", one.uid), NUDGE_AFTER);
        stuck_pods.into_iter().filter(is_ripe).collect()
    }

    /// Forgets signs that are gone; returns when the others will have lasted.
    fn finish(self) -> Vec<Timestamp> {
        let seen = self.seen;
        self.memory.signs.retain(|key, _| seen.contains(key));
        self.ends
    }
}

/// The failure for lack of progress: what was waited for, and the likeliest reason.
fn late(deadline: &ProgressDeadline, why: &str, found: &[FailureSignal], status: &KindStatus<'_>) -> Health {
    let what = if deadline.capped {
        format!("not ready within {deadline}")
    } else {
        format!("no progress for {deadline}")
    };

    // A sign that did not last out its grace is the cause all the same: a registry that is down is not the
    // release's fault.
    let mut cause = match found.first() {
        Some(signal) => signal.cause.clone(),
        None => likeliest_cause(status),
    };

    let reason = std::mem::take(&mut cause.message);
    let tail = if reason.is_empty() {
        String::new()
    } else {
        format!("; {reason}")
    };
    cause.message = format!("{what}: {why}{tail}");
    Health::Failed { cause }
}

/// What merely looks wrong with a pod, where no sign tells the cause; without a message where nothing does.
fn likeliest_cause(status: &KindStatus<'_>) -> Cause {
    // Containers that ran and did not get ready failed by themselves; where none ran, something held them.
    let kind = match status.reported {
        // Its own word, which has lasted.
        Some(kind) => kind,
        None if status.pods.iter().any(|pod| has_run(pod)) => CauseKind::DeadlineExceeded,
        None => CauseKind::Stalled,
    };

    let troubled = status.pods.iter().find_map(|pod| Some((pod, trouble(pod)?)));
    let (message, pod, container) = match troubled {
        Some((pod, what)) => {
            let unready = pod.containers.iter().find(|one| !one.ready);
            (
                format!("pod {}: {what}", pod.name),
                Some(pod.name.clone()),
                unready.map(|one| one.name.clone()),
            )
        }
        None => (String::new(), None, None),
    };

    Cause {
        kind,
        message,
        pod,
        container,
        previous_logs: false,
    }
}
