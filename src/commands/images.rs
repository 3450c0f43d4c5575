//! `kubectl delivery images`: what each container of a namespace, and of its releases elsewhere, runs by digest, and
//! whether its tag has moved since.

use super::inputs::RegistryArgs;
use super::state_args::ReadArgs;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::report;
use crate::usecase::CommandError;
use crate::usecase::running_images::{ImagesRequest, running_images};
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `images`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery images -n shop
  kubectl delivery images -n shop --offline -o json")]
pub struct Args {
    /// Do not query registries for the current digests of the tags
    #[arg(long)]
    offline: bool,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    #[command(flatten)]
    registries: RegistryArgs,
    #[command(flatten)]
    state: ReadArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Lists, asks, shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let registries = (!args.offline).then(|| args.registries.options());
    let request = ImagesRequest {
        registries,
        access: args.state.access(),
    };
    let scope = context.scope(&args.connection).await?;
    let outcome = running_images(&request, &scope).await;
    if let Some(error) = &outcome.unread {
        writeln!(
            context.stderr(),
            "note: workloads in other namespaces not checked: {error}"
        )?;
    }
    let images = outcome.images?;

    let mut out = context.stdout();
    match args.output {
        Some(JsonFormat::Json) => report::json(&images, &mut out)?,
        None if images.is_empty() => writeln!(context.stderr(), "no pods in namespace {}", scope.home)?,
        None => report::images(&images, &mut out)?,
    }
    out.flush()?;
    Ok(Exit::OK)
}
