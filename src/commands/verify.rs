//! `kubectl delivery verify`: checks who signed a release, and what its evidence says.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit};
use crate::model::evidence::EvidenceRule;
use crate::report::clean;
use crate::usecase::CommandError;
use crate::usecase::verify::{VerifyRequest, verify};
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `verify`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery verify shop.release.yaml --key cosign.pub
  kubectl delivery verify oci://ghcr.io/acme/shop:1.4.2 --key cosign.pub --evidence integration",
    after_help = "Exit codes:
  0  signed by one of the keys, with every required evidence, signed and without failures
  1  a file or the registry cannot be read
  2  a signature or evidence is missing or invalid"
)]
pub struct Args {
    /// The release: a file, oci://… or oci-layout:DIR
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Public key (ECDSA P-256, PEM); may be repeated, one match is enough
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<String>,
    /// Required evidence, by name: a JUnit report of tests that ran, `=file` for any file, `=cluster` for what the test
    /// cluster ran; may be repeated
    #[arg(long, value_name = "NAME[=KIND]")]
    evidence: Vec<EvidenceRule>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Reads, checks, shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let request = VerifyRequest {
        registry: args.registry.options(),
        release: args.release,
        keys: args.key,
        evidence: args.evidence,
    };
    let outcome = verify(&request).await?;

    let release = &outcome.release;
    let (name, version) = (clean(&release.name), clean(&release.version));
    let mut out = context.stdout();
    writeln!(out, "{name} {version} ({})", release.digest)?;
    for line in &outcome.signed {
        writeln!(out, "  {}", clean(line))?;
    }
    out.flush()?;
    for broken in &outcome.unreadable {
        writeln!(context.stderr(), "note: {}", clean(broken))?;
    }
    Ok(Exit::OK)
}
