//! Earlier runs that are not finished: resumed, put back, or in the way.

use super::preparing::Place;
use super::{Args, OnOpen};
use crate::cli::{CommandError, Context, ErrorKind, Exit};
use crate::commands::acting;
use crate::commands::inputs::Inputs;
use crate::execute::{self, RevertOptions};
use crate::load;
use crate::model::Target;
use crate::model::event::Outcome;
use crate::model::journal::{Journal, JournalPhase};

/// `--resume`: finishes what an earlier run began. Needs nothing but the release's name.
pub(super) async fn resume(args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let name = if args.release.is_file() {
        let loaded = load::release(&args.release);
        loaded.map_err(|error| CommandError::from_error(ErrorKind::Usage, &error))?.release.metadata.name
    } else {
        args.release.to_string_lossy().into_owned()
    };
    let place = Place::named(&args.connection, name, context).await?;
    let events = acting::events(args.show(), context);
    let services = acting::services(place.acting_without_release(args), events.clone());
    acting::end(execute::resume(&place.home, &place.name, &services).await, events.as_ref(), false)
}

/// Settles an open journal as the flags say. An exit where nothing more is to be done.
pub(super) async fn settle(
    args: &Args,
    place: &Place,
    inputs: &Inputs,
    context: &Context,
) -> Result<Option<Exit>, CommandError> {
    let Some(open) = place.open_journal() else { return Ok(None) };
    let same = open.release.digest == inputs.release.digest;
    let what = match args.on_open_journal {
        Some(OnOpen::Stop) => return Err(in_the_way(open)),
        Some(what) => what,
        None if same => OnOpen::Resume,
        None => return Err(in_the_way(open)),
    };
    let events = acting::events(args.show(), context);
    let services = acting::services(place.acting(args, inputs, &open_members(place))?, events.clone());
    let ended = if what == OnOpen::Resume {
        execute::resume(&place.home, &place.name, &services).await
    } else {
        execute::revert(&place.home, &place.name, RevertOptions::default(), &services).await
    };
    let outcome = ended.as_ref().map(|ended| ended.outcome).ok();
    // Nothing was touched yet: putting it back is no failure of this run.
    let untouched = open.phase == JournalPhase::Preparing;
    let settled = match (what, outcome) {
        (_, Some(Outcome::Reverted)) if untouched => true,
        (_, Some(Outcome::Promoted | Outcome::NothingToDo)) => !same,
        (OnOpen::Revert, Some(Outcome::Reverted)) => true,
        (OnOpen::Resume, Some(Outcome::Reverted)) => !same,
        _ => false,
    };
    let exit = acting::end(ended, events.as_ref(), what == OnOpen::Revert)?;
    Ok((!settled).then_some(exit))
}

/// The members that the history knows.
fn open_members(place: &Place) -> Vec<Target> {
    place.kept.inventory.as_ref().map(|stored| stored.value.members.clone()).unwrap_or_default()
}

fn in_the_way(open: &Journal) -> CommandError {
    let (name, namespace) = (&open.release.name, &open.namespace);
    let message = format!(
        "expected no unfinished promotion, found that of {name} {} by {} ({}); nothing was changed",
        open.release.version, open.actor, open.message
    );
    CommandError::new(ErrorKind::Refused, message)
        .with_hint(format!("to finish it: kubectl delivery promote --resume {name} -n {namespace}"))
        .with_hint(format!("to put it back: kubectl delivery revert {name} -n {namespace}"))
}
