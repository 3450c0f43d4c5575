//! Signatures over statements: DSSE envelopes in Sigstore bundles (v0.3), ECDSA P-256, keys as cosign makes them.
//!
//! A key pair proves who signed, not when: there is no entry of a transparency log.
//!
//! `keys` and `encrypted` read keys, `envelope` writes statements and checks one against a release, `demand` says
//! what is missing of all that an environment requires. Nothing here reads a file: bytes come in with the name of
//! their place, for messages.

mod demand;
mod encrypted;
mod envelope;
mod error;
mod keys;

pub use demand::{Refusal, demand};
pub use envelope::{Attestation, bare, bundle, parse_attestation};
pub use error::SigningError;
pub use keys::{PrivateKey, PublicKey};
