//! What the writes of steps have in common: whose they are, what they expect, until when they may be sent; and how their
//! refusals are told.

use crate::cluster::{ApiError, Deadline, DeleteOptions, WriteOptions};
use crate::model::Object;
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::Propagation;

/// How a server says that the `test` of a JSON patch failed.
pub(super) fn is_failed_test(message: &str) -> bool {
    message.contains("due to an error in our request") || message.contains("testing value")
}

pub(super) fn write_options(deadline: Deadline) -> WriteOptions {
    WriteOptions { manager: FIELD_MANAGER.into(), dry_run: false, not_after: Some(deadline) }
}

/// Of exactly the version that was read: a request that comes late finds another.
pub(super) fn deletion(live: &Object, propagation: Propagation, deadline: Deadline) -> DeleteOptions {
    DeleteOptions {
        uid: live.uid().into(),
        resource_version: Some(live.resource_version().into()),
        propagation,
        dry_run: false,
        not_after: Some(deadline),
    }
}

/// How a refusal is told.
pub(super) fn refusal(error: &ApiError) -> String {
    format!("the server refuses: {error}")
}
