//! Taking up what another run began: finishing it, or putting it back. And putting back what was finished.
//!
//! Everything comes out of the cluster, so it is looked at in this order: what its seal vouches for, then
//! what nothing but the state itself confirms. The journal is read under its lock; which other locks it needs
//! is known only then, so that all of them may have to be given back and taken anew, and everything is read
//! again. Nothing but locks is written before the run begins.

use super::locks::Locks;
use super::losing;
use super::machine::Direction;
use super::moving;
use super::process::Holder;
use super::promote::{ExecuteError, locked, split};
use super::run::{Start, run};
use super::sealing;
use super::services::{Ended, Services};
use super::unconfirmed::{Confirmed, Doubts, unconfirmed};
use crate::model::event::Outcome;
use crate::model::format::FormatVersion;
use crate::model::inventory::Inventory;
use crate::model::journal::{
    Ending, Head, Journal, JournalPhase, Judging, PromotionPart, RevertReason, Reverting,
};
use crate::model::moves::ReleaseRef;
use crate::model::names::API_VERSION;
use crate::model::plan::{Plan, Settings};
use crate::observe::home::{Bodies, Home, Stored, read_bodies, read_home, read_previous};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How something is put back.
#[derive(Clone, Debug, Default)]
pub struct RevertOptions {
    /// Whether edits by others win on fields that the promotion changed.
    pub keep_foreign: bool,
    /// Claims and volumes whose data may be deleted: `KIND/NAMESPACE/NAME`.
    pub allow_data_loss: BTreeSet<String>,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
}

/// What is done with the journal of another run that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// It is finished.
    Finish,
    /// It is put back.
    PutBack,
}

/// Settles exactly the journal of this id, where it is still open once the lock is there: whoever held the lock may have
/// finished it meanwhile, and what is finished is not touched.
pub async fn settle(
    namespace: &str,
    name: &str,
    id: &str,
    settling: Settling,
    confirmed: Confirmed,
    services: &Services,
) -> Result<Ended, ExecuteError> {
    let wanted = match settling {
        Settling::Finish => Wanted::Finish(confirmed),
        Settling::PutBack => Wanted::PutBack(RevertOptions {
            confirmed,
            ..RevertOptions::default()
        }),
    };
    act(&ReleaseRef::new(namespace, name), Some(id), &wanted, services).await
}

/// Finishes what another run began: a promotion goes forward, a revert goes on putting back.
pub async fn resume(
    namespace: &str,
    name: &str,
    confirmed: Confirmed,
    services: &Services,
) -> Result<Ended, ExecuteError> {
    act(
        &ReleaseRef::new(namespace, name),
        None,
        &Wanted::Finish(confirmed),
        services,
    )
    .await
}

/// Puts back the promotion that is open, or else the last one that was finished.
pub async fn revert(
    namespace: &str,
    name: &str,
    options: RevertOptions,
    services: &Services,
) -> Result<Ended, ExecuteError> {
    loop {
        let wanted = Wanted::PutBack(options.clone());
        let ended = act(&ReleaseRef::new(namespace, name), None, &wanted, services).await?;
        // Past its commit a promotion is finished first, and then put back as a finished one.
        if !matches!(
            ended.outcome,
            Outcome::Promoted | Outcome::PromotedPruneIncomplete
        ) {
            return Ok(ended);
        }
    }
}

/// Whether it is a finished promotion, nothing of which was put back yet.
fn begins_to_revert_what_was_promoted(start: &Start) -> bool {
    let journal = &start.head.current;
    journal.is_promoted()
        && journal
            .reverting
            .as_ref()
            .is_some_and(|reverting| reverting.was_promoted)
}

/// Takes the locks, then the journal up. Which locks a journal needs is known once it is read under its own; another one may
/// be there when all of them are held.
async fn act(
    release: &ReleaseRef,
    only: Option<&str>,
    wanted: &Wanted,
    services: &Services,
) -> Result<Ended, ExecuteError> {
    let mut others = Vec::new();
    loop {
        let locks = match Locks::take(services, release, &others).await {
            Ok(locks) => Arc::new(locks),
            Err(error) => return locked(error),
        };
        match under_locks(release, only, wanted, &locks, services).await {
            Ok(Next::Run(start)) => return Ok(run(*start, locks, services).await),
            Ok(Next::MoreLocks(needed)) => {
                // The journal may be another one by the time these are held: nothing that was read is kept.
                locks.release().await;
                others = needed;
            }
            Ok(Next::End(ended)) => {
                locks.release().await;
                return Ok(ended);
            }
            Err(error) => {
                locks.release().await;
                return Err(error);
            }
        }
    }
}

/// What follows once the locks are held.
enum Next {
    Run(Box<Start>),
    /// Of the releases whose members the journal takes.
    MoreLocks(Vec<ReleaseRef>),
    End(Ended),
}

async fn under_locks(
    release: &ReleaseRef,
    only: Option<&str>,
    wanted: &Wanted,
    locks: &Locks,
    services: &Services,
) -> Result<Next, ExecuteError> {
    let (cluster, name) = (services.cluster.as_ref(), &release.name);
    // Whoever held the lock may have finished it while this run waited.
    if let Some(id) = only {
        let home = read_home(cluster, &release.namespace, name, services.state_key.as_ref()).await?;
        let journal = home.head.map(|head| head.value.current);
        if !journal.is_some_and(|journal| journal.id == id && journal.is_open()) {
            let message = format!("the promotion of {name} that was open has been finished meanwhile");
            return Ok(Next::End(Ended {
                outcome: Outcome::NothingToDo,
                message,
                next: Vec::new(),
            }));
        }
    }

    let mut start = match take_up(release, services, wanted).await? {
        Ok(start) => start,
        Err(ended) => return Ok(Next::End(ended)),
    };

    // A promotion that is still being written down has told no other release of anything: of another namespace not even the
    // lock is touched on the word of its journal, and one that a killed run has left there expires.
    let is_prepared = start.head.current.phase != JournalPhase::Preparing;
    let mut others = start.head.current.moves_from.clone();
    others.retain(|other| is_prepared || other.namespace == release.namespace);
    let others = &others;
    if !locks.hold(others) {
        // Not even a lock of another release is touched before all of it is confirmed.
        confirmed_or_refused(&start, release, wanted, services).await?;
        return Ok(Next::MoreLocks(others.clone()));
    }

    let stopped = match moving::stopped_by(release, &start.inventory, services).await? {
        Some(ended) => Some(ended),
        None => moving::unfinished(others, services).await?,
    };

    let stopped = match (stopped, wanted) {
        // What was never finished was never in use: its undo takes away what it has made, and asks nobody.
        (None, Wanted::PutBack(options)) if begins_to_revert_what_was_promoted(&start) => {
            losing::refusal(&start, release, &options.allow_data_loss, services).await
        }
        (stopped, _) => stopped,
    };

    if stopped.is_none() {
        let doubts = confirmed_or_refused(&start, release, wanted, services).await?;
        doubts.narrow(Arc::make_mut(&mut start.bodies));
        start.not_undone = doubts.not_undone;
    }
    Ok(stopped.map_or_else(|| Next::Run(Box::new(start)), Next::End))
}

/// Refuses what state alone would do and nothing confirms; else what the run must take care of.
async fn confirmed_or_refused(
    start: &Start,
    release: &ReleaseRef,
    wanted: &Wanted,
    services: &Services,
) -> Result<Doubts, ExecuteError> {
    let doubts = unconfirmed(start, release, wanted.confirmed(), services).await;
    if doubts.found.is_empty() {
        Ok(doubts)
    } else {
        Err(ExecuteError::Unconfirmed(doubts.found))
    }
}

enum Wanted {
    Finish(Confirmed),
    PutBack(RevertOptions),
}

impl Wanted {
    fn confirmed(&self) -> &Confirmed {
        match self {
            Wanted::Finish(confirmed) => confirmed,
            Wanted::PutBack(options) => &options.confirmed,
        }
    }
}

async fn take_up(
    release: &ReleaseRef,
    services: &Services,
    wanted: &Wanted,
) -> Result<Result<Start, Ended>, ExecuteError> {
    let ReleaseRef { namespace, name } = release;
    let cluster = services.cluster.as_ref();
    let outside = services.state_key.as_ref();
    let home = read_home(cluster, namespace, name, outside).await?;
    let nothing = || {
        ExecuteError::Nothing(format!(
            "expected a promotion of {name} in {namespace}, found none"
        ))
    };

    if let Some(ended) = sealing::stopped_by(&home.sealing, release) {
        return Ok(Err(ended));
    }

    let Some(stored) = home.head.as_ref() else {
        return Err(nothing());
    };
    // The run that wrote it last may be alive: suspended, or on a machine of which nothing is known here.
    let may_be_alive = stored.value.current.is_open() && !is_gone(&stored.value.current);
    // Requests that were on their way arrive; whoever reads before that may read too early.
    let home = if may_be_alive {
        tokio::time::sleep(services.limits.in_flight).await;
        read_home(cluster, namespace, name, outside).await?
    } else {
        home
    };
    // What was on its way may have been a part of this state.
    if let Some(ended) = sealing::stopped_by(&home.sealing, release) {
        return Ok(Err(ended));
    }

    let Some(seal) = sealing::of_sealed(&home.sealing) else {
        return Err(nothing());
    };
    let key = &seal.key;

    let Home { inventory, head, .. } = home;
    let Some(Stored {
        value: mut head,
        uid,
        resource_version,
    }) = head
    else {
        return Err(nothing());
    };

    let earlier = match (wanted, &head.previous) {
        // Nothing of the last one is left to be put back: what was finished before it is next.
        (Wanted::PutBack(_), Some(previous)) if is_over(&head.current) => {
            Some(read_previous(cluster, (namespace, name), previous, Some(key)).await?)
        }
        _ => None,
    };
    let direction = choose(&mut head, earlier, wanted, name)?;
    let (inventory, inventory_stored) = split(inventory);
    let preparing = head.current.phase == JournalPhase::Preparing;
    // A key outside vouches for nothing that one in the
    // cluster did: with that change its parts were forgotten.
    if !preparing && head.current.parts.is_empty() {
        return Err(ExecuteError::Nothing(format!(
            "expected what the promotion of {name} {} replaced, found nothing kept of it since its state got a key outside of \
             the cluster; promoting the file of an older release is the way back",
            head.current.release.version
        )));
    }

    let bodies = if preparing {
        no_bodies(&head.current, &inventory)
    } else {
        read_bodies(cluster, &head.current, Some(key)).await?
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
        bodies: Arc::new(bodies),
        direction,
        seal,
        bundles: Vec::new(),
        not_undone: BTreeSet::new(),
        fresh: false,
        fence: may_be_alive,
    }))
}

/// Whether the process that wrote the journal last is certainly gone. Not whoever held the lock last: that one may have
/// taken it over and never have got to write.
fn is_gone(journal: &Journal) -> bool {
    Holder::parse(&journal.holder).is_some_and(|holder| holder.is_gone())
}

fn can_be_put_back(journal: &Journal) -> bool {
    // What was left behind is tried once more.
    journal.is_promoted() || journal.ending == Some(Ending::NotFullyReverted)
}

/// Whether nothing of it is left to be put back: what was finished before it is next.
fn is_over(journal: &Journal) -> bool {
    !journal.is_open() && !can_be_put_back(journal)
}

/// Which journal it is about, and in which direction it goes. `earlier` is what was finished before the last one.
fn choose(
    head: &mut Head,
    earlier: Option<Journal>,
    wanted: &Wanted,
    name: &str,
) -> Result<Direction, ExecuteError> {
    let options = match wanted {
        Wanted::Finish(_) if head.current.is_open() => return Ok(Direction::Promote),
        Wanted::Finish(_) => {
            return Err(ExecuteError::Nothing(format!(
                "expected an open journal of {name}, found none"
            )));
        }
        Wanted::PutBack(options) => options,
    };

    if is_over(&head.current) {
        match earlier {
            Some(mut earlier) if can_be_put_back(&earlier) => {
                // What the last one left over is still to be deleted. The
                // bundle goes, too: the head holds that journal itself now.
                earlier.forget.append(&mut head.current.forget);
                earlier
                    .forget
                    .extend(head.previous.take().and_then(|previous| previous.bundle));
                head.current = earlier;
            }
            _ => {
                return Err(ExecuteError::Nothing(format!(
                    "expected a promotion of {name} to put back, found that the last one was put back already; \
                     revert --to-revision N promotes an older one"
                )));
            }
        }
    }

    let was_promoted = head.current.is_promoted();
    // What an earlier revert began with goes on to hold.
    let known = head.current.reverting.take();
    head.current.reverting = Some(Reverting {
        keep_foreign: options.keep_foreign || known.as_ref().is_some_and(|known| known.keep_foreign),
        // Whatever led to it first: by now a person has asked.
        why: RevertReason::Asked,
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
        namespace: journal.namespace.clone(),
        revision: journal.revision,
        created_at: journal.started_at,
        actor: journal.actor.clone(),
        steps: Vec::new(),
        prune: Vec::new(),
        unchanged: Vec::new(),
        members: Vec::new(),
        moves: Vec::new(),
        data_loss: Vec::new(),
        waivers: Vec::new(),
        settings: Settings::default(),
    };

    // Nothing was widened yet: these are the members of before.
    let members_before = inventory.members.clone();
    let promotion = PromotionPart {
        plan,
        members_before,
        judging: Judging::default(),
    };
    Bodies {
        promotion,
        steps: BTreeMap::new(),
        prunes: BTreeSet::new(),
        lie_in: BTreeMap::new(),
    }
}
