//! Earlier runs that are not finished: resumed, put back, or in the way.

use super::Args;
use crate::cli::{Context, Exit};
use crate::commands::{console, unconfirmed};
use crate::execute::{self, ExecuteError, Interrupt, Settling};
use crate::load;
use crate::model::event::EventSink;
use crate::usecase::promote::{PromotionTarget, Request, open_journal};
use crate::usecase::signals::Signals;
use crate::usecase::{CommandError, ErrorKind, comparing, kept, services};
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
    let find = async {
        let key = args.state.key()?;
        PromotionTarget::named(context.scope(&args.connection).await?, key, name).await
    };
    let place = signals.end(find).await?;
    kept::for_writing(&place.kept.sealing, &place.home, &place.name)?;
    let acting = signals
        .end(place.acting_on_open(&args.limits.run_options(), signals))
        .await?;
    let services = services(acting, events.clone())?;
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
    console::end(ended, events.as_ref(), false)
}

/// Settles an open journal as the flags say. An exit where nothing more is to be done.
pub(super) async fn settle(
    request: &Request,
    place: &PromotionTarget,
    signals: &Signals,
    context: &Context,
    events: Arc<dyn EventSink>,
) -> Result<Option<Exit>, CommandError> {
    let Some(open) = place.open_journal() else {
        return Ok(None);
    };
    let same = open_journal::is_same(open, request, place);
    let settling = open_journal::settling(open, request, same)?;
    let acting = signals.end(place.acting_on_open(&request.run, signals)).await?;
    let services = services(acting, events.clone())?;
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
    let settled = !is_interrupted && open_journal::is_settled(open, settling, outcome, same);
    let exit = console::end(ended, events.as_ref(), settling == Settling::PutBack)?;
    Ok((!settled).then_some(exit))
}
