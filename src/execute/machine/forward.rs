//! Forward, up to the commit: wave after wave, then the proof, the soak, and the write that commits.
//!
//! Each wave is written into the head as intended, sent, and followed to its end before the next one begins.
//! While requests are on their way neither an interrupt nor a failure turns it back: their answers are
//! awaited, and counted. It ends in the commit, in a rollback, or where a failure is left standing.

use super::messages::{Effect, Halt, Input, Moving, RolloutAnswer};
use super::stage::{Commit, Forward, Stage};
use super::{Direction, Machine, note_remain};
use crate::execute::outcome::StepOutcome;
use crate::execute::state_after::Remain;
use crate::execute::{ending, history};
use crate::model::journal::{Failure, JournalPhase, Previous, RollbackReason};
use crate::model::verdict::CauseKind;
use crate::model::{StepId, WaveIndex};
use jiff::Timestamp;
use std::collections::BTreeSet;

impl Machine {
    /// Where a run begins: its journal says how far an earlier one came.
    pub(super) fn begin(&mut self) -> Vec<Effect> {
        self.take_commit_from_history();
        let journal = &mut self.head.current;

        match (journal.phase, self.direction) {
            // A serial of 0 was never written: this run makes the journal, and takes up none.
            (JournalPhase::Preparing, Direction::Promote) if journal.serial == 0 => {
                self.go(Forward::AwaitJournal, Effect::WriteHead)
            }
            // Past the commit there is one way, whoever asks: a revert puts back what is finished, not what is half
            // pruned.
            (JournalPhase::Committed, _) => self.go(Commit::AwaitCommitMark, Effect::WriteHead),
            (_, Direction::RollBack) => self.begin_rollback(RollbackReason::Asked),
            // What was being prepared may lack parts, and changed
            // nothing: it is turned back, whatever is wanted.
            (JournalPhase::Preparing, Direction::Promote) => self.begin_rollback(RollbackReason::Failed),
            // A rollback that has begun is ended first: some objects are already what they were before.
            (JournalPhase::Reverting, Direction::Promote) => {
                let why = journal
                    .reverting
                    .as_ref()
                    .map_or(RollbackReason::Asked, |reverting| reverting.why);
                self.begin_rollback(why)
            }
            (JournalPhase::Open, Direction::Promote) => self.add_members(),
            (JournalPhase::Applying, Direction::Promote) => {
                // It was left standing: what failed is tried and judged again.
                journal.failure = None;
                self.follow_earlier()
            }
            (JournalPhase::Closed, Direction::Promote) => self.finish_promoted(),
            // Cannot come: a rehearsal has ended before any run takes the journal up.
            (JournalPhase::Rehearsing, Direction::Promote) => self.leave("its rehearsal has not ended"),
        }
    }

    /// The history is written before the head says so: a run that died in between has committed.
    fn take_commit_from_history(&mut self) {
        let journal = &mut self.head.current;
        let is_committed = self
            .inventory
            .history
            .iter()
            .any(|entry| entry.id == journal.id && entry.ending.is_past_commit());
        if is_committed && journal.is_open() && journal.phase != JournalPhase::Reverting {
            journal.phase = JournalPhase::Committed;
        }
    }

    pub(super) fn advance(
        &mut self,
        stage: Forward,
        input: Input,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Halt> {
        Ok(match stage {
            Forward::AwaitJournal => {
                input.into_written()?;
                self.go(Forward::AwaitParts, Effect::WriteParts)
            }
            Forward::AwaitParts => match input.into_write_result()? {
                Ok(()) => self.open(),
                Err(why) => self.fail_unwritten(&why),
            },
            Forward::AwaitOpenMark => match input.into_write_result()? {
                Ok(()) => self.add_members(),
                Err(why) => self.fail_unwritten(&why),
            },
            Forward::AwaitMembers => match input.into_write_result()? {
                Ok(()) => self.announce(),
                Err(why) => self.fail_unwritten(&why),
            },
            Forward::AwaitAnnouncement => match input.into_write_result()? {
                Ok(()) => self.next_wave(None),
                Err(why) => self.fail_unwritten(&why),
            },
            Forward::AwaitIntent { wave } => {
                input.into_written()?;
                self.send_wave(wave)
            }
            Forward::AwaitSteps { wave, in_flight } => {
                let (step, outcome) = input.into_outcome()?;
                self.take_outcome(wave, in_flight, step, outcome)?
            }
            Forward::AwaitRollout { wave } => {
                let answer = input.into_rollout()?;
                self.judge_wave(wave, answer)
            }
            Forward::AwaitEarlierRollouts => self.judge_earlier(input.into_rollout()?),
            Forward::AwaitVerification => match input.into_verification()? {
                Ok(summary) => {
                    self.verification = summary;
                    self.soak_or_commit(now)
                }
                Err(failure) => self.fail(*failure),
            },
            Forward::AwaitSoak => self.judge_soak(input.into_rollout()?, now),
            Forward::AwaitDeletionCheck => self.commit_deletion(input.into_remains()?, now),
            Forward::AwaitCommit => {
                input.into_written()?;
                self.mark_committed()
            }
            Forward::AwaitStopMark { barrier } => {
                input.into_written()?;
                self.finish_stopped(barrier.as_deref())
            }
        })
    }

    fn open(&mut self) -> Vec<Effect> {
        // Its bundle is certainly there by now: the head need
        // not hold the journal of the promotion before itself.
        self.head
            .previous
            .iter_mut()
            .for_each(Previous::drop_stored_journal);

        self.enter(JournalPhase::Open, "journal written; nothing was changed yet");
        self.go(Forward::AwaitOpenMark, Effect::WriteHead)
    }

    /// Nothing was sent yet. Its parts may be there in part: the head names them.
    fn fail_unwritten(&mut self, why: &str) -> Vec<Effect> {
        let message = format!("the journal cannot be written: {why}");
        self.fail(Failure::new(None, CauseKind::Refused, message))
    }

    /// What may become a member is one before it is made; nothing is written where all of it is already.
    fn add_members(&mut self) -> Vec<Effect> {
        let known = self.inventory.members.len();
        history::add_members(&mut self.inventory, &self.bodies.promotion.plan.members);
        // Members are only ever added here: as many as before are the same ones.
        if self.inventory.members.len() == known {
            return self.announce();
        }
        self.go(Forward::AwaitMembers, Effect::WriteInventory)
    }

    /// Releases whose members move say so before the first of them does: until this journal is closed nobody else may
    /// promote or revert them.
    fn announce(&mut self) -> Vec<Effect> {
        if self.moves_nothing() {
            return self.next_wave(None);
        }
        self.go(
            Forward::AwaitAnnouncement,
            Effect::WriteSources(Moving::Announced),
        )
    }

    /// What an earlier run did is judged again: its rollouts may have gone on or failed since.
    fn follow_earlier(&mut self) -> Vec<Effect> {
        let steps = self.step_status();
        if steps.is_empty() {
            return self.next_wave(None);
        }
        self.go(Forward::AwaitEarlierRollouts, Effect::Follow(steps))
    }

    /// The next wave with something to do, after `done`; after the last one the proof.
    fn next_wave(&mut self, done: Option<WaveIndex>) -> Vec<Effect> {
        if let Some(effects) = self.stop_if_interrupted() {
            return effects;
        }

        // All waves, also those that are done: a run that takes over counts on where the first one stopped.
        let count = self.waves(false).len();
        match self.intend_wave(false, done) {
            Some(wave) => {
                let verb = if self.is_deletion() {
                    "deleting"
                } else {
                    "applying"
                };
                let message = format!("{verb} wave {} of {count}", wave.ordinal());
                self.enter(JournalPhase::Applying, &message);
                self.go(Forward::AwaitIntent { wave }, Effect::WriteHead)
            }
            None if self.is_deletion() => self.go(Forward::AwaitDeletionCheck, Effect::RereadDeleted),
            None => self.go(Forward::AwaitVerification, Effect::Prove),
        }
    }

    fn send_wave(&mut self, wave: WaveIndex) -> Vec<Effect> {
        // The head says already that these may have been sent: turning back looks at the object of each.
        if let Some(effects) = self.stop_if_interrupted() {
            return effects;
        }

        let in_flight = self.intended_steps(false, wave);
        let effects = in_flight.iter().map(|id| Effect::Send(*id)).collect();
        self.stage = Forward::AwaitSteps { wave, in_flight }.into();
        effects
    }

    fn take_outcome(
        &mut self,
        wave: WaveIndex,
        mut in_flight: BTreeSet<StepId>,
        step: StepId,
        outcome: StepOutcome,
    ) -> Result<Vec<Effect>, Halt> {
        let failure = self.record_outcome(&mut in_flight, step, outcome)?;
        // The others of the wave are on their way: their answers are waited for.
        let first = self.head.current.failure.take().or(failure);
        self.head.current.failure = first;
        if !in_flight.is_empty() {
            self.stage = Forward::AwaitSteps { wave, in_flight }.into();
            return Ok(Vec::new());
        }

        if let Some(failure) = self.head.current.failure.clone() {
            return Ok(self.fail(failure));
        }
        if let Some(effects) = self.stop_if_interrupted() {
            return Ok(effects);
        }
        // A deletion ends when its object is gone.
        if self.is_deletion() {
            return Ok(self.next_wave(Some(wave)));
        }
        let steps = self.wave_steps(false, wave);
        Ok(self.go(Forward::AwaitRollout { wave }, Effect::Follow(steps)))
    }

    fn judge_wave(&mut self, wave: WaveIndex, answer: RolloutAnswer) -> Vec<Effect> {
        match answer {
            RolloutAnswer::Ready => {
                let steps = self.wave_steps(false, wave);
                // The next write of the head carries it: a Job that has run is not looked for again.
                self.mark_ready(|step| steps.contains(&step.id));
                self.next_wave(Some(wave))
            }
            RolloutAnswer::Failed(failure) => self.fail(*failure),
            RolloutAnswer::Absent(ids) => self.repeat_absent(&ids),
        }
    }

    fn judge_earlier(&mut self, answer: RolloutAnswer) -> Vec<Effect> {
        match answer {
            RolloutAnswer::Ready => {
                // Every step that was done was followed, whatever its wave; the deletions are not due yet.
                self.mark_ready(|step| !step.prune);
                self.next_wave(None)
            }
            RolloutAnswer::Failed(failure) => self.fail(*failure),
            RolloutAnswer::Absent(ids) => self.repeat_absent(&ids),
        }
    }

    fn judge_soak(&mut self, answer: RolloutAnswer, now: Timestamp) -> Vec<Effect> {
        match answer {
            RolloutAnswer::Ready => self.commit(now),
            RolloutAnswer::Failed(failure) => self.fail(*failure),
            RolloutAnswer::Absent(ids) => self.repeat_absent(&ids),
        }
    }

    /// Objects of steps that are done are not there: what runs once and was never seen to end runs again, and anything
    /// else is a failure.
    fn repeat_absent(&mut self, ids: &[StepId]) -> Vec<Effect> {
        match self.intend_absent(ids) {
            Some(failure) => self.fail(failure),
            None => self.next_wave(None),
        }
    }

    fn soak_or_commit(&mut self, now: Timestamp) -> Vec<Effect> {
        if let Some(effects) = self.stop_if_interrupted() {
            return effects;
        }

        // Of the plan, not of this run's flags: a run that takes over soaks as long as was agreed to.
        if self.bodies.promotion.plan.settings.soak_seconds > 0 {
            let steps = self.step_status();
            return self.go(Forward::AwaitSoak, Effect::Soak(steps));
        }
        self.commit(now)
    }

    fn commit_deletion(&mut self, remains: Vec<Remain>, now: Timestamp) -> Vec<Effect> {
        // What another client made again stays, and fails nothing: it is no member any more.
        let mut effects: Vec<Effect> = remains.into_iter().map(note_remain).collect();
        effects.extend(self.commit(now));
        effects
    }

    fn commit(&mut self, now: Timestamp) -> Vec<Effect> {
        // The last moment to turn back.
        if let Some(effects) = self.stop_if_interrupted() {
            return effects;
        }

        history::commit(
            &mut self.inventory,
            &self.head.current,
            &self.bodies.promotion.plan,
            self.verification.clone(),
            now,
        );
        // The records that fall out of the history are deleted once the commit is written, and not before.
        let trimmed = history::trim(&mut self.inventory, self.keep_history);
        self.head.current.forget.extend(trimmed);
        self.go(Forward::AwaitCommit, Effect::WriteInventory)
    }

    fn mark_committed(&mut self) -> Vec<Effect> {
        // The history says so already: a run that dies before this write is taken up as committed.
        let message = if self.is_deletion() {
            "deleted"
        } else {
            "promoted; pruning what left the release"
        };
        self.enter(JournalPhase::Committed, message);
        self.go(Commit::AwaitCommitMark, Effect::WriteHead)
    }

    fn finish_stopped(&mut self, barrier: Option<&str>) -> Vec<Effect> {
        let journal = &self.head.current;
        let report = match barrier {
            Some(barrier) => ending::after_irreversible_step(journal, &self.inventory, barrier),
            None => ending::stopped(journal, &self.inventory),
        };

        self.stage = Stage::Ended;
        // Nothing is on its way, so that the lock can be given back although the journal stays open.
        vec![Effect::Finish(report, true)]
    }
}
