//! `kubectl delivery revert`: puts back what a promotion changed. Needs nothing but the cluster.

use super::acting::{self, Acting, Show, Signals};
use super::comparing::Mode;
use super::inputs::{Inputs, open_environment};
use super::kept::{self, StateArgs};
use super::promote::{self, Allow, Request, RunOptions};
use super::unconfirmed;
use crate::cli::{CommandError, ConnectionArgs, Context, ErrorKind, Exit, parse_duration};
use crate::cluster::Cluster;
use crate::execute::{self, ExecuteError, Limits, RevertOptions};
use crate::load::{LoadedEnvironment, parse_release};
use crate::model::check::Check;
use crate::model::environment::Environment;
use crate::model::inventory::{MAX_HISTORY, Record, Terms};
use crate::model::journal::Judging;
use crate::model::plain_words;
use crate::model::plan::{OnFailure, Settings, Waiver};
use crate::monitor::WatchingOptions;
use crate::observe::home::read_record;
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a container without a readiness probe must live where the record does not say it.
const SETTLE_SECONDS: u32 = 10;

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
    fn show(&self) -> Show {
        if self.output.is_some() {
            Show::Json
        } else {
            Show::Person
        }
    }
}

/// Puts back.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let cluster = context.cluster(&args.connection).await?;
    let namespace = args
        .connection
        .namespace
        .clone()
        .unwrap_or_else(|| cluster.default_namespace().to_owned());
    let name = kept::release_name(cluster.as_ref(), &namespace, args.name.as_deref()).await?;
    if let Some(revision) = args.to_revision {
        return Box::pin(to_revision(
            revision,
            &namespace,
            &name,
            cluster.as_ref(),
            args,
            context,
        ))
        .await;
    }
    if args.allow.is_given_besides_data_loss() {
        let message = "expected --to-revision with what a promotion may do, found none";
        return Err(CommandError::usage(message));
    }
    let actor = cluster.whoami().await?;
    let events = acting::events(args.show(), context);
    let acting = Acting {
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
    let services = acting::services(acting, events.clone());
    let mut options = RevertOptions {
        keep_foreign: args.keep_foreign,
        allow_data_loss: args.allow.data_loss(),
        confirmed: args.allow.confirmed(),
    };
    let ended = loop {
        let ended = Box::pin(execute::revert(&namespace, &name, options.clone(), &services)).await;
        let Err(ExecuteError::Unconfirmed(found)) = &ended else {
            break ended;
        };
        unconfirmed::confirm(found, &mut options.confirmed, context).await?;
    };
    acting::end(ended, events.as_ref(), true)
}

/// Promotes what the cluster keeps of an older promotion, through the same plan and journal as any other.
async fn to_revision(
    revision: u32,
    namespace: &str,
    name: &str,
    cluster: &dyn Cluster,
    args: Args,
    context: &Context,
) -> Result<Exit, CommandError> {
    let state_key = args.state.key()?;
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
    let request = recorded(record, namespace, &args)?;
    promote::carry_out(request, Signals::listen(), context).await
}

/// What the cluster keeps of a promotion, asked for once more: under the terms of then, and without the checks that are
/// about a release's way here.
fn recorded(record: Record, namespace: &str, args: &Args) -> Result<Request, CommandError> {
    let Record {
        release,
        desired,
        terms,
        gates,
        ..
    } = record;
    let Terms {
        environment,
        settings,
    } = terms.unwrap_or_else(|| Terms {
        settings: Settings {
            settle_seconds: SETTLE_SECONDS,
            ..Settings::default()
        },
        ..Terms::default()
    });
    // What is asked for as a way back is not left standing.
    let settings = Settings {
        on_failure: OnFailure::Rollback,
        ..settings
    };
    let environment: Environment = match environment {
        Value::Null => open_environment(None)?.environment,
        environment => serde_json::from_value(environment).map_err(|error| {
            let found = plain_words(&error.to_string());
            let message =
                format!("expected the environment that the promotion was made with, found: {found}");
            CommandError::new(ErrorKind::Usage, message)
        })?,
    };
    let spec = &environment.spec;
    let judging = Judging {
        injected: spec.injected.clone(),
        health_checks: spec.health_checks.clone(),
        gates,
        wait: spec.wait.clone(),
    };
    let inputs = Inputs {
        release: parse_release(release.into_bytes(), Path::new("the recorded release"))?,
        environment: LoadedEnvironment {
            environment,
            path: PathBuf::new(),
            text: String::new(),
            manifests: None,
        },
        manifests: Some(desired),
        refusals: Vec::new(),
    };
    let mut policy = args.allow.policy();
    policy.settings = settings.clone();
    let reason = Some("an older revision is promoted again".to_owned());
    use Check::{Evidence, Images, Quarantine, Signature, Untested};
    let waived = [Untested, Quarantine, Images, Signature, Evidence];
    policy.waivers.extend(waived.map(|check| Waiver {
        check: check.name().into(),
        reason: reason.clone(),
        ..Waiver::default()
    }));
    let limits = Limits {
        lock_timeout: args.lock_timeout,
        ..Limits::default()
    };
    Ok(Request {
        judging,
        connection: ConnectionArgs {
            namespace: Some(namespace.to_owned()),
            ..args.connection.clone()
        },
        policy: promote::with_environment(policy, &inputs),
        mode: Mode::Auto,
        yes: true,
        dry_run: None,
        show: args.show(),
        written: None,
        on_open: None,
        leaves_moved: true,
        confirmed: args.allow.confirmed(),
        is_kept: true,
        discard_state: false,
        state_key: args.state.key()?,
        run: RunOptions {
            settings,
            limits,
            // What a promotion was told to keep is not known here.
            keep_history: MAX_HISTORY,
            log_lines: WatchingOptions::default().log_lines,
        },
        inputs,
    })
}
