//! `kubectl delivery show`: what is in a release.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit, ReleaseFormat, Stream};
use crate::load::to_yaml;
use crate::report::release::{Page, page};
use crate::usecase::CommandError;
use crate::usecase::releases::open;
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `show`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery show shop.release.yaml
  kubectl delivery show shop.release.yaml -o json")]
pub struct Args {
    /// The release
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: ReleaseFormat,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Reads and shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let opened = open(&args.release, &args.registry.options()).await?;
    let statements = opened.describe_statements();
    let (release, digest) = (opened.release.release, opened.release.digest);
    let mut out = context.stdout();
    match args.output {
        ReleaseFormat::Text => {
            let color = context.color(Stream::Stdout);
            page(
                &Page {
                    release: &release,
                    digest: &digest,
                    statements: &statements,
                    color,
                },
                &mut out,
            )?;
        }
        ReleaseFormat::Json => crate::report::json(&release, &mut out)?,
        ReleaseFormat::Yaml => out.write_all(to_yaml(&release).as_bytes())?,
    }
    out.flush()?;
    Ok(Exit::OK)
}
