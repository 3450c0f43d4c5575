//! What the cluster keeps of a release, whether it can be believed or not: verified, summarised for a user who may accept it,
//! and sealed anew.

use super::run_context::{Channels, RunContext, run_error};
use super::{CommandError, ErrorKind, Scope, release_state};
use crate::cluster::{Cluster, ConnectionOptions};
use crate::execute::{self, ExecuteError, NewKey};
use crate::model::Target;
use crate::model::inventory::HistoryEntry;
use crate::model::journal::{Journal, StepProgress};
use crate::model::moves::ReleaseRef;
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::seal::Integrity;
use crate::model::state_key::StateKey;
use crate::observe::release_state::{Unsealed, read_everything, read_unsealed};
use crate::report::clean;
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;

/// Whose state is looked at.
pub struct Request {
    /// The release's name; the only one of the namespace where none is given.
    pub name: Option<String>,
    /// How the cluster is reached.
    pub connection: ConnectionOptions,
    /// The key to the state, where it is kept outside of the cluster.
    pub key: Option<StateKey>,
    /// How long to wait for a promotion's lock.
    pub lock_timeout: Duration,
}

/// The state of a release as it lies in the cluster.
pub struct StoredState {
    /// Whose it is.
    pub release: ReleaseRef,
    cluster: Arc<dyn Cluster>,
    key: Option<StateKey>,
    lock_timeout: Duration,
    found: Unsealed,
}

/// State that is as it was written.
pub struct Verified {
    /// How many writes there have been.
    pub sequence: u64,
    /// Whether the key is kept outside of the cluster.
    pub is_key_outside: bool,
}

/// What the state says, for a user who decides whether it is to be believed.
pub struct Summary {
    /// Why it is not.
    pub doubt: String,
    /// What is promoted.
    pub promoted: Option<HistoryEntry>,
    /// The steps of a promotion that is not finished.
    pub unfinished: Option<Vec<StepProgress>>,
    /// The members, and what is there of each.
    pub members: Vec<(Target, Presence)>,
}

/// What is there of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// An object with the release's label.
    Labelled,
    /// An object without it.
    Unlabelled,
    /// Nothing.
    Absent,
    /// It could not be read.
    Unknown,
}

impl StoredState {
    /// Reads it, believed or not.
    ///
    /// # Errors
    ///
    /// Where the cluster cannot be reached, the release is not named and cannot be found, or its state may not be read.
    pub async fn find(request: Request) -> Result<Self, CommandError> {
        let Scope { cluster, home } = Scope::connect(&request.connection).await?;
        let name = release_state::release_name(cluster.as_ref(), &home, request.name.as_deref()).await?;
        let found = read_unsealed(cluster.as_ref(), &home, &name, request.key.as_ref()).await;
        let found = found.map_err(|error| release_state::home_error(&error))?;
        if release_state::is_nothing(&found) {
            return Err(release_state::no_release(cluster.as_ref(), &home, &name, "state verify").await);
        }
        Ok(Self {
            found,
            release: ReleaseRef {
                namespace: home,
                name,
            },
            cluster,
            key: request.key,
            lock_timeout: request.lock_timeout,
        })
    }

    /// Whose state it is, in words.
    pub fn describe(&self) -> String {
        let ReleaseRef { namespace, name } = &self.release;
        format!("the state of release {name} in namespace {namespace}")
    }

    /// Whether it is as it was written, with all that it refers to. Anything else is an error.
    ///
    /// # Errors
    ///
    /// Where there is no release, or its state or what that refers to was altered, is not sealed, or cannot be read.
    pub async fn verify(&self) -> Result<Verified, CommandError> {
        let ReleaseRef { namespace, name } = &self.release;
        // Read as every other command does: a run may be writing it.
        let home = release_state::read(self.cluster.as_ref(), namespace, name, self.key.as_ref()).await?;
        match &home.sealing.integrity {
            Integrity::None => return Err(self.no_release()),
            Integrity::Sealed => {}
            Integrity::Unsealed
            | Integrity::Newer(_)
            | Integrity::NotVerified(_)
            | Integrity::Hidden(_)
            | Integrity::Altered(_) => release_state::check_believed(&home.sealing, &self.release)?,
        }

        // A seal vouches for what head and inventory name; that the parts are there only a read can show.
        read_everything(self.cluster.as_ref(), &home)
            .await
            .map_err(|error| release_state::home_error(&error))?;
        let state = home.sealing.state.as_ref();
        Ok(Verified {
            sequence: state.map(|state| state.sequence).unwrap_or_default(),
            is_key_outside: home.sealing.outside,
        })
    }

    /// An error where there is nothing to accept, or what is there cannot be accepted.
    ///
    /// # Errors
    ///
    /// Where it was not altered, cannot be parsed, or a later version wrote it.
    pub fn check_acceptable(&self) -> Result<(), CommandError> {
        match self.found.sealing.integrity {
            Integrity::None | Integrity::Sealed => {
                let message = format!("nothing to accept: {} was not altered", self.describe());
                return Err(CommandError::usage(message));
            }
            // Nobody can be shown what only a later program understands, and so nobody can accept it.
            Integrity::Newer(_) => self.check_writable()?,
            _ => {}
        }
        let Some(why) = &self.found.unreadable else {
            return Ok(());
        };
        let message = format!(
            "{} cannot be accepted: {}; nothing was changed",
            self.describe(),
            clean(why)
        );
        let hint = format!(
            "to start from the release's file: kubectl delivery promote RELEASE -n {} --discard-state",
            self.release.namespace
        );
        Err(CommandError::new(ErrorKind::Refused, message).with_hint(hint))
    }

    /// An error where it cannot be given another key: it is not believed, or a run is at work on it.
    ///
    /// # Errors
    ///
    /// Where there is no release, its state is not to be believed, or a promotion is unfinished.
    pub fn check_rotatable(&self) -> Result<(), CommandError> {
        self.check_writable()?;
        if self.found.sealing.integrity == Integrity::None {
            return Err(self.no_release());
        }
        let Some(open) = self.open_journal() else {
            return Ok(());
        };
        let message = format!(
            "the promotion of {} {} is unfinished; nothing was changed",
            open.release.name, open.release.version
        );
        let error = CommandError::new(ErrorKind::Refused, message);
        Err(execute::ways_on(open)
            .into_iter()
            .fold(error, CommandError::with_hint))
    }

    /// What it says, beside what is there.
    pub async fn summarise(&self) -> Summary {
        let doubt = match &self.found.sealing.integrity {
            Integrity::Altered(why) | Integrity::NotVerified(why) | Integrity::Hidden(why) => why.clone(),
            _ => "not sealed".into(),
        };
        let inventory = self
            .found
            .inventory
            .as_ref()
            .map(|stored| stored.value.clone())
            .unwrap_or_default();
        let reads = join_all(inventory.members.iter().map(|member| self.cluster.get(member))).await;
        let set = self.release.set();
        let presence = |read| match read {
            Ok(Some(live)) if is_labelled(&live, &set) => Presence::Labelled,
            Ok(Some(_)) => Presence::Unlabelled,
            Ok(None) => Presence::Absent,
            Err(_) => Presence::Unknown,
        };
        Summary {
            doubt,
            promoted: inventory.promoted().cloned(),
            unfinished: self.open_journal().map(|open| open.steps.clone()),
            members: inventory
                .members
                .into_iter()
                .zip(reads.into_iter().map(presence))
                .collect(),
        }
    }

    /// The key that it is sealed with where it is accepted: the one that was named, else the cluster's.
    pub fn key_to_accept(&self) -> NewKey {
        self.key.clone().map_or(NewKey::Cluster, NewKey::Outside)
    }

    /// Seals it as it was read. What should be known of it comes back.
    ///
    /// # Errors
    ///
    /// Where another run holds the lock, the state changed since it was read, or the cluster rejects the write.
    pub async fn seal(self, new: NewKey, channels: Channels) -> Result<Vec<String>, CommandError> {
        let context =
            RunContext::without_promotion(channels, self.cluster, self.lock_timeout, self.key).await?;
        let services = context.into_services()?;
        let sealed = execute::seal_anew(&self.release, &self.found, new, &services).await;
        sealed.map_err(|error| match error {
            // It is others now than what was shown and agreed to.
            ExecuteError::Nothing { message, hint } => {
                CommandError::new(ErrorKind::Refused, message).with_hint(hint)
            }
            error => run_error(&error),
        })
    }

    fn check_writable(&self) -> Result<(), CommandError> {
        let ReleaseRef { namespace, name } = &self.release;
        release_state::check_writable(&self.found.sealing, namespace, name)
    }

    fn open_journal(&self) -> Option<&Journal> {
        let journal = self.found.head.as_ref().map(|head| &head.value.current);
        journal.filter(|journal| journal.is_open())
    }

    fn no_release(&self) -> CommandError {
        let ReleaseRef { namespace, name } = &self.release;
        CommandError::usage(format!("no release {name} in namespace {namespace}"))
            .with_hint(release_state::ALL_RELEASES)
    }
}

fn is_labelled(live: &crate::model::Object, set: &str) -> bool {
    live.label(APPLYSET_PART_OF_LABEL) == Some(set)
}
