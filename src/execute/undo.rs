//! One step undone: whatever the object's state is, it is brought back to what it was before the promotion.
//!
//! What there is to do is told from the object as it is now, the pre-image and the step, so that an undo can
//! begin anew at any point, also after a run that died in the middle of it. Only what is certainly this
//! promotion's is deleted: an object of another uid, of another release or of another client stays.
//!
//! Each try reads, decides, and writes over exactly the version that it read; a conflict leads to another
//! look. What stays as it is for good ends as `UndoState::Left`, with what to type; what cannot be known now
//! (no answer, no lock) ends the run and not the step.

use super::foreigners::Stay;
use super::outcome::StepOutcome;
use super::own_namespace::creates_home;
use super::requests::{deletion, is_failed_test, may_catch_up, refusal, write_options};
use super::retry_budget::Attempts;
use super::step_status::is_made_by;
use super::steps::Steps;
use super::{foreigners, moving, recreate};
use crate::cluster::ApiError;
use crate::model::inventory::Inventory;
use crate::model::journal::{Journal, StepPart, StepProgress, StepState, UndoState};
use crate::model::keep::keep_mark;
use crate::model::moves::ReleaseRef;
use crate::model::plan::{Propagation, Undo};
use crate::model::refusal::RefusalCause;
use crate::model::{Object, Target};
use crate::monitor::StopReason;
use crate::objects::{content_hash, merged_ownership};
use crate::plan::data_lost_by_undo;
use std::time::Duration;

/// How often an undo is tried again after a conflict.
pub(super) const CONFLICTS: u32 = 12;

/// How steps are undone.
pub(super) struct Undoing<'a> {
    pub steps: &'a Steps,
    /// Whether edits by others win on fields that the promotion changed.
    pub keep_foreign: bool,
    /// Whether a run that may still be alive can have requests on their way.
    pub fence: bool,
    /// Whether the promotion had been finished: what it created may hold data by now.
    pub was_promoted: bool,
    /// The release.
    pub release: &'a ReleaseRef,
    /// Its inventory: what has moved to another release.
    pub inventory: &'a Inventory,
    /// Where the pre-image can be read by hand.
    pub by_hand: Vec<String>,
}

/// How long the address of a deleted Service may take to be free again.
const ADDRESS: Duration = Duration::from_secs(10);

/// A try's end.
pub(super) enum Next {
    /// Look again at once.
    Look,
    /// Wait a little: nobody has answered.
    Wait,
    /// Wait a little: the server cannot do it yet.
    CatchUp,
    /// The step has ended.
    End(UndoState),
    /// Nothing more can be done now.
    Stop(StopReason),
}

impl From<StopReason> for Next {
    fn from(problem: StopReason) -> Self {
        Next::Stop(problem)
    }
}

impl<'a> Undoing<'a> {
    /// As the journal says that it is rolled back; of a run that nobody else is beside, and with nothing to type.
    pub(super) fn from_journal(
        steps: &'a Steps,
        journal: &Journal,
        release: &'a ReleaseRef,
        inventory: &'a Inventory,
    ) -> Self {
        let reverting = journal.reverting.as_ref();
        Self {
            steps,
            keep_foreign: reverting.is_some_and(|reverting| reverting.keep_foreign),
            fence: false,
            was_promoted: reverting.is_some_and(|reverting| reverting.was_promoted),
            release,
            inventory,
            by_hand: Vec::new(),
        }
    }
}

impl Undoing<'_> {
    pub(super) fn done(&self, live: Option<&Object>, notes: Vec<String>) -> UndoState {
        let hash = live.map(|live| content_hash(live, &self.steps.content));
        UndoState::done(&hash.unwrap_or_default(), notes)
    }

    /// Undoes a step that was done, wholly or in part, or perhaps not at all.
    pub(super) async fn undo(
        &self,
        part: &StepPart,
        progress: &StepProgress,
    ) -> Result<UndoState, StopReason> {
        let mut clock = self.steps.patience.start();
        let mut conflicts = 0;

        loop {
            let next = match self.attempt(part, progress, &clock).await {
                Ok(state) => return Ok(state),
                Err(next) => next,
            };

            match next {
                Next::End(state) => return Ok(state),
                Next::Stop(problem) => return Err(problem),
                // The server has answered: a look costs no patience.
                // But some controllers write as often as we do.
                Next::Look if conflicts < CONFLICTS => {
                    clock.hear();
                    conflicts += 1;
                }

                Next::Look => {
                    return Ok(self.left("changed repeatedly by another client during the rollback".into()));
                }
                // These two count no conflict: the first costs patience, the second has a limit of its own.
                Next::Wait => clock.wait().await?,
                Next::CatchUp => clock.catch_up().await,
            }
        }
    }

    pub(super) fn left(&self, why: String) -> UndoState {
        UndoState::Left {
            why,
            by_hand: self.by_hand.clone(),
        }
    }

    async fn attempt(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        clock: &Attempts<'_>,
    ) -> Result<UndoState, Next> {
        let target = &part.step.target;
        let live = match self.steps.cluster.get(target).await {
            Ok(live) => live,
            // Its kind went with its CRD, and it went with its kind.
            Err(ApiError::NotServed { .. }) if part.before.is_none() => None,
            Err(error) => return Err(self.after(&error, clock)),
        };
        // Before anything else: what another release has taken is not ours to put back, whatever it was.
        let elsewhere = |live: &Object| moving::belongs_elsewhere(part, live, self.release, self.inventory);
        if let Some(note) = live.as_ref().and_then(elsewhere) {
            return Ok(self.done(live.as_ref(), vec![note]));
        }

        // The four cases of there before and there now; the action that was planned decides nothing here.
        match (&part.before, live) {
            (None, None) => Ok(self.done(None, Vec::new())),
            (None, Some(live)) => self.remove(part, progress, live, clock).await,
            (Some(before), None) => self.recreate_object(part, before, clock).await,
            (Some(before), Some(live)) => self.restore_object(part, progress, before, live, clock).await,
        }
    }

    /// Deletes what the promotion created.
    async fn remove(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        live: Object,
        clock: &Attempts<'_>,
    ) -> Result<UndoState, Next> {
        let target = &part.step.target;

        let sent = part.step.action.object();
        // In doubt no uid is known: the object has to tell by itself that our create made it. So does one that a repair has
        // made anew.
        let known = match &progress.state {
            StepState::Done { uid, .. } => live.has_uid(uid.as_ref()),
            _ => false,
        };
        let ours = known || sent.is_some_and(|sent| is_made_by(sent, &live));

        if !ours {
            let note = match &progress.state {
                // In doubt nothing says that one of ours was ever here.
                StepState::Done { .. } => vec!["recreated by another client; left in place".to_owned()],
                _ => Vec::new(),
            };
            return Ok(self.done(Some(&live), note));
        }

        let id = target.id();
        // What was promoted is in use, and the mark is a promise to whoever uses it.
        if let Some(mark) = keep_mark(&live).filter(|_| self.was_promoted) {
            return Ok(self.done(Some(&live), vec![format!("left in place: {mark}")]));
        }

        let cluster = self.steps.cluster.as_ref();
        // Deleting a namespace or a CRD deletes all that is in it: others may have objects there by now.
        match foreigners::find_foreign_object(cluster, &id, &live, self.release)
            .await
            .map_err(|error| self.after(&error, clock))?
        {
            None => {}
            Some(Stay::Foreign(why)) => {
                return Ok(self.left(format!("created by this promotion and left in place: {why}")));
            }
            Some(Stay::Kept(why)) => {
                return Ok(self.done(Some(&live), vec![format!("left in place: {why}")]));
            }
        }

        if let Undo::Impossible { why } = &part.step.undo {
            return Ok(self.left(why.clone()));
        }

        // The journal lies in it: it goes once that is closed.
        if !creates_home(&part.step, &self.release.namespace) {
            self.delete(target, &live, clock).await?;
        }

        Ok(self.done(None, self.data_lost(None, &live)))
    }

    pub(super) fn data_lost(&self, before: Option<&Object>, live: &Object) -> Vec<String> {
        // What was never finished was never in use: nothing of it is missed.
        data_lost_by_undo(before, live)
            .filter(|_| self.was_promoted)
            .into_iter()
            .collect()
    }

    pub(super) async fn delete(
        &self,
        target: &Target,
        live: &Object,
        clock: &Attempts<'_>,
    ) -> Result<(), Next> {
        // The owner goes after what it owns: nothing of it runs on unseen.

        let owns = matches!(&*target.resource.group, "apps" | "batch");
        let propagation = if owns {
            Propagation::Foreground
        } else {
            Propagation::Background
        };

        // Over the version that was looked at: whoever has written to it since is heard in the next look.
        let options = deletion(live, propagation, clock.before_write().await?);
        // A 404 is what was wanted, whoever did it.
        if let Err(error) = self.steps.cluster.delete(target, &options).await
            && !error.is_not_found()
        {
            return Err(self.after(&error, clock));
        }

        self.gone(target, live.uid()).await
    }

    /// Waits until it is gone.
    pub(super) async fn gone(&self, target: &Target, uid: &str) -> Result<(), Next> {
        match self.steps.wait_gone(target, uid).await {
            Ok(()) => Ok(()),
            Err(StepOutcome::Unknown(problem)) => Err(Next::Stop(problem)),
            Err(StepOutcome::Conflict(why)) => Err(Next::End(self.left(why))),
            // Forbidden or broken: it was on its way out, and nobody can say that it is gone.
            Err(_) => Err(Next::End(self.left(
                "deleted, but whether it is gone is unknown: it cannot be read".into(),
            ))),
        }
    }

    /// Creates again what was deleted, with its ownership.
    async fn recreate_object(
        &self,
        part: &StepPart,
        before: &Object,
        clock: &Attempts<'_>,
    ) -> Result<UndoState, Next> {
        match &part.step.undo {
            // It was a Job that had ended: to create it again is to run it again.
            Undo::Delete | Undo::Run { .. } => {
                return Ok(self.done(None, vec!["had completed before; not run again".into()]));
            }
            Undo::Impossible { why } => return Ok(self.left(why.clone())),
            Undo::Restore | Undo::CreateAgain | Undo::Replace => {}
        }

        let target = &part.step.target;
        let mut last = None;
        // With its old addresses first, then without what the server no longer gives.
        for body in recreate::candidates(before) {
            // The old address is given back a little after the Service that had it has gone.
            if last.as_ref().is_some_and(is_taken) && clock.elapsed() < ADDRESS {
                return Err(Next::Wait);
            }

            let options = write_options(clock.before_write().await?);
            match self.steps.cluster.create(target, &body, &options).await {
                Ok(made) => return self.own_again(part, before, made.object, clock).await,
                // The next try looks first: this may have been created, or somebody may have been faster.
                Err(error) if error.is_transient() || error.is_conflict() || may_catch_up(&error, clock) => {
                    return Err(self.after(&error, clock));
                }

                Err(error) => last = Some(error),
            }
        }

        let why = last.map(|error| error.to_string()).unwrap_or_default();
        Ok(self.left(format!("not recreated: {why}")))
    }

    pub(super) async fn own_again(
        &self,
        part: &StepPart,
        before: &Object,
        made: Object,
        clock: &Attempts<'_>,
    ) -> Result<UndoState, Next> {
        // The create made every field ours: they go back to those who owned them.
        let entries = merged_ownership(before, &made, &made);
        let owned = self
            .write_ownership(&part.step.target, &made, &entries, clock)
            .await?;

        // Said although it succeeded: owner references that others hold still name the old one.
        let mut notes = vec!["recreated with a new UID".to_owned()];
        if made.kind() == "ServiceAccount" {
            notes.push("tokens of its running pods are no longer valid: restart them".into());
        }
        if made.at("/spec/clusterIP") != before.at("/spec/clusterIP") {
            notes.push("its cluster IP is a new one: the old one belongs to another Service".into());
        }

        Ok(self.done(Some(&owned), notes))
    }

    pub(super) fn after(&self, error: &ApiError, clock: &Attempts<'_>) -> Next {
        match error {
            // Whatever the write was based on has changed meanwhile.
            error if error.is_conflict() || is_test(error) => Next::Look,
            error if may_catch_up(error, clock) => Next::CatchUp,
            error if error.is_transient() => Next::Wait,
            ApiError::NotServed { .. } => {
                Next::End(self.left("its kind is no longer served by the API server".into()))
            }
            ApiError::VersionNotServed(_) => Next::End(self.left(error.to_string())),
            _ => Next::End(self.left(refusal(error))),
        }
    }
}

/// Whether an address or a port that is asked for is still another's.
fn is_taken(error: &ApiError) -> bool {
    error.refusal().map(|refusal| refusal.cause) == Some(RefusalCause::Allocated)
}

pub(super) fn is_test(error: &ApiError) -> bool {
    matches!(error, ApiError::Status { code: 422, message, .. } if is_failed_test(message))
}
