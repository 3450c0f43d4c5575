//! Why a key cannot be used, or a statement cannot be believed.
//!
//! Each way in which a signature can be wrong has an error of its own: a missing signature, another key and altered
//! content are mended in different ways. No text holds a password.

/// Why a key cannot be used, or a statement cannot be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// A file holds no key of ours.
    #[error("{place}: expected an ECDSA P-256 {expected} key in PEM, found {found}")]
    NotAKey {
        /// The file.
        place: String,
        /// `private` or `public`.
        expected: &'static str,
        /// What it holds instead.
        found: String,
    },
    /// An encrypted key does not open.
    #[error("{place}: wrong password")]
    WrongPassword {
        /// The file.
        place: String,
    },
    /// An encrypted key needs a password.
    #[error("{place}: the key is encrypted and needs a password")]
    NoPassword {
        /// The file.
        place: String,
    },
    /// Bytes are neither a bundle nor a statement.
    #[error("{place}: expected a Sigstore bundle or an in-toto statement, found {found}")]
    NotAStatement {
        /// Where it lies.
        place: String,
        /// What it is instead.
        found: String,
    },
    /// A statement cannot be written as JSON.
    #[error("cannot write the attestation: {why}")]
    Unwritable {
        /// Why not.
        why: String,
    },
    /// An envelope holds something that is no statement.
    #[error("{place}: expected the payload type application/vnd.in-toto+json, found {found}")]
    OtherPayload {
        /// Where it lies.
        place: String,
        /// The type it has.
        found: String,
    },
    /// A statement without a signature where one is needed.
    #[error("{place}: not signed")]
    Unsigned {
        /// Where it lies.
        place: String,
    },
    /// It is signed by a key that is not among those that are trusted.
    #[error("{place}: not signed by {expected}")]
    OtherKey {
        /// Where it lies.
        place: String,
        /// The keys that are trusted.
        expected: String,
    },
    /// The signature is not one over this content.
    #[error("{place}: changed after {key} signed it")]
    Altered {
        /// Where it lies.
        place: String,
        /// The key that it names.
        key: String,
    },
    /// It is about other bytes.
    #[error("{place}: an attestation of another release ({found}, not {expected})")]
    OtherRelease {
        /// Where it lies.
        place: String,
        /// The release's digest.
        expected: String,
        /// The digest that it names.
        found: String,
    },
}

impl SigningError {
    /// What to type.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            SigningError::NotAKey { .. } => Some("to create a key pair: cosign generate-key-pair"),
            SigningError::NoPassword { .. } | SigningError::WrongPassword { .. } => {
                Some("set the environment variable COSIGN_PASSWORD")
            }
            SigningError::OtherRelease { .. } => {
                Some("the release file was changed after signing: record, test and sign it again")
            }
            _ => None,
        }
    }
}
