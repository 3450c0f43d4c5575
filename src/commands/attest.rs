//! `kubectl delivery attest`: says what a test of a release found.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit};
use crate::load;
use crate::model::Sha256Digest;
use crate::model::attestation::{EvidenceFile, Statement, TestResult, TestTotals};
use crate::model::release::ReleaseIdentity;
use crate::registry::RegistryOptions;
use crate::registry::artifact::Artifact;
use crate::signing::{self, PrivateKey};
use crate::usecase::releases::{keep, open, private_key};
use crate::usecase::{CommandError, ErrorKind};
use clap::Args as ClapArgs;
use std::collections::BTreeMap;
use std::path::Path;

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
    /// A JUnit report, or any other file, as evidence of this name (`test` without one); may be repeated
    #[arg(long, value_name = "[NAME=]FILE")]
    pub evidence: Vec<String>,
    /// Sign the evidence with this private key; COSIGN_PASSWORD opens it
    #[arg(long, value_name = "FILE")]
    pub key: Option<String>,
    /// URL of the CI run, instead of the one of GitHub Actions, GitLab CI or Jenkins
    #[arg(long, value_name = "URL")]
    pub run_url: Option<String>,
    /// Accept a report with failures, and say why
    #[arg(long, value_name = "REASON")]
    pub accept_failures: Option<String>,
}

/// Reads the evidence and writes one statement a name.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    if args.evidence.evidence.is_empty() {
        return Err(CommandError::usage("expected evidence, found none")
            .with_hint("kubectl delivery attest RELEASE --evidence integration=junit.xml"));
    }
    let results = args.evidence.read()?;
    let key = args.evidence.signer()?;
    let options = args.registry.options();
    let identity = open(&args.release, &options).await?.release.identity();
    write(
        results,
        key.as_ref(),
        (&args.release, &identity),
        &options,
        context,
    )
    .await?;
    Ok(Exit::OK)
}

impl EvidenceArgs {
    /// Reads the files; one result a name. A report with failures is refused unless they are accepted.
    pub fn read(&self) -> Result<Vec<TestResult>, CommandError> {
        let run = self.run();
        let mut results: BTreeMap<String, TestResult> = BTreeMap::new();
        for text in &self.evidence {
            let (name, file) = text.split_once('=').unwrap_or(("test", text));
            if !is_name(name) {
                let message = format!(
                    "expected evidence NAME=FILE with a name of lower-case letters, digits and dashes, found {text:?}"
                );
                return Err(CommandError::usage(message));
            }
            let bytes = load::bytes(Path::new(file))?;
            let totals = load::junit(&bytes, file).map_err(|error| {
                CommandError::new(ErrorKind::Usage, format!("{file}: {error}"))
                    .with_hint("a file of another kind needs another name than .xml, and shows only itself")
            })?;
            let result = results
                .entry(name.to_owned())
                .or_insert_with(|| TestResult::named(name, run.clone()));
            let own = Path::new(file)
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            result.files.push(EvidenceFile {
                name: own.unwrap_or_default(),
                digest: Sha256Digest::of(&bytes),
            });
            if let Some(totals) = totals {
                *result.totals.get_or_insert_default() += totals;
                self.judge(totals, file)?;
            }
        }
        let mut results: Vec<_> = results.into_values().collect();
        for result in results
            .iter_mut()
            .filter(|result| result.totals.is_some_and(|totals| !totals.passed()))
        {
            result.waived.clone_from(&self.accept_failures);
        }
        Ok(results)
    }

    fn judge(&self, totals: TestTotals, file: &str) -> Result<(), CommandError> {
        if totals.passed() || self.accept_failures.is_some() {
            return Ok(());
        }
        let failed = totals.failures + totals.errors;
        let message = format!(
            "{file}: expected a report without failures, found {failed} of {} tests failed",
            totals.tests
        );
        Err(CommandError::new(ErrorKind::Usage, message)
            .with_hint("--accept-failures REASON attests them all the same"))
    }

    /// The key to sign with, where one is named.
    pub fn signer(&self) -> Result<Option<PrivateKey>, CommandError> {
        self.key.as_deref().map(private_key).transpose()
    }

    /// URL of the run.
    pub fn run(&self) -> Option<String> {
        self.run_url.clone().or_else(run_url)
    }
}

/// Writes one statement a result beside the release that lies at a place.
pub async fn write(
    results: Vec<TestResult>,
    key: Option<&PrivateKey>,
    (place, release): (&str, &ReleaseIdentity),
    options: &RegistryOptions,
    context: &Context,
) -> Result<(), CommandError> {
    for result in results {
        let statement = Statement::test(release, &result);
        let artifact = match key {
            Some(key) => Artifact {
                title: format!("{}.sigstore.json", result.name),
                bytes: signing::bundle(&statement, key)?,
            },
            None => Artifact {
                title: format!("{}.intoto.json", result.name),
                bytes: signing::bare(&statement)?,
            },
        };
        let place = keep(place, options, artifact).await?;
        let how = if key.is_some() { "" } else { ", unsigned" };
        writeln!(context.stderr(), "attested {}{how}: {place}", result.name)?;
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= 63 && name.chars().all(inner) && !name.starts_with("signature")
}

/// The run, as CI systems tell it to what they run.
fn run_url() -> Option<String> {
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let github = || {
        let (server, repository) = (read("GITHUB_SERVER_URL")?, read("GITHUB_REPOSITORY")?);
        Some(format!(
            "{server}/{repository}/actions/runs/{}",
            read("GITHUB_RUN_ID")?
        ))
    };
    github()
        .or_else(|| read("CI_PIPELINE_URL"))
        .or_else(|| read("BUILD_URL"))
}
