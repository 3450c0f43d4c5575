//! `kubectl delivery state`: whether what the cluster keeps of a release is as it was written, and the ways on where it is
//! not.

use super::console::{self, OutputMode};
use super::kept::{StateArgs, read_key};
use crate::cli::{ConnectionArgs, Context, Exit, parse_duration};
use crate::cluster::Cluster;
use crate::execute::{self, Limits, NewKey};
use crate::model::inventory::MAX_HISTORY;
use crate::model::journal::Journal;
use crate::model::moves::ReleaseRef;
use crate::model::seal::Integrity;
use crate::model::state_key::StateKey;
use crate::monitor::WatchingOptions;
use crate::observe::home::{Unsealed, read_everything, read_unsealed};
use crate::report::clean;
use crate::usecase::Scope;
use crate::usecase::kept;
use crate::usecase::kind_of;
use crate::usecase::signals::Signals;
use crate::usecase::{RunContext, services};
use crate::usecase::{CommandError, ErrorKind};
use clap::{Args as ClapArgs, Subcommand};
use futures::future::join_all;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `state`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery state verify shop -n shop
  kubectl delivery state accept shop -n shop
  kubectl delivery state rotate shop -n shop --to state.key",
    after_help = "Exit codes:
  0  verified, accepted or rotated
  1  wrong usage, or the cluster cannot be reached
  2  altered, not verified or not accepted; nothing was changed
  5  a promotion holds the lock"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Say whether what the cluster keeps of a release is as it was written
    Verify(Common),
    /// Show what the cluster keeps of a release beside what runs, ask, and seal it as it is
    Accept(Common),
    /// Give what the cluster keeps of a release another key
    Rotate {
        /// File with the new key, to be kept outside of the cluster; without it, a new one in the cluster
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(ClapArgs, Debug)]
struct Common {
    /// The release's name; may be left out where the namespace has only one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// How long to wait for a promotion's lock
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    lock_timeout: Duration,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// A release, and what the cluster keeps of it.
struct Place {
    cluster: Arc<dyn Cluster>,
    release: ReleaseRef,
    key: Option<StateKey>,
    found: Unsealed,
}

/// Runs one of them.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    match args.what {
        What::Verify(common) => verify(&common, context).await,
        What::Accept(common) => accept(&common, context).await,
        What::Rotate { to, common } => rotate(to, &common, context).await,
    }
}

impl Place {
    async fn find(common: &Common, context: &Context) -> Result<Self, CommandError> {
        let Scope {
            cluster,
            home: namespace,
        } = context.scope(&common.connection).await?;
        let name = kept::release_name(cluster.as_ref(), &namespace, common.name.as_deref()).await?;
        let key = common.state.key()?;
        let found = read_unsealed(cluster.as_ref(), &namespace, &name, key.as_ref()).await;
        let found = found.map_err(|error| kept::home_error(&error))?;
        Ok(Self {
            cluster,
            release: ReleaseRef { namespace, name },
            key,
            found,
        })
    }

    fn whose(&self) -> String {
        format!(
            "the state of release {} in {}",
            self.release.name, self.release.namespace
        )
    }

    async fn seal(self, new: NewKey, common: &Common, context: &Context) -> Result<(), CommandError> {
        let Self {
            cluster,
            release,
            key,
            found,
        } = self;
        let acting = RunContext {
            signals: Signals::listen(),
            actor: cluster.whoami().await?,
            cluster,
            watching: WatchingOptions::default(),
            limits: Limits {
                lock_timeout: common.lock_timeout,
                ..Limits::default()
            },
            keep_history: MAX_HISTORY,
            state_key: key,
        };
        let services = services(acting, console::events(OutputMode::Text, context))?;
        let notes = execute::seal_anew(&release, &found, new, &services).await;
        let notes = notes.map_err(|error| CommandError::from_error(kind_of(&error), &error))?;
        for note in notes {
            writeln!(context.stderr(), "note: {}", clean(&note))?;
        }
        Ok(())
    }
}

async fn verify(common: &Common, context: &Context) -> Result<Exit, CommandError> {
    let Place {
        cluster,
        release: ReleaseRef { namespace, name },
        key,
        ..
    } = Place::find(common, context).await?;
    // Read as every other command does: a run may be writing it.
    let home = kept::read(cluster.as_ref(), &namespace, &name, key.as_ref()).await?;
    match &home.sealing.integrity {
        Integrity::None => Err(CommandError::usage(format!(
            "expected a release {name} in the namespace {namespace}, found none"
        ))),
        Integrity::Sealed => {
            read_everything(cluster.as_ref(), &home)
                .await
                .map_err(|error| kept::home_error(&error))?;
            let state = home.sealing.state.as_ref();
            let sequence = state.map(|state| state.sequence).unwrap_or_default();
            let place = if home.sealing.outside {
                "outside of the cluster"
            } else {
                "in the cluster"
            };
            let mut out = context.stdout();
            writeln!(
                out,
                "verified: {name} in {namespace}, write {sequence}, by the key {place}"
            )?;
            out.flush()?;
            Ok(Exit::OK)
        }
        Integrity::Unsealed
        | Integrity::Newer(_)
        | Integrity::NotVerified(_)
        | Integrity::Hidden(_)
        | Integrity::Altered(_) => kept::for_writing(&home.sealing, &namespace, &name).map(|()| Exit::OK),
    }
}

async fn accept(common: &Common, context: &Context) -> Result<Exit, CommandError> {
    let place = Place::find(common, context).await?;
    if let Integrity::None | Integrity::Sealed = place.found.sealing.integrity {
        let message = format!(
            "expected {} to be altered, found nothing to accept",
            place.whose()
        );
        return Err(CommandError::usage(message));
    }
    if let Integrity::Newer(_) = place.found.sealing.integrity {
        kept::for_writing(
            &place.found.sealing,
            &place.release.namespace,
            &place.release.name,
        )?;
    }
    if let Some(why) = &place.found.unreadable {
        let message = format!(
            "{} cannot be accepted: {}; nothing was changed",
            place.whose(),
            clean(why)
        );
        let hint = "kubectl delivery promote RELEASE --discard-state starts from the release's file";
        return Err(CommandError::new(ErrorKind::Refused, message).with_hint(hint));
    }
    show(&place, context).await?;
    if !context.can_ask() {
        let message = "expected a terminal to ask on, found none; nothing was changed";
        return Err(CommandError::new(ErrorKind::Refused, message));
    }
    let mut err = context.stderr();
    write!(
        err,
        "is this what should be believed from now on? type {}: ",
        clean(&place.release.name)
    )?;
    err.flush()?;
    if console::answer().await? != place.release.name {
        return Err(CommandError::new(
            ErrorKind::Refused,
            "not accepted; nothing was changed",
        ));
    }
    let new = place.key.clone().map_or(NewKey::Cluster, NewKey::Outside);
    let whose = place.whose();
    place.seal(new, common, context).await?;
    writeln!(context.stderr(), "accepted: {whose} is sealed")?;
    Ok(Exit::OK)
}

async fn rotate(to: Option<PathBuf>, common: &Common, context: &Context) -> Result<Exit, CommandError> {
    let new = to
        .as_deref()
        .map(read_key)
        .transpose()?
        .map_or(NewKey::Fresh, NewKey::Outside);
    let place = Place::find(common, context).await?;
    kept::for_writing(
        &place.found.sealing,
        &place.release.namespace,
        &place.release.name,
    )?;
    if place.found.sealing.integrity == Integrity::None {
        let ReleaseRef { namespace, name } = &place.release;
        let message = format!("expected a release {name} in the namespace {namespace}, found none");
        return Err(CommandError::usage(message));
    }
    if let Some(open) = place
        .found
        .head
        .as_ref()
        .map(|head| &head.value.current)
        .filter(|open| open.is_open())
    {
        let message = format!(
            "expected no unfinished promotion, found that of {}; nothing was changed",
            open.release.version
        );
        return Err(CommandError::new(ErrorKind::Refused, message));
    }
    let whose = place.whose();
    place.seal(new, common, context).await?;
    writeln!(context.stderr(), "rotated: {whose} has another key")?;
    Ok(Exit::OK)
}

/// What the state says beside what runs.
async fn show(place: &Place, context: &Context) -> Result<(), CommandError> {
    let mut err = context.stderr();
    let Unsealed {
        head,
        inventory,
        sealing,
        ..
    } = &place.found;
    let why = match &sealing.integrity {
        Integrity::Altered(why) | Integrity::NotVerified(why) | Integrity::Hidden(why) => why.clone(),
        _ => "it is not sealed".into(),
    };
    writeln!(err, "{}: {}", place.whose(), clean(&why))?;
    let inventory = inventory
        .as_ref()
        .map(|stored| stored.value.clone())
        .unwrap_or_default();
    match inventory.promoted() {
        Some(entry) => {
            let release = &entry.release;
            let text = format!(
                "{} {} ({})",
                release.name,
                release.version,
                release.digest.short()
            );
            writeln!(
                err,
                "it says that {} is promoted, revision {}",
                clean(&text),
                entry.revision
            )?;
        }
        None => writeln!(err, "it says that nothing is promoted")?,
    }
    if let Some(journal) = head
        .as_ref()
        .map(|head| &head.value.current)
        .filter(|journal| journal.is_open())
    {
        writeln!(
            err,
            "it says that a promotion is unfinished, which a later run would finish or undo:"
        )?;
        write!(err, "{}", clean(&steps(journal)))?;
    }
    let reads = join_all(inventory.members.iter().map(|member| place.cluster.get(member))).await;
    let own = place.release.set();
    writeln!(err, "it says that these are members:")?;
    for (member, live) in inventory.members.iter().zip(reads) {
        let runs = match live {
            Ok(Some(live)) if live.label(crate::model::names::APPLYSET_PART_OF_LABEL) == Some(&*own) => {
                "is there, with the release's label"
            }
            Ok(Some(_)) => "is there, WITHOUT the release's label",
            Ok(None) => "is not there",
            Err(_) => "could not be read",
        };
        writeln!(err, "  {}: {runs}", clean(&member.to_string()))?;
    }
    Ok(())
}

fn steps(journal: &Journal) -> String {
    journal
        .steps
        .iter()
        .map(|step| format!("  {} {}\n", step.verb, step.target))
        .collect()
}
