//! Flags about what releases keep in the cluster: the key to it, and how it is believed.

use crate::cluster::Cluster;
use crate::model::state_key::StateKey;
use crate::observe::home::Home;
use crate::observe::sealing::Sealing;
use crate::usecase::{CommandError, kept};
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// Where the key to what releases keep is, where it is not in the cluster.
#[derive(ClapArgs, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct StateArgs {
    /// File with the key to what releases keep in the cluster, where that is kept outside of it
    #[arg(long, value_name = "FILE", env = "KUBECTL_DELIVERY_STATE_KEY")]
    state_key: Option<PathBuf>,
}

impl StateArgs {
    /// The key, where one is named.
    pub fn key(&self) -> Result<Option<StateKey>, CommandError> {
        let path = self
            .state_key
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty());
        path.map(kept::read_key).transpose()
    }
}

/// How what a release keeps is believed.
#[derive(ClapArgs, Clone, Debug, Default)]
pub struct ReadArgs {
    /// Fail where it cannot be verified that what the cluster keeps of a release is as it was written
    #[arg(long, help_heading = "Cluster")]
    require_verified: bool,
    #[command(flatten)]
    state: StateArgs,
}

impl ReadArgs {
    /// Reads what a release keeps in its home namespace. What was altered is an error.
    pub async fn home(
        &self,
        cluster: &dyn Cluster,
        namespace: &str,
        name: &str,
    ) -> Result<Home, CommandError> {
        let home = self.look(cluster, namespace, name).await?;
        self.check(&home.sealing, namespace, name)?;
        Ok(home)
    }

    /// The key, where one is named.
    pub fn key(&self) -> Result<Option<StateKey>, CommandError> {
        self.state.key()
    }

    /// The same, believed or not.
    pub async fn look(
        &self,
        cluster: &dyn Cluster,
        namespace: &str,
        name: &str,
    ) -> Result<Home, CommandError> {
        let key = self.state.key()?;
        kept::read(cluster, namespace, name, key.as_ref()).await
    }

    /// An error where what was read must not be shown.
    pub fn check(&self, sealing: &Sealing, namespace: &str, name: &str) -> Result<(), CommandError> {
        kept::for_reading(sealing, namespace, name, self.require_verified)
    }
}
