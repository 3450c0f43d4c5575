//! `kubectl delivery promote`: brings a cluster to a release, all of it or none of it.

mod confirm;
mod open;
mod request;
mod show;

use crate::cli::{ConnectionArgs, Context, Exit, parse_duration};
use crate::commands::console::{self, OutputMode};
use crate::commands::inputs::{InputArgs, WaitMode};
use crate::commands::kept::StateArgs;
use crate::commands::unconfirmed;
use crate::execute::{self, Confirmed, Promotion, Unconfirmed};
use crate::model::ObjectId;
use crate::model::check::Check;
use crate::model::event::{Event, EventSink, Outcome};
use crate::model::inventory::{MAX_HISTORY, Record, Terms};
use crate::model::plan::Severity;
use crate::model::snapshot::Observed;
use crate::plan::{self, Planned};
use crate::usecase::comparing::Mode;
use crate::usecase::promote::{DryRun, OnOpen, PromotionTarget, Prepared, Request, parse_adopt, prepare, releases};
use crate::usecase::signals::Signals;
use crate::usecase::{CommandError, ErrorKind, kept, services};
use clap::builder::PossibleValue;
use clap::{Args as ClapArgs, ValueEnum};
use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `promote`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery promote release.yaml -e environments/production.yaml
  kubectl delivery promote release.yaml -n shop --dry-run=server
  kubectl delivery promote release.yaml -n shop --adopt helm -y",
    after_help = "Exit codes:
  0    promoted, or nothing to do
  1    wrong usage, or the cluster cannot be reached
  2    the preflight refused, and nothing was touched
  3    failed, and everything is as before
  4    failed, and not everything could be put back, or --on-failure=stop left it standing
  5    another promotion holds the lock
  130  interrupted, and everything is as before"
)]
pub struct Args {
    /// The release's file; with --resume, its name does
    #[arg(value_name = "RELEASE")]
    release: PathBuf,
    /// Finish what an earlier run began, forward or back
    #[arg(long, conflicts_with_all = ["dry_run", "plan"])]
    resume: bool,
    /// What to do with an earlier run that is not finished; without it, one of the same release is resumed and any
    /// other stops this one
    #[arg(long, value_enum, value_name = "WHAT")]
    on_open_journal: Option<OnOpen>,
    /// Start from the release's file: forget what the cluster keeps of the release, so that nothing is pruned and no earlier
    /// promotion can be put back
    #[arg(long, conflicts_with_all = ["resume", "on_open_journal"])]
    discard_state: bool,
    /// What a failure leads to: `rollback` puts everything back, `stop` leaves the failure standing to be looked at, and the
    /// promotion unfinished
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value_t,
        conflicts_with = "resume"
    )]
    on_failure: AfterFailure,
    /// Go on without asking
    #[arg(short, long)]
    yes: bool,
    /// Where the truth comes from: `auto` asks the server but for what provably does not change or takes any text,
    /// `server` asks it for every object
    #[arg(long, value_name = "MODE", default_value = "auto", value_parser = mode)]
    mode: Mode,
    /// Stop after the plan: `client` shows it, `server` has the server try every step without doing it
    #[arg(long, value_enum, value_name = "WHERE")]
    dry_run: Option<DryRun>,
    /// Format of the plan and of what happens
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
    /// Run exactly this plan, as `--dry-run=server -o json` wrote it, and refuse if the cluster has moved since
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    allow: Allow,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What a promotion may do that it does not do by itself.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "What it may do")]
pub(super) struct Allow {
    /// Replace what people changed by hand
    #[arg(long)]
    overwrite: bool,
    /// Take over the fields of this field manager; `kubectl`, `helm`, `argocd` and `flux` stand for those tools.
    /// `release:[NAMESPACE/]NAME` moves the objects of this release here that are members of another one
    #[arg(long, value_name = "MANAGER", value_parser = parse_adopt)]
    adopt: Vec<String>,
    /// Prune more than a third of the set at once
    #[arg(long)]
    allow_prune: bool,
    /// Prune this namespace, volume claim, CRD or object with a keep mark all the same
    #[arg(long, value_name = "KIND/NAME")]
    prune_kept: Vec<String>,
    /// Delete the data of this claim or volume, which no revert brings back; the plan names what it would delete
    #[arg(long, value_name = "KIND/NAMESPACE/NAME")]
    allow_data_loss: Vec<String>,
    /// Do this, too, though only what the cluster keeps of the release says it: what lies outside of the release namespace,
    /// is cluster-wide, or is a right or a quota
    #[arg(long, value_name = "KIND/[NAMESPACE/]NAME")]
    allow_unconfirmed: Vec<String>,
    /// Promote in spite of this finding, named by its object, `Kind/[namespace/]name[/path]`, or its image; the history
    /// keeps it. `quarantine` and `signature` stand alone
    #[arg(long, value_name = "CHECK=ITEM", value_parser = Check::parse_waiver)]
    waive: Vec<(Check, Option<String>)>,
    /// Why it is waived
    #[arg(long, value_name = "TEXT", requires = "waive")]
    reason: Option<String>,
}

impl Allow {
    /// Claims and volumes whose data may be deleted.
    pub(super) fn data_loss(&self) -> BTreeSet<String> {
        self.allow_data_loss.iter().cloned().collect()
    }

    /// What confirms what the cluster keeps.
    pub(super) fn confirmed(&self) -> Confirmed {
        Confirmed {
            allowed: self.allow_unconfirmed.iter().cloned().collect(),
            ..Confirmed::default()
        }
    }

    /// Whether anything else is allowed.
    pub(super) fn is_given_besides_data_loss(&self) -> bool {
        let lists = [&self.adopt, &self.prune_kept];
        let is_waived = !self.waive.is_empty();
        self.overwrite || self.allow_prune || is_waived || lists.iter().any(|list| !list.is_empty())
    }
}

/// Limits of time.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Give up when the whole has taken this long; else each object's own deadline counts
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// How long everything must stay well after the rollout
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    soak: Option<Duration>,
    /// How long a container without a readiness probe must live to count as ready; a time below its start-up proves nothing
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    settle: Duration,
    /// How long to wait for what something outside of the release brings about
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    wait: WaitMode,
    /// How long to wait for another promotion's lock
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    lock_timeout: Duration,
    /// How many promotions the history keeps, 100 at most
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = history)]
    history: usize,
    /// Do not show a failing container's last log lines
    #[arg(long)]
    no_logs: bool,
}

impl ValueEnum for OnOpen {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Stop, Self::Resume, Self::Revert]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Stop => PossibleValue::new("stop").help("Refuse"),
            Self::Resume => PossibleValue::new("resume").help("Finish it first"),
            Self::Revert => PossibleValue::new("revert").help("Put it back first"),
        })
    }
}

/// What a failure leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum AfterFailure {
    /// Everything is put back
    #[default]
    Rollback,
    /// The failure is left standing
    Stop,
}

impl ValueEnum for DryRun {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Client, Self::Server]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Client => PossibleValue::new("client").help("Before the preflight"),
            Self::Server => PossibleValue::new("server").help("After the preflight"),
        })
    }
}

/// Formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON document for a plan, one event a line for a promotion
    Json,
}

fn mode(text: &str) -> Result<Mode, String> {
    // What is promoted is never planned by predictions.
    let mode = Mode::from_str(text, false)
        .ok()
        .filter(|mode| *mode != Mode::Readonly);
    mode.ok_or_else(|| "expected auto or server".into())
}

fn history(text: &str) -> Result<usize, String> {
    let count = text
        .parse()
        .ok()
        .filter(|count| (1..=MAX_HISTORY).contains(count));
    count.ok_or_else(|| format!("expected a number from 1 to {MAX_HISTORY}"))
}

impl Args {
    fn show(&self) -> OutputMode {
        if self.output == Some(Format::Json) {
            OutputMode::Json
        } else {
            OutputMode::Text
        }
    }
}

/// Plans, checks, asks and promotes.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let signals = Signals::listen();
    if args.resume {
        let events = console::events(args.show(), context);
        return open::resume(&args, context, &signals, events).await;
    }
    let request = signals.end(request::read(&args, context)).await?;
    let telling = Telling {
        yes: args.yes,
        show: args.show(),
    };
    carry_out(request, telling, signals, context).await
}

/// How a person is told and asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    /// Whether nobody is asked.
    pub yes: bool,
    /// How it is shown.
    pub show: OutputMode,
}

/// Does what is asked for.
pub(super) async fn carry_out(
    request: Request,
    telling: Telling,
    signals: Signals,
    context: &Context,
) -> Result<Exit, CommandError> {
    let events = console::events(telling.show, context);
    let mut place = signals.end(PromotionTarget::find(&request)).await?;
    if !place.is_hidden() {
        kept::for_writing(&place.kept.sealing, &place.home, &place.name)?;
    }
    if request.dry_run.is_none() && place.open_journal().is_some() {
        if let Some(exit) = open::settle(&request, &place, &signals, context, events.clone()).await? {
            return Ok(exit);
        }
        // Its inventory and history are others now.
        place = signals.end(PromotionTarget::find(&request)).await?;
    }
    let prepared = signals.end(prepare(&request, &place)).await?;
    let planned = &prepared.planned;
    show::person(
        planned,
        &prepared.comparison,
        &request.inputs.environment.environment,
        context,
    )?;
    let json = telling.show == OutputMode::Json;
    if json && request.dry_run.is_some() {
        show::json(planned, context)?;
    }
    if json && request.dry_run.is_none() {
        events.emit(Event::Preflight {
            findings: planned.findings.clone(),
        });
    }
    if refuses(planned) {
        return Err(refusal(planned));
    }
    let nothing = planned.plan.steps.is_empty() && planned.plan.prune.is_empty();
    let message = format!(
        "nothing to do: all {} objects are as desired",
        planned.plan.members.len()
    );
    if nothing && (!json || request.dry_run.is_some()) {
        writeln!(context.stderr(), "{message}")?;
    }
    let unconfirmed = not_confirmed(&request, &prepared);
    if request.dry_run.is_some() {
        if !unconfirmed.is_empty() {
            unconfirmed::show(&unconfirmed, context)?;
            writeln!(
                context.stderr(),
                "it needs an answer, or {}",
                unconfirmed::flags(&unconfirmed)
            )?;
        }
        return Ok(Exit::OK);
    }
    if nothing && prepared.is_recorded {
        for release in releases(&request, &place) {
            let cluster = place.cluster.as_ref();
            execute::remove_abandoned_lock(cluster, &release.namespace, &release.name).await;
        }
        if json {
            events.emit(Event::Finished {
                outcome: Outcome::NothingToDo,
                message,
                next: Vec::new(),
            });
        }
        return Ok(Exit::OK);
    }
    if !unconfirmed.is_empty() {
        let mut confirmed = request.confirmed.clone();
        signals
            .end(unconfirmed::confirm(&unconfirmed, &mut confirmed, context))
            .await?;
    }
    if !nothing {
        signals
            .end(confirm::confirm(telling.yes, &planned.plan, context))
            .await?;
    }
    promote(request, &place, prepared, &signals, events).await
}

/// Carries the plan out.
async fn promote(
    request: Request,
    place: &PromotionTarget,
    prepared: Prepared,
    signals: &Signals,
    events: Arc<dyn EventSink>,
) -> Result<Exit, CommandError> {
    let Request {
        inputs,
        judging,
        run,
        discard_state,
        ..
    } = request;
    let plan = prepared.planned.plan;
    events.emit(Event::Planned {
        steps: plan::told(&plan),
    });
    let images = &inputs.release.release.spec.images;
    let mut acting = place.acting(&run, signals, images, &plan.members, &judging);
    acting.watching.seen_images = prepared.seen_images;
    let services = services(acting, events.clone())?;
    let mut environment = inputs.environment.environment;
    environment.spec.gates.clear();
    let mut record = Record {
        release: String::from_utf8_lossy(&inputs.release.bytes).into_owned(),
        holds_secrets: inputs.release.holds_secrets(),
        desired: Vec::new(),
        terms: Some(Terms {
            environment: serde_json::to_value(environment).map_err(std::io::Error::from)?,
            settings: plan.settings.clone(),
        }),
        gates: judging.gates.clone(),
        ..Record::default()
    };
    let mut before = HashMap::new();
    // Taken, not copied: there may be thousands.
    for object in prepared.comparison.objects {
        let id = object.id();
        record.desired.extend(object.desired);
        if let Observed::Present(live) = object.live {
            before.insert(id, live);
        }
    }
    let promotion = Promotion {
        plan,
        before,
        record,
        judging,
        discard_state,
    };
    console::end(
        execute::promote(promotion, &services).await,
        events.as_ref(),
        false,
    )
}

/// What the cluster alone says beyond the release's namespace, and what nobody has allowed: all of a release that it keeps;
/// of one that was given as a file, what leaves it.
fn not_confirmed(request: &Request, prepared: &Prepared) -> Vec<Unconfirmed> {
    let plan = &prepared.planned.plan;
    if request.state_key.is_some() {
        return Vec::new();
    }
    if request.is_kept {
        return execute::unconfirmed_plan(plan, &request.judging.gates, &request.confirmed);
    }
    let live = |id: &ObjectId| {
        prepared
            .comparison
            .objects
            .iter()
            .find(|one| one.id() == *id)?
            .live
            .object()
    };
    execute::unconfirmed_prunes(plan, live, &request.confirmed)
}

fn refuses(planned: &Planned) -> bool {
    planned
        .findings
        .iter()
        .any(|finding| finding.severity == Severity::Refuse)
}

/// All findings have been shown: the error only says how many refuse.
fn refusal(planned: &Planned) -> CommandError {
    let refusing: Vec<_> = planned
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Refuse)
        .collect();
    let mut checks: Vec<&str> = refusing.iter().map(|finding| finding.check.name()).collect();
    checks.sort_unstable();
    checks.dedup();
    let count = refusing.len();
    let findings = if count == 1 {
        "1 finding".to_owned()
    } else {
        format!("{count} findings")
    };
    let message = format!("refused: {findings} ({}); nothing was changed", checks.join(", "));
    CommandError::new(ErrorKind::Refused, message)
}
