//! Writes what a release keeps in the cluster: the journal's head by compare-and-swap, bundles once, the inventory.

use super::codec;
use super::patience::{Patience, Problem};
use super::requests::{deletion, write_options};
use crate::cluster::{ApiError, Cluster};
use crate::model::bundle::{Bundle, BundleError};
use crate::model::inventory::Inventory;
use crate::model::journal::Head;
use crate::model::names::{self, *};
use crate::model::plan::Propagation;
use crate::model::{Object, Target};
use crate::observe::home::{Stored, kind_of, parse_head, parse_inventory};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a release keeps cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The server refuses.
    #[error("expected to write {target}")]
    Api {
        /// What was written.
        target: String,
        /// Why not.
        #[source]
        source: ApiError,
    },
    /// Somebody else wrote it meanwhile.
    #[error("expected {target} as this run wrote it last, found it written by somebody else")]
    Moved {
        /// What was written.
        target: String,
    },
    /// The lock is another's.
    #[error("the lock is held by another run")]
    LockLost,
    /// The API server did not answer for too long.
    #[error("the API server did not answer for {seconds} s")]
    Unreachable {
        /// How long.
        seconds: u64,
    },
    /// It cannot be encoded.
    #[error("expected to encode {target}")]
    Encoding {
        /// What.
        target: String,
        /// Why not.
        #[source]
        source: BundleError,
    },
    /// It cannot be read back.
    #[error(transparent)]
    Home(#[from] crate::observe::home::HomeError),
}

impl From<Problem> for StoreError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::LockLost => StoreError::LockLost,
            Problem::Unreachable { seconds } => StoreError::Unreachable { seconds },
        }
    }
}

/// Writes what one release keeps in its home namespace.
pub(super) struct Store {
    pub cluster: Arc<dyn Cluster>,
    pub patience: Patience,
    pub namespace: String,
    pub name: String,
}

impl Store {
    /// Writes the head over the one of `known`, or creates it. Its serial tells our own write from another's.
    pub(super) async fn write_head(
        &self,
        head: &Head,
        known: Option<&Stored<()>>,
    ) -> Result<Stored<()>, StoreError> {
        let target = Target::new(&kind_of(false), Some(&self.namespace), &names::journal(&self.name));
        let body = codec::head_body(head, &self.namespace, &self.name)
            .map_err(|source| StoreError::Encoding { target: target.to_string(), source })?;
        let is_ours = |found: &Object| {
            parse_head(found).is_ok_and(|found| {
                let (found, ours) = (&found.value.current, &head.current);
                found.id == ours.id && found.serial == ours.serial && found.holder == ours.holder
            })
        };
        self.swap(&target, body, known, is_ours).await
    }

    /// Writes the inventory over the one of `known`, or creates it.
    pub(super) async fn write_inventory(
        &self,
        inventory: &Inventory,
        known: Option<&Stored<()>>,
    ) -> Result<Stored<()>, StoreError> {
        let target = Target::new(&kind_of(false), Some(&self.namespace), &names::inventory(&self.name));
        let body = codec::inventory_body(inventory, &self.namespace, &self.name)
            .map_err(|source| StoreError::Encoding { target: target.to_string(), source })?;
        let is_ours = |found: &Object| parse_inventory(found).is_ok_and(|found| found.value == *inventory);
        self.swap(&target, body, known, is_ours).await
    }

    /// PUT with uid and resourceVersion, or POST; looks where the answer was lost.
    async fn swap(
        &self,
        target: &Target,
        mut body: Value,
        known: Option<&Stored<()>>,
        is_ours: impl Fn(&Object) -> bool,
    ) -> Result<Stored<()>, StoreError> {
        let mut clock = self.patience.start();
        loop {
            let options = write_options(clock.before_write().await?);
            if let Some(known) = known {
                body["metadata"]["uid"] = known.uid.as_str().into();
                body["metadata"]["resourceVersion"] = known.resource_version.as_str().into();
            }
            let error = match self.cluster.store(target, &body, &options).await {
                Ok(answer) => return Ok(handle(&answer.object)),
                Err(error) => error,
            };
            let moved = error.is_conflict() || error.is_not_found();
            if !moved && !is_passing(&error) {
                return Err(StoreError::Api { target: target.to_string(), source: error });
            }
            // A write whose answer was lost may be there: then a second one would find it moved.
            match self.cluster.get(target).await {
                Ok(Some(found)) if is_ours(&found) => return Ok(handle(&found)),
                Ok(_) if moved => return Err(StoreError::Moved { target: target.to_string() }),
                _ => clock.wait().await?,
            }
        }
    }

    /// Writes the parts of a bundle, all at once. Parts that are there already are the same: they are named by hash.
    pub(super) async fn write_bundle(&self, bundle: &Bundle, parts: &[Vec<u8>]) -> Result<(), StoreError> {
        let kind = kind_of(bundle.secret);
        let writes = bundle.names.iter().zip(parts).map(|(name, part)| {
            let target = Target::new(&kind, Some(&bundle.namespace), name);
            let role = if bundle.secret { "preimage" } else { "record" };
            let mut body = json!({
                "apiVersion": "v1", "kind": kind.kind, "immutable": true,
                "metadata": {"name": name, "namespace": bundle.namespace, "labels": codec::labels(&self.name, role)},
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
                Err(error) if error.is_conflict() => return Ok(()),
                Err(error) if is_passing(&error) => clock.wait().await?,
                Err(source) => return Err(StoreError::Api { target: target.to_string(), source }),
            }
        }
    }

    /// Deletes the parts of bundles; what is not there or not ours stays out of it.
    pub(super) async fn delete_bundles(&self, bundles: &[Bundle]) -> Result<(), StoreError> {
        let parts = bundles.iter().flat_map(|bundle| {
            let kind = kind_of(bundle.secret);
            bundle.names.iter().map(move |name| Target::new(&kind, Some(&bundle.namespace), name))
        });
        try_join_all(parts.map(|target| async move { self.delete_part(&target).await })).await.map(drop)
    }

    async fn delete_part(&self, target: &Target) -> Result<(), StoreError> {
        let mut clock = self.patience.start();
        loop {
            let error = match self.cluster.get_metadata(target).await {
                Ok(None) => return Ok(()),
                Ok(Some(found)) if found.label(RELEASE_LABEL) != Some(&self.name) => return Ok(()),
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
            if error.is_not_found() || error.is_conflict() {
                return Ok(());
            }
            if !is_passing(&error) {
                return Err(StoreError::Api { target: target.to_string(), source: error });
            }
            clock.wait().await?;
        }
    }
}

/// Whether the same request may succeed a little later.
pub(super) fn is_passing(error: &ApiError) -> bool {
    match error {
        // A 500 that carries a Status is final.
        // A 401 says nothing of the request: whoever logs in again can go on.
        ApiError::Status { code, .. } => matches!(code, 401 | 429 | 502..=504) || error.is_silent_store(),
        ApiError::Unreadable { code, .. } => *code == 429 || *code >= 500 || *code < 300,
        ApiError::Timeout { .. }
        | ApiError::Connect { .. }
        | ApiError::Broken { .. }
        | ApiError::TooLate
        | ApiError::Credentials { .. } => true,
        ApiError::NotServed { .. } | ApiError::TooLarge { .. } | ApiError::Endless { .. } => false,
    }
}

fn handle(object: &Object) -> Stored<()> {
    Stored { value: (), uid: object.uid().into(), resource_version: object.resource_version().into() }
}
