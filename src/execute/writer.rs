//! Writes single objects that a release keeps in the cluster: one by compare-and-swap, the parts of bundles once.
//!
//! A swap names the uid and the version that this run wrote or read last. Where the answer was lost it looks,
//! and takes what it finds for its own only by what that says; anything else there means that another run
//! writes, and is an error that ends this one. Parts of bundles carry the digest of their bytes in their
//! names: one that is there already need not be written, and one whose bytes do not fit is not deleted.

use super::codec;
use super::locks::Locks;
use super::requests::{deletion, write_options};
use super::retry_budget::RetryBudget;
use super::services::Services;
use crate::cluster::{ApiError, Cluster, DeleteOptions};
use crate::model::bundle::{BundleError, PartBundle};
use crate::model::moves::ReleaseRef;
use crate::model::names::*;
use crate::model::phrase::format_seconds;
use crate::model::plan::Propagation;
use crate::model::{Object, Target};
use crate::monitor::StopReason;
use crate::observe::release_state::{Stored, kind_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a release keeps cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The server refuses.
    #[error("cannot write {target}")]
    Api {
        /// What was written.
        target: String,
        /// Why not.
        #[source]
        source: ApiError,
    },
    /// Another client wrote it meanwhile.
    #[error("{target} was changed by another client during this run")]
    Moved {
        /// What was written.
        target: String,
    },
    /// The lock is another's.
    #[error("the lock is held by another run")]
    LockLost,
    /// The API server did not answer for too long.
    #[error("no response from the API server for {}", format_seconds(*seconds))]
    Unreachable {
        /// How long.
        seconds: u64,
    },
    /// It cannot be encoded.
    #[error("cannot encode {target}")]
    Encoding {
        /// What.
        target: String,
        /// Why not.
        #[source]
        source: BundleError,
    },
    /// The operating system gives no randomness for a key.
    #[error("the operating system gives no random bytes: {0}")]
    NoRandomness(String),
    /// It is not as it was written.
    #[error("the state of release {release} was altered: {why}")]
    Altered {
        /// The release.
        release: String,
        /// What does not fit.
        why: String,
    },
    /// It cannot be read back.
    #[error(transparent)]
    ReleaseState(#[from] crate::observe::release_state::ReleaseStateError),
}

impl From<StopReason> for StoreError {
    fn from(problem: StopReason) -> Self {
        match problem {
            StopReason::LockLost => StoreError::LockLost,
            StopReason::Unreachable { seconds } => StoreError::Unreachable { seconds },
        }
    }
}

/// Writes what one release keeps in its home namespace, as it is told.
pub(super) struct Writer {
    pub cluster: Arc<dyn Cluster>,
    pub patience: RetryBudget,
    pub release: ReleaseRef,
}

impl Writer {
    /// Of a release whose lock is among these.
    pub(super) fn new(release: ReleaseRef, locks: &Arc<Locks>, services: &Services) -> Self {
        Self {
            cluster: services.cluster.clone(),
            patience: RetryBudget::new(locks.clone(), services),
            release,
        }
    }

    /// PUT with uid and resourceVersion, or POST; looks where the answer was lost.
    pub(super) async fn swap(
        &self,
        target: &Target,
        mut body: Value,
        known: Option<&Stored<()>>,
        is_ours: impl Fn(&Object) -> bool,
    ) -> Result<Stored<()>, StoreError> {
        let mut clock = self.patience.start();
        loop {
            // Anew for each try: the lock may have been renewed, or lost, in between.
            let options = write_options(clock.before_write().await?);
            if let Some(known) = known {
                body["metadata"]["uid"] = known.uid.as_str().into();
                body["metadata"]["resourceVersion"] = known.resource_version.as_str().into();
            }

            let error = match clock.answer(self.cluster.store(target, &body, &options)).await {
                Ok(answer) => return Ok(Stored::new(&answer.object, ())),
                Err(error) => error,
            };
            // With a 404 what is known is gone: as much a move as another version.
            let moved = error.is_conflict() || error.is_not_found();
            if !moved && !error.is_transient() {
                return Err(StoreError::Api {
                    target: target.to_string(),
                    source: error,
                });
            }

            // A write whose answer was lost may be there: then a second one would find it moved.
            match clock.answer(self.cluster.get(target)).await {
                Ok(Some(found)) if is_ours(&found) => return Ok(Stored::new(&found, ())),
                Ok(_) if moved => {
                    return Err(StoreError::Moved {
                        target: target.to_string(),
                    });
                }
                // Nothing of it has arrived, or nobody can say so: it is sent once more.
                _ => clock.wait().await?,
            }
        }
    }

    /// Deletes an object in the version that this run wrote or read last.
    pub(super) async fn delete_version(&self, target: &Target, known: &Stored<()>) -> Result<(), StoreError> {
        let mut clock = self.patience.start();
        loop {
            let options = DeleteOptions {
                uid: known.uid.clone(),
                resource_version: Some(known.resource_version.clone()),
                propagation: Propagation::Background,
                dry_run: false,
                not_after: Some(clock.before_write().await?),
            };
            match clock.answer(self.cluster.delete(target, &options)).await {
                Ok(_) => return Ok(()),
                // Gone is what was wanted.
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) if error.is_conflict() => {
                    return Err(StoreError::Moved {
                        target: target.to_string(),
                    });
                }
                Err(error) if error.is_transient() => clock.wait().await?,
                Err(source) => {
                    return Err(StoreError::Api {
                        target: target.to_string(),
                        source,
                    });
                }
            }
        }
    }

    /// Writes the parts of a bundle, all at once. Parts that are there already are the same: they are named by hash.
    pub(super) async fn write_bundle(
        &self,
        bundle: &PartBundle,
        parts: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        let kind = kind_of(bundle.secret);
        let writes = bundle.names.iter().zip(parts).map(|(name, part)| {
            let target = Target::new(&kind, Some(&bundle.namespace), name);
            let role = if bundle.secret { "preimage" } else { "record" };
            // Immutable, for its name is that of its bytes.
            let mut body = json!({
                "apiVersion": "v1", "kind": kind.kind, "immutable": true,
                "metadata": {"name": name, "namespace": bundle.namespace, "labels": codec::labels(&self.release.name, role)},
            });

            if bundle.secret {
                body["type"] = PREIMAGE_SECRET_TYPE.into();
                body["data"] = json!({"part": STANDARD.encode(part)});
            } else {
                body["binaryData"] = json!({"part": STANDARD.encode(part)});
            }
            async move { self.create_once(&target, &body).await }
        });

        try_join_all(writes).await.map(drop)
    }

    async fn create_once(&self, target: &Target, body: &Value) -> Result<(), StoreError> {
        let mut clock = self.patience.start();
        loop {
            let options = write_options(clock.before_write().await?);
            match self.cluster.store(target, body, &options).await {
                Ok(_) => return Ok(()),
                // Of a try whose answer was lost, or of an earlier run: under this name nothing else can lie.
                Err(error) if error.is_conflict() => return Ok(()),
                Err(error) if error.is_transient() => clock.wait().await?,
                Err(source) => {
                    return Err(StoreError::Api {
                        target: target.to_string(),
                        source,
                    });
                }
            }
        }
    }

    /// Deletes a part that carries our labels and is of our type, where it is ours in other ways, too.
    pub(super) async fn delete_part(
        &self,
        target: &Target,
        is_ours: impl Fn(&Object, &str) -> bool,
    ) -> Result<(), StoreError> {
        let mut clock = self.patience.start();
        loop {
            let error = match self.cluster.get(target).await {
                // Gone is what was wanted.
                Ok(None) => return Ok(()),
                Ok(Some(found)) if !self.is_part(&found) || !is_ours(&found, &target.name) => return Ok(()),
                Ok(Some(found)) => {
                    let options = deletion(&found, Propagation::Background, clock.before_write().await?);
                    match self.cluster.delete(target, &options).await {
                        Ok(_) => return Ok(()),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };

            // Its namespace may be gone, with all that was in it.
            // What somebody changes right now is left to them.
            if error.is_not_found() || error.is_conflict() {
                return Ok(());
            }

            if !error.is_transient() {
                return Err(StoreError::Api {
                    target: target.to_string(),
                    source: error,
                });
            }
            clock.wait().await?;
        }
    }

    fn is_part(&self, found: &Object) -> bool {
        let is_secret = found.is_secret();
        // This role and type are those of all bundles in Secrets, whatever they hold.
        let role = if is_secret { "preimage" } else { "record" };
        found.label(RELEASE_LABEL) == Some(&*self.release.name)
            && found.label(ROLE_LABEL) == Some(role)
            && (!is_secret || found.text("/type") == PREIMAGE_SECRET_TYPE)
    }
}
