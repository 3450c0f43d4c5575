//! `kubectl delivery images`: what each container of a namespace, and of its releases elsewhere, runs by digest, and
//! whether its tag has moved since.

use super::inputs::RegistryArgs;
use super::selection_args::SelectionArgs;
use super::state_args::ReadArgs;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::report::{self, clean};
use crate::usecase::CommandError;
use crate::usecase::running_images::{ImagesOf, ImagesRequest, running_images};
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `images`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery images -n shop
  kubectl delivery images shop -n shop --offline -o json
  kubectl delivery images -A")]
pub struct Args {
    /// Name of the release (default: all that runs in the namespace)
    #[arg(value_name = "NAME", conflicts_with_all = ["all", "all_namespaces", "selector"])]
    name: Option<String>,
    #[command(flatten)]
    selection: SelectionArgs,
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
        images_of: match (args.selection.selection(), args.name) {
            (Some(selection), _) => ImagesOf::Releases(selection),
            (None, Some(name)) => ImagesOf::Release(name),
            (None, None) => ImagesOf::Namespace,
        },
        registries,
        access: args.state.access(),
    };
    let scope = context.scope(&args.connection).await?;
    let outcome = running_images(&request, &scope).await?;
    for note in &outcome.notes {
        writeln!(context.stderr(), "note: {}", clean(note))?;
    }
    let images = outcome.images?;

    let mut out = context.stdout();
    match args.output {
        Some(JsonFormat::Json) => report::json(&images, &mut out)?,
        None if images.is_empty() => {
            let place = match request.images_of {
                ImagesOf::Namespace => format!("in namespace {}", scope.home),
                ImagesOf::Release(name) => format!("of release {name}"),
                ImagesOf::Releases(_) => "of these releases".to_owned(),
            };
            writeln!(context.stderr(), "no pods {place}")?;
        }
        None => report::images(&images, &mut out)?,
    }
    out.flush()?;
    outcome.incomplete.map_or(Ok(Exit::OK), Err)
}
