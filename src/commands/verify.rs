//! `kubectl delivery verify`: checks who signed a release, and what its evidence says.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit};
use crate::model::Sha256Digest;
use crate::model::evidence::EvidenceRule;
use crate::report::clean;
use crate::signing::{Attestation, PublicKey, Refusal, demand};
use crate::usecase::releases::{described, open, public_keys};
use crate::usecase::{CommandError, ErrorKind};
use clap::Args as ClapArgs;
use std::io::Write;

/// Arguments of `verify`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery verify shop.release.yaml --key cosign.pub
  kubectl delivery verify oci://ghcr.io/acme/shop:1.4.2 --key cosign.pub --evidence integration",
    after_help = "Exit codes:
  0  signed by one of the keys, and every named evidence is there, signed and without failures
  1  a file cannot be read, or the registry cannot be asked
  2  something is missing, or is not what was signed"
)]
pub struct Args {
    /// The release: a file, oci://… or oci-layout:DIR
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Public key (ECDSA P-256, PEM); may be repeated: one of them is enough
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<String>,
    /// Evidence that must be there, by name: a JUnit report of tests that ran, or `=file` any file, or `=cluster` what the
    /// test cluster ran; may be repeated
    #[arg(long, value_name = "NAME[=KIND]")]
    evidence: Vec<EvidenceRule>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Reads, checks, tells.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let keys = public_keys(&args.key)?;
    let opened = open(&args.release, &args.registry.options()).await?;
    let (attestations, unreadable) = opened.attestations();
    let identity = opened.release.identity();
    let refusals = demand(&keys, &args.evidence, &attestations, &identity.digest);
    if !refusals.is_empty() {
        let mut error = refused(&refusals);
        for broken in &unreadable {
            error = error.with_source(broken);
        }
        return Err(error);
    }
    let mut out = context.stdout();
    writeln!(
        out,
        "{} {} ({})",
        clean(&identity.name),
        clean(&identity.version),
        identity.digest
    )?;
    for line in attestations
        .iter()
        .filter_map(|one| told(one, &keys, &identity.digest))
    {
        writeln!(out, "  {}", clean(&line))?;
    }
    out.flush()?;
    for broken in &unreadable {
        writeln!(context.stderr(), "note: {}", clean(&broken.to_string()))?;
    }
    Ok(Exit::OK)
}

/// One error with all of them.
pub(super) fn refused(refusals: &[Refusal]) -> CommandError {
    let said: Vec<&str> = refusals.iter().map(|refusal| refusal.message.as_str()).collect();
    let error = CommandError::new(ErrorKind::Refused, said.join("\n"));
    match refusals.first() {
        Some(first) => error.with_hint(&first.hint),
        None => error,
    }
}

fn told(one: &Attestation, keys: &[PublicKey], release: &Sha256Digest) -> Option<String> {
    let checked = one.check(release, keys).ok()?;
    let key = checked.key.unwrap_or("nobody");
    let found = described(checked.statement)?;
    Some(if found.is_empty() {
        format!("signed by {key}")
    } else {
        format!("{found}, signed by {key}")
    })
}
