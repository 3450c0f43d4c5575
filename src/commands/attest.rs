//! `kubectl delivery attest`: says what a test of a release found.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit};
use crate::model::release::ReleaseIdentity;
use crate::registry::RegistryOptions;
use crate::usecase::CommandError;
use crate::usecase::evidence::{Evidence, EvidenceRequest};
use crate::usecase::releases::open;
use clap::Args as ClapArgs;

/// Arguments of `attest`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery attest shop.release.yaml --evidence integration=junit.xml
  kubectl delivery attest shop.release.yaml --evidence load=k6.json --key cosign.key")]
pub struct Args {
    /// The release: a file, oci://… or oci-layout:DIR
    #[arg(value_name = "RELEASE")]
    release: String,
    #[command(flatten)]
    evidence: EvidenceArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Flags that name evidence.
#[derive(ClapArgs, Clone, Debug, Default)]
#[command(next_help_heading = "Evidence")]
pub struct EvidenceArgs {
    /// Test evidence: a JUnit report or any other file, under this name (default: `test`); may be repeated
    #[arg(long, value_name = "[NAME=]FILE")]
    pub evidence: Vec<String>,
    /// Private key to sign the evidence with; its password is read from COSIGN_PASSWORD
    #[arg(long, value_name = "FILE")]
    pub key: Option<String>,
    /// URL of the CI run; detected in GitHub Actions, GitLab CI and Jenkins
    #[arg(long, value_name = "URL")]
    pub run_url: Option<String>,
    /// Attest a report with failures, for this reason
    #[arg(long, value_name = "REASON")]
    pub accept_failures: Option<String>,
}

impl EvidenceArgs {
    /// What is named.
    pub fn request(&self) -> EvidenceRequest {
        EvidenceRequest {
            files: self.evidence.clone(),
            key: self.key.clone(),
            run_url: self.run_url.clone(),
            accept_failures: self.accept_failures.clone(),
        }
    }
}

/// Reads the evidence and writes one statement a name.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    if args.evidence.evidence.is_empty() {
        return Err(CommandError::usage("no evidence given")
            .with_hint("kubectl delivery attest RELEASE --evidence integration=junit.xml"));
    }
    let evidence = Evidence::read(&args.evidence.request())?;
    let options = args.registry.options();
    let identity = open(&args.release, &options).await?.release.identity();
    attest(&evidence, &args.release, &identity, &options, context).await?;
    Ok(Exit::OK)
}

/// Attests each result beside the release that lies at a place, and says so.
pub(super) async fn attest(
    evidence: &Evidence,
    place: &str,
    release: &ReleaseIdentity,
    options: &RegistryOptions,
    context: &Context,
) -> Result<(), CommandError> {
    for result in &evidence.results {
        let attested = evidence.attest(result, place, release, options).await?;
        let how = if attested.is_signed { "" } else { ", unsigned" };
        let (name, place) = (attested.name, attested.place);
        writeln!(context.stderr(), "attested {name}{how}: {place}")?;
    }
    Ok(())
}
