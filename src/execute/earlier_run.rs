//! What an earlier run left of a release, read and made into what a run starts from.
//!
//! Only sealed state is taken up. Requests of a run that may still be alive are given their time to arrive
//! before the state is read that counts. Then the journal is chosen: the one that is open, or, to be rolled
//! back, the last one that still can be. Nothing is written here; the locks are held by the caller.

use super::goal::JournalGoal;
use super::machine::Direction;
use super::not_begun::ExecuteError;
use super::nothing_to_revert::{self, can_be_rolled_back, is_over};
use super::perform::StepInputs;
use super::process::Holder;
use super::run::Start;
use super::sealing::{self, SealAtHand};
use super::services::{RunReport, Services};
use super::store::split;
use crate::model::format::FormatVersion;
use crate::model::inventory::Inventory;
use crate::model::journal::{
    Head, Journal, JournalPhase, PromotionPart, Reverting, RollbackReason, SuccessCriteria,
};
use crate::model::moves::ReleaseRef;
use crate::model::names::API_VERSION;
use crate::model::plan::{Plan, PlanLimits};
use crate::observe::release_state::{
    Bodies, ReleaseState, ReleaseStateError, Stored, read_bodies, read_previous, read_release_state,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What an earlier run left, as far as its seal vouches for it.
struct LeftState {
    head: Stored<Head>,
    inventory: Option<Stored<Inventory>>,
    seal: SealAtHand,
    /// Whether requests of that run can still be on their way.
    may_be_alive: bool,
}

/// What a run starts from that goes on with an earlier one; its end where it must not.
pub(super) async fn take_up(
    release: &ReleaseRef,
    services: &Services,
    goal: &JournalGoal,
) -> Result<Result<Start, RunReport>, ExecuteError> {
    let left = match read_left_state(release, services).await? {
        Ok(left) => left,
        Err(report) => return Ok(Err(report)),
    };
    let LeftState {
        head: Stored {
            value: mut head,
            uid,
            resource_version,
        },
        inventory,
        seal,
        may_be_alive,
    } = left;

    let cluster = services.cluster.as_ref();
    let earlier = match (goal, &head.previous) {
        // Nothing of the last one is left to be put back: what was finished before it is next.
        (JournalGoal::RollBack(_), Some(previous)) if is_over(&head.current) => {
            let place = (release.namespace.as_str(), release.name.as_str());
            Some(read_previous(cluster, place, previous, Some(&seal.key)).await?)
        }
        _ => None,
    };
    let (inventory, inventory_stored) = split(inventory);
    let direction = choose_journal(&mut head, earlier, goal, &inventory)?;
    let bodies = if head.current.phase == JournalPhase::Preparing {
        no_bodies(&head.current, &inventory)
    } else {
        check_parts_kept(&head.current, &release.name)?;
        read_bodies(cluster, &head.current, Some(&seal.key)).await?
    };

    Ok(Ok(Start {
        head,
        head_stored: Some(Stored {
            value: (),
            uid,
            resource_version,
        }),
        inventory,
        inventory_stored,
        direction,
        seal,
        inputs: StepInputs {
            bodies: Arc::new(bodies),
            bundles: Vec::new(),
            not_undone: BTreeSet::new(),
            fresh: false,
            fence: may_be_alive,
        },
    }))
}

/// The state, once nothing of a run that may be alive can change it any more.
async fn read_left_state(
    release: &ReleaseRef,
    services: &Services,
) -> Result<Result<LeftState, RunReport>, ExecuteError> {
    let ReleaseRef { namespace, name } = release;
    let nothing = || ExecuteError::Nothing {
        message: format!("no release {name} in namespace {namespace}"),
        hint: "kubectl delivery status -A".into(),
    };

    let home = get_state(release, services).await?;
    if let Some(report) = sealing::stopped_by(&home.sealing, release) {
        return Ok(Err(report));
    }
    let Some(stored) = home.head.as_ref() else {
        return Err(nothing());
    };

    // The run that wrote it last may be alive: suspended, or on a machine of which nothing is known here.
    let may_be_alive = stored.value.current.is_open() && !is_gone(&stored.value.current);
    // Requests that were on their way arrive; whoever reads before that may read too early.
    let home = if may_be_alive {
        tokio::time::sleep(services.limits.in_flight).await;
        get_state(release, services).await?
    } else {
        home
    };

    // What was on its way may have been a part of this state.
    if let Some(report) = sealing::stopped_by(&home.sealing, release) {
        return Ok(Err(report));
    }
    let Some(seal) = sealing::known_seal(&home.sealing) else {
        return Err(nothing());
    };
    let ReleaseState { inventory, head, .. } = home;
    let head = head.ok_or_else(nothing)?;

    Ok(Ok(LeftState {
        head,
        inventory,
        seal,
        may_be_alive,
    }))
}

async fn get_state(release: &ReleaseRef, services: &Services) -> Result<ReleaseState, ReleaseStateError> {
    let outside = services.state_key.as_ref();
    read_release_state(
        services.cluster.as_ref(),
        &release.namespace,
        &release.name,
        outside,
    )
    .await
}

/// A key outside vouches for nothing that one in the cluster did: with that change the parts were forgotten.
fn check_parts_kept(journal: &Journal, name: &str) -> Result<(), ExecuteError> {
    if !journal.parts.is_empty() {
        return Ok(());
    }
    Err(ExecuteError::Nothing {
        message: format!(
            "the pre-images of the promotion of {name} {} were dropped when its state got a key outside of the cluster",
            journal.release.version
        ),
        hint: format!(
            "to promote an earlier release: kubectl delivery promote RELEASE -n {}",
            journal.namespace
        ),
    })
}

/// Whether the process that wrote the journal last is certainly gone. Not whoever held the lock last: that one may have
/// taken it over and never have got to write.
fn is_gone(journal: &Journal) -> bool {
    Holder::parse(&journal.holder).is_some_and(|holder| holder.is_gone())
}

/// Which journal it is about, and in which direction it goes. `earlier` is what was finished before the last one.
fn choose_journal(
    head: &mut Head,
    earlier: Option<Journal>,
    goal: &JournalGoal,
    inventory: &Inventory,
) -> Result<Direction, ExecuteError> {
    let options = match goal {
        JournalGoal::Resume(_) if head.current.is_open() => return Ok(Direction::Promote),
        JournalGoal::Resume(_) => {
            let Journal {
                namespace, release, ..
            } = &head.current;
            let name = &release.name;
            return Err(ExecuteError::Nothing {
                message: format!("nothing to resume: no promotion of {name} is unfinished"),
                hint: format!("to see what is promoted: kubectl delivery status {name} -n {namespace}"),
            });
        }
        JournalGoal::RollBack(options) => options,
    };

    let earlier = earlier.filter(can_be_rolled_back);
    nothing_to_revert::check(&head.current, earlier.as_ref(), options.undo_revision, inventory)?;
    if let Some(mut earlier) = earlier {
        // What the last one left over is still to be deleted. The
        // bundle goes, too: the head holds that journal itself now.
        earlier.forget.append(&mut head.current.forget);
        earlier
            .forget
            .extend(head.previous.take().and_then(|previous| previous.bundle));
        head.current = earlier;
    }

    let was_promoted = head.current.is_committed();
    // What an earlier revert began with goes on to hold.
    let known = head.current.reverting.take();
    head.current.reverting = Some(Reverting {
        keep_foreign: options.keep_foreign || known.as_ref().is_some_and(|known| known.keep_foreign),
        // Whatever led to it first: by now a person has asked.
        why: RollbackReason::Asked,
        was_promoted: was_promoted || known.is_some_and(|known| known.was_promoted),
    });
    Ok(Direction::RollBack)
}

/// The bodies of a journal whose parts may never have been written: nothing was changed.
fn no_bodies(journal: &Journal, inventory: &Inventory) -> Bodies {
    let plan = Plan {
        format_version: FormatVersion::default(),
        api_version: API_VERSION.into(),
        kind: "Plan".into(),
        id: journal.id.clone(),
        release: journal.release.clone(),
        operation: journal.operation,
        namespace: journal.namespace.clone(),
        cluster: None,
        revision: journal.revision,
        created_at: journal.started_at,
        actor: journal.actor.clone(),
        steps: Vec::new(),
        prune: Vec::new(),
        unchanged: Vec::new(),
        members: Vec::new(),
        moves: Vec::new(),
        data_loss: Vec::new(),
        rehearsals: Vec::new(),
        rollback: None,
        waivers: Vec::new(),
        settings: PlanLimits::default(),
        repair: false,
    };

    // Nothing was widened yet: these are the members of before.
    let members_before = inventory.members.clone();
    let promotion = PromotionPart {
        plan,
        members_before,
        criteria: SuccessCriteria::default(),
    };
    Bodies {
        promotion,
        steps: BTreeMap::new(),
        prunes: BTreeSet::new(),
        lie_in: BTreeMap::new(),
    }
}
