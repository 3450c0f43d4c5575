//! A sha256 digest, written `sha256:<64 hex digits>` as OCI and in-toto write it.
//!
//! There is one spelling of each, so that digests are equal where their texts are.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// A sha256 digest in its canonical form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
// Only made of bytes, or of a text that was checked.
pub struct Sha256Digest(String);

/// A text that is not `sha256:` and 64 lowercase hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a digest sha256:<64 lowercase hex digits>, found {0:?}")]
pub struct NotADigest(pub String);

impl Sha256Digest {
    /// The digest of `bytes`.
    pub fn compute(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex(&Sha256::digest(bytes))))
    }

    /// With its algorithm: `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 hex digits alone, as in-toto writes them.
    pub fn hex(&self) -> &str {
        // The prefix is there, however it was made.
        &self.0["sha256:".len()..]
    }

    /// The first twelve hex digits, for people.
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }
}

impl FromStr for Sha256Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        // Capitals are refused by OCI, too: the same bytes would have two digests.
        let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);

        match text.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.bytes().all(is_hex) => Ok(Self(text.to_owned())),
            _ => Err(NotADigest(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Sha256Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Sha256Digest> for String {
    fn from(digest: Sha256Digest) -> String {
        digest.0
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes as lowercase hex digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| char::from(DIGITS[usize::from(four)]);

    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_well_known_one() {
        let digest = Sha256Digest::compute(b"");
        assert_eq!(
            digest.as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );

        assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
    }

    #[test]
    fn a_text_that_is_not_a_digest_is_refused_with_what_was_found() {
        // Too short, capitals, another algorithm, and digits alone.
        for bad in ["", "sha256:", "sha256:ABC", "sha512:00", "e3b0c442"] {
            let error = bad.parse::<Sha256Digest>().unwrap_err();
            assert!(error.to_string().contains(&format!("{bad:?}")));
        }
    }
}
