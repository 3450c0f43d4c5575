//! How a finding of the planning is made: one that refuses, and one that is only told.
//!
//! Both are of one check and mostly of one object; paths and a subject are added by whoever has them.

use crate::model::ObjectId;
use crate::model::check::Check;
use crate::model::plan::{PreflightFinding, Severity};

/// Says a refusal.
pub(crate) fn refuse(
    check: Check,
    object: Option<&ObjectId>,
    message: String,
    hint: Option<String>,
) -> PreflightFinding {
    PreflightFinding {
        hints: hint.into_iter().collect(),
        severity: Severity::Error,
        ..note(check, object, message)
    }
}

/// Says what should be known.
pub(crate) fn note(check: Check, object: Option<&ObjectId>, message: String) -> PreflightFinding {
    PreflightFinding {
        check,
        objects: object.cloned().into_iter().collect(),
        paths: Vec::new(),
        changed_at: None,
        subject: None,
        message,
        hints: Vec::new(),
        severity: Severity::Note,
    }
}
