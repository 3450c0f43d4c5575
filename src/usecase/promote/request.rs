//! What is asked for, as data: made of a command line by `promote` and by `revert --to-revision`.

use crate::cluster::ConnectionOptions;
use crate::execute::{self, Confirmed};
use crate::load::ManifestSource;
use crate::model::plan::PlanLimits;
use crate::model::rehearsal::RehearsalRequest;
use crate::model::state_key::StateKey;
use crate::plan::PlanPolicy;
use crate::registry::artifact::Location;
use crate::usecase::comparing::Mode;
use crate::usecase::releases::ReleaseLocation;
use std::path::PathBuf;

/// One promotion, as it is asked for.
pub struct Request {
    /// Where the release comes from.
    pub source: ReleaseSource,
    /// The environment's file. A recorded release has that of then.
    pub environment: Option<PathBuf>,
    /// Manifests instead of the environment's and the release's own.
    pub manifests: Vec<ManifestSource>,
    /// How the cluster is reached, where the environment does not say.
    pub connection: ConnectionOptions,
    /// What it may do.
    pub policy: PlanPolicy,
    /// Where the truth comes from.
    pub mode: Mode,
    /// What is tried before anything is changed.
    pub rehearsal: Option<RehearsalRequest>,
    /// Where it ends, where it is no promotion.
    pub dry_run: Option<DryRun>,
    /// The file of the plan that was approved.
    pub approved_plan: Option<PathBuf>,
    /// What is done with an earlier run that is not finished.
    pub on_open: Option<OnOpen>,
    /// Whether what the cluster keeps is forgotten.
    pub discard_state: bool,
    /// The key to what releases keep, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
    /// How it runs.
    pub run: RunOptions,
}

/// Where a promotion takes its release from.
#[derive(Clone, Debug)]
pub enum ReleaseSource {
    /// A file, or standard input.
    File(PathBuf),
    /// A registry, or a layout as one keeps it.
    Registry(Location),
    /// The history of a release in the cluster: promoted again under the terms of then.
    Recorded {
        /// The release's name; the only one of the namespace where none is given.
        name: Option<String>,
        /// Its revision; the current one where none is given.
        revision: Option<u32>,
    },
}

impl ReleaseSource {
    /// Whether the cluster alone keeps it: nobody gave a file of it.
    pub fn is_recorded(&self) -> bool {
        matches!(self, Self::Recorded { .. })
    }
}

impl From<ReleaseLocation> for ReleaseSource {
    fn from(location: ReleaseLocation) -> Self {
        match location {
            ReleaseLocation::File(path) => Self::File(path),
            ReleaseLocation::Registry(location) => Self::Registry(location),
        }
    }
}

/// How a run goes about its work, whatever it does.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Limits of time that the plan keeps.
    pub settings: PlanLimits,
    /// Limits of time of this run.
    pub limits: execute::RunLimits,
    /// How many promotions the history keeps.
    pub keep_history: usize,
    /// How many log lines of a failing container are shown.
    pub log_lines: u32,
    /// Registries without TLS.
    pub insecure_registries: Vec<String>,
}

/// Where a dry run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// Before the preflight.
    Client,
    /// After the preflight.
    Server,
}

/// What to do with an earlier run that is not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOpen {
    /// Refuse.
    Stop,
    /// Finish it first.
    Resume,
    /// Put it back first.
    Revert,
}
