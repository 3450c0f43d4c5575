//! Forward: wave after wave, then the proof, the soak, the commit, and what is no longer desired.
//!
//! Each wave is written into the head as intended, sent, and followed to its end before the next one begins.
//! While requests are on their way neither an interrupt nor a failure turns it back: their answers are
//! awaited, and counted. The deletions after the commit go the same way, but they are not followed, and none
//! of them fails the promotion.

use super::{Effect, Intent, Machine, Stage};
use crate::execute::ending;
use crate::execute::moving::Moving;
use crate::execute::order::waves;
use crate::execute::requests::refusal;
use crate::execute::steps::Outcome;
use crate::model::bundle::Bundle;
use crate::model::hook::{is_hook, runs};
use crate::model::journal::{Ending, Failure, JournalPhase, Previous, RevertReason, StepProgress, StepState};
use crate::model::verdict::CauseKind;
use crate::objects::content_hash;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The steps of each wave, in order.
type Waves = Vec<Vec<u32>>;

impl Machine {
    pub(super) fn begin(&mut self, now: Timestamp) -> Vec<Effect> {
        let journal = &mut self.head.current;
        // The history is written before the head says so.
        let committed = self
            .inventory
            .history
            .iter()
            .any(|e| e.id == journal.id && e.ending.is_promoted());
        if committed && journal.is_open() && journal.phase != JournalPhase::Reverting {
            journal.phase = JournalPhase::Committed;
        }

        match (journal.phase, self.intent) {
            (JournalPhase::Preparing, Intent::Forward) if journal.serial == 0 => {
                self.go(Stage::Preparing, Effect::WriteHead)
            }
            (JournalPhase::Committed, _) => self.go(Stage::Marking, Effect::WriteHead),
            // What was being prepared may lack parts, and changed
            // nothing: it is turned back, whatever is wanted.
            (JournalPhase::Preparing, _) | (_, Intent::Back) => self.turn(RevertReason::Asked, now),
            (JournalPhase::Reverting, _) => {
                let why = journal
                    .reverting
                    .as_ref()
                    .map_or(RevertReason::Asked, |reverting| reverting.why);
                self.turn(why, now)
            }
            (JournalPhase::Open, Intent::Forward) => self.widen(now),
            (JournalPhase::Applying, Intent::Forward) => {
                // It was left standing: what failed is tried and judged again.
                journal.failure = None;
                self.catch_up(now)
            }
            (JournalPhase::Closed, Intent::Forward) => self.finish_promoted(),
        }
    }

    /// What may become a member is one before it is made; nothing is written where all of it is already.
    pub(super) fn widen(&mut self, now: Timestamp) -> Vec<Effect> {
        let known = self.inventory.members.len();
        ending::widen(&mut self.inventory, &self.bodies.promotion.plan.members);
        if self.inventory.members.len() == known {
            return self.announce(now);
        }
        self.go(Stage::Widening, Effect::WriteInventory)
    }

    /// Releases whose members move say so before the first of them does: until this journal is closed nobody else may
    /// promote or revert them.
    pub(super) fn announce(&mut self, now: Timestamp) -> Vec<Effect> {
        if self.moves_nothing() {
            return self.next_wave(0, now);
        }
        self.go(Stage::Announcing, Effect::WriteSources(Moving::Announced))
    }

    /// After the commit, what moved is no member of theirs.
    pub(super) fn hand_over(&mut self, now: Timestamp) -> Vec<Effect> {
        if self.moves_nothing() {
            return self.next_wave(0, now);
        }
        self.go(Stage::HandingOver, Effect::WriteSources(Moving::HandedOver))
    }

    pub(super) fn moves_nothing(&self) -> bool {
        self.bodies.promotion.plan.moves.is_empty()
    }

    /// What an earlier run did is judged again: its rollouts may have gone on or failed since.
    pub(super) fn catch_up(&mut self, now: Timestamp) -> Vec<Effect> {
        let steps = self.standing();
        if steps.is_empty() {
            return self.next_wave(0, now);
        }
        self.go(Stage::CatchingUp, Effect::Follow(steps))
    }

    /// The steps whose objects have to be there: not what runs once and has run.
    fn standing(&self) -> Vec<u32> {
        let is_done = |step: &&StepProgress| !step.prune && matches!(step.state, StepState::Done { .. });
        // One that has run may be gone by now: by its TTL, or by a hook's policy.
        let stands = |step: &&StepProgress| !(step.well && self.runs_once(step.id));
        self.head
            .current
            .steps
            .iter()
            .filter(is_done)
            .filter(stands)
            .map(|step| step.id)
            .collect()
    }

    /// Whether the object of a step does its work once: a Job, or a Pod that is a hook.
    fn runs_once(&self, id: u32) -> bool {
        let sent = self
            .bodies
            .steps
            .get(&id)
            .and_then(|part| part.step.action.object());
        sent.is_some_and(|sent| runs(sent) && (sent.kind() == "Job" || is_hook(sent)))
    }

    /// These were judged well.
    pub(super) fn well(&mut self, is_meant: impl Fn(&StepProgress) -> bool) {
        let done = |step: &&mut StepProgress| matches!(step.state, StepState::Done { .. }) && is_meant(step);
        self.head
            .current
            .steps
            .iter_mut()
            .filter(done)
            .for_each(|step| step.well = true);
    }

    /// Objects of steps that are done are not there: what runs once and was never seen to end runs again, and anything
    /// else is a failure.
    pub(super) fn absent(&mut self, ids: &[u32], now: Timestamp) -> Vec<Effect> {
        let (again, gone): (Vec<u32>, Vec<u32>) = ids.iter().partition(|id| self.runs_once(**id));
        for id in again {
            if let Some(step) = self.head.current.step_mut(id) {
                // It may have run all the same: so it stays a barrier, and is undone with the rest.
                step.state = StepState::Intended;
            }
        }

        match gone.first().and_then(|id| self.head.current.step(*id)) {
            Some(step) => {
                let object = step.target.id();
                let message = format!("{object}: expected it to be there, found it deleted by somebody");
                self.fail(Failure::of(Some(object), CauseKind::Disappeared, message), now)
            }
            None => self.next_wave(0, now),
        }
    }

    pub(super) fn waves(&self) -> Waves {
        waves(
            &self.head.current,
            self.head.current.phase == JournalPhase::Committed,
        )
    }

    /// The next wave with something to do, from `from` on; what follows the last one.
    pub(super) fn next_wave(&mut self, from: usize, now: Timestamp) -> Vec<Effect> {
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }

        let waves = self.waves();
        let journal = &self.head.current;
        // What an earlier run may have sent is sent again: a step finds out by itself what was done of it.
        let open = |id: &u32| {
            journal
                .step(*id)
                .is_some_and(|step| matches!(step.state, StepState::Pending | StepState::Intended))
        };
        for (wave, steps) in waves.iter().enumerate().skip(from) {
            let todo: Vec<u32> = steps.iter().copied().filter(open).collect();
            if todo.is_empty() {
                continue;
            }
            // Before anything of the wave is sent: a later run
            // can know what was meant to be sent, and no more.
            for id in todo {
                if let Some(step) = self.head.current.step_mut(id) {
                    step.state = StepState::Intended;
                }
            }

            if self.head.current.phase != JournalPhase::Committed {
                let message = format!("wave {} of {} is being applied", wave + 1, waves.len());
                self.enter(JournalPhase::Applying, &message);
            }
            return self.go(Stage::Intending(wave), Effect::WriteHead);
        }

        if self.head.current.phase == JournalPhase::Committed {
            // A controller may have made again what was deleted.
            let is_pruned = |step: &StepProgress| step.prune && matches!(step.state, StepState::Done { .. });
            if self.head.current.steps.iter().any(is_pruned) {
                return self.go(Stage::RereadingPruned, Effect::RereadPruned);
            }
            return self.narrow(now);
        }

        self.stage = Stage::Proving;
        vec![Effect::Prove]
    }

    pub(super) fn send(&mut self, wave: usize, now: Timestamp) -> Vec<Effect> {
        // The head says already that these may have been sent: turning back looks at the object of each.
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }

        let steps = self.waves().into_iter().nth(wave).unwrap_or_default();
        let sent = |id: &u32| {
            self.head
                .current
                .step(*id)
                .is_some_and(|step| step.state == StepState::Intended)
        };
        let left: BTreeSet<u32> = steps.into_iter().filter(sent).collect();

        let effects = left.iter().map(|id| Effect::Send(*id)).collect();
        self.stage = Stage::Sending(wave, left);
        effects
    }

    pub(super) fn answered(
        &mut self,
        wave: usize,
        mut left: BTreeSet<u32>,
        id: u32,
        outcome: Outcome,
        now: Timestamp,
    ) -> Vec<Effect> {
        // Whether it was done is for a later run to find out: nothing true can be written down now.
        if let Outcome::Unknown(problem) = &outcome {
            return self.leave(problem.said());
        }

        let failure = self.record(id, outcome);
        left.remove(&id);
        let prunes = self.head.current.phase == JournalPhase::Committed;
        if let Some(failure) = failure {
            if prunes {
                // The release is promoted: what cannot be deleted
                // stays a member, and the next promotion tries again.
                self.unpruned.push(failure.cause.message);
            } else if self.head.current.failure.is_none() {
                // The others of the wave are on their way: their answers are waited for.
                self.head.current.failure = Some(failure);
            }
        }

        if !left.is_empty() {
            self.stage = Stage::Sending(wave, left);
            return Vec::new();
        }
        // A deletion ends when its object is gone: there is nothing to follow.
        if prunes {
            return self.next_wave(wave + 1, now);
        }

        if let Some(failure) = self.head.current.failure.clone() {
            return self.fail(failure, now);
        }
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }

        let steps = self.waves().into_iter().nth(wave).unwrap_or_default();
        self.go(Stage::Watching(wave), Effect::Follow(steps))
    }

    /// Writes an outcome into the journal; the failure where it is one.
    pub(super) fn record(&mut self, id: u32, outcome: Outcome) -> Option<Failure> {
        let before = self.bodies.steps.get(&id).and_then(|part| part.before.as_ref());
        let key = &self.content;
        let step = self.head.current.step_mut(id)?;
        let state = |object: Option<&crate::model::Object>| {
            // The uid is kept of what is new alone: an undo deletes what has exactly this one.
            let uid = object
                .map(|object| object.uid())
                .filter(|uid| before.is_none_or(|b| b.uid() != *uid));
            let hash = object.map(|object| content_hash(object, key));
            StepState::done(uid.unwrap_or_default(), &hash.unwrap_or_default())
        };

        let (state, why) = match outcome {
            Outcome::Done(object) => (state(object.as_deref()), None),
            Outcome::Otherwise(object, why) => (state(Some(&object)), Some((CauseKind::Refused, why))),
            // What it has left behind is undone with the rest.
            Outcome::Partly(kind, why) => (StepState::Intended, Some((kind, why))),
            Outcome::Conflict(why) => (
                StepState::NotDone { why: why.clone() },
                Some((CauseKind::Conflict, why)),
            ),
            Outcome::Refused(error) => {
                let why = refusal(&error);
                (
                    StepState::NotDone { why: why.clone() },
                    Some((CauseKind::Refused, why)),
                )
            }
            Outcome::Unknown(_) => return None,
        };

        step.state = state;

        let (kind, why) = why?;
        let object = step.target.id();
        let message = format!("{object}: {why}");
        Some(Failure::of(Some(object), kind, message))
    }

    pub(super) fn soak_or_commit(&mut self, now: Timestamp) -> Vec<Effect> {
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }

        if self.bodies.promotion.plan.settings.soak_seconds > 0 {
            let steps = self.standing();
            return self.go(Stage::Soaking, Effect::Soak(steps));
        }
        self.commit(now)
    }

    pub(super) fn commit(&mut self, now: Timestamp) -> Vec<Effect> {
        // The last moment to turn back.
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }

        ending::commit(
            &mut self.inventory,
            &self.head.current,
            &self.bodies.promotion.plan,
            now,
        );
        // The records that fall out of the history are deleted once the commit is written, and not before.
        let trimmed = ending::trim(&mut self.inventory, self.keep_history);
        self.head.current.forget.extend(trimmed);
        self.go(Stage::Committing, Effect::WriteInventory)
    }

    pub(super) fn narrow(&mut self, now: Timestamp) -> Vec<Effect> {
        let had = self.inventory.clone();
        let ended = if self.unpruned.is_empty() {
            Ending::Promoted
        } else {
            Ending::PromotedPruneIncomplete
        };

        ending::narrow(
            &mut self.inventory,
            &self.head.current,
            &self.bodies.promotion.plan,
            ended,
        );
        // Where nothing was pruned the commit has said all of it.
        if had == self.inventory {
            return self.forget_previous(now);
        }
        self.go(Stage::Narrowing, Effect::WriteInventory)
    }

    pub(super) fn forget_previous(&mut self, now: Timestamp) -> Vec<Effect> {
        let mut old = self
            .head
            .previous
            .take()
            .map(Previous::into_bundles)
            .unwrap_or_default();

        old.append(&mut self.head.current.forget);
        let journal = &self.head.current;
        // What is to be forgotten may be what this promotion names.
        let old = Bundle::without_shared(old, journal.parts.iter().chain(&journal.record));

        if old.is_empty() {
            return self.close_promoted(now);
        }
        self.go(Stage::Forgetting, Effect::Forget(old))
    }

    pub(super) fn close_promoted(&mut self, now: Timestamp) -> Vec<Effect> {
        let ended = if self.unpruned.is_empty() {
            Ending::Promoted
        } else {
            Ending::PromotedPruneIncomplete
        };

        self.close(ended, "promoted", now);
        self.go(Stage::Closing, Effect::WriteHead)
    }

    pub(super) fn close(&mut self, ended: Ending, message: &str, now: Timestamp) {
        self.enter(JournalPhase::Closed, message);
        self.head.current.ending = Some(ended);
        self.head.current.ended_at = Some(now);
    }

    pub(super) fn finish_promoted(&mut self) -> Vec<Effect> {
        self.stage = Stage::Ended;
        vec![Effect::Finish(
            ending::promoted(&self.head.current, &self.unpruned),
            true,
        )]
    }
}
