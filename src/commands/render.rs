//! `kubectl delivery render`: the objects that a promotion would apply, for a GitOps repository.

use super::inputs::InputArgs;
use crate::cli::{Context, Exit, parse_output_file};
use crate::load::write_whole;
use crate::usecase::CommandError;
use crate::usecase::render::render;
use clap::Args as ClapArgs;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `render`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery render shop.release.yaml -e environments/production.yaml > rendered.yaml
  kubectl delivery render shop.release.yaml -n shop -o rendered.yaml")]
pub struct Args {
    /// The release
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Namespace of objects without one (default: the environment's, else they keep none)
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// Output file (default: stdout)
    #[arg(short, long, value_name = "FILE", value_parser = parse_output_file)]
    output: Option<PathBuf>,
    #[command(flatten)]
    inputs: InputArgs,
}

/// Reads, pins, writes.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let inputs = args.inputs.read(&args.release).await?;
    let text = render(inputs, args.namespace)?;
    match &args.output {
        Some(path) => write_whole(path, text.as_bytes())?,
        None => {
            let mut out = context.data();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
    }
    Ok(Exit::OK)
}
