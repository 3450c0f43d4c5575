//! Earlier runs that are not finished: resumed, put back, or in the way.

use super::preparing::Place;
use super::{Args, OnOpen, Request};
use crate::cli::{CommandError, Context, ErrorKind, Exit};
use crate::commands::acting::{self, Signals};
use crate::commands::kept;
use crate::commands::{comparing, unconfirmed};
use crate::execute::{self, ExecuteError, Interrupt, Settling};
use crate::load;
use crate::model::event::{EventSink, Outcome};
use crate::model::journal::{Journal, JournalPhase};
use std::sync::Arc;

/// `--resume`: finishes what an earlier run began. Needs nothing but the release's name: what it is judged by is kept in
/// the cluster.
pub(super) async fn resume(
    args: &Args,
    context: &Context,
    signals: &Signals,
    events: Arc<dyn EventSink>,
) -> Result<Exit, CommandError> {
    let name = if args.release.is_file() {
        let loaded = load::release(&args.release);
        loaded
            .map_err(|error| CommandError::from_error(ErrorKind::Usage, &error))?
            .release
            .metadata
            .name
    } else {
        args.release.to_string_lossy().into_owned()
    };
    let place = signals
        .end(Place::named(&args.connection, args.state.key()?, name, context))
        .await?;
    kept::for_writing(&place.kept.sealing, &place.home, &place.name)?;
    let acting = signals
        .end(place.acting_on_open(&args.limits.run_options(), signals))
        .await?;
    let services = acting::services(acting, events.clone());
    let mut confirmed = args.allow.confirmed();
    let ended = loop {
        let ended = execute::resume(&place.home, &place.name, confirmed.clone(), &services).await;
        let Err(ExecuteError::Unconfirmed(found)) = &ended else {
            break ended;
        };
        signals
            .end(unconfirmed::confirm(found, &mut confirmed, context))
            .await?;
    };
    acting::end(ended, events.as_ref(), false)
}

/// Settles an open journal as the flags say. An exit where nothing more is to be done.
pub(super) async fn settle(
    request: &Request,
    place: &Place,
    signals: &Signals,
    context: &Context,
    events: Arc<dyn EventSink>,
) -> Result<Option<Exit>, CommandError> {
    let Some(open) = place.open_journal() else {
        return Ok(None);
    };
    let same = request.inputs.release.public(place.kept.key()).digest == open.release.digest;
    let settling = match request.on_open {
        None if !same => return Err(in_the_way(open)),
        Some(OnOpen::Stop) => return Err(in_the_way(open)),
        Some(OnOpen::Resume) | None => Settling::Finish,
        Some(OnOpen::Revert) => Settling::PutBack,
    };
    let acting = signals.end(place.acting_on_open(&request.run, signals)).await?;
    let services = acting::services(acting, events.clone());
    let mut confirmed = request.confirmed.clone();
    if same {
        confirmed.rendered = signals
            .end(comparing::rendered(
                place.cluster.as_ref(),
                &request.inputs,
                &place.home,
            ))
            .await?;
        confirmed.gates = request.judging.gates.clone();
    }
    let ended = loop {
        let (home, name) = (&place.home, &place.name);
        let ended = execute::settle(home, name, &open.id, settling, confirmed.clone(), &services).await;
        let Err(ExecuteError::Unconfirmed(found)) = &ended else {
            break ended;
        };
        signals
            .end(unconfirmed::confirm(found, &mut confirmed, context))
            .await?;
    };
    let outcome = ended.as_ref().map(|ended| ended.outcome).ok();
    let is_interrupted = *signals.wanted().borrow() != Interrupt::None;
    // Nothing was touched yet: putting it back is no failure of this run.
    let untouched = open.phase == JournalPhase::Preparing;
    let settled = match (settling, outcome) {
        _ if is_interrupted => false,
        (_, Some(Outcome::NothingToDo)) => true,
        (_, Some(Outcome::Reverted)) if untouched => true,
        (_, Some(Outcome::Promoted | Outcome::PromotedPruneIncomplete)) => !same,
        // Whoever interrupted it did not say that the release is bad.
        (_, Some(Outcome::InterruptedReverted)) => true,
        (Settling::PutBack, Some(Outcome::Reverted)) => true,
        (Settling::Finish, Some(Outcome::Reverted)) => !same,
        _ => false,
    };
    let exit = acting::end(ended, events.as_ref(), settling == Settling::PutBack)?;
    Ok((!settled).then_some(exit))
}

/// What to type about a promotion that is not finished.
pub(super) fn ways_on(open: &Journal) -> [String; 2] {
    let (name, namespace) = (&open.release.name, &open.namespace);
    [
        format!("to finish it: kubectl delivery promote --resume {name} -n {namespace}"),
        format!("to put it back: kubectl delivery revert {name} -n {namespace}"),
    ]
}

fn in_the_way(open: &Journal) -> CommandError {
    let message = format!(
        "expected no unfinished promotion, found that of {} {} by {} ({}); nothing was changed",
        open.release.name, open.release.version, open.actor, open.message
    );
    let error = CommandError::new(ErrorKind::Refused, message);
    ways_on(open).into_iter().fold(error, CommandError::with_hint)
}
