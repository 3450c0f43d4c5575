//! `kubectl delivery show`: what is in a release.

use crate::cli::{Context, Exit, ReleaseFormat, Stream};
use crate::load::to_yaml;
use crate::registry::RegistryOptions;
use crate::report::release::{Page, page};
use crate::usecase::CommandError;
use crate::usecase::releases::{Opened, described, open};
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
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: ReleaseFormat,
}

/// Reads and shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let opened = open(&args.release, &RegistryOptions::default()).await?;
    let statements = statements(&opened);
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

/// What lies beside it, as it says of itself: whether it is to be believed is for `verify` to say.
fn statements(opened: &Opened) -> Vec<String> {
    let (attestations, unreadable) = opened.attestations();
    let told = |one: &crate::signing::Attestation| {
        let signed = if one.is_signed() {
            "signed, not checked here"
        } else {
            "not signed"
        };
        match described(one.claim()) {
            Some(found) if found.is_empty() => format!("a signature, not checked here ({})", one.place),
            Some(found) => format!("{found} ({signed})"),
            None => format!(
                "a statement of another kind: {} ({signed})",
                one.claim().predicate_type
            ),
        }
    };
    attestations
        .iter()
        .map(told)
        .chain(unreadable.iter().map(ToString::to_string))
        .collect()
}
