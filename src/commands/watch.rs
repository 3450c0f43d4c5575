//! `kubectl delivery watch`: the drift of promoted releases, as it comes and goes.

use super::inputs::RegistryArgs;
use super::selection_args::SelectionArgs;
use super::sink_args::{NotedReplica, SinkArgs};
use super::state_args::ReadArgs;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat, Stream, parse_duration};
use crate::model::drift::DriftSink;
use crate::model::start::StartDepth;
use crate::notify::KubernetesEvents;
use crate::report::watch::WatchWriter;
use crate::usecase::comparing::Mode;
use crate::usecase::signals::Signals;
use crate::usecase::watch::{WatchRequest, watch, watch_as_leader};
use crate::usecase::{CommandError, Scope};
use clap::Args as ClapArgs;
use std::time::Duration;

/// Arguments of `watch`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery watch -n shop
  kubectl delivery watch -A -o json
  kubectl delivery watch shop -n shop --mode readonly --resync 5m",
    after_help = "Reports and changes nothing of a release. Ends with Ctrl-C.

Exit codes:
  0  every release is in sync
  1  drift is open
  2  an error, or something is not verified
  5  another replica holds the Lease by now (--lease)"
)]
pub struct Args {
    /// Name of the release (default: all releases of the namespace)
    #[arg(value_name = "NAME", conflicts_with_all = ["all", "all_namespaces", "selector"])]
    name: Option<String>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Output format: one event a line
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    /// How changes are determined
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    mode: Mode,
    /// How much to check of whether what runs would start again
    #[arg(long, value_enum, value_name = "DEPTH", default_value_t)]
    starts: StartDepth,
    #[command(flatten)]
    periods: PeriodArgs,
    #[command(flatten)]
    reporting: SinkArgs,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    state: ReadArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// How often what is looked at, and where it is reported besides the output.
#[derive(ClapArgs, Clone, Debug)]
pub struct PeriodArgs {
    /// How often every object is verified again; what was not for three of these times is unknown
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10m")]
    resync: Duration,
    /// How often to check whether what runs would start again
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1h")]
    starts_every: Duration,
    /// Create Kubernetes Events about the inventory of a release
    #[arg(long)]
    kubernetes_events: bool,
}

/// Every object is verified again this often.
pub(super) const RESYNC: Duration = Duration::from_secs(600);
/// It is checked this often whether what runs would start again.
pub(super) const STARTS_EVERY: Duration = Duration::from_secs(3600);
/// The shortest time between two verifications of every object: a shorter one would be polling.
const SHORTEST_RESYNC: Duration = Duration::from_secs(1);

impl PeriodArgs {
    fn check(&self) -> Result<(), CommandError> {
        if self.resync < SHORTEST_RESYNC || self.starts_every < SHORTEST_RESYNC {
            return Err(CommandError::usage(
                "--resync and --starts-every must be at least 1s",
            ));
        }
        Ok(())
    }

    /// Where drift is reported besides the output.
    fn sinks(&self, scope: &Scope) -> Vec<Box<dyn DriftSink>> {
        let mut sinks: Vec<Box<dyn DriftSink>> = Vec::new();
        if self.kubernetes_events {
            // A pod's name, or a machine's.
            let instance = std::env::var("HOSTNAME").unwrap_or_default();
            let events = KubernetesEvents::new(scope.cluster.clone(), instance);
            sinks.extend(events.map(|events| Box::new(events) as Box<dyn DriftSink>));
        }
        sinks
    }
}

impl Args {
    fn request(&self) -> WatchRequest {
        WatchRequest {
            name: self.name.clone(),
            selection: self.selection.selection().unwrap_or_default(),
            mode: self.mode,
            starts: self.starts,
            starts_every: self.periods.starts_every,
            resync: self.periods.resync,
            access: self.state.access(),
            registries: self.registry.options(),
        }
    }
}

/// Watches until it is interrupted.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    args.periods.check()?;
    let exposition = args.reporting.serve().await?;
    let mut sinks = args.reporting.sinks(exposition.clone())?;
    let scope = context.scope(&args.connection).await?;
    sinks.extend(args.periods.sinks(&scope));
    sinks.push(output_sink(args.output, context));

    let (signals, request) = (Signals::listen(), args.request());
    let end = match args.reporting.lease() {
        None => watch(request, &scope, sinks, signals.interrupted()).await?,
        Some(lease) => {
            let replica = NotedReplica { context, exposition };
            watch_as_leader(request, &scope, sinks, &signals, (lease, &replica)).await?
        }
    };
    Ok(Exit(end.exit_code))
}

/// Watches with these sinks besides the output.
pub(super) async fn start(
    request: WatchRequest,
    scope: &Scope,
    (output, mut sinks): (Option<JsonFormat>, Vec<Box<dyn DriftSink>>),
    context: &Context,
) -> Result<Exit, CommandError> {
    sinks.push(output_sink(output, context));
    let signals = Signals::listen();
    let end = watch(request, scope, sinks, signals.interrupted()).await?;
    Ok(Exit(end.exit_code))
}

fn output_sink(output: Option<JsonFormat>, context: &Context) -> Box<dyn DriftSink> {
    Box::new(match output {
        Some(JsonFormat::Json) => WatchWriter::json(context.stdout()),
        None => WatchWriter::text(context.stdout(), context.color(Stream::Stdout)),
    })
}
