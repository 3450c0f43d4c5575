//! `kubectl delivery compare`: two releases, or a release and an environment, without a cluster.

use super::inputs::InputArgs;
use super::markdown_args::MarkdownArgs;
use crate::cli::{CompareFormat, Context, Exit, Stream};
use crate::load::to_yaml;
use crate::model::finding::Comparison;
use crate::report;
use crate::report::diff::{self, Style};
use crate::usecase::CommandError;
use crate::usecase::compare::{CompareRequest, Counterpart, compare, suggest_rules};
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `compare`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery compare old.release.yaml new.release.yaml
  kubectl delivery compare shop.release.yaml -e environments/production.yaml
  kubectl delivery compare shop.release.yaml -e environments/production.yaml --suggest",
    after_help = "Exit codes:
  0  no difference, or only expected ones
  1  differences
  2  an error"
)]
pub struct Args {
    /// The release
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Another release to compare it with
    #[arg(value_name = "OTHER", conflicts_with = "environment")]
    other: Option<String>,
    /// Print an allow rule for each untested difference, to be completed and added to the environment
    #[arg(long, requires = "environment")]
    suggest: bool,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: CompareFormat,
    /// Show expected differences in full
    #[arg(long)]
    show_expected: bool,
    #[command(flatten)]
    markdown: MarkdownArgs,
    #[command(flatten)]
    inputs: InputArgs,
}

impl Args {
    fn request(&self) -> CompareRequest {
        let manifests = self.inputs.manifests.sources();
        let file = self.inputs.environment.clone();
        let counterpart = match &self.other {
            Some(other) => Some(Counterpart::Release(other.clone())),
            None if file.is_none() && manifests.is_empty() => None,
            None => Some(Counterpart::Environment { file, manifests }),
        };
        CompareRequest {
            release: self.release.clone(),
            counterpart,
            registries: self.inputs.registry.options(),
        }
    }

    /// What to type for the whole view.
    fn command(&self) -> String {
        let other = self.other.as_ref().map(|other| format!(" {other}"));
        let releases = format!("{}{}", self.release, other.unwrap_or_default());
        format!(
            "{} compare {}",
            report::command(),
            self.inputs.as_given(&releases)
        )
    }
}

/// Reads, compares, shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    args.markdown.check(args.output == CompareFormat::Markdown)?;
    let differences = compare(&args.request()).await?;
    if args.suggest {
        return suggest(&differences.comparison, context);
    }

    let given = args.other.as_ref().unwrap_or(&args.release);
    let view = differences.view(Some(args.inputs.as_given(given)));
    let mut out = context.stdout();
    match args.output {
        CompareFormat::Text => {
            let style = Style {
                color: context.color(Stream::Stdout),
                width: context.width(Stream::Stdout),
                show_expected: args.show_expected,
            };
            diff::text(&view, style, &mut out)?;
        }
        CompareFormat::Json => report::json(&view, &mut out)?,
        CompareFormat::Markdown => {
            let command = args.command();
            diff::markdown(&view, args.markdown.limit(&command), &mut out)?;
        }
        CompareFormat::Junit => diff::junit(&view, &mut out)?,
    }
    out.flush()?;
    Ok(Exit::from_differences(view.summary.has_differences()))
}

/// Prints rules to start from, for the environment's file.
fn suggest(comparison: &Comparison, context: &Context) -> Result<Exit, CommandError> {
    let rules = suggest_rules(comparison);
    if rules.is_empty() {
        writeln!(context.stderr(), "no untested differences: nothing to suggest")?;
        return Ok(Exit::OK);
    }

    let mut out = context.stdout();
    out.write_all(to_yaml(&serde_json::json!({ "differences": rules })).as_bytes())?;
    out.flush()?;
    Ok(Exit::DIFFERENCES)
}
