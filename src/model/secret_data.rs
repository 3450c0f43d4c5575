//! The values under a Secret's `data`: base64 as an API server reads it.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

/// The server passes over line ends and over bits that are left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The bytes that a server reads; none where it refuses the text.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.replace(['\r', '\n'], "")).ok()
}

/// As the server gives it back.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_the_server_reads_it() {
        assert_eq!(decode("dmFs\r\ndWU=\n").as_deref(), Some(&b"value"[..]));
        assert_eq!(
            decode("bmV=").map(|bytes| encode(&bytes)).as_deref(),
            Some("bmU="),
            "bits left over"
        );
        for refused in ["plain text", "bmU", "bm U=", "====", "bmU=x"] {
            assert_eq!(decode(refused), None, "{refused}");
        }
    }
}
