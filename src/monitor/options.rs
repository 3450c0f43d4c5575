//! What rollouts are judged by.

use crate::model::environment::{Injected, PrometheusGate};
use crate::model::release::RecordedImage;
use crate::model::running::ImageTree;
use crate::model::{Object, ObjectId, Target};
use crate::rollout::{RolloutPolicy, WorkloadImages};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a node may take to report the image ID of a container that runs.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(20);

/// Asks registries.
#[async_trait]
pub trait ImageResolver: Send + Sync {
    /// What a registry holds under each of these references.
    async fn resolve(&self, references: &[String]) -> Vec<ImageTree>;
}

/// A gate with everything that it needs at hand.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadyGate {
    /// Its name.
    pub name: String,
    /// After how long it has failed.
    pub timeout: Duration,
    /// What is checked.
    pub check: GateCheck,
}

/// What a gate checks.
#[derive(Clone, Debug, PartialEq)]
pub enum GateCheck {
    /// A Job that must complete. It is created under a name of its own, and deleted in the end.
    Job {
        /// Where.
        target: Target,
        /// The Job.
        object: Box<Object>,
    },
    /// A Prometheus query whose condition must become true in time, and stay true.
    Prometheus(PrometheusGate),
}

/// What rollouts are judged by.
#[derive(Clone)]
pub struct WatchingOptions {
    /// How patient.
    pub policy: RolloutPolicy,
    /// The release's images; empty where nothing is to be proved (a revert).
    pub tested: Vec<RecordedImage>,
    /// Whoever tells an image that no release records; none where no registry is asked.
    pub resolver: Option<Arc<dyn ImageResolver>>,
    /// Containers that admission may add.
    pub injected: Vec<Injected>,
    /// Image references that the preflight found in their registries.
    pub seen_images: BTreeSet<String>,
    /// The images that the release's objects name.
    pub workloads: BTreeMap<ObjectId, WorkloadImages>,
    /// Objects whose images are proved besides those that were followed.
    pub members: Vec<Target>,
    /// The release's namespaces: where pods of its cluster-scoped objects are looked for.
    pub namespaces: BTreeSet<String>,
    /// The Services of the release: what they serve is not outside of it.
    pub services: Vec<Target>,
    /// What must hold after the rollout.
    pub gates: Vec<ReadyGate>,
    /// How long it may be unknown what runs.
    pub unknown_limit: Duration,
    /// How many log lines a failure shows; 0 for none.
    pub log_lines: u32,
}

impl Default for WatchingOptions {
    fn default() -> Self {
        Self {
            policy: RolloutPolicy::default(),
            tested: Vec::new(),
            resolver: None,
            injected: Vec::new(),
            seen_images: BTreeSet::new(),
            workloads: BTreeMap::new(),
            members: Vec::new(),
            namespaces: BTreeSet::new(),
            services: Vec::new(),
            gates: Vec::new(),
            unknown_limit: UNKNOWN_LIMIT,
            log_lines: 20,
        }
    }
}

impl fmt::Debug for WatchingOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchingOptions")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
