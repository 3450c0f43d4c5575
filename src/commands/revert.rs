//! `kubectl delivery revert`: puts back what a promotion changed. Needs nothing but the cluster.

use super::console::{self, OutputMode};
use super::kept::StateArgs;
use super::promote::{self, Allow, Telling};
use super::unconfirmed;
use crate::cli::{ConnectionArgs, Context, Exit, parse_duration};
use crate::execute::{self, ExecuteError, Limits, RevertOptions};
use crate::model::inventory::MAX_HISTORY;
use crate::monitor::WatchingOptions;
use crate::observe::home::read_record;
use crate::usecase::promote::{Again, recorded};
use crate::usecase::signals::Signals;
use crate::usecase::{RunContext, CommandError, Scope, kept, services};
use clap::{Args as ClapArgs, ValueEnum};
use std::time::Duration;

/// Arguments of `revert`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery revert -n shop
  kubectl delivery revert shop -n shop --keep-foreign
  kubectl delivery revert shop -n shop --to-revision 3",
    after_help = "Exit codes:
  0    everything is as before
  1    wrong usage, nothing to put back, or the cluster cannot be reached
  2    data would be deleted that --allow-data-loss does not name; nothing was changed
  4    not everything could be put back
  5    another promotion holds the lock
  130  left at once, or interrupted before anything was changed"
)]
pub struct Args {
    /// The release's name; may be left out where the namespace has only one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Promote the release of this revision of the history again, instead
    #[arg(long, value_name = "REVISION", conflicts_with = "keep_foreign")]
    to_revision: Option<u32>,
    /// Where somebody else changed since what the promotion had changed, leave it as it is now
    #[arg(long)]
    keep_foreign: bool,
    /// How long to wait for a promotion or revert that is running
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    lock_timeout: Duration,
    /// Format of what happens
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
    #[command(flatten)]
    allow: Allow,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One event a line
    Json,
}

impl Args {
    fn show(&self) -> OutputMode {
        if self.output.is_some() {
            OutputMode::Json
        } else {
            OutputMode::Text
        }
    }
}

/// Puts back.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let scope = context.scope(&args.connection).await?;
    let name = kept::release_name(scope.cluster.as_ref(), &scope.home, args.name.as_deref()).await?;
    if let Some(revision) = args.to_revision {
        return Box::pin(to_revision(revision, scope, &name, args, context)).await;
    }
    if args.allow.is_given_besides_data_loss() {
        let message = "expected --to-revision with what a promotion may do, found none";
        return Err(CommandError::usage(message));
    }
    let Scope { cluster, home } = scope;
    let actor = cluster.whoami().await?;
    let events = console::events(args.show(), context);
    let acting = RunContext {
        signals: Signals::listen(),
        cluster,
        actor,
        watching: WatchingOptions::default(),
        limits: Limits {
            lock_timeout: args.lock_timeout,
            ..Limits::default()
        },
        // What a promotion was told to keep is not known here.
        keep_history: MAX_HISTORY,
        state_key: args.state.key()?,
    };
    let services = services(acting, events.clone())?;
    let mut options = RevertOptions {
        keep_foreign: args.keep_foreign,
        allow_data_loss: args.allow.data_loss(),
        confirmed: args.allow.confirmed(),
    };
    let ended = loop {
        let ended = Box::pin(execute::revert(&home, &name, options.clone(), &services)).await;
        let Err(ExecuteError::Unconfirmed(found)) = &ended else {
            break ended;
        };
        unconfirmed::confirm(found, &mut options.confirmed, context).await?;
    };
    console::end(ended, events.as_ref(), true)
}

/// Promotes what the cluster keeps of an older promotion, through the same plan and journal as any other.
async fn to_revision(
    revision: u32,
    scope: Scope,
    name: &str,
    args: Args,
    context: &Context,
) -> Result<Exit, CommandError> {
    let state_key = args.state.key()?;
    let (cluster, namespace) = (scope.cluster.as_ref(), &*scope.home);
    let mut found = kept::read(cluster, namespace, name, state_key.as_ref()).await?;
    kept::for_writing(&found.sealing, namespace, name)?;
    let inventory = found.inventory.take();
    let history = inventory
        .map(|inventory| inventory.value.history)
        .unwrap_or_default();
    let entry = history
        .iter()
        .find(|entry| entry.revision == revision && !entry.record.is_empty());
    let Some(entry) = entry else {
        let hint = format!("kubectl delivery history {name} -n {namespace}");
        let message =
            format!("expected revision {revision} of {name} with its record, found none in the history");
        return Err(CommandError::usage(message).with_hint(hint));
    };
    let record = read_record(cluster, entry, true, found.key())
        .await
        .map_err(|error| kept::home_error(&error))?;
    let again = Again {
        scope,
        policy: args.allow.policy(),
        limits: Limits {
            lock_timeout: args.lock_timeout,
            ..Limits::default()
        },
        confirmed: args.allow.confirmed(),
        state_key,
    };
    let telling = Telling {
        yes: true,
        show: args.show(),
    };
    promote::carry_out(recorded(record, again)?, telling, Signals::listen(), context).await
}
