//! ECDSA P-256 keys: PEM as OpenSSL and cosign write it.
//!
//! No other curve and no other kind of key: one algorithm leaves a statement no choice of how it is checked.

use super::encrypted::{self, LABELS, Shut};
use super::error::SigningError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use p256::SecretKey;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey};
use std::fmt;

/// A key that signs. Its `Debug` shows the public half's hint alone.
pub struct PrivateKey {
    key: SigningKey,
}

/// A key that is trusted.
#[derive(Clone)]
pub struct PublicKey {
    key: VerifyingKey,
    name: String,
}

impl PrivateKey {
    /// From PEM: PKCS#8 or SEC1 in the clear, or cosign's encrypted form, which `password` opens.
    ///
    /// # Errors
    ///
    /// Where it is no ECDSA P-256 private key, or an encrypted one that the password does not open.
    pub fn from_pem(pem: &[u8], place: &str, password: Option<&str>) -> Result<Self, SigningError> {
        let wrong = |found: String| SigningError::NotAKey {
            place: place.into(),
            expected: "private",
            found,
        };

        let text = std::str::from_utf8(pem).map_err(|_| wrong("not text".into()))?;
        let Some((label, body)) = block(text) else {
            return Err(wrong("no PEM block".into()));
        };
        // By its label: each form has a parser of its own, and an error that names what was found.
        let secret = match label {
            "PRIVATE KEY" => {
                SecretKey::from_pkcs8_pem(text).map_err(|_| wrong("another type of key".into()))?
            }
            "EC PRIVATE KEY" => {
                SecretKey::from_sec1_pem(text).map_err(|_| wrong("a key on another curve".into()))?
            }
            label if LABELS.contains(&label) => {
                let place = || place.to_owned();
                // No password is not a wrong one: the error says which of the two it is.
                let password = password.ok_or_else(|| SigningError::NoPassword { place: place() })?;
                let der = encrypted::open(&body, password.as_bytes()).map_err(|shut| match shut {
                    Shut::WrongPassword => SigningError::WrongPassword { place: place() },
                    Shut::Malformed(why) => wrong(why),
                })?;
                SecretKey::from_pkcs8_der(&der).map_err(|_| wrong("another type of key".into()))?
            }
            other => return Err(wrong(format!("a block {other:?}"))),
        };

        Ok(Self {
            key: SigningKey::from(secret),
        })
    }

    /// The half that verifies.
    pub fn public(&self) -> PublicKey {
        PublicKey {
            key: *self.key.verifying_key(),
            // For messages alone: no file was read for it.
            name: "its own key".into(),
        }
    }

    /// ASN.1 DER over the sha256 of `message`; the same message gives the same signature (RFC 6979).
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.key.sign(message);
        signature.as_bytes().to_vec()
    }
}

impl PublicKey {
    /// From PEM (`PUBLIC KEY`); `name` is for messages.
    ///
    /// # Errors
    ///
    /// Where it is no ECDSA P-256 public key.
    pub fn from_pem(pem: &[u8], name: &str) -> Result<Self, SigningError> {
        let wrong = |found: &str| SigningError::NotAKey {
            place: name.into(),
            expected: "public",
            found: found.into(),
        };

        let text = std::str::from_utf8(pem).map_err(|_| wrong("not text"))?;
        let Some((label, _)) = block(text) else {
            return Err(wrong("no PEM block"));
        };
        if label != "PUBLIC KEY" {
            return Err(wrong(&format!("a block {label:?}")));
        }

        let key = VerifyingKey::from_public_key_pem(text.trim()).map_err(|_| wrong("another type of key"))?;
        Ok(Self {
            key,
            name: name.into(),
        })
    }

    /// What it was read from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The base64 of the sha256 of its DER, as cosign writes it into a bundle.
    pub fn hint(&self) -> String {
        STANDARD.encode(self.fingerprint())
    }

    /// The first eight hex digits of the same, for file names.
    pub fn short(&self) -> String {
        // Enough to tell files apart; keys are told apart by all of it.
        self.fingerprint()[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn fingerprint(&self) -> Vec<u8> {
        use sha2::Digest;
        // A point that was read can be written.
        let der = self
            .key
            .to_public_key_der()
            .map(|der| der.as_bytes().to_vec())
            .unwrap_or_default();
        sha2::Sha256::digest(der).to_vec()
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        // Bytes that are no signature at all are none of this key: there is no error to tell.
        DerSignature::try_from(signature).is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public().hint())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.name, self.hint())
    }
}

/// The label and the bytes of the first PEM block.
fn block(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    // Lines may be wrapped at any width, with any line end.
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    Some((label, STANDARD.decode(body).ok()?))
}
