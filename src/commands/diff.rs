//! `kubectl delivery diff`: what runs against what was tested.

use super::inputs::InputArgs;
use super::markdown_args::MarkdownArgs;
use super::state_args::ReadArgs;
use crate::cli::{ConnectionArgs, Context, DiffFormat, Exit, Stream, parse_duration};
use crate::load::to_yaml;
use crate::model::check::Check;
use crate::model::phrase::duration;
use crate::model::start::StartDepth;
use crate::report;
use crate::report::diff::{self, Style, View};
use crate::usecase::comparing::Mode;
use crate::usecase::diff::{DiffOutcome, DiffRequest, DiffSource, RecentChanges, diff, load};
use crate::usecase::differences::Differences;
use crate::usecase::external_diff;
use crate::usecase::{CommandError, Scope};
use clap::Args as ClapArgs;
use std::io::Write;
use std::time::Duration;

/// Arguments of `diff`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery diff shop.release.yaml -e environments/production.yaml
  kubectl delivery diff -n shop
  kubectl delivery diff -f manifests/ -o markdown",
    after_help = "Exit codes:
  0  no unexpected difference
  1  differences
  2  an error, or something could not be checked"
)]
pub struct Args {
    /// The release: a file, oci://… or oci-layout:DIR (default: the promoted release of the namespace, or the manifests of -f)
    #[arg(value_name = "RELEASE")]
    release: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: DiffFormat,
    /// Show expected differences in full
    #[arg(long)]
    show_expected: bool,
    /// How changes are determined
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    mode: Mode,
    /// How much to check of whether what runs would start again
    #[arg(long, value_enum, value_name = "DEPTH", default_value_t)]
    starts: StartDepth,
    /// Show which fields were written in this time, and by whom, instead of differences
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "show_expected")]
    since: Option<Duration>,
    /// Ignore that this object cannot be read: `unreadable=Kind/[namespace/]name`
    #[arg(long, value_name = "CHECK=ITEM", value_parser = unreadable_item)]
    waive: Vec<String>,
    #[command(flatten)]
    markdown: MarkdownArgs,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    state: ReadArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Args {
    fn request(&self) -> DiffRequest {
        let manifests = self.inputs.manifests.sources();
        DiffRequest {
            source: match &self.release {
                Some(release) => DiffSource::Release(release.clone()),
                None if manifests.is_empty() => DiffSource::Promoted,
                None => DiffSource::Manifests,
            },
            environment: self.inputs.environment.clone(),
            manifests,
            mode: self.mode,
            since: self.since,
            starts: self.starts,
            waived: self.waive.clone(),
            access: self.state.access(),
            registries: self.inputs.registry.options(),
        }
    }

    /// What to type for the whole view.
    fn command(&self, namespace: &str) -> String {
        let release = self.release.as_deref().unwrap_or_default();
        let given = self.inputs.as_given(release);
        let words = ["kubectl delivery diff", given.trim(), "-n", namespace];
        words
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// The item of a waiver of what could not be read.
fn unreadable_item(text: &str) -> Result<String, String> {
    match Check::parse_waiver(text) {
        Ok((Check::Unreadable, Some(item))) => Ok(item),
        _ => Err("expected unreadable=Kind/[NAMESPACE/]NAME".into()),
    }
}

/// Reads, compares, shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    args.markdown.check(args.output == DiffFormat::Markdown)?;
    let request = args.request();
    let loaded = load(&request).await?;
    let spec = loaded.environment();
    let scope = Scope::connect_for(&args.connection.options(), spec).await?;
    match diff(&request, loaded, &scope).await? {
        DiffOutcome::Recent(changes) => show_recent(&changes, &args, context),
        DiffOutcome::Differences(differences) => show_differences(&differences, &args, context).await,
    }
}

async fn show_differences(
    differences: &Differences,
    args: &Args,
    context: &Context,
) -> Result<Exit, CommandError> {
    let given = args.release.as_ref().map(|release| args.inputs.as_given(release));
    let mut view = differences.view(given);
    if let Some(tool) = external_diff::find_tool().filter(|_| args.output == DiffFormat::Text) {
        external_diff::run(&tool, differences).await?;
        view.objects.clear();
    }
    show(&view, args, context)?;
    differences.ensure_checked()?;
    Ok(Exit::from_differences(view.summary.has_differences()))
}

fn show(view: &View, args: &Args, context: &Context) -> Result<(), CommandError> {
    let mut out = context.stdout();
    match args.output {
        DiffFormat::Text => {
            let style = Style {
                color: context.color(Stream::Stdout),
                width: context.width(Stream::Stdout),
                show_expected: args.show_expected,
            };
            diff::text(view, style, &mut out)?;
        }
        DiffFormat::Json => report::json(view, &mut out)?,
        DiffFormat::Yaml => out.write_all(to_yaml(view).as_bytes())?,
        DiffFormat::Name => diff::name(view, &mut out)?,
        DiffFormat::Markdown => {
            let command = args.command(&view.namespace);
            diff::markdown(view, args.markdown.limit(&command), &mut out)?;
        }
        DiffFormat::Junit => diff::junit(view, &mut out)?,
        DiffFormat::Html => diff::html(view, &mut out)?,
    }
    out.flush()?;
    Ok(())
}

/// What changed lately, and by whom.
fn show_recent(changes: &RecentChanges, args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let touched = &changes.touched;
    let mut out = context.stdout();
    match args.output {
        DiffFormat::Text => {
            diff::since(touched, &duration(changes.period), changes.now, &mut out)?;
        }
        DiffFormat::Json => report::json(touched, &mut out)?,
        DiffFormat::Yaml => out.write_all(to_yaml(touched).as_bytes())?,
        _ => {
            return Err(CommandError::usage("--since is printed as text, json or yaml"));
        }
    }
    out.flush()?;
    Ok(Exit::from_differences(!touched.is_empty()))
}
