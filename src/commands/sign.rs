//! `kubectl delivery sign`: signs a release with a key pair.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit};
use crate::model::attestation::Statement;
use crate::registry::artifact::Artifact;
use crate::report::clean;
use crate::signing;
use crate::usecase::CommandError;
use crate::usecase::releases::{keep, open, private_key};
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
    /// Private key (ECDSA P-256, PEM), as cosign generate-key-pair makes it; COSIGN_PASSWORD opens it
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
    let statement = Artifact {
        title: format!("signature-{}.sigstore.json", key.public().short()),
        bytes: signing::bundle(&Statement::signature(&identity), &key)?,
    };
    let place = keep(&args.release, &options, statement).await?;
    let digest = identity.digest.short();
    writeln!(
        context.stderr(),
        "signed {} {} ({digest}): {place}",
        clean(&identity.name),
        clean(&identity.version)
    )?;
    Ok(Exit::OK)
}
