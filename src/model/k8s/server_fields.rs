//! Fields of `metadata` that only an API server writes.

use serde_json::{Map, Value};

/// What the server counts and notes of every object. None of it is content.
pub const BOOKKEEPING: [&str; 6] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "selfLink",
    "managedFields",
];

/// What it notes of an object that is on its way out.
const DELETION: [&str; 2] = ["deletionTimestamp", "deletionGracePeriodSeconds"];

/// Leaves in `metadata` what a client can send with a new object.
pub fn drop_server_written(metadata: &mut Map<String, Value>) {
    let is_written = |field: &str| BOOKKEEPING.contains(&field) || DELETION.contains(&field);
    metadata.retain(|field, _| !is_written(field));
}

/// Labels that the Job controller writes into a Job's own template.
pub const JOB_LABELS: [&str; 4] = [
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
];
