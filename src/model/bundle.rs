//! Bytes that are too many for one object: compressed, split, and named by their hash.
//!
//! Parts are written once and never changed. Each is named by its own keyed digest: one that is there already
//! is the right one, and one that somebody swapped is not. The whole is vouched for by the digest in head or
//! inventory, which are sealed.

use super::format::{LaterVersion, Versioned};
use super::state_key::{BoundKey, Mac};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io::{Read, Write};

/// Bytes of one part; the server takes 1 MiB an object, names and labels included.
const PART_BYTES: usize = 900 * 1024;
/// Bytes of a bundle before it is compressed: more is neither written nor read.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Where a bundle's parts are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartBundle {
    /// Whether the parts are Secrets; else ConfigMaps.
    // Secrets where anything in it is not everybody's to read.
    pub secret: bool,
    /// Their namespace.
    pub namespace: String,
    /// Their names, in order: each ends with the start of its own digest and its number.
    pub names: Vec<String>,
    /// The digest of the compressed bytes: keyed, for they may hold a Secret.
    pub digest: Mac,
}

impl PartBundle {
    /// These bundles without the parts that others name as well: parts are named by their bytes, and two bundles whose bytes
    /// agree in one part share that one.
    pub fn without_shared<'b>(bundles: Vec<Self>, others: impl IntoIterator<Item = &'b Self>) -> Vec<Self> {
        let key = |bundle: &Self, name: &String| (bundle.secret, bundle.namespace.clone(), name.clone());
        let shared: HashSet<_> = others
            .into_iter()
            .flat_map(|bundle| bundle.names.iter().map(move |name| key(bundle, name)))
            .collect();

        let narrowed = bundles.into_iter().map(|mut bundle| {
            let names = std::mem::take(&mut bundle.names);
            bundle.names = names
                .into_iter()
                .filter(|name| !shared.contains(&key(&bundle, name)))
                .collect();
            bundle
        });
        narrowed.filter(|bundle| !bundle.names.is_empty()).collect()
    }
}

#[cfg(test)]
impl PartBundle {
    /// In the namespace `shop`.
    pub fn named(name: &str, secret: bool) -> Self {
        let digest = crate::model::state_key::StateKey::new([1; 32])
            .bind(crate::model::Uid::parse("u").as_ref(), "shop")
            .part(name.as_bytes());
        Self {
            secret,
            namespace: "shop".into(),
            names: vec![name.into()],
            digest,
        }
    }
}

/// A bundle that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Its bytes are not those that were written.
    #[error("the parts were changed")]
    Changed,
    /// It has more bytes than can be kept.
    #[error("expected at most {limit} bytes, found {}", at_least(*found, *limit))]
    TooLarge {
        /// How many; none where reading stopped at the limit.
        found: Option<usize>,
        /// How many may be.
        limit: usize,
    },
    /// It cannot be decompressed.
    #[error("invalid compressed parts: {0}")]
    Compression(#[from] std::io::Error),
    /// A later program wrote it.
    #[error(transparent)]
    Newer(LaterVersion),
    /// It is not what this version writes.
    #[error("unsupported content: {0}")]
    Json(#[from] serde_json::Error),
}

fn at_least(found: Option<usize>, limit: usize) -> String {
    found.map_or_else(|| format!("more than {limit}"), |found| found.to_string())
}

/// Bytes that were compressed and split.
pub struct Packed {
    /// The digest of all of them.
    pub digest: Mac,
    /// Each part, behind the start of its own digest.
    pub parts: Vec<(String, Vec<u8>)>,
}

/// Compresses a value and splits it.
pub fn pack<T: Serialize>(value: &T, key: &BoundKey) -> Result<Packed, BundleError> {
    pack_up_to(value, key, MAX_BYTES)
}

fn pack_up_to<T: Serialize>(value: &T, key: &BoundKey, limit: usize) -> Result<Packed, BundleError> {
    let text = serde_json::to_vec(value)?;
    // Before it is compressed: whoever reads it has to hold all of it.
    if text.len() > limit {
        return Err(BundleError::TooLarge {
            found: Some(text.len()),
            limit,
        });
    }

    let bytes = compress(&text)?;
    let parts = bytes
        .chunks(PART_BYTES)
        .map(|part| (key.part(part).short(), part.to_vec()))
        .collect();

    Ok(Packed {
        digest: key.part(&bytes),
        parts,
    })
}

/// The value of a bundle from its parts, in order. Whether they are those that were written is unknown without the key.
pub fn unpack<T: DeserializeOwned>(
    bundle: &PartBundle,
    parts: &[Vec<u8>],
    key: Option<&BoundKey>,
) -> Result<T, BundleError> {
    let bytes = parts.concat();
    // Before anything is made of them: a decompressor should not meet a stranger's bytes.
    if key.is_some_and(|key| bundle.digest != key.part(&bytes)) {
        return Err(BundleError::Changed);
    }

    let text = decompress(&bytes)?;
    // Before the fields are read: a later format may have others. What is no map has no version.
    if let Ok(document) = serde_json::from_slice::<Versioned>(&text)
        && let Some(version) = document.format_version.newer()
    {
        return Err(BundleError::Newer(version));
    }
    Ok(serde_json::from_slice(&text)?)
}

/// Whether a part has the name that its own bytes give it.
pub fn is_named_by_its_bytes(name: &str, part: &[u8], key: &BoundKey) -> bool {
    // From the end: the name of a release may have dashes and digits, too.
    let mut from_the_end = name.rsplit('-');
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());

    from_the_end.next().is_some_and(is_number) && from_the_end.next() == Some(&*key.part(part).short())
}

/// gzip, the same for the same bytes.
pub fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // Without a time or a name in its header: digests and names of parts hang on it.
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
    // One byte more tells that there are more, and no more of them is unpacked.
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::GzDecoder::new(bytes)
        .take(one_more)
        .read_to_end(&mut plain)?;

    if plain.len() > limit {
        return Err(BundleError::TooLarge { found: None, limit });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::state_key::StateKey;

    fn noise(bytes: usize) -> Vec<u32> {
        // Bytes that do not compress: otherwise one part would do.
        (0..bytes / 4)
            .map(|i| {
                u32::try_from(i)
                    .unwrap()
                    .wrapping_mul(2_654_435_761)
                    .rotate_left(9)
                    ^ 0x5bd1_e995
            })
            .collect()
    }

    fn key(byte: u8) -> BoundKey {
        StateKey::new([byte; 32]).bind(crate::model::Uid::parse("u").as_ref(), "shop")
    }

    fn bundle(digest: Mac) -> PartBundle {
        PartBundle {
            secret: true,
            namespace: "shop".into(),
            names: Vec::new(),
            digest,
        }
    }

    fn bytes(packed: Packed) -> (PartBundle, Vec<Vec<u8>>) {
        (
            bundle(packed.digest),
            packed.parts.into_iter().map(|(_, part)| part).collect(),
        )
    }

    #[test]
    fn what_is_larger_than_one_object_is_split_and_comes_back() {
        let value = noise(3_000_000);
        let (bundle, parts) = bytes(pack(&value, &key(1)).unwrap());
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= PART_BYTES));
        assert_eq!(unpack::<Vec<u32>>(&bundle, &parts, Some(&key(1))).unwrap(), value);
    }

    #[test]
    fn what_is_too_large_is_refused_when_it_is_written_and_when_it_is_read() {
        // The quotes of JSON are the other two bytes.
        let value = "x".repeat(98);
        assert!(pack_up_to(&value, &key(1), 100).is_ok());
        let error = pack_up_to(&(value + "x"), &key(1), 100).err().unwrap();
        assert_eq!(error.to_string(), "expected at most 100 bytes, found 101");

        let bytes = compress(&[b'x'; 101]).unwrap();
        assert_eq!(decompress_up_to(&bytes, 101).unwrap().len(), 101);

        let error = decompress_up_to(&bytes, 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected at most 100 bytes, found more than 100"
        );
    }

    #[test]
    fn parts_that_somebody_changed_or_wrote_without_the_key_are_refused() {
        let (bundle, mut parts) = bytes(pack(&"text", &key(1)).unwrap());
        assert!(matches!(
            unpack::<String>(&bundle, &parts, Some(&key(2))),
            Err(BundleError::Changed)
        ));

        // A bit behind the header of the gzip.
        parts[0][12] ^= 1;
        assert!(matches!(
            unpack::<String>(&bundle, &parts, Some(&key(1))),
            Err(BundleError::Changed)
        ));
    }

    #[test]
    fn what_a_later_program_wrote_is_named_by_its_version_whatever_its_fields_are() {
        let later = serde_json::json!({"formatVersion": 2, "steps": "another shape"});
        let (bundle, parts) = bytes(pack(&later, &key(1)).unwrap());
        let error = unpack::<crate::model::journal::Parts>(&bundle, &parts, Some(&key(1))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "format version 2, which only a later kubectl-delivery writes"
        );
    }

    #[test]
    fn a_part_that_two_bundles_share_is_not_forgotten_with_one_of_them() {
        let of = |names: &[&str]| PartBundle {
            names: names.iter().map(ToString::to_string).collect(),
            ..PartBundle::named("a", true)
        };
        let other = PartBundle {
            namespace: "other".into(),
            ..of(&["b-1"])
        };

        let old = vec![of(&["a-0", "b-1"]), of(&["b-1"]), other.clone()];
        let others = [of(&["c-0", "b-1"])];
        // Of the same name in another namespace it is another one.
        assert_eq!(PartBundle::without_shared(old, &others), [of(&["a-0"]), other]);
    }

    #[test]
    fn a_part_has_the_name_that_its_bytes_and_the_key_give_it() {
        let packed = pack(&"text", &key(1)).unwrap();
        let (hash, part) = &packed.parts[0];
        let name = crate::model::names::journal_part("shop", hash, 0);
        assert!(is_named_by_its_bytes(&name, part, &key(1)));
        assert!(!is_named_by_its_bytes(&name, part, &key(2)));
        assert!(!is_named_by_its_bytes(&name, b"other", &key(1)));
        // Behind the last dash stands a number alone.
        assert!(!is_named_by_its_bytes(&format!("{name}x"), part, &key(1)));
    }
}
