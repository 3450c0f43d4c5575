//! What came of a step.
//!
//! Pure. It tells apart what an undo has to know: whether nothing was done, all of it, a part, or whether
//! nobody can say. An answer counts as done only where the server kept what was sent and made of it what the
//! dry run showed.

use crate::cluster::ApiError;
use crate::model::Object;
use crate::model::verdict::CauseKind;
use crate::monitor::StopReason;
use crate::preflight::dropped;

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum StepOutcome {
    /// Done: the object as it is now; none where it is gone.
    Done(Option<Box<Object>>),
    /// Done, and the server made something else of it than was planned.
    Otherwise(Box<Object>, String),
    /// Somebody else changed the object: nothing was done.
    Conflict(String),
    /// The server refuses: nothing was done.
    Refused(ApiError),
    /// In conflict or refused, after something was done or may have been: it is to be undone like a step that was done.
    Partly(CauseKind, String),
    /// It is not known what was done.
    Unknown(StopReason),
}

/// Whether the server kept what was sent.
pub(super) fn checked(sent: &Object, answer: Object, changed: &[String]) -> StepOutcome {
    // Features that are off and admission drop fields without a word, strict validation or not.
    let lost = dropped(sent.value(), answer.value());
    if !lost.is_empty() {
        let why = format!("the API server dropped {}", lost.join(", "));
        return StepOutcome::Otherwise(Box::new(answer), why);
    }

    if !changed.is_empty() {
        let why = format!("differs from the dry run at {}", changed.join(", "));
        return StepOutcome::Otherwise(Box::new(answer), why);
    }

    StepOutcome::Done(Some(Box::new(answer)))
}
