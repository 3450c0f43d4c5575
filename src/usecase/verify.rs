//! Verify: who signed a release, and what its evidence says. Without a cluster.

use super::releases::{described, open, public_keys};
use super::{CommandError, ErrorKind};
use crate::model::Sha256Digest;
use crate::model::evidence::EvidenceRule;
use crate::model::release::ReleaseIdentity;
use crate::registry::RegistryOptions;
use crate::signing::{Attestation, PublicKey, Refusal, demand};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// The release.
    pub release: String,
    /// Public keys, of which one is enough.
    pub keys: Vec<String>,
    /// Evidence that must be there.
    pub evidence: Vec<EvidenceRule>,
    /// How registries are reached.
    pub registry: RegistryOptions,
}

/// A release that is what it is said to be.
#[derive(Clone, Debug)]
pub struct VerifyOutcome {
    /// The release.
    pub release: ReleaseIdentity,
    /// What one of the keys signed of it, one sentence each.
    pub signed: Vec<String>,
    /// Statements that cannot be read: why.
    pub unreadable: Vec<String>,
}

/// Reads and checks.
///
/// # Errors
///
/// Where the release cannot be read, no key signed it, or evidence is missing.
pub async fn verify(request: &VerifyRequest) -> Result<VerifyOutcome, CommandError> {
    let keys = public_keys(&request.keys)?;
    let opened = open(&request.release, &request.registry).await?;
    let (attestations, unreadable) = opened.attestations();
    let release = opened.release.identity();

    let refusals = demand(&keys, &request.evidence, &attestations, &release.digest);
    if !refusals.is_empty() {
        // One that cannot be read may be the one that is missed.
        let error = refusal_error(&refusals, &request.release);
        return Err(unreadable
            .iter()
            .fold(error, |error, broken| error.with_source(broken)));
    }

    let line = |one| signed_line(one, &keys, &release.digest);
    Ok(VerifyOutcome {
        signed: attestations.iter().filter_map(line).collect(),
        unreadable: unreadable.iter().map(ToString::to_string).collect(),
        release,
    })
}

/// One error with all that is missing of the release that was named so.
pub fn refusal_error(refusals: &[Refusal], release: &str) -> CommandError {
    let messages: Vec<&str> = refusals.iter().map(|refusal| refusal.message.as_str()).collect();
    let error = CommandError::new(ErrorKind::Refused, messages.join("\n"));
    match refusals.first() {
        Some(first) => error.with_hint(first.hint.replace("RELEASE", release)),
        None => error,
    }
}

/// What a statement says and who signed it; none where it does not count.
fn signed_line(one: &Attestation, keys: &[PublicKey], release: &Sha256Digest) -> Option<String> {
    let checked = one.check(release, keys).ok()?;
    let key = checked.key.unwrap_or("no key");
    let found = described(checked.statement)?;
    Some(if found.is_empty() {
        format!("signed by {key}")
    } else {
        format!("{found}, signed by {key}")
    })
}
