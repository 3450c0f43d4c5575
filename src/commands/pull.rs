//! `kubectl delivery pull`: a release and its statements out of a registry or an OCI layout, into files.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit, parse_output_file};
use crate::model::phrase::counted;
use crate::usecase::CommandError;
use crate::usecase::releases::{ReleaseLocation, open, save};
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// Arguments of `pull`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery pull oci://ghcr.io/acme/releases/shop:1.4.2 -o shop.release.yaml
  kubectl delivery pull oci-layout:out/shop:1.4.2")]
pub struct Args {
    /// Source: oci://HOST/REPOSITORY:TAG, oci://…@sha256:… or oci-layout:DIR
    #[arg(value_name = "PLACE")]
    place: String,
    /// File for the release, with its attestations next to it (default: NAME-VERSION.release.yaml)
    #[arg(short, long, value_name = "FILE", value_parser = parse_output_file)]
    output: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Reads, checks, writes.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let ReleaseLocation::Registry(_) = ReleaseLocation::parse(&args.place)? else {
        let message = format!(
            "expected oci://HOST/REPOSITORY:TAG or oci-layout:DIR, found {:?}",
            args.place
        );
        let hint = format!("kubectl delivery pull oci://{}", args.place);
        return Err(CommandError::usage(message).with_hint(hint));
    };
    let opened = open(&args.place, &args.registry.options()).await?;
    let identity = opened.release.identity();
    let saved = save(&opened, args.output)?;
    let digest = identity.digest.short();
    let statements = counted(opened.statements.len(), "attestation");
    writeln!(
        context.stderr(),
        "pulled {} {} ({digest}) into {} with {statements}",
        identity.name,
        identity.version,
        saved.display()
    )?;
    Ok(Exit::OK)
}
