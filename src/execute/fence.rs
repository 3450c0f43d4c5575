//! Keeps requests of a run that may still be alive from being done late: the object's resourceVersion moves, and
//! whatever names the old one is a conflict.

use super::steps::{Steps, write_options};
use crate::cluster::ApiError;
use crate::model::{Object, Target};
use serde_json::{Value, json};

/// The annotation that is added and removed again.
const TOUCHED: &str = "/metadata/annotations/kubectl-delivery.io~1touched";

/// Adds an annotation and removes it; content and ownership are what they were.
pub(super) async fn touch(steps: &Steps, target: &Target, live: &Object) -> Result<(), ApiError> {
    let had_annotations = live.annotations().is_some();
    let mut add = vec![version_of(live)];
    if !had_annotations {
        add.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    add.push(json!({"op": "add", "path": TOUCHED, "value": "true"}));
    let touched = steps.cluster.json_patch(target, &add, &write_options()).await?.object;
    let path = if had_annotations { TOUCHED } else { "/metadata/annotations" };
    let mut entries: Vec<Value> =
        live.managed_fields().iter().filter(|entry| entry["subresource"] != "status").cloned().collect();
    let status = touched.managed_fields().iter().filter(|entry| entry["subresource"] == "status");
    entries.extend(status.cloned());
    if entries.is_empty() {
        entries.push(json!({}));
    }
    let remove = [
        version_of(&touched),
        json!({"op": "remove", "path": path}),
        json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}),
    ];
    steps.cluster.json_patch(target, &remove, &write_options()).await.map(drop)
}

fn version_of(live: &Object) -> Value {
    json!({"op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version()})
}
