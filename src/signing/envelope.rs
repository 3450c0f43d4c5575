//! DSSE envelopes in Sigstore bundles (v0.3), and bare statements.
//!
//! What is checked and what is believed are the same bytes: a statement is parsed out of the payload that was signed,
//! and nothing that stands beside it in a bundle is believed. A log's entry or a certificate is passed over: a key
//! tells who signed, and no time.

use super::error::SigningError;
use super::keys::{PrivateKey, PublicKey};
use crate::model::Sha256Digest;
use crate::model::attestation::{OLD_STATEMENT_TYPE, STATEMENT_TYPE, Statement};
use crate::model::plain_words;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SigstoreBundle {
    media_type: String,
    #[serde(default)]
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<Hint>,
}

#[derive(Serialize, Deserialize)]
struct Hint {
    #[serde(default)]
    hint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    sig: String,
}

/// A statement as it was read; what it says is to be believed only once it is checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    /// Where it lies.
    pub place: String,
    statement: Statement,
    signed: Option<Signed>,
}

#[derive(Clone, Debug, PartialEq)]
struct Signed {
    payload: Vec<u8>,
    hint: String,
    signatures: Vec<Vec<u8>>,
}

/// A statement that is about the release, and who signed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked<'a> {
    /// What it says.
    pub statement: &'a Statement,
    /// The name of the key that signed it; none where no key was asked for.
    pub key: Option<&'a str>,
}

/// A signed statement, as the bytes of a bundle.
///
/// # Errors
///
/// Where the statement cannot be written as JSON.
pub fn bundle(statement: &Statement, key: &PrivateKey) -> Result<Vec<u8>, SigningError> {
    // Made once: the bytes that are signed are the bytes that are kept.
    let payload = serde_json::to_vec(statement).map_err(|error| unwritable(&error))?;
    let sig = STANDARD.encode(key.sign(&pre_authentication(PAYLOAD_TYPE, &payload)));

    let bundle = SigstoreBundle {
        media_type: BUNDLE_TYPE.into(),
        verification_material: Material {
            public_key: Some(Hint {
                hint: key.public().hint(),
            }),
        },
        dsse_envelope: Envelope {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.into(),
            signatures: vec![Signature { sig }],
        },
    };

    lines(&bundle)
}

/// A statement without a signature, as bytes.
///
/// # Errors
///
/// Where the statement cannot be written as JSON.
pub fn bare(statement: &Statement) -> Result<Vec<u8>, SigningError> {
    lines(statement)
}

fn lines<T: Serialize>(value: &T) -> Result<Vec<u8>, SigningError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| unwritable(&error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

// Told and never replaced by nothing: an empty statement would be signed like any other.
fn unwritable(error: &serde_json::Error) -> SigningError {
    SigningError::Unwritable {
        why: error.to_string(),
    }
}

/// What DSSE signs: the type and the payload, each with its length, so that neither can pass for the other.
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    // Lengths in bytes and single spaces: another layout would be another signature.
    let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

/// Reads a bundle or a bare statement; `place` is for messages.
///
/// # Errors
///
/// Where the bytes are neither a bundle of this version nor an in-toto statement.
pub fn parse_attestation(bytes: &[u8], place: &str) -> Result<Attestation, SigningError> {
    let wrong = |found: String| not_a_statement(place, found);
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| wrong(format!("invalid JSON: {error}")))?;

    // No envelope: a statement that nobody signed, which counts where no key is asked for.
    let (statement, signed) = if value.get("dsseEnvelope").is_none() {
        (statement_of(value).map_err(wrong)?, None)
    } else {
        let signed = signed_of(value, place)?;
        // Out of the bytes that are signed, never out of what stands beside them.
        let payload = serde_json::from_slice(&signed.payload);
        let payload = payload.map_err(|error| wrong(plain_words(&error.to_string())))?;
        (statement_of(payload).map_err(wrong)?, Some(signed))
    };

    Ok(Attestation {
        place: place.into(),
        statement,
        signed,
    })
}

fn not_a_statement(place: &str, found: String) -> SigningError {
    SigningError::NotAStatement {
        place: place.to_owned(),
        found,
    }
}

/// What a bundle's envelope holds, decoded.
fn signed_of(bundle: serde_json::Value, place: &str) -> Result<Signed, SigningError> {
    let wrong = |found: String| not_a_statement(place, found);
    let bundle: SigstoreBundle =
        serde_json::from_value(bundle).map_err(|error| wrong(plain_words(&error.to_string())))?;
    // Another version may mean something else by the same names.
    if bundle.media_type != BUNDLE_TYPE {
        return Err(wrong(format!("a bundle of type {}", bundle.media_type)));
    }

    let envelope = bundle.dsse_envelope;
    // Part of what is signed: `signer` builds its message with this type alone.
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(SigningError::OtherPayload {
            place: place.into(),
            found: envelope.payload_type,
        });
    }

    let decode = |text: &str| {
        STANDARD
            .decode(text)
            .map_err(|error| wrong(format!("invalid base64: {error}")))
    };
    let public_key = bundle.verification_material.public_key;
    Ok(Signed {
        payload: decode(&envelope.payload)?,
        hint: public_key.map(|key| key.hint).unwrap_or_default(),
        signatures: envelope
            .signatures
            .iter()
            .map(|one| decode(&one.sig))
            .collect::<Result<_, _>>()?,
    })
}

fn statement_of(value: serde_json::Value) -> Result<Statement, String> {
    let statement: Statement =
        serde_json::from_value(value).map_err(|error| plain_words(&error.to_string()))?;
    // `cosign attest-blob` writes the older type, with the same fields.
    match statement.type_.as_str() {
        STATEMENT_TYPE | OLD_STATEMENT_TYPE => Ok(statement),
        other => Err(format!("a statement of type {other:?}")),
    }
}

impl Attestation {
    /// Whether it carries a signature at all.
    pub fn is_signed(&self) -> bool {
        self.signed.is_some()
    }

    /// What it claims, unchecked: for showing only.
    pub fn claim(&self) -> &Statement {
        &self.statement
    }

    /// Checks it against a release's digest and, where keys are given, that one of them signed it.
    ///
    /// # Errors
    ///
    /// Where it is about another release; with keys also where it is not signed, signed by another key, or was changed
    /// since.
    pub fn check<'a>(
        &'a self,
        release: &Sha256Digest,
        keys: &'a [PublicKey],
    ) -> Result<Checked<'a>, SigningError> {
        // The signature first: what an altered statement is about means nothing.
        let key = if keys.is_empty() {
            None
        } else {
            Some(self.signer(keys)?)
        };

        if !self.statement.is_about(release) {
            let found = self
                .statement
                .subject
                .first()
                .map(|subject| format!("sha256:{}", subject.digest.sha256));
            return Err(SigningError::OtherRelease {
                place: self.place.clone(),
                expected: release.to_string(),
                found: found.unwrap_or_else(|| "nothing".into()),
            });
        }

        Ok(Checked {
            statement: &self.statement,
            key,
        })
    }

    fn signer<'a>(&self, keys: &'a [PublicKey]) -> Result<&'a str, SigningError> {
        let place = || self.place.clone();
        let Some(signed) = &self.signed else {
            return Err(SigningError::Unsigned { place: place() });
        };

        let message = pre_authentication(PAYLOAD_TYPE, &signed.payload);
        // An envelope can carry several signatures: one that fits is enough.
        let signs = |key: &&PublicKey| signed.signatures.iter().any(|one| key.verifies(&message, one));
        if let Some(key) = keys.iter().find(signs) {
            return Ok(key.name());
        }

        // The hint is a claim: it decides only which error is told.
        match keys.iter().find(|key| key.hint() == signed.hint) {
            Some(key) => Err(SigningError::Altered {
                place: place(),
                key: key.name().into(),
            }),
            None => {
                let expected = keys.iter().map(PublicKey::name).collect::<Vec<_>>().join(", ");
                Err(SigningError::OtherKey {
                    place: place(),
                    expected,
                })
            }
        }
    }
}
