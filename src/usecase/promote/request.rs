//! What is asked for, as data: made of a command line by `promote`, and of what the cluster keeps by
//! `revert --to-revision`.

use crate::execute::{self, Confirmed};
use crate::model::journal::Judging;
use crate::model::plan::{Plan, Settings};
use crate::model::state_key::StateKey;
use crate::plan::Policy;
use crate::usecase::Scope;
use crate::usecase::comparing::Mode;
use crate::usecase::inputs::Inputs;

/// One promotion, as it is asked for.
pub struct Request {
    /// Release and environment.
    pub inputs: Inputs,
    /// What its end is judged by.
    pub judging: Judging,
    /// Where it goes.
    pub scope: Scope,
    /// What it may do.
    pub policy: Policy,
    /// Where the truth comes from.
    pub mode: Mode,
    /// Where it ends, where it is no promotion.
    pub dry_run: Option<DryRun>,
    /// The plan that was approved.
    pub written: Option<Plan>,
    /// What is done with an earlier run that is not finished.
    pub on_open: Option<OnOpen>,
    /// Whether former members that belong to other releases now are left alone.
    pub leaves_moved: bool,
    /// The key to what releases keep, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
    /// Whether what the cluster keeps is forgotten.
    pub discard_state: bool,
    /// Whether the cluster alone keeps what is promoted: nobody gave a file of it.
    pub is_kept: bool,
    /// How it runs.
    pub run: RunOptions,
}

/// How a run goes about its work, whatever it does.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Limits of time that the plan keeps.
    pub settings: Settings,
    /// Limits of time of this run.
    pub limits: execute::Limits,
    /// How many promotions the history keeps.
    pub keep_history: usize,
    /// How many log lines of a failing container are shown.
    pub log_lines: u32,
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

/// A policy with what the environment says.
pub fn with_environment(mut policy: Policy, inputs: &Inputs) -> Policy {
    let spec = &inputs.environment.environment.spec;
    policy.untested = spec.untested;
    policy.external = spec.external.clone();
    policy
}
