//! How commands that change nothing read what releases keep in the cluster: by which key, and how far it is believed.
//!
//! The key's file is read where it is needed first: a namespace without a release needs none.

use super::{CommandError, release_state};
use crate::cluster::Cluster;
use crate::model::state_key::StateKey;
use crate::observe::release_state::ReleaseState;
use crate::observe::sealing::Sealing;
use std::path::PathBuf;

/// How what releases keep is read.
#[derive(Clone, Debug, Default)]
pub struct StateAccess {
    /// The file with the key, where that is kept outside of the cluster.
    pub key_file: Option<PathBuf>,
    /// Whether what cannot be verified is an error.
    pub must_be_verified: bool,
}

impl StateAccess {
    /// The key, where a file is named.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or holds no key.
    pub fn key(&self) -> Result<Option<StateKey>, CommandError> {
        self.key_file.as_deref().map(release_state::read_key).transpose()
    }

    /// Reads what a release keeps in its home namespace. What was altered is an error.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, was altered, or is not verified and has to be.
    pub async fn read_checked(
        &self,
        cluster: &dyn Cluster,
        namespace: &str,
        name: &str,
    ) -> Result<ReleaseState, CommandError> {
        let home = self.read(cluster, namespace, name).await?;
        self.check(&home.sealing, namespace, name)?;
        Ok(home)
    }

    /// The same, believed or not.
    ///
    /// # Errors
    ///
    /// Where the key or the state cannot be read.
    pub async fn read(
        &self,
        cluster: &dyn Cluster,
        namespace: &str,
        name: &str,
    ) -> Result<ReleaseState, CommandError> {
        let key = self.key()?;
        release_state::read(cluster, namespace, name, key.as_ref()).await
    }

    /// An error where what was read must not be shown.
    ///
    /// # Errors
    ///
    /// Where it was altered, or is not verified and has to be.
    pub fn check(&self, sealing: &Sealing, namespace: &str, name: &str) -> Result<(), CommandError> {
        release_state::check_readable(sealing, namespace, name, self.must_be_verified)
    }
}
