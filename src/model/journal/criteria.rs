//! What an environment says of how a promotion ends well: kept in the journal, as a later run has no file of it.

use crate::model::Object;
use crate::model::environment::{Gate, HealthCheck, Injected, UnknownHealth, WaitRule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an environment says of how a promotion is judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SuccessCriteria {
    /// Containers that admission adds to pods.
    pub injected: Vec<Injected>,
    /// Health of custom kinds.
    pub health_checks: Vec<HealthCheck>,
    /// What must hold after the rollout.
    pub gates: Vec<LoadedGate>,
    /// Objects that nothing waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wait: Vec<WaitRule>,
    /// What becomes of an object whose health nothing reports.
    #[serde(skip_serializing_if = "UnknownHealth::is_note")]
    pub unknown_health: UnknownHealth,
    /// Registry or repository prefix as tested → the one to pull from here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub registries: BTreeMap<String, String>,
}

/// A gate with its Job's manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadedGate {
    /// As the environment declares it.
    pub gate: Gate,
    /// Its Job, where it is one.
    // The manifest itself: a later run has no file of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Object>,
}
