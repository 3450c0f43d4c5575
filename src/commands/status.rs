//! `kubectl delivery status`: what is promoted here, whether anything is in progress, and how each workload is.

use super::state_args::ReadArgs;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::report::{self, clean};
use crate::usecase::CommandError;
use crate::usecase::status::{StatusRequest, status};
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `status`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery status -n shop
  kubectl delivery status -A
  kubectl delivery status shop -n shop -o json")]
pub struct Args {
    /// Name of the release (default: all releases of the namespace)
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Show the releases of all namespaces
    #[arg(short = 'A', long, conflicts_with = "name")]
    all_namespaces: bool,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    #[command(flatten)]
    state: ReadArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Prints the status.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let request = StatusRequest {
        name: args.name,
        all_namespaces: args.all_namespaces,
        access: args.state.access(),
    };
    let scope = context.scope(&args.connection).await?;
    let outcome = status(&request, &scope).await?;

    let mut out = context.stdout();
    match args.output {
        Some(JsonFormat::Json) => report::json(&outcome.releases, &mut out)?,
        None if outcome.releases.is_empty() => {
            let place = if request.all_namespaces {
                "the cluster".to_owned()
            } else {
                format!("namespace {}", scope.home)
            };
            writeln!(context.stderr(), "no releases in {place}")?;
        }
        None => {
            // Beside the table: a script that reads its rows finds nothing else among them.
            writeln!(context.stderr(), "{}", clean(&scope.identity().cluster()))?;
            report::status(&outcome.releases, &mut out)?;
        }
    }
    out.flush()?;
    outcome.distrusted.map_or(Ok(Exit::OK), Err)
}
