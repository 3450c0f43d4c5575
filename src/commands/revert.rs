//! `kubectl delivery revert`: puts back what a promotion changed. Needs nothing but the cluster.

use super::running::{self, KEEP_HISTORY, Lines, Surroundings};
use crate::cli::{CommandError, ConnectionArgs, Context, Exit, parse_duration};
use crate::execute::watching::WatchingOptions;
use crate::execute::{self, RevertOptions};
use crate::model::event::Outcome;
use clap::Args as ClapArgs;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `revert`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery revert -n shop
  kubectl delivery revert shop -n shop --keep-foreign",
    after_help = "Exit codes:
  0    everything is as before
  1    wrong usage, or the cluster cannot be reached
  4    not everything could be put back
  5    another promotion holds the lock
  130  interrupted"
)]
pub struct Args {
    /// The release's name; may be left out where the namespace has only one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Where somebody else changed since what the promotion had changed, leave it as it is now
    #[arg(long)]
    keep_foreign: bool,
    /// How long to wait for a promotion or revert that is running
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    lock_timeout: Duration,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Puts back.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let cluster = context.cluster(&args.connection).await?;
    let namespace =
        args.connection.namespace.clone().unwrap_or_else(|| cluster.default_namespace().to_owned());
    let name = running::release_name(cluster.as_ref(), &namespace, args.name.as_deref()).await?;
    let surroundings = Surroundings {
        events: Arc::new(Lines),
        watching: WatchingOptions::default(),
        lock_timeout: args.lock_timeout,
        keep_history: KEEP_HISTORY,
    };
    let services = running::services(cluster, surroundings).await?;
    let options = RevertOptions { keep_foreign: args.keep_foreign };
    let ended = Box::pin(execute::revert(&namespace, &name, options, &services)).await;
    running::end(ended, Outcome::Reverted, context)
}
