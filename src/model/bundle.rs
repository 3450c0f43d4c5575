//! Bytes that are too many for one object: compressed, split, and named by their hash.

use super::digest::Sha256Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// Bytes of one part; the server takes 1 MiB an object, names and labels included.
const PART_BYTES: usize = 900 * 1024;
/// Bytes of a bundle before it is compressed: more is neither written nor read.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Where a bundle's parts are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// Whether the parts are Secrets; else ConfigMaps.
    pub secret: bool,
    /// Their namespace.
    pub namespace: String,
    /// Their names, in order.
    pub names: Vec<String>,
    /// The digest of the compressed bytes.
    pub digest: Sha256Digest,
}

/// A bundle that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Its bytes are not those that were written.
    #[error("expected parts with the digest {expected}, found {found}")]
    Changed {
        /// As named by the journal.
        expected: Sha256Digest,
        /// As read.
        found: Sha256Digest,
    },
    /// It has more bytes than can be kept.
    #[error("expected at most {limit} bytes, found {}", at_least(*found, *limit))]
    TooLarge {
        /// How many; none where reading stopped at the limit.
        found: Option<usize>,
        /// How many may be.
        limit: usize,
    },
    /// It cannot be decompressed.
    #[error("expected compressed parts: {0}")]
    Compression(#[from] std::io::Error),
    /// It is not what this version writes.
    #[error("expected a text that this version understands: {0}")]
    Json(#[from] serde_json::Error),
}

fn at_least(found: Option<usize>, limit: usize) -> String {
    found.map_or_else(|| format!("more than {limit}"), |found| found.to_string())
}

/// Compresses a value; its digest and the bytes of each part.
pub fn pack<T: Serialize>(value: &T) -> Result<(Sha256Digest, Vec<Vec<u8>>), BundleError> {
    pack_up_to(value, MAX_BYTES)
}

fn pack_up_to<T: Serialize>(value: &T, limit: usize) -> Result<(Sha256Digest, Vec<Vec<u8>>), BundleError> {
    let text = serde_json::to_vec(value)?;
    if text.len() > limit {
        return Err(BundleError::TooLarge { found: Some(text.len()), limit });
    }
    let bytes = compress(&text)?;
    let digest = Sha256Digest::of(&bytes);
    Ok((digest, bytes.chunks(PART_BYTES).map(<[u8]>::to_vec).collect()))
}

/// The value of a bundle from its parts, in order.
pub fn unpack<T: DeserializeOwned>(bundle: &Bundle, parts: &[Vec<u8>]) -> Result<T, BundleError> {
    let bytes = parts.concat();
    let found = Sha256Digest::of(&bytes);
    if found != bundle.digest {
        return Err(BundleError::Changed { expected: bundle.digest.clone(), found });
    }
    Ok(serde_json::from_slice(&decompress(&bytes)?)?)
}

/// gzip, the same for the same bytes.
pub fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The bytes of a gzip; an error where they are more than any that were written.
pub fn decompress(bytes: &[u8]) -> Result<Vec<u8>, BundleError> {
    decompress_up_to(bytes, MAX_BYTES)
}

fn decompress_up_to(bytes: &[u8], limit: usize) -> Result<Vec<u8>, BundleError> {
    let mut plain = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::GzDecoder::new(bytes).take(one_more).read_to_end(&mut plain)?;
    if plain.len() > limit {
        return Err(BundleError::TooLarge { found: None, limit });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(bytes: usize) -> Vec<u32> {
        (0..bytes / 4)
            .map(|i| u32::try_from(i).unwrap().wrapping_mul(2_654_435_761).rotate_left(9) ^ 0x5bd1_e995)
            .collect()
    }

    #[test]
    fn what_is_larger_than_one_object_is_split_and_comes_back() {
        let value = noise(3_000_000);
        let (digest, parts) = pack(&value).unwrap();
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= PART_BYTES));
        let bundle = Bundle { secret: true, namespace: "shop".into(), names: Vec::new(), digest };
        assert_eq!(unpack::<Vec<u32>>(&bundle, &parts).unwrap(), value);
    }

    #[test]
    fn what_is_too_large_is_refused_when_it_is_written_and_when_it_is_read() {
        let value = "x".repeat(98);
        assert!(pack_up_to(&value, 100).is_ok());
        let error = pack_up_to(&(value + "x"), 100).unwrap_err();
        assert_eq!(error.to_string(), "expected at most 100 bytes, found 101");
        let bytes = compress(&[b'x'; 101]).unwrap();
        assert_eq!(decompress_up_to(&bytes, 101).unwrap().len(), 101);
        let error = decompress_up_to(&bytes, 100).unwrap_err();
        assert_eq!(error.to_string(), "expected at most 100 bytes, found more than 100");
    }

    #[test]
    fn parts_that_somebody_changed_are_refused() {
        let (digest, mut parts) = pack(&"text").unwrap();
        parts[0][12] ^= 1;
        let bundle = Bundle { secret: true, namespace: "shop".into(), names: Vec::new(), digest };
        assert!(matches!(unpack::<String>(&bundle, &parts), Err(BundleError::Changed { .. })));
    }
}
