//! `kubectl delivery diff`: what runs against what was tested.

mod many;
mod patch;
mod recent;
mod watching;

use self::patch::PatchArgs;
use super::inputs::InputArgs;
use super::markdown_args::MarkdownArgs;
use super::selection_args::SelectionArgs;
use super::state_args::ReadArgs;
use crate::cli::{ConnectionArgs, Context, DiffFormat, Exit, Stream, parse_duration};
use crate::load::to_yaml;
use crate::model::check::Check;
use crate::model::helm::HelmReference;
use crate::model::start::StartDepth;
use crate::report;
use crate::report::diff::{self, Style, View};
use crate::usecase::comparing::Mode;
use crate::usecase::diff::{DiffOutcome, DiffRequest, DiffSource, diff, load};
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
  kubectl delivery diff shop -n shop
  kubectl delivery diff -A
  kubectl delivery diff -A --watch
  kubectl delivery diff --helm web -n shop
  kubectl delivery diff -f manifests/ -o markdown
  kubectl delivery diff -k overlays/production -n shop -o patch > drift.patch.yaml",
    after_help = "Exit codes:
  0  no unexpected difference
  1  differences
  2  an error, or something could not be checked"
)]
pub struct Args {
    /// The release: a file, oci://… or oci-layout:DIR, or the name of a promoted one (default: the promoted release of the namespace, or the manifests of -f)
    #[arg(value_name = "RELEASE|NAME", conflicts_with_all = ["all", "all_namespaces", "selector", "release_name"])]
    release: Option<String>,
    /// The name of a promoted release, whatever files there are
    #[arg(long = "name", value_name = "NAME", conflicts_with_all = ["all", "all_namespaces", "selector"])]
    release_name: Option<String>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// A Helm release instead, as Helm has stored it: its deployed revision, or the one after the @
    #[arg(
        long,
        value_name = "NAME[@REVISION]",
        value_parser = HelmReference::parse,
        conflicts_with_all = ["release", "release_name", "all", "all_namespaces", "selector", "filename", "kustomize"]
    )]
    helm: Option<HelmReference>,
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
    #[arg(long, value_name = "TIME", value_parser = parse_duration,
        conflicts_with_all = ["show_expected", "all", "all_namespaces", "selector"])]
    since: Option<Duration>,
    /// Stay, and report drift of promoted releases as it comes and goes; `watch` has more flags
    #[arg(long, conflicts_with_all = ["since", "show_expected", "waive"])]
    watch: bool,
    /// Ignore that this object cannot be read: `unreadable=Kind/[namespace/]name`
    #[arg(long, value_name = "CHECK=ITEM", value_parser = unreadable_item)]
    waive: Vec<String>,
    #[command(flatten)]
    patch: PatchArgs,
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
            source: match (&self.release_name, &self.release, &self.helm) {
                (Some(name), _, _) => DiffSource::Promoted(Some(name.clone())),
                (None, Some(release), _) => DiffSource::from_argument(release),
                (None, None, Some(reference)) => DiffSource::Helm(reference.clone()),
                (None, None, None) if manifests.is_empty() => DiffSource::Promoted(None),
                (None, None, None) => DiffSource::Manifests,
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

    /// The arguments that name a release's file, where one is compared.
    fn given(&self, request: &DiffRequest) -> Option<String> {
        match &request.source {
            DiffSource::Release(release) => Some(self.inputs.as_given(release)),
            DiffSource::Manifests | DiffSource::Promoted(_) | DiffSource::Helm(_) => None,
        }
    }

    /// What to type for the whole view.
    fn command(&self, namespace: &str) -> String {
        let release = self
            .release_name
            .as_deref()
            .or(self.release.as_deref())
            .unwrap_or_default();
        let helm = self.helm.as_ref().map(|helm| format!("--helm {helm}"));
        let given = self.inputs.as_given(release);
        let helm = helm.unwrap_or_default();
        let words = [report::command(), "diff", &helm, given.trim(), "-n", namespace];
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
    args.patch.check(args.output == DiffFormat::Patch)?;
    let request = args.request();
    if args.watch {
        return watching::run(request, &args, context).await;
    }
    if let Some(selection) = args.selection.selection() {
        return many::run(selection, request, &args, context).await;
    }
    let loaded = load(&request).await?;
    let spec = loaded.environment();
    let scope = Scope::connect_for(&args.connection.options(), spec).await?;
    match diff(&request, loaded, &scope).await? {
        DiffOutcome::Recent(changes) => recent::show(&changes, &args, context),
        DiffOutcome::Differences(differences) => {
            let given = args.given(&request);
            show_differences(&differences, given, &args, context).await
        }
    }
}

async fn show_differences(
    differences: &Differences,
    given: Option<String>,
    args: &Args,
    context: &Context,
) -> Result<Exit, CommandError> {
    let mut view = differences.view(given);
    if args.output == DiffFormat::Patch {
        return args.patch.show(differences, &view, context);
    }
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
        DiffFormat::Text => diff::text(view, style(args, context), &mut out)?,
        DiffFormat::Json => report::json(view, &mut out)?,
        DiffFormat::Yaml => out.write_all(to_yaml(view).as_bytes())?,
        DiffFormat::Name => diff::name(view, &mut out)?,
        DiffFormat::Markdown => {
            let command = args.command(&view.namespace);
            diff::markdown(view, args.markdown.limit(&command), &mut out)?;
        }
        DiffFormat::Junit => diff::junit(view, &mut out)?,
        DiffFormat::Html => diff::html(view, &mut out)?,
        // Made of the comparison, and not of its view.
        DiffFormat::Patch => {}
    }
    out.flush()?;
    Ok(())
}

fn style(args: &Args, context: &Context) -> Style {
    Style {
        color: context.color(Stream::Stdout),
        width: context.width(Stream::Stdout),
        show_expected: args.show_expected,
    }
}
