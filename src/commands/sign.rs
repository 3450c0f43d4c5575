//! `kubectl delivery sign`: signs a release with a key pair.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit};
use crate::report::clean;
use crate::usecase::CommandError;
use crate::usecase::releases::{open, private_key, sign};
use clap::Args as ClapArgs;

/// Arguments of `sign`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery sign shop.release.yaml --key cosign.key
  kubectl delivery sign oci://ghcr.io/acme/releases/shop:1.4.2 --key env://COSIGN_PRIVATE_KEY")]
pub struct Args {
    /// The release: a file, oci://… or oci-layout:DIR
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Private key (ECDSA P-256, PEM) of cosign generate-key-pair; its password is read from COSIGN_PASSWORD
    #[arg(long, value_name = "FILE")]
    key: String,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Reads, signs, writes beside it.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let options = args.registry.options();
    let key = private_key(&args.key)?;
    let identity = open(&args.release, &options).await?.release.identity();
    let place = sign(&args.release, &identity, &key, &options).await?;
    let digest = identity.digest.short();
    writeln!(
        context.stderr(),
        "signed {} {} ({digest}): {place}",
        clean(&identity.name),
        clean(&identity.version)
    )?;
    Ok(Exit::OK)
}
