//! Earlier runs that are not finished: resumed, put back, or in the way.

use super::preparing::PromotionTarget;
use super::request::{OnOpen, Request};
use crate::execute::Settling;
use crate::model::event::Outcome;
use crate::model::journal::{Journal, JournalPhase};
use crate::usecase::{CommandError, ErrorKind};

/// Whether it is a promotion of the release that is asked for.
pub fn is_same(open: &Journal, request: &Request, place: &PromotionTarget) -> bool {
    request
        .inputs
        .release
        .public(place.kept.key())
        .seems(&open.release)
}

/// What is done with it.
pub fn settling(open: &Journal, request: &Request, same: bool) -> Result<Settling, CommandError> {
    match request.on_open {
        None if !same => Err(in_the_way(open)),
        Some(OnOpen::Stop) => Err(in_the_way(open)),
        Some(OnOpen::Resume) | None => Ok(Settling::Finish),
        Some(OnOpen::Revert) => Ok(Settling::PutBack),
    }
}

/// Whether the promotion that is asked for follows: what was open has ended, and not as what was asked for.
pub fn is_settled(open: &Journal, settling: Settling, outcome: Option<Outcome>, same: bool) -> bool {
    // Nothing was touched yet: putting it back is no failure of this run.
    let untouched = open.phase == JournalPhase::Preparing;
    match (settling, outcome) {
        (_, Some(Outcome::NothingToDo)) => true,
        (_, Some(Outcome::Reverted)) if untouched => true,
        (_, Some(Outcome::Promoted | Outcome::PromotedPruneIncomplete)) => !same,
        // Whoever interrupted it did not say that the release is bad.
        (_, Some(Outcome::InterruptedReverted)) => true,
        (Settling::PutBack, Some(Outcome::Reverted)) => true,
        (Settling::Finish, Some(Outcome::Reverted)) => !same,
        _ => false,
    }
}

/// What to type about a promotion that is not finished.
pub fn ways_on(open: &Journal) -> [String; 2] {
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
