//! Randomness from the operating system.

use super::{CommandError, ErrorKind};
use crate::model::Sha256Digest;

/// 32 bytes that nobody can foresee.
pub fn key() -> Result<[u8; 32], CommandError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| {
        let message = format!("the operating system gives no random bytes: {error}");
        CommandError::new(ErrorKind::Other, message)
    })?;
    Ok(key)
}

/// Ten hex digits that no other process has.
pub fn id() -> Result<String, CommandError> {
    Ok(Sha256Digest::of(&key()?).hex()[..10].to_owned())
}
