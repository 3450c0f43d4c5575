//! `kubectl delivery revert`: puts back what a promotion changed. Needs nothing but the cluster.

use super::console::{Console, OutputMode};
use super::promote::{self, Allow};
use super::state_args::StateArgs;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat, parse_duration};
use crate::usecase::CommandError;
use crate::usecase::revert::{self, RevertRequest, RevertTarget};
use clap::Args as ClapArgs;
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
    output: Option<JsonFormat>,
    #[command(flatten)]
    allow: Allow,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Args {
    fn request(&self) -> Result<RevertRequest, CommandError> {
        if let Some(revision) = self.to_revision {
            let policy = Box::new(self.allow.policy());
            return Ok(RevertRequest::ToRevision { revision, policy });
        }
        if self.allow.is_given_besides_data_loss() {
            let message = "expected --to-revision with what a promotion may do, found none";
            return Err(CommandError::usage(message));
        }
        Ok(RevertRequest::Last {
            keep_foreign: self.keep_foreign,
            allow_data_loss: self.allow.data_loss(),
        })
    }

    fn target(&self) -> Result<RevertTarget, CommandError> {
        Ok(RevertTarget {
            name: self.name.clone(),
            connection: self.connection.options(),
            lock_timeout: self.lock_timeout,
            confirmed: self.allow.confirmed(),
            state_key: self.state.key()?,
        })
    }
}

/// Puts back, or promotes an earlier revision; nobody is asked whether.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let (request, target) = (args.request()?, args.target()?);
    let mode = OutputMode::json_if(args.output.is_some());
    let console = Console::new(mode, true, context);
    match request {
        RevertRequest::ToRevision { revision, policy } => {
            let request = revert::promote_revision(target, revision, *policy);
            Box::pin(promote::promote(request, &console)).await
        }
        RevertRequest::Last {
            keep_foreign,
            allow_data_loss,
        } => {
            let channels = console.channels.clone();
            let recovery = revert::revert_last(target, keep_foreign, allow_data_loss, channels);
            let recovery = console.until_interrupted(recovery).await?;
            Ok(console.finish(console.recover(recovery).await?, true))
        }
    }
}
