//! The values under a Secret's `data`: base64 as an API server reads it.
//!
//! What the server takes must be read here, however it is written: values are compared, and searched for in
//! texts, by their bytes.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

/// The server passes over line ends and over bits that are left over.
// As Go's decoder does, which refuses a space as well.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The bytes that a server reads; none where it refuses the text.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    // Nothing else is taken out: the server refuses any other character.
    LENIENT.decode(text.replace(['\r', '\n'], "")).ok()
}

/// As the server gives it back.
pub fn encode(bytes: &[u8]) -> String {
    // In the canonical form, so that two spellings of a value compare as equal.
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_the_server_reads_it() {
        // Lines as PEM files and `base64` wrap them.
        assert_eq!(decode("dmFs\r\ndWU=\n").as_deref(), Some(&b"value"[..]));
        assert_eq!(
            decode("bmV=").map(|bytes| encode(&bytes)).as_deref(),
            Some("bmU="),
            "bits left over"
        );
        // Plain text, no padding, a space, padding alone, and text behind it.
        for refused in ["plain text", "bmU", "bm U=", "====", "bmU=x"] {
            assert_eq!(decode(refused), None, "{refused}");
        }
    }
}
