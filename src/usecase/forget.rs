//! An application that goes on without this tool: its objects stay, another manager gets their fields, and what the cluster
//! keeps of the release is deleted.
//!
//! The members are the state's to name, and so have to be believed. The one state that need not be is one that names no
//! member: an earlier run that was killed while it deleted the state leaves it so.

use super::run_context::{Channels, RunContext, run_error};
use super::{CommandError, ErrorKind, Scope, release_state};
use crate::cluster::{Cluster, ConnectionOptions};
use crate::execute::{self, handover};
use crate::model::inventory::HistoryEntry;
use crate::model::moves::ReleaseRef;
use crate::model::names::FIELD_MANAGER;
use crate::model::seal::Integrity;
use crate::model::state_key::StateKey;
use crate::model::{ClusterIdentity, Target};
use crate::observe::release_state::{Unsealed, read_members, read_unsealed};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use std::time::Duration;

/// How many members are read at once.
const AT_ONCE: usize = 16;

/// What is forgotten, and who goes on.
pub struct Request {
    /// The release's name.
    pub name: String,
    /// The field manager that gets the fields.
    pub manager: String,
    /// How the cluster is reached.
    pub connection: ConnectionOptions,
    /// The key to the state, where it is kept outside of the cluster.
    pub key: Option<StateKey>,
    /// How long to wait for a promotion's lock.
    pub lock_timeout: Duration,
}

/// A release that is about to be forgotten, as it was read.
pub struct Forgetting {
    /// Which.
    pub release: ReleaseRef,
    /// The field manager that gets the fields.
    pub manager: String,
    /// The members whose fields are handed over.
    pub objects: Vec<Target>,
    /// The promotion that is the current revision.
    pub promoted: Option<HistoryEntry>,
    cluster: Arc<dyn Cluster>,
    key: Option<StateKey>,
    lock_timeout: Duration,
    found: Unsealed,
}

/// A field manager's name as the API server takes it.
///
/// # Errors
///
/// Where it is empty, too long, holds control characters, or is this tool's own.
pub fn parse_manager(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
        return Err("expected the name of a field manager, of 1 to 128 printable characters".into());
    }
    if text == FIELD_MANAGER {
        return Err(format!("expected another field manager than {FIELD_MANAGER}"));
    }
    Ok(text.to_owned())
}

impl Forgetting {
    /// Reads the state and the members. Nothing is changed yet.
    ///
    /// # Errors
    ///
    /// There is no such release, its state is not to be believed, a promotion is unfinished, or a member cannot be read.
    pub async fn prepare(request: Request) -> Result<Self, CommandError> {
        let Scope { cluster, home } = Scope::connect(&request.connection).await?;
        let release = ReleaseRef::new(&home, &request.name);
        let found = read_unsealed(cluster.as_ref(), &home, &request.name, request.key.as_ref()).await;
        let found = found.map_err(|error| release_state::home_error(&error))?;
        if release_state::is_nothing(&found) {
            let command = format!("forget --manager {}", request.manager);
            return Err(release_state::no_release(cluster.as_ref(), &home, &request.name, &command).await);
        }
        check_forgettable(&found, &release)?;

        let inventory = found.inventory.as_ref().map(|stored| &stored.value);
        let members = read_members(cluster.as_ref(), &found).await;
        let members = members.map_err(|error| release_state::home_error(&error))?;
        let read = async |member: Target| {
            let live = cluster.get(&member).await;
            let live = match live {
                Ok(live) => live,
                // A kind that is no longer served has no objects.
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error),
            };
            let is_ours = live.is_some_and(|live| handover(&live, &release, &request.manager).is_some());
            Ok(is_ours.then_some(member))
        };
        let objects: Vec<Option<Target>> = stream::iter(members.into_iter().map(read))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;

        Ok(Self {
            objects: objects.into_iter().flatten().collect(),
            promoted: inventory.and_then(|inventory| inventory.promoted().cloned()),
            release,
            manager: request.manager,
            key: request.key,
            lock_timeout: request.lock_timeout,
            cluster,
            found,
        })
    }

    /// The cluster and the release namespace, as a user knows them.
    pub fn identity(&self) -> ClusterIdentity {
        self.cluster.identity(&self.release.namespace)
    }

    /// Hands the members over and deletes the state.
    ///
    /// # Errors
    ///
    /// Another run holds the lock, the state changed since it was read, or the server rejects a write. Run again, it goes on.
    pub async fn execute(&self, channels: Channels) -> Result<(), CommandError> {
        let context = RunContext::without_promotion(
            channels,
            self.cluster.clone(),
            self.lock_timeout,
            self.key.clone(),
        )
        .await?;
        let services = context.into_services()?;
        execute::forget(&self.release, &self.found, &self.manager, &services)
            .await
            .map_err(|error| run_error(&error))
    }
}

fn check_forgettable(found: &Unsealed, release: &ReleaseRef) -> Result<(), CommandError> {
    let ReleaseRef { namespace, name } = release;
    let open = found.head.as_ref().map(|head| &head.value.current);
    if let Some(open) = open.filter(|journal| journal.is_open()) {
        let version = &open.release.version;
        let run = open.operation;
        let message = format!(
            "the {} of {name} {version} is unfinished; nothing was changed",
            run.noun()
        );
        return Err(CommandError::new(ErrorKind::Refused, message)
            .with_hint(format!("to resume it: {}", run.resume_command(name, namespace)))
            .with_hint(format!(
                "to revert it: kubectl delivery revert {name} -n {namespace}"
            )));
    }

    let inventory = found.inventory.as_ref().map(|stored| &stored.value);
    let names_members = inventory.is_some_and(|inventory| !inventory.members.is_empty());
    let is_leftover = found.unreadable.is_none() && !names_members;
    match found.sealing.integrity {
        Integrity::Altered(_) | Integrity::Unsealed if is_leftover => Ok(()),
        _ => release_state::check_writable(&found.sealing, namespace, name),
    }
}
