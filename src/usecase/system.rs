//! What the operating system tells: the day, and random bytes.
//!
//! Whatever is pure is given them as arguments, so that the same inputs make the same plan.

use super::{CommandError, ErrorKind};
use crate::model::Sha256Digest;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Today, in UTC.
pub fn today() -> Date {
    TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date()
}

/// 32 bytes that nobody can foresee.
///
/// # Errors
///
/// Where the operating system gives none.
pub fn random_key() -> Result<[u8; 32], CommandError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| {
        let message = format!("the operating system gives no random bytes: {error}");
        CommandError::new(ErrorKind::Other, message)
    })?;
    Ok(key)
}

/// Ten hex digits that no other process has.
///
/// # Errors
///
/// Where the operating system gives no random bytes.
pub fn random_id() -> Result<String, CommandError> {
    Ok(Sha256Digest::compute(&random_key()?).hex()[..10].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_fits_into_a_name_and_is_never_given_twice() {
        let (id, other) = (random_id().unwrap(), random_id().unwrap());

        // Names of objects end with it.
        assert!(
            id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{id}"
        );
        assert_ne!(id, other);
    }
}
