//! `kubectl delivery history`: what was promoted here, by whom, how it ended and why.

use super::kept::ReadArgs;
use super::status::second;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::model::inventory::HistoryEntry;
use crate::model::journal::Ending;
use crate::report::{clean, columns};
use crate::usecase::CommandError;
use crate::usecase::Scope;
use crate::usecase::kept;
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `history`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery history -n shop
  kubectl delivery history shop -n shop -o json")]
pub struct Args {
    /// The release's name; may be left out where the namespace has only one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    #[command(flatten)]
    state: ReadArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Prints the history, newest first.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let Scope {
        cluster,
        home: namespace,
    } = context.scope(&args.connection).await?;
    let name = kept::release_name(cluster.as_ref(), &namespace, args.name.as_deref()).await?;
    let home = args.state.home(cluster.as_ref(), &namespace, &name).await?;
    if let Some(note) = kept::note(&home.sealing) {
        writeln!(context.stderr(), "note: {note}")?;
    }
    let Some(inventory) = home.inventory else {
        return Err(CommandError::usage(format!(
            "expected a release {name} in the namespace {namespace}, found none"
        )));
    };
    let history: Vec<&HistoryEntry> = inventory.value.history.iter().rev().collect();
    let mut out = context.stdout();
    match args.output {
        Some(JsonFormat::Json) => {
            crate::report::json(&history, &mut out)?;
        }
        None => {
            let current = inventory.value.promoted().map(|entry| entry.revision);
            let rows = history
                .iter()
                .map(|entry| row(entry, current == Some(entry.revision)));
            let header = ["REVISION", "RELEASE", "DIGEST", "WHEN", "WHO", "HOW IT ENDED"].map(String::from);
            write!(out, "{}", columns(std::iter::once(header).chain(rows), 3))?;
            for moved in &inventory.value.moved {
                writeln!(out, "{}", clean(&moved.sentence(&namespace)))?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::OK)
}

fn row(entry: &HistoryEntry, current: bool) -> [String; 6] {
    let mark = if current { "*" } else { "" };
    [
        format!("{}{mark}", entry.revision),
        format!("{} {}", entry.release.name, entry.release.version),
        entry.release.digest.short().to_owned(),
        second(entry.ended_at),
        entry.actor.clone(),
        how(entry),
    ]
}

fn how(entry: &HistoryEntry) -> String {
    let mut text = match entry.ending {
        Ending::Promoted => "promoted",
        Ending::PromotedPruneIncomplete => "promoted, prune incomplete",
        Ending::Reverted if entry.failure.is_some() => "failed, put back",
        Ending::Reverted => "put back",
        Ending::NotFullyReverted => "not fully put back",
    }
    .to_owned();
    if let Some(failure) = &entry.failure {
        text.push_str(&format!(": {}", failure.cause.message));
    }
    for waiver in &entry.waivers {
        let reason = waiver
            .reason
            .as_deref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        text.push_str(&format!(" (waived {waiver}{reason})"));
    }
    text
}
