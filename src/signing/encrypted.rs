//! Private keys as cosign encrypts them: PKCS#8 in a NaCl secretbox, under a key that scrypt derives from a password.
//!
//! The file names what the derivation costs, and is somebody's file: its parameters are looked at
//! before anything is derived.

use crate::model::plain_words;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::{Aead, KeyInit};
use crypto_secretbox::{Nonce, XSalsa20Poly1305};
use serde::{Deserialize, Deserializer};

/// The labels that cosign's encrypted keys have had.
pub(super) const LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// A file that asks for more work than this wants to keep the machine busy.
const MOST_MEMORY: u64 = 1 << 30;

#[derive(Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    #[serde(deserialize_with = "base64_bytes")]
    ciphertext: Vec<u8>,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    #[serde(deserialize_with = "base64_bytes")]
    salt: Vec<u8>,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    #[serde(deserialize_with = "base64_bytes")]
    nonce: Vec<u8>,
}

fn base64_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

/// Why a sealed key does not open.
pub(super) enum Shut {
    /// It is not such a key.
    Malformed(String),
    /// The password is another.
    WrongPassword,
}

/// The PKCS#8 DER inside.
pub(super) fn open(json: &[u8], password: &[u8]) -> Result<Vec<u8>, Shut> {
    let malformed = |why: String| Shut::Malformed(why);
    let sealed: Sealed =
        serde_json::from_slice(json).map_err(|error| malformed(plain_words(&error.to_string())))?;

    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(malformed(format!(
            "one encrypted with {} and {}",
            sealed.kdf.name, sealed.cipher.name
        )));
    }

    let Params { n, r, p } = sealed.kdf.params;
    // What scrypt needs: 128 * N * r bytes. cosign's own keys need 64 MiB.
    let memory = n.saturating_mul(u64::from(r)).saturating_mul(128);
    // `p` costs time and no memory.
    if !n.is_power_of_two() || memory > MOST_MEMORY || p > 16 {
        return Err(malformed(format!(
            "one whose scrypt parameters are N={n}, r={r}, p={p}"
        )));
    }

    // A power of two has a logarithm: zero ended above.
    let log_n = u8::try_from(n.ilog2()).unwrap_or(u8::MAX);
    let params = scrypt::Params::new(log_n, r, p).map_err(|error| malformed(error.to_string()))?;

    let mut key = [0u8; 32];
    scrypt::scrypt(password, &sealed.kdf.salt, &params, &mut key)
        .map_err(|error| malformed(error.to_string()))?;

    let nonce: [u8; 24] = sealed
        .cipher
        .nonce
        .try_into()
        .map_err(|_| malformed("one whose nonce is not 24 bytes".into()))?;

    // The box is authenticated: another password and a damaged file fail alike.
    XSalsa20Poly1305::new(&key.into())
        .decrypt(&Nonce::from(nonce), sealed.ciphertext.as_slice())
        .map_err(|_| Shut::WrongPassword)
}
