//! `kubectl delivery promote`: brings a cluster to a release, all of it or none of it.

mod confirm;
mod preparing;

use crate::cli::{CommandError, ConnectionArgs, Context, ErrorKind, Exit, parse_duration};
use crate::commands::inputs::InputArgs;
use crate::model::plan::{Settings, Severity, Waiver};
use crate::plan::{Planned, Policy};
use clap::{Args as ClapArgs, ValueEnum};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use preparing::Prepared;

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
  4    failed, and not everything could be put back
  5    another promotion holds the lock
  130  interrupted, and everything is as before"
)]
pub struct Args {
    /// The release's file
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Go on without asking
    #[arg(short, long)]
    yes: bool,
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
    limits: Limits,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What a promotion may do that it does not do by itself.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "What it may do")]
struct Allow {
    /// Replace what people changed by hand
    #[arg(long)]
    overwrite: bool,
    /// Take over the fields of this field manager; `kubectl`, `helm`, `argocd` and `flux` stand for those tools
    #[arg(long, value_name = "MANAGER")]
    adopt: Vec<String>,
    /// Prune more than a third of the set at once
    #[arg(long)]
    allow_prune: bool,
    /// Prune this namespace, volume claim or CRD all the same
    #[arg(long, value_name = "KIND/NAME")]
    prune_kept: Vec<String>,
    /// Go on although this check refuses; the history keeps it
    #[arg(long, value_name = "CHECK", value_parser = waivable)]
    waive: Vec<String>,
    /// Why the checks are waived
    #[arg(long, value_name = "TEXT", requires = "waive")]
    reason: Option<String>,
}

/// Limits of time.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "Limits")]
struct Limits {
    /// Give up when the whole has taken this long; else each object's own deadline counts
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// How long everything must stay well after the rollout
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    soak: Option<Duration>,
    /// How long a container without a readiness probe must live to count as ready
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    settle: Duration,
}

/// Where a dry run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// Before the preflight
    Client,
    /// After the preflight
    Server,
}

/// Formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON document for a plan, one event a line for a promotion
    Json,
}

/// Checks that can be waived.
const WAIVABLE: &[&str] = &[
    "admission",
    "dry-run",
    "evidence",
    "images",
    "immutable",
    "pods",
    "quarantine",
    "quota",
    "requirements",
    "rights",
    "signature",
    "unreadable",
    "untested",
];

fn waivable(text: &str) -> Result<String, String> {
    if WAIVABLE.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("expected one of {}", WAIVABLE.join(", ")))
}

impl Args {
    fn policy(&self) -> Policy {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let waiver = |check: &String| Waiver { check: check.clone(), reason: self.allow.reason.clone() };
        Policy {
            overwrite: self.allow.overwrite,
            adopt: self.allow.adopt.iter().cloned().collect(),
            allow_prune: self.allow.allow_prune,
            prune_kept: self.allow.prune_kept.iter().cloned().collect(),
            waivers: self.allow.waive.iter().map(waiver).collect(),
            settings: Settings {
                timeout_seconds: self.limits.timeout.map(seconds),
                soak_seconds: self.limits.soak.map(seconds).unwrap_or_default(),
                settle_seconds: seconds(self.limits.settle),
            },
            ..Policy::default()
        }
    }
}

/// Plans, checks, asks and promotes.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let Prepared { planned: prepared, .. } = preparing::prepare(&args, context).await?;
    show(&prepared, &args, context)?;
    if refuses(&prepared) {
        return Err(refusal(&prepared));
    }
    if args.dry_run.is_some() {
        return Ok(Exit::OK);
    }
    if prepared.plan.steps.is_empty() && prepared.plan.prune.is_empty() {
        writeln!(
            context.stderr(),
            "nothing to do: all {} objects are as desired",
            prepared.plan.members.len()
        )?;
        return Ok(Exit::OK);
    }
    confirm::confirm(args.yes, &prepared.plan, context)?;
    Err(CommandError::new(ErrorKind::Other, "cannot change the cluster yet"))
}

fn refuses(planned: &Planned) -> bool {
    planned.findings.iter().any(|finding| finding.severity == Severity::Refuse)
}

/// All findings have been shown: the error only says how many refuse.
fn refusal(planned: &Planned) -> CommandError {
    let refusing: Vec<_> =
        planned.findings.iter().filter(|finding| finding.severity == Severity::Refuse).collect();
    let mut checks: Vec<&str> = refusing.iter().map(|finding| finding.check.as_str()).collect();
    checks.sort_unstable();
    checks.dedup();
    let count = refusing.len();
    let findings = if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") };
    let message = format!("refused: {findings} ({}); nothing was changed", checks.join(", "));
    CommandError::new(ErrorKind::Refused, message)
}

/// Shows the plan and every finding: data on stdout where it is asked for, else for a person on stderr.
fn show(planned: &Planned, args: &Args, context: &Context) -> Result<(), CommandError> {
    if args.output == Some(Format::Json) && args.dry_run.is_some() {
        let mut out = context.stdout();
        let plan = crate::plan::withheld(&planned.plan);
        writeln!(out, "{}", serde_json::to_string_pretty(&plan).map_err(std::io::Error::from)?)?;
        out.flush()?;
    }
    let mut err = context.stderr();
    for step in planned.plan.steps.iter().chain(&planned.plan.prune) {
        writeln!(err, "  {:<10} {} ({})", action(step), step.target, step.why)?;
    }
    for finding in &planned.findings {
        let word = if finding.severity == Severity::Refuse { "refused" } else { "note" };
        let object = finding.object.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
        writeln!(
            err,
            "{word} [{}] {}",
            finding.check,
            crate::report::clean(&format!("{object}{}", finding.message))
        )?;
        if let Some(hint) = &finding.hint {
            writeln!(err, "  hint: {}", crate::report::clean(hint))?;
        }
    }
    Ok(())
}

fn action(step: &crate::model::plan::PlanStep) -> &'static str {
    use crate::model::plan::Action;
    match step.action {
        Action::Create { .. } => "create",
        Action::Apply { .. } => "apply",
        Action::Recreate { .. } => "recreate",
        Action::Delete { .. } => "prune",
    }
}
