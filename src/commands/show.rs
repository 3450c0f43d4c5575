//! `kubectl delivery show`: what is in a release.

use super::inputs::open_release;
use crate::cli::{CommandError, Context, Exit, Stream};
use crate::load::{LoadedRelease, to_yaml};
use crate::report::release::{Page, page};
use clap::{Args as ClapArgs, ValueEnum};
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
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables
    #[default]
    Person,
    /// The release itself
    Json,
    /// The release itself
    Yaml,
}

/// Reads and shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let LoadedRelease { release, digest, .. } = open_release(&args.release)?;
    let mut out = context.stdout();
    match args.output {
        Format::Person => {
            let shown = Page { release: &release, digest: &digest, color: context.color(Stream::Stdout) };
            page(&shown, &mut out)?;
        }
        Format::Json => {
            writeln!(out, "{}", serde_json::to_string_pretty(&release).map_err(std::io::Error::from)?)?
        }
        Format::Yaml => out.write_all(to_yaml(&release).as_bytes())?,
    }
    out.flush()?;
    Ok(Exit::OK)
}
