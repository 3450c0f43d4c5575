//! Whether a release has the signature and the evidence that an environment requires.
//!
//! Whatever lies beside a release is a claim, and anybody can put one there. Where there are keys, only what
//! one of them signed about these very bytes counts, for a release and against it; without keys any statement
//! about these bytes does.

use super::envelope::Attestation;
use super::keys::PublicKey;
use crate::model::Sha256Digest;
use crate::model::attestation::TestResult;
use crate::model::check::Check;
use crate::model::evidence::EvidenceRule;

/// Something that is required and was not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The check's name, as `--waive` takes it: `signature` or `evidence`.
    pub check: Check,
    /// The test that it is about; none where it is a signature.
    pub name: Option<String>,
    /// One sentence.
    pub message: String,
    /// What to type.
    pub hint: String,
}

/// What is missing: a signature by one of `keys`, where there are any, and each of `evidence`, signed by one of them
/// and without failures.
pub fn demand(
    keys: &[PublicKey],
    evidence: &[EvidenceRule],
    attestations: &[Attestation],
    release: &Sha256Digest,
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if !keys.is_empty() {
        // The claim only sorts what is looked at: `check` decides what is believed.
        let signatures = attestations.iter().filter(|one| one.claim().is_signature());
        if let Err(found) = any_good(signatures, keys, release) {
            let names = keys.iter().map(PublicKey::name).collect::<Vec<_>>().join(" or ");
            // Whoever finds another release than the one that was signed must not sign it for that.
            let hint = match found.as_str() {
                "missing" => "to sign it: kubectl delivery sign RELEASE --key cosign.key",
                _ => "to see what it holds: kubectl delivery show RELEASE",
            };
            refusals.push(Refusal {
                check: Check::Signature,
                name: None,
                message: format!("signature by {names}: {found}"),
                hint: hint.into(),
            });
        }
    }

    // Asked for without keys, too: a statement then only has to be about these bytes.
    refusals.extend(
        evidence
            .iter()
            .filter_map(|rule| test(rule, keys, attestations, release)),
    );
    refusals
}

fn test(
    rule: &EvidenceRule,
    keys: &[PublicKey],
    attestations: &[Attestation],
    release: &Sha256Digest,
) -> Option<Refusal> {
    let name = &rule.name;
    let refusal = |found: String| Refusal {
        check: Check::Evidence,
        name: Some(name.clone()),
        message: format!("evidence {name}: {found}"),
        hint: format!(
            "to attest it: kubectl delivery attest RELEASE --evidence {name}=junit.xml --key cosign.key"
        ),
    };

    let results = |one: &&Attestation| {
        one.claim()
            .test_result()
            .is_some_and(|result| &result.name == name)
    };

    match any_good(attestations.iter().filter(results), keys, release) {
        Err(found) => Some(refusal(found)),
        Ok(Some(result)) => rule.lacks(&result).map(refusal),
        // Cannot come here: only statements that hold a result are candidates.
        Ok(None) => Some(refusal("an attestation without a result".into())),
    }
}

/// The last good one's test result, or why none is good.
fn any_good<'a>(
    candidates: impl Iterator<Item = &'a Attestation>,
    keys: &[PublicKey],
    release: &Sha256Digest,
) -> Result<Option<TestResult>, String> {
    let (mut good, mut bad) = (None, Vec::new());

    for candidate in candidates {
        match candidate.check(release, keys) {
            // A run that failed is not made good by another one of the same name.
            Ok(checked) => {
                let result = checked.statement.test_result();
                let failed = |one: &Option<TestResult>| {
                    one.as_ref()
                        .and_then(|one| one.totals)
                        .is_some_and(|totals| !totals.passed())
                };
                if !good.as_ref().is_some_and(failed) {
                    good = Some(result);
                }
            }
            // It counts neither for the release nor against it: anybody could have attached it.
            Err(error) => bad.push(error.to_string()),
        }
    }

    match good {
        Some(result) => Ok(result),
        None if bad.is_empty() => Err("missing".into()),
        // Each one's own trouble: which of them was meant to fit is for a person to see.
        None => Err(bad.join("; ")),
    }
}
