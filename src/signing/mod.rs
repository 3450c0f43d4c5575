//! Signatures over statements: DSSE envelopes in Sigstore bundles (v0.3), ECDSA P-256, keys as cosign makes them.
//!
//! A key pair proves who signed, not when: there is no entry of a transparency log.

mod demand;
mod encrypted;
mod envelope;
mod error;
mod keys;

pub use demand::{Refusal, demand};
pub use envelope::{Attestation, Checked, bare, bundle, read};
pub use error::SigningError;
pub use keys::{PrivateKey, PublicKey};
