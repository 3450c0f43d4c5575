//! Keeps requests of a run that may still be alive from being done late: the object's resourceVersion moves,
//! and whatever names the old one is a conflict.
//!
//! An update that changes nothing is no write for the API server, and moves no version: so an annotation is
//! added and taken away again, and the second patch writes the ownership as it was. A run that dies in
//! between leaves the annotation, by which the next one knows that the second patch is still to be sent.

use super::requests::{expect_version, write_options};
use super::steps::Steps;
use crate::cluster::{ApiError, SendDeadline};
use crate::model::{Object, Target};
use serde_json::{Value, json};

/// The annotation that is added and removed again.
const ANNOTATION: &str = "kubectl-delivery.io/touched";
const TOUCHED: &str = "/metadata/annotations/kubectl-delivery.io~1touched";

/// Whether a run was stopped between the two.
pub(super) fn is_touched(live: &Object) -> bool {
    live.annotation(ANNOTATION).is_some()
}

/// Adds an annotation and removes it; content and ownership are what they were in `before`.
pub(super) async fn touch(
    steps: &Steps,
    target: &Target,
    before: &Object,
    live: &Object,
    deadline: SendDeadline,
) -> Result<(), ApiError> {
    let has_annotations = live.annotations().is_some();
    let mut add = vec![expect_version(live)];
    // A JSON patch adds nothing to a map that is not there.
    if !has_annotations {
        add.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    add.push(json!({"op": "add", "path": TOUCHED, "value": "true"}));

    let options = write_options(deadline);
    let touched = steps.cluster.json_patch(target, &add, &options).await?.object;

    let is_alone = touched
        .annotations()
        .is_some_and(|annotations| annotations.len() == 1);
    // An empty map is not what was there.
    let had_none = is_alone && before.annotations().is_none();
    let path = if had_none {
        "/metadata/annotations"
    } else {
        TOUCHED
    };
    // After a run that died in between, live's owners are not those of before any more.
    let owners = if is_touched(live) { before } else { live };
    let mut entries: Vec<Value> = owners
        .managed_fields()
        .iter()
        .filter(|entry| entry["subresource"] != "status")
        .cloned()
        .collect();
    // A status may have been written since: its entry is taken as it is now.
    let status = touched
        .managed_fields()
        .iter()
        .filter(|entry| entry["subresource"] == "status");
    entries.extend(status.cloned());
    // The server takes an empty list for "as it is", and one empty entry for "nobody".
    if entries.is_empty() {
        entries.push(json!({}));
    }

    let remove = [
        expect_version(&touched),
        json!({"op": "remove", "path": path}),
        json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}),
    ];
    steps
        .cluster
        .json_patch(target, &remove, &options)
        .await
        .map(drop)
}
