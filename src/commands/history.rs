//! `kubectl delivery history`: what was promoted here, by whom, how it ended and why.

use super::selection_args::SelectionArgs;
use super::state_args::ReadArgs;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::report::{self, clean};
use crate::usecase::CommandError;
use crate::usecase::history::{HistoryRequest, history};
use crate::usecase::many::{HistoryManyRequest, ReleaseSelection, ensure_histories_read, history_many};
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `history`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery history -n shop
  kubectl delivery history shop -n shop -o json
  kubectl delivery history -A")]
pub struct Args {
    /// Name of the release; optional if the namespace has only one
    #[arg(value_name = "NAME", conflicts_with_all = ["all", "all_namespaces", "selector"])]
    name: Option<String>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    #[command(flatten)]
    state: ReadArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Prints the history, newest first.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    if let Some(selection) = args.selection.selection() {
        return run_many(selection, &args, context).await;
    }
    let request = HistoryRequest {
        name: args.name,
        access: args.state.access(),
    };
    let scope = context.scope(&args.connection).await?;
    let outcome = history(&request, &scope).await?;
    if let Some(note) = &outcome.note {
        writeln!(context.stderr(), "note: {note}")?;
    }
    let history = outcome.history?;

    let mut out = context.stdout();
    match args.output {
        Some(JsonFormat::Json) => report::json(&history.revisions, &mut out)?,
        None => report::history(&history.revisions, &history.moved, &scope.home, &mut out)?,
    }
    out.flush()?;
    Ok(Exit::OK)
}

/// The same of several releases.
async fn run_many(selection: ReleaseSelection, args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let request = HistoryManyRequest {
        selection,
        access: args.state.access(),
    };
    let scope = context.scope(&args.connection).await?;
    let histories = history_many(&request, &scope).await?;
    for one in &histories {
        if let Some(error) = &one.error {
            let (namespace, name) = (&one.namespace, &one.name);
            writeln!(
                context.stderr(),
                "note: release {namespace}/{name}: {}",
                clean(error)
            )?;
        }
    }

    let mut out = context.stdout();
    match args.output {
        Some(JsonFormat::Json) => report::json(&histories, &mut out)?,
        None => {
            let releases = histories.iter().map(|one| (&*one.namespace, &*one.revisions));
            report::histories(releases, &mut out)?;
        }
    }
    out.flush()?;
    ensure_histories_read(&histories)?;
    Ok(Exit::OK)
}
