//! `kubectl delivery history`: what was promoted here, by whom, how it ended and why.

use super::state_args::ReadArgs;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::report;
use crate::usecase::CommandError;
use crate::usecase::history::{HistoryRequest, history};
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `history`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery history -n shop
  kubectl delivery history shop -n shop -o json")]
pub struct Args {
    /// Name of the release; optional if the namespace has only one
    #[arg(value_name = "NAME")]
    name: Option<String>,
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
