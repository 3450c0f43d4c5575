//! Flags about what releases keep in the cluster: the key to it, how it is believed, and the lock.

use crate::cli::parse_duration;
use crate::model::state_key::StateKey;
use crate::usecase::state_access::StateAccess;
use crate::usecase::{CommandError, release_state};
use clap::Args as ClapArgs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the key to what releases keep is, where it is not in the cluster.
#[derive(ClapArgs, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct StateArgs {
    /// File with the state key, if it is stored outside of the cluster
    #[arg(long, value_name = "FILE", env = "KUBECTL_DELIVERY_STATE_KEY")]
    state_key: Option<PathBuf>,
}

impl StateArgs {
    /// The key, where one is named.
    pub fn key(&self) -> Result<Option<StateKey>, CommandError> {
        self.file().map(release_state::read_key).transpose()
    }

    /// Its file; a variable that is set to nothing names none.
    fn file(&self) -> Option<&Path> {
        self.state_key
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty())
    }
}

/// How what a release keeps is believed.
#[derive(ClapArgs, Clone, Debug, Default)]
pub struct ReadArgs {
    /// Fail if the stored state of a release cannot be verified
    #[arg(long, help_heading = "Cluster")]
    require_verified: bool,
    #[command(flatten)]
    state: StateArgs,
}

impl ReadArgs {
    /// As use cases take it.
    pub fn access(&self) -> StateAccess {
        StateAccess {
            key_file: self.state.file().map(Path::to_owned),
            must_be_verified: self.require_verified,
        }
    }
}

/// How long another run is waited for.
#[derive(ClapArgs, Clone, Debug)]
pub struct LockArgs {
    /// How long to wait for the lock of another run
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    pub lock_timeout: Duration,
}
