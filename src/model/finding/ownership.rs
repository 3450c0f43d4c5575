//! Who writes to objects, as their managedFields say.
//!
//! Names are free claims: they are labels for users, and no field is hidden by one.

use crate::model::ObjectId;
use crate::model::path::FieldPath;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One entry of managedFields that owns a field. Names are free claims: labels for users, never a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldManager {
    /// The manager's name, as it calls itself.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// Subresource, such as `scale`; empty for the object itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// When it last wrote; may be missing.
    // A write through a subresource such as `scale` has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// What kind of client it seems to be.
    pub class: ManagerClass,
}

/// How a manager wrote what an entry holds, as the server names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Anything else: POST, PUT, PATCH.
    Update,
}

impl Operation {
    /// That of an entry of managedFields.
    pub fn from_entry(entry: &Value) -> Self {
        if entry["operation"] == "Apply" {
            Operation::Apply
        } else {
            Operation::Update
        }
    }
}

/// What kind of client a field manager seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ManagerClass {
    /// This tool.
    Ours,
    /// kubectl, used manually: edit, patch, scale, set, annotate, label.
    Manual,
    /// A controller of the control plane.
    Controller,
    /// An HPA, VPA or KEDA.
    Autoscaler,
    /// Helm, Argo CD, Flux, kapp, Terraform, `kubectl apply`, or any other client.
    OtherTool,
    /// No entry names it: what admission injects has no manager.
    Unknown,
}

/// An object that was written to lately.
// Names, times and paths alone: no value is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecentChange {
    /// The object.
    pub object: ObjectId,
    /// When it was created, where that was lately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Who wrote, the latest first.
    pub managers: Vec<ManagerFields>,
}

/// What one manager owns of an object since its last write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagerFields {
    /// Manager, operation, time and class.
    #[serde(rename = "changedBy")]
    pub owner: FieldManager,
    /// The fields.
    pub fields: Vec<FieldPath>,
}
