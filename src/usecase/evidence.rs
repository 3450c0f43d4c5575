//! What tests of a release found: read from their reports, and kept as statements beside the release.

use super::releases::{keep, private_key};
use super::{CommandError, ErrorKind};
use crate::load;
use crate::model::Sha256Digest;
use crate::model::attestation::{EvidenceFile, RanContainer, Statement, TestResult, TestTotals};
use crate::model::release::ReleaseIdentity;
use crate::registry::RegistryOptions;
use crate::registry::artifact::Artifact;
use crate::signing::{self, PrivateKey};
use std::collections::BTreeMap;
use std::path::Path;

/// The evidence that is named, and how it is attested.
#[derive(Clone, Debug, Default)]
pub struct EvidenceRequest {
    /// Reports and other files: `[NAME=]FILE`.
    pub files: Vec<String>,
    /// The private key to sign with: a file or `env://NAME`.
    pub key: Option<String>,
    /// URL of the CI run, instead of what the CI system tells.
    pub run_url: Option<String>,
    /// Why reports with failures are accepted; else they are refused.
    pub accept_failures: Option<String>,
}

/// Evidence that was read: one result a name.
pub struct Evidence {
    /// The results that are to be attested.
    pub results: Vec<TestResult>,
    key: Option<PrivateKey>,
    run_url: Option<String>,
}

/// A result that was attested.
pub struct Attested {
    /// The result's name.
    pub name: String,
    /// Whether its statement is signed.
    pub is_signed: bool,
    /// Where the statement is.
    pub place: String,
}

impl Evidence {
    /// Reads the files and the key. A report with failures is refused unless they are accepted.
    ///
    /// # Errors
    ///
    /// Where a file or the key cannot be read, a name is malformed, a report is broken, or failures in it are not
    /// accepted.
    pub fn read(request: &EvidenceRequest) -> Result<Self, CommandError> {
        let run_url = request.run_url.clone().or_else(ci_run_url);
        let mut results: BTreeMap<String, TestResult> = BTreeMap::new();
        for text in &request.files {
            let (name, path) = parse_evidence(text)?;
            let (file, totals) = read_file(path)?;
            if let Some(totals) = totals.filter(|_| request.accept_failures.is_none()) {
                check_passed(totals, path)?;
            }

            let result = results
                .entry(name.to_owned())
                .or_insert_with(|| TestResult::named(name, run_url.clone()));
            // Several reports may share a name: the shards of one suite are one result.
            result.files.push(file);
            if let Some(totals) = totals {
                *result.totals.get_or_insert_default() += totals;
            }
        }

        let mut results: Vec<_> = results.into_values().collect();
        let has_failed = |result: &&mut TestResult| result.totals.is_some_and(|totals| !totals.passed());
        for result in results.iter_mut().filter(has_failed) {
            result.waived.clone_from(&request.accept_failures);
        }
        Ok(Self {
            results,
            key: request.key.as_deref().map(private_key).transpose()?,
            run_url,
        })
    }

    /// Adds what the test cluster ran to each result; without one, it is a result of its own.
    pub fn add_containers(&mut self, ran: &[RanContainer]) {
        if self.results.is_empty() {
            let result = TestResult::named("cluster", self.run_url.clone());
            self.results.push(result);
        }
        for result in &mut self.results {
            result.ran = ran.to_vec();
        }
    }

    /// Keeps the statement of a result beside the release that lies at a place.
    ///
    /// # Errors
    ///
    /// Where the statement cannot be written beside the release, or the registry does not take it.
    pub async fn attest(
        &self,
        result: &TestResult,
        place: &str,
        release: &ReleaseIdentity,
        options: &RegistryOptions,
    ) -> Result<Attested, CommandError> {
        let statement = Statement::test(release, result);
        // The ending of the title is what tells a signed statement from an unsigned one later on.
        let artifact = match &self.key {
            Some(key) => Artifact {
                title: format!("{}.sigstore.json", result.name),
                bytes: signing::bundle(&statement, key)?,
            },
            None => Artifact {
                title: format!("{}.intoto.json", result.name),
                bytes: signing::bare(&statement)?,
            },
        };
        Ok(Attested {
            name: result.name.clone(),
            is_signed: self.key.is_some(),
            place: keep(place, options, artifact).await?,
        })
    }
}

/// Name and file; the name is `test` where none is given.
fn parse_evidence(text: &str) -> Result<(&str, &str), CommandError> {
    let (name, file) = text.split_once('=').unwrap_or(("test", text));
    if is_name(name) {
        return Ok((name, file));
    }
    let message =
        format!("expected NAME=FILE with a name of lower-case letters, digits and dashes, found {text:?}");
    Err(CommandError::usage(message))
}

/// A file, and its totals where it is a JUnit report.
fn read_file(path: &str) -> Result<(EvidenceFile, Option<TestTotals>), CommandError> {
    let bytes = load::bytes(Path::new(path))?;
    let totals = load::junit(&bytes, path).map_err(|error| {
        CommandError::new(ErrorKind::Usage, format!("{path}: {error}"))
            .with_hint("use a file name without .xml for evidence that is not a JUnit report")
    })?;
    // Its folder is nobody else's business.
    let name = Path::new(path)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let file = EvidenceFile {
        name: name.unwrap_or_default(),
        digest: Sha256Digest::compute(&bytes),
    };
    Ok((file, totals))
}

fn check_passed(totals: TestTotals, file: &str) -> Result<(), CommandError> {
    if totals.passed() {
        return Ok(());
    }
    let failed = totals.failures + totals.errors;
    let message = format!("{file}: {failed} of {} tests failed", totals.tests);
    Err(CommandError::usage(message).with_hint("add --accept-failures REASON to attest it anyway"))
}

fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    // A statement of that name would take a signature's place.
    !name.is_empty() && name.len() <= 63 && name.chars().all(inner) && !name.starts_with("signature")
}

/// The run, as CI systems tell it to what they run.
fn ci_run_url() -> Option<String> {
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
