//! What the writes of steps have in common: whose they are, what they expect, until when they may be sent;
//! and how their refusals are told.
//!
//! None of them goes without a deadline: it is the time until which the lock is surely held, and it is looked
//! at once more right before the request leaves.

use super::retry_budget::Attempts;
use crate::cluster::{ApiError, DeleteOptions, SendDeadline, WriteOptions};
use crate::model::Object;
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::Propagation;
use crate::model::refusal::{Refusal, RefusalCause};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the server may take to do what it cannot do yet.
const CATCHING_UP: Duration = Duration::from_secs(30);

/// Whether the server may be able to do it a little later: it serves a kind a little after its CRD is established, and
/// learns a little after a write which webhooks there are and where they answer.
pub(super) fn may_catch_up(error: &ApiError, clock: &Attempts<'_>) -> bool {
    let is_behind = matches!(error, ApiError::NotServed { .. }) || error.is_unasked_webhook();
    // Counted from the first such answer: one that is still missing then is a refusal.
    is_behind && clock.catching_up() < CATCHING_UP
}

/// How a server says that the `test` of a JSON patch failed.
pub(super) fn is_failed_test(message: &str) -> bool {
    Refusal::parse(Some(422), message).cause == RefusalCause::FailedTest
}

/// The operation of a JSON patch that fails where the object has another version by now.
pub(super) fn expect_version(live: &Object) -> Value {
    json!({"op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version()})
}

/// Those that fail where it is another object as well.
pub(super) fn expect_same(live: &Object) -> Vec<Value> {
    // First the UID: of a recreated object it says more than a version.
    vec![
        json!({"op": "test", "path": "/metadata/uid", "value": live.uid()}),
        expect_version(live),
    ]
}

pub(super) fn write_options(deadline: SendDeadline) -> WriteOptions {
    WriteOptions {
        manager: FIELD_MANAGER.into(),
        dry_run: false,
        not_after: Some(deadline),
    }
}

/// Of exactly the version that was read: a request that comes late finds another.
pub(super) fn deletion(live: &Object, propagation: Propagation, deadline: SendDeadline) -> DeleteOptions {
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
    format!("rejected by the API server: {error}")
}
