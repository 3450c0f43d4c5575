//! Past the commit: members are handed over, what is no longer desired is deleted, and the journal is closed.
//!
//! The deletions go wave by wave as the steps did, but they are not followed (a deletion ends when its object
//! is gone), and none of them fails the promotion: what cannot be deleted stays a member, and the next one
//! tries again. Only forward from here: an interrupt changes nothing.

use super::messages::{Effect, Halt, Input, Moving};
use super::stage::{Commit, Stage};
use super::{Machine, note_remain};
use crate::execute::outcome::StepOutcome;
use crate::execute::{ending, history};
use crate::model::bundle::PartBundle;
use crate::model::journal::{HistoryOutcome, Previous, StepProgress, StepState};
use crate::model::{StepId, WaveIndex};
use jiff::Timestamp;
use std::collections::BTreeSet;

impl Machine {
    pub(super) fn advance_commit(
        &mut self,
        stage: Commit,
        input: Input,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Halt> {
        Ok(match stage {
            Commit::AwaitCommitMark => {
                input.into_written()?;
                self.hand_over(now)
            }
            Commit::AwaitHandOver => {
                input.into_written()?;
                self.next_prunes(None, now)
            }
            Commit::AwaitPruneIntent { wave } => {
                input.into_written()?;
                self.send_prunes(wave)
            }
            Commit::AwaitPrunes { wave, in_flight } => {
                let (step, outcome) = input.into_outcome()?;
                self.take_prune_outcome(wave, in_flight, step, outcome, now)?
            }
            Commit::AwaitPruneCheck => {
                // What somebody made again is said, and fails nothing: nothing is put back past the commit.
                let mut effects: Vec<Effect> = input.into_remains()?.into_iter().map(note_remain).collect();
                effects.extend(self.drop_pruned_members(now));
                effects
            }
            Commit::AwaitPrunedMembers => {
                input.into_written()?;
                self.forget_previous(now)
            }
            Commit::AwaitCleanup => {
                input.into_written()?;
                self.close_promoted(now)
            }
            Commit::AwaitClose => {
                input.into_written()?;
                self.finish_promoted()
            }
        })
    }

    /// What moved is no member of its earlier release any more.
    fn hand_over(&mut self, now: Timestamp) -> Vec<Effect> {
        if self.moves_nothing() {
            return self.next_prunes(None, now);
        }
        self.go(Commit::AwaitHandOver, Effect::WriteSources(Moving::HandedOver))
    }

    /// The next wave of deletions with something to do, after `done`; after the last one all is read again.
    fn next_prunes(&mut self, done: Option<WaveIndex>, now: Timestamp) -> Vec<Effect> {
        if let Some(wave) = self.intend_wave(true, done) {
            return self.go(Commit::AwaitPruneIntent { wave }, Effect::WriteHead);
        }

        let is_pruned = |step: &StepProgress| step.prune && matches!(step.state, StepState::Done { .. });
        // A controller may have made again what was deleted.
        if self.head.current.steps.iter().any(is_pruned) {
            return self.go(Commit::AwaitPruneCheck, Effect::RereadDeleted);
        }
        self.drop_pruned_members(now)
    }

    fn send_prunes(&mut self, wave: WaveIndex) -> Vec<Effect> {
        let in_flight = self.intended_steps(true, wave);
        let effects = in_flight.iter().map(|id| Effect::Send(*id)).collect();
        self.stage = Commit::AwaitPrunes { wave, in_flight }.into();
        effects
    }

    fn take_prune_outcome(
        &mut self,
        wave: WaveIndex,
        mut in_flight: BTreeSet<StepId>,
        step: StepId,
        outcome: StepOutcome,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Halt> {
        // A sentence for the report: it fails nothing, and the object stays a member.
        let failure = self.record_outcome(&mut in_flight, step, outcome)?;
        self.unpruned.extend(failure.map(|failure| failure.cause.message));

        if !in_flight.is_empty() {
            self.stage = Commit::AwaitPrunes { wave, in_flight }.into();
            return Ok(Vec::new());
        }
        Ok(self.next_prunes(Some(wave), now))
    }

    fn drop_pruned_members(&mut self, now: Timestamp) -> Vec<Effect> {
        // Compared as a whole: a write that changes nothing would cost three requests, with its seal.
        let had = self.inventory.clone();
        let ending = self.commit_ending();
        history::drop_pruned_members(
            &mut self.inventory,
            &self.head.current,
            &self.bodies.promotion.plan,
            ending,
        );
        // Where nothing was pruned the commit has said all of it.
        if had == self.inventory {
            return self.forget_previous(now);
        }
        self.go(Commit::AwaitPrunedMembers, Effect::WriteInventory)
    }

    /// What a repair needed goes; the promotion before it can still be reverted.
    fn forget_repair(&mut self, now: Timestamp) -> Vec<Effect> {
        let journal = &mut self.head.current;
        let mut old = std::mem::take(&mut journal.forget);
        old.append(&mut journal.parts);
        old.append(&mut journal.record);

        // The stored release of its revision may be the same parts.
        let stored = self.inventory.history.iter().flat_map(|entry| &entry.record);
        let previous = self.head.previous.iter();
        let previous = previous.flat_map(|one| one.parts.iter().chain(&one.bundle));
        let old = PartBundle::without_shared(old, stored.chain(previous));
        if old.is_empty() {
            return self.close_promoted(now);
        }
        self.go(Commit::AwaitCleanup, Effect::Forget(old))
    }

    fn forget_previous(&mut self, now: Timestamp) -> Vec<Effect> {
        if self.bodies.promotion.plan.repair {
            return self.forget_repair(now);
        }
        let mut old = self
            .head
            .previous
            .take()
            .map(Previous::into_bundles)
            .unwrap_or_default();

        old.append(&mut self.head.current.forget);
        let journal = &self.head.current;
        // What is to be forgotten may be what this promotion names.
        let old = PartBundle::without_shared(old, journal.parts.iter().chain(&journal.record));

        if old.is_empty() {
            return self.close_promoted(now);
        }
        self.go(Commit::AwaitCleanup, Effect::Forget(old))
    }

    fn close_promoted(&mut self, now: Timestamp) -> Vec<Effect> {
        let message = match self.committed_outcome() {
            HistoryOutcome::Repaired => "repaired",
            HistoryOutcome::Deleted => "deleted",
            _ => "promoted",
        };
        self.close(self.commit_ending(), message, now);
        self.go(Commit::AwaitClose, Effect::WriteHead)
    }

    fn committed_outcome(&self) -> HistoryOutcome {
        history::committed_outcome(&self.head.current, &self.bodies.promotion.plan)
    }

    fn commit_ending(&self) -> HistoryOutcome {
        let outcome = self.committed_outcome();
        if outcome == HistoryOutcome::Repaired || self.unpruned.is_empty() {
            outcome
        } else {
            HistoryOutcome::PromotedPruneIncomplete
        }
    }

    pub(super) fn finish_promoted(&mut self) -> Vec<Effect> {
        self.stage = Stage::Ended;
        // As the history says it: a run that only finishes has looked at no image itself.
        let journal = &self.head.current;
        if self.is_deletion() {
            return vec![Effect::Finish(ending::deleted(journal), true)];
        }
        let mut history = self.inventory.history.iter();
        let entry = history.find(|entry| entry.id == journal.id);
        let verification = entry.and_then(|entry| entry.verification.as_ref());
        let report = if self.bodies.promotion.plan.repair {
            ending::repaired(journal, verification)
        } else {
            ending::promoted(journal, verification, &self.unpruned)
        };
        vec![Effect::Finish(report, true)]
    }
}
