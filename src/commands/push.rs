//! `kubectl delivery push`: a release and its statements into a registry or an OCI layout.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit};
use crate::registry::artifact::{self, Artifact};
use crate::usecase::CommandError;
use crate::usecase::releases::{ReleaseLocation, open};
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `push`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery push shop.release.yaml oci://ghcr.io/acme/releases/shop:1.4.2
  kubectl delivery push shop.release.yaml oci-layout:out/shop:1.4.2")]
pub struct Args {
    /// The release: a file, oci://… or oci-layout:DIR
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Destination: oci://HOST/REPOSITORY:TAG or oci-layout:DIR:TAG
    #[arg(value_name = "PLACE")]
    place: String,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Reads and writes; prints the place by digest.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let options = args.registry.options();
    let ReleaseLocation::Registry(location) = ReleaseLocation::parse(&args.place)? else {
        let message = format!(
            "expected oci://HOST/REPOSITORY:TAG or oci-layout:DIR:TAG, found {:?}",
            args.place
        );
        let hint = format!("kubectl delivery push {} oci://{}", args.release, args.place);
        return Err(CommandError::usage(message).with_hint(hint));
    };
    let opened = open(&args.release, &options).await?;
    let release = Artifact {
        title: opened.title,
        bytes: opened.release.bytes,
    };
    let manifest = artifact::push(&location, &options, &release, &opened.statements).await?;
    let mut out = context.stdout();
    writeln!(out, "{}", location.at_digest(&manifest))?;
    out.flush()?;
    Ok(Exit::OK)
}
