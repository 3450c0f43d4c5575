//! How patient a rollout's judge is. All times are seconds.

use crate::model::environment::{HealthCheck, UnknownHealth, WaitRule};
use serde::{Deserialize, Serialize};

/// How patient a rollout's judge is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RolloutPolicy {
    /// Caps every deadline, counted from the subject's start; none where each object's own deadline counts.
    pub timeout: Option<u32>,
    /// A time without progress after which an object has failed, where its kind has no field for it.
    pub deadline: u32,
    /// How many exits of one container make a crash loop.
    pub crash_exits: u32,
    /// How long a container without a readiness probe must live to count as well.
    pub settle: u32,
    /// How long each sign of failure must last before it is a failure.
    pub graces: Graces,
    /// Whether what something outside of the release brings about is waited for like everything else.
    pub strict: bool,
    /// How long it is waited for where that is not so.
    pub outside: u32,
    /// Objects that nothing waits for.
    pub not_waited: Vec<WaitRule>,
    /// The environment's rules for the health of custom kinds.
    pub health_checks: Vec<HealthCheck>,
    /// What becomes of an object whose health nothing reports.
    pub unknown_health: UnknownHealth,
}

impl Default for RolloutPolicy {
    fn default() -> Self {
        Self {
            timeout: None,
            // What a Deployment gets from the API server where its spec names no progressDeadlineSeconds.
            deadline: 600,
            crash_exits: 2,
            settle: 10,
            graces: Graces::default(),
            strict: false,
            outside: 30,
            not_waited: Vec::new(),
            health_checks: Vec::new(),
            unknown_health: UnknownHealth::default(),
        }
    }
}

/// How long a sign of failure must last before it is a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Graces {
    /// The registry says "not found" of an image that the preflight saw.
    pub seen_image: u32,
    /// The registry does not answer, or asks to slow down.
    pub registry: u32,
    /// A Secret, a ConfigMap or a key is missing. Short: the kubelet's caches lag behind a write.
    pub configuration: u32,
    /// A container cannot be created or started.
    pub start: u32,
    /// Pods are refused by quota or admission. Short: old pods may still be going.
    pub refused: u32,
    /// A webhook does not answer.
    pub webhook: u32,
    /// No node takes the pod, and no autoscaler makes one.
    pub unschedulable: u32,
    /// A volume does not mount.
    pub volume: u32,
    /// A pod that was ready when the soak began is not ready any more.
    pub readiness: u32,
    /// A custom resource has no status yet, or none that says how it is.
    pub first_status: u32,
}

impl Default for Graces {
    fn default() -> Self {
        Self {
            seen_image: 30,
            registry: 60,
            configuration: 2,
            start: 5,
            refused: 2,
            webhook: 30,
            unschedulable: 60,
            volume: 60,
            readiness: 10,
            first_status: 10,
        }
    }
}
