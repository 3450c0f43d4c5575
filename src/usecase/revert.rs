//! A revert: what the last promotion changed is put back, or an earlier revision is promoted again.

use super::promote::{ReleaseSource, Request, RunOptions};
use super::recovery::{Recovery, RecoveryAction};
use super::run_context::{Channels, RunContext};
use super::{CommandError, Scope, release_state};
use crate::cluster::ConnectionOptions;
use crate::execute::{Confirmed, RunLimits};
use crate::model::inventory::MAX_HISTORY;
use crate::model::moves::ReleaseRef;
use crate::model::plan::PlanLimits;
use crate::model::state_key::StateKey;
use crate::monitor::WatchingOptions;
use crate::plan::PlanPolicy;
use crate::usecase::comparing::Mode;
use std::collections::BTreeSet;
use std::time::Duration;

/// What is reverted to.
pub enum RevertRequest {
    /// What was there before the last promotion.
    Last {
        /// Whether later changes by others stay where the promotion had changed something, too.
        keep_foreign: bool,
        /// Claims and volumes whose data may be deleted.
        allow_data_loss: BTreeSet<String>,
    },
    /// The release of an earlier revision.
    ToRevision {
        /// Its number in the history.
        revision: u32,
        /// What its promotion may do.
        policy: Box<PlanPolicy>,
    },
}

/// Whose revert it is, whatever it goes back to.
pub struct RevertTarget {
    /// The release's name; the only one of the namespace where none is given.
    pub name: Option<String>,
    /// How the cluster is reached.
    pub connection: ConnectionOptions,
    /// How long to wait for a promotion or revert that is running.
    pub lock_timeout: Duration,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
    /// The key to that, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
}

/// Finds the release whose last promotion is put back. Nothing is changed yet.
///
/// # Errors
///
/// Where the release is not named and cannot be found, or the cluster cannot be reached.
pub async fn revert_last(
    target: RevertTarget,
    keep_foreign: bool,
    allow_data_loss: BTreeSet<String>,
    channels: Channels,
) -> Result<Recovery, CommandError> {
    let Scope { cluster, home } = Scope::connect(&target.connection).await?;
    let name = release_state::release_name(cluster.as_ref(), &home, target.name.as_deref()).await?;

    let context =
        RunContext::without_promotion(channels, cluster, target.lock_timeout, target.state_key).await?;
    let action = RecoveryAction::Revert {
        keep_foreign,
        allow_data_loss,
    };
    Recovery::new(
        ReleaseRef {
            namespace: home,
            name,
        },
        action,
        target.confirmed,
        context,
    )
}

/// The promotion of an earlier revision, through the same plan and journal as any other.
pub fn promote_revision(target: RevertTarget, revision: u32, policy: PlanPolicy) -> Request {
    Request {
        source: ReleaseSource::Recorded {
            name: target.name,
            revision,
        },
        environment: None,
        manifests: Vec::new(),
        connection: target.connection,
        policy,
        mode: Mode::Auto,
        dry_run: None,
        approved_plan: None,
        on_open: None,
        discard_state: false,
        state_key: target.state_key,
        confirmed: target.confirmed,
        run: RunOptions {
            // Those of then are in the record.
            settings: PlanLimits::default(),
            limits: RunLimits {
                lock_timeout: target.lock_timeout,
                ..RunLimits::default()
            },
            // What a promotion was told to keep is not known here.
            keep_history: MAX_HISTORY,
            log_lines: WatchingOptions::default().log_lines,
        },
    }
}
