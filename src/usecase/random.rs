//! Randomness from the operating system, for what must not be guessed inside one run.

use crate::model::Sha256Digest;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// 32 bytes: the standard library seeds each of its hashers from the operating system.
pub fn key() -> [u8; 32] {
    let mut key = [0; 32];
    for chunk in key.chunks_mut(8) {
        chunk.copy_from_slice(&RandomState::new().build_hasher().finish().to_ne_bytes());
    }
    key
}

/// Ten hex digits that no other process has.
pub fn id() -> String {
    Sha256Digest::of(&key()).hex()[..10].to_owned()
}
