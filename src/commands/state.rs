//! `kubectl delivery state`: whether what the cluster keeps of a release is as it was written, and the ways on where it is
//! not.

mod summary;

use super::console::{self, OutputMode};
use super::state_args::{LockArgs, StateArgs};
use crate::cli::{ConnectionArgs, Context, Exit};
use crate::execute::NewKey;
use crate::report::clean;
use crate::usecase::signals::Signals;
use crate::usecase::state::{Request, StoredState};
use crate::usecase::{Channels, CommandError, ErrorKind, release_state};
use clap::{Args as ClapArgs, Subcommand};
use std::io::Write;
use std::path::PathBuf;

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
  5  another run holds the lock"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Verify that the stored state of a release was not altered
    Verify(Common),
    /// Show the stored state of a release next to the live objects, ask for confirmation, and seal it
    Accept(Common),
    /// Seal the stored state of a release with a new key
    Rotate {
        /// File with the new key, stored outside of the cluster (default: a generated key in the cluster)
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(ClapArgs, Debug)]
struct Common {
    /// Name of the release; optional if the namespace has only one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Common {
    fn request(&self) -> Result<Request, CommandError> {
        Ok(Request {
            name: self.name.clone(),
            connection: self.connection.options(),
            key: self.state.key()?,
            lock_timeout: self.lock.lock_timeout,
        })
    }
}

/// Runs one of them.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    match args.what {
        What::Verify(common) => verify(StoredState::find(common.request()?).await?, context).await?,
        What::Accept(common) => accept(StoredState::find(common.request()?).await?, context).await?,
        What::Rotate { to, common } => {
            let new = to.as_deref().map(release_state::read_key).transpose()?;
            let state = StoredState::find(common.request()?).await?;
            rotate(state, new.map_or(NewKey::Fresh, NewKey::Outside), context).await?;
        }
    }
    Ok(Exit::OK)
}

async fn verify(state: StoredState, context: &Context) -> Result<(), CommandError> {
    let verified = state.verify().await?;
    let key = if verified.is_key_outside {
        "outside of the cluster"
    } else {
        "in the cluster"
    };
    let mut out = context.stdout();
    writeln!(
        out,
        "verified: {} is sealed with a key {key} (sequence {})",
        state.describe(),
        verified.sequence
    )?;
    Ok(out.flush()?)
}

async fn accept(state: StoredState, context: &Context) -> Result<(), CommandError> {
    state.check_acceptable()?;
    let mut err = context.stderr();
    summary::show(&state.describe(), &state.summarise().await, &mut err)?;
    if !context.can_ask() {
        let hint = "run it in a terminal: this confirmation has no flag";
        return Err(CommandError::new(ErrorKind::Refused, console::CANNOT_ASK).with_hint(hint));
    }
    write!(
        err,
        "seal this state? type {} to confirm: ",
        clean(&state.release.name)
    )?;
    err.flush()?;
    if console::answer().await? != state.release.name {
        return Err(CommandError::new(
            ErrorKind::Refused,
            "not accepted; nothing was changed",
        ));
    }

    let new = state.key_to_accept();
    let described = state.describe();
    seal(state, new, context).await?;
    writeln!(err, "accepted: {described} is sealed")?;
    Ok(())
}

async fn rotate(state: StoredState, new: NewKey, context: &Context) -> Result<(), CommandError> {
    state.check_rotatable()?;
    let described = state.describe();
    seal(state, new, context).await?;
    writeln!(
        context.stderr(),
        "rotated: {described} is sealed with the new key"
    )?;
    Ok(())
}

async fn seal(state: StoredState, new: NewKey, context: &Context) -> Result<(), CommandError> {
    let channels = Channels {
        // Only from here on is there anything to bring to an end.
        signals: Signals::listen(),
        events: console::events(OutputMode::Text, context),
    };
    for note in state.seal(new, channels).await? {
        writeln!(context.stderr(), "note: {}", clean(&note))?;
    }
    Ok(())
}
