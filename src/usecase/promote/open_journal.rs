//! Earlier runs that are not finished: resumed, put back, or in the way; and the locks of those that were killed.

use super::request::{OnOpen, RunOptions};
use super::session::Session;
use super::target::PromotionTarget;
use crate::cluster::ConnectionOptions;
use crate::execute::{self, Confirmed, OpenJournalAction};
use crate::load;
use crate::model::Operation;
use crate::model::event::{RunCommand, RunOutcome};
use crate::model::journal::{Journal, JournalPhase};
use crate::model::moves::ReleaseRef;
use crate::model::state_key::StateKey;
use crate::usecase::recovery::{Recovery, RecoveryAction};
use crate::usecase::run_context::Channels;
use crate::usecase::{CommandError, ErrorKind, Scope, comparing};
use std::path::PathBuf;

/// An earlier promotion that ends before the one that is asked for.
pub struct OpenPromotion {
    /// The run that ends it.
    pub recovery: Recovery,
    /// What that is to reach.
    pub goal: JournalGoal,
}

/// What is to become of an open journal before another promotion.
#[derive(Clone, Copy, Debug)]
pub struct JournalGoal {
    action: OpenJournalAction,
    /// Whether it is a promotion of the release that is asked for.
    is_same: bool,
    /// Whether nothing was touched yet: putting it back is no failure of this run.
    is_untouched: bool,
}

impl JournalGoal {
    /// Of a journal; `is_same` where it is of what is asked for.
    ///
    /// # Errors
    ///
    /// Where it is in the way.
    pub fn new(open: &Journal, on_open: Option<OnOpen>, is_same: bool) -> Result<Self, CommandError> {
        let action = match on_open {
            None if !is_same => return Err(unfinished_error(open)),
            Some(OnOpen::Stop) => return Err(unfinished_error(open)),
            Some(OnOpen::Resume) | None => OpenJournalAction::Resume,
            Some(OnOpen::Revert) => OpenJournalAction::RollBack,
        };
        Ok(Self {
            action,
            is_same,
            is_untouched: open.phase == JournalPhase::Preparing,
        })
    }

    /// What it asks for.
    pub fn command(self) -> RunCommand {
        match self.action {
            OpenJournalAction::Resume => RunCommand::Resume,
            OpenJournalAction::RollBack => RunCommand::Revert,
        }
    }

    /// Whether the promotion that is asked for follows: what was open has ended, and not as what was asked for.
    pub fn leads_on(self, outcome: RunOutcome) -> bool {
        match outcome {
            RunOutcome::NothingToDo => true,
            RunOutcome::Promoted
            | RunOutcome::PromotedPruneIncomplete
            | RunOutcome::Repaired
            | RunOutcome::Deleted => !self.is_same,
            // Whoever interrupted it did not say that the release is bad.
            RunOutcome::InterruptedRolledBack => true,
            RunOutcome::RolledBack | RunOutcome::Reverted => {
                self.is_untouched || self.action == OpenJournalAction::RollBack || !self.is_same
            }
            _ => false,
        }
    }
}

impl Session {
    /// The earlier run that is not finished, where this is no dry run.
    ///
    /// # Errors
    ///
    /// It is in the way of this promotion, or what it is judged by cannot be read.
    pub async fn open_promotion(&self, channels: &Channels) -> Result<Option<OpenPromotion>, CommandError> {
        if let Some(open) = self.left_rehearsal(channels)? {
            return Ok(Some(open));
        }
        let Some(open) = self.target.open_journal().filter(|_| !self.is_dry_run()) else {
            return Ok(None);
        };
        let target = &self.target;
        let is_same = self
            .inputs
            .release
            .public(target.state.key())
            .seems(&open.release)
            && open.operation == Operation::Promote;
        // Ahead of the reads below: a journal that is in the way needs none of them.
        let goal = JournalGoal::new(open, self.request.on_open, is_same)?;

        let context = target
            .run_context_from_journal(&self.request.run, channels)
            .await?;
        let mut confirmed = self.request.confirmed.clone();
        // The user's own files say the same as the state: that confirms it.
        if is_same {
            let cluster = target.cluster.as_ref();
            confirmed.rendered = comparing::rendered(cluster, &self.inputs, &target.home).await?;
            confirmed.gates = self.criteria.gates.clone();
        }

        let action = RecoveryAction::Resolve {
            journal: open.id.clone(),
            action: goal.action,
        };
        let recovery = Recovery::new(target.release(), action, confirmed, context)?;
        Ok(Some(OpenPromotion { recovery, goal }))
    }

    /// The rehearsal that a killed run has left, or that is under way: only its pods are to go.
    fn left_rehearsal(&self, channels: &Channels) -> Result<Option<OpenPromotion>, CommandError> {
        let target = &self.target;
        let Some(left) = target.state.rehearsal.as_ref().filter(|_| !self.is_dry_run()) else {
            return Ok(None);
        };
        let goal = JournalGoal {
            action: OpenJournalAction::Resume,
            is_same: false,
            is_untouched: true,
        };
        let action = RecoveryAction::Resolve {
            journal: left.value.id.clone(),
            action: goal.action,
        };
        let context = target.run_context(&self.request.run, channels);
        let confirmed = self.request.confirmed.clone();
        let recovery = Recovery::new(target.release(), action, confirmed, context)?;
        Ok(Some(OpenPromotion { recovery, goal }))
    }

    /// Removes the locks that killed runs have left of the release, and of those whose members it may take.
    pub async fn remove_abandoned_locks(&self) {
        for release in releases(self) {
            let cluster = self.target.cluster.as_ref();
            execute::remove_abandoned_lock(cluster, &release.namespace, &release.name).await;
        }
    }
}

/// The release, and those whose members it may take: a run that was killed may have left a lock of each.
fn releases(session: &Session) -> Vec<ReleaseRef> {
    let named = session.request.policy.adopt_releases.iter();
    let named = named.filter_map(|text| ReleaseRef::parse(text, &session.target.home));
    std::iter::once(session.target.release()).chain(named).collect()
}

/// `--resume`, as it is asked for: needs nothing but the release's name.
pub struct ResumeRequest {
    /// The release's file, or its name.
    pub release: PathBuf,
    /// How the cluster is reached.
    pub connection: ConnectionOptions,
    /// The key to what releases keep, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
    /// How it runs.
    pub run: RunOptions,
}

/// Finds what an earlier run began. What it is judged by is kept in the cluster.
///
/// # Errors
///
/// Where the release's file or the cluster cannot be read, or what the cluster keeps of the release is not to be
/// believed.
pub async fn resume(request: ResumeRequest, channels: &Channels) -> Result<Recovery, CommandError> {
    let name = if request.release.is_file() {
        load::release(&request.release)?.release.metadata.name
    } else {
        request.release.to_string_lossy().into_owned()
    };
    let scope = Scope::connect(&request.connection).await?;
    let target = PromotionTarget::find(scope, request.state_key, name).await?;
    target.check_state()?;

    let context = target.run_context_from_journal(&request.run, channels).await?;
    let (release, confirmed) = (target.release(), request.confirmed);
    let recovery = Recovery::new(release, RecoveryAction::Resume, confirmed, context)?;
    let open = target.open_journal();
    Ok(recovery.with_promotion(open.map(|journal| journal.release.clone())))
}

fn unfinished_error(open: &Journal) -> CommandError {
    let message = format!("{}; nothing was changed", execute::describe_unfinished(open));
    let error = CommandError::new(ErrorKind::Refused, message);
    execute::ways_on(open)
        .into_iter()
        .fold(error, CommandError::with_hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn goal(action: OpenJournalAction, is_same: bool) -> JournalGoal {
        JournalGoal {
            action,
            is_same,
            is_untouched: false,
        }
    }

    #[rstest]
    #[case::another_release_was_finished(goal(OpenJournalAction::Resume, false), RunOutcome::Promoted, true)]
    #[case::this_release_was_finished(goal(OpenJournalAction::Resume, true), RunOutcome::Promoted, false)]
    #[case::this_release_failed_again(goal(OpenJournalAction::Resume, true), RunOutcome::RolledBack, false)]
    #[case::another_release_failed_again(
        goal(OpenJournalAction::Resume, false),
        RunOutcome::RolledBack,
        true
    )]
    #[case::it_was_to_be_reverted(goal(OpenJournalAction::RollBack, true), RunOutcome::Reverted, true)]
    #[case::it_could_not_be_reverted(
        goal(OpenJournalAction::RollBack, true),
        RunOutcome::RevertIncomplete,
        false
    )]
    #[case::its_lock_is_held(goal(OpenJournalAction::Resume, false), RunOutcome::Locked, false)]
    fn a_promotion_follows_unless_the_open_one_was_what_is_asked_for_or_stands_in_its_way(
        #[case] goal: JournalGoal,
        #[case] outcome: RunOutcome,
        #[case] follows: bool,
    ) {
        assert_eq!(goal.leads_on(outcome), follows);
    }

    #[test]
    fn a_promotion_follows_one_that_had_touched_nothing() {
        let untouched = JournalGoal {
            is_untouched: true,
            ..goal(OpenJournalAction::Resume, true)
        };
        assert!(untouched.leads_on(RunOutcome::RolledBack));
    }
}
