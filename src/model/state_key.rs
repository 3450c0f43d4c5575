//! The key that vouches for what a release keeps in the cluster, and what is worked out with it.
//!
//! One key may serve several releases. Each purpose, release and namespace has a key of its own, derived from
//! it: a digest that was made for one of them is worth nothing for another. Nothing here makes randomness or
//! keeps a key.

use super::digest::hex;
use super::identity::Uid;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// What a MAC begins with.
const ALGORITHM: &str = "hmac-sha256:";

/// A key of [`KEY_BYTES`] random bytes. It is never shown.
// Neither `Serialize` nor `Display`: a key leaves by `to_text` alone.
#[derive(Clone, PartialEq, Eq)]
pub struct StateKey([u8; KEY_BYTES]);

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {KEY_BYTES} random bytes in base64, as `openssl rand -base64 {KEY_BYTES}` writes them")]
pub struct NotAKey;

/// Tells keys apart without telling the key: sixteen hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl StateKey {
    /// From random bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// From the text of a file or a Secret.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        // A file ends with a line feed.
        let bytes = STANDARD.decode(text.trim()).map_err(|_| NotAKey)?;
        bytes.try_into().map(Self).map_err(|_| NotAKey)
    }

    /// The text of a Secret.
    pub fn to_text(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        let id = mac(&self.0, &[b"kubectl-delivery.io/state-key-id"]);
        // Eight bytes tell keys apart, and no key of 32 random bytes is found from them.
        KeyId(hex(&id[..8]))
    }

    /// The keys that are worked out from it for one release in one namespace, and for nothing else.
    pub fn bind(&self, namespace_uid: Option<&Uid>, name: &str) -> BoundKey {
        // A namespace that is not there yet has none, and nothing is kept in it that a key could vouch for.
        let namespace_uid = namespace_uid.map_or("", Uid::as_str);
        let derived = |purpose: &str| {
            // With a version: keys that are derived in another way never meet these.
            let parts = ["kubectl-delivery.io/state-v1", purpose, namespace_uid, name];
            mac(&self.0, &parts.map(str::as_bytes))
        };

        BoundKey {
            id: self.id(),
            seal: derived("seal"),
            parts: derived("parts"),
            release: derived("release"),
            content: ContentKey(derived("content")),
        }
    }
}

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateKey({})", self.id().0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A [`StateKey`] for one release: a copy in another namespace, or under another name, does not fit.
#[derive(Clone, PartialEq, Eq)]
pub struct BoundKey {
    id: KeyId,
    // One a purpose: a part can never pass for a seal, nor a hash of content for either.
    seal: [u8; 32],
    parts: [u8; 32],
    release: [u8; 32],
    content: ContentKey,
}

impl BoundKey {
    /// Of the key that it was worked out from.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What vouches for these texts together, in this order.
    pub fn seal(&self, texts: &[&[u8]]) -> Mac {
        Mac::new(mac(&self.seal, texts))
    }

    /// The digest of bytes that are written once.
    pub fn part(&self, bytes: &[u8]) -> Mac {
        Mac::new(mac(&self.parts, &[bytes]))
    }

    /// The digest of a release file that holds values of Secrets.
    pub fn release(&self, bytes: &[u8]) -> Mac {
        Mac::new(mac(&self.release, &[bytes]))
    }

    /// For the hashes of contents.
    pub fn content(&self) -> &ContentKey {
        &self.content
    }
}

impl fmt::Debug for BoundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoundKey({})", self.id)
    }
}

/// For the hashes of objects' contents that everybody may read: a plain hash tells a short value.
#[derive(Clone, PartialEq, Eq)]
// In tests alone: a key of zeros vouches for nothing.
#[cfg_attr(test, derive(Default))]
pub struct ContentKey([u8; 32]);

impl ContentKey {
    /// The hash of a content, in hex.
    pub fn hash(&self, content: &[u8]) -> String {
        hex(&mac(&self.0, &[content]))
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey")
    }
}

/// A keyed digest, written `hmac-sha256:<64 hex digits>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac([u8; 32]);

/// A text that is no keyed digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected hmac-sha256: and 64 lowercase hex digits")]
pub struct NotAMac;

impl Mac {
    fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first twelve hex digits, for names.
    pub fn short(&self) -> String {
        hex(&self.0[..6])
    }
}

/// Takes as long wherever two differ: whoever measures it learns nothing.
impl PartialEq for Mac {
    fn eq(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .fold(0, |found, (one, other)| found | (one ^ other))
            == 0
    }
}

impl Eq for Mac {}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        format!("{ALGORITHM}{}", hex(&mac.0))
    }
}

impl TryFrom<String> for Mac {
    type Error = NotAMac;

    fn try_from(text: String) -> Result<Self, NotAMac> {
        let digits = text
            .strip_prefix(ALGORITHM)
            .filter(|digits| digits.len() == 64)
            .ok_or(NotAMac)?;

        // One spelling alone: what was read is written back as the same text.
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(NotAMac),
        };
        let mut bytes = [0; 32];
        // 64 digits were counted: each pair is whole.
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(self.clone()))
    }
}

/// HMAC-SHA256 over texts, each behind its length: no two lists of texts are the same bytes.
fn mac(key: &[u8; 32], texts: &[&[u8]]) -> [u8; 32] {
    // HMAC's own block, of which a shorter key is the start.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);

    let mut mac = Hmac::<Sha256>::new(&block.into());
    for text in texts {
        mac.update(&(text.len() as u64).to_be_bytes());
        mac.update(text);
    }

    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &str) -> Option<Uid> {
        Uid::parse(text)
    }

    fn key() -> StateKey {
        StateKey([7; KEY_BYTES])
    }

    #[test]
    fn a_key_is_read_from_what_openssl_writes_and_from_nothing_shorter_or_longer() {
        let text = key().to_text();

        assert_eq!(StateKey::parse(&format!("{text}\n")), Ok(key()));
        // Nothing, a word, a byte less, a byte more, and hex in place of base64.
        for bad in [
            "",
            "secret",
            &STANDARD.encode([7; 31]),
            &STANDARD.encode([7; 33]),
            &"7".repeat(64),
        ] {
            assert_eq!(StateKey::parse(bad), Err(NotAKey), "{bad}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let shown = format!("{:?} {:?}", key(), key().bind(uid("u").as_ref(), "shop"));

        assert!(
            !shown.contains("7, 7") && !shown.contains(&key().to_text()),
            "{shown}"
        );
    }

    #[test]
    fn each_purpose_release_and_namespace_has_a_digest_of_its_own() {
        let bound = key().bind(uid("u").as_ref(), "shop");
        let mut found = vec![
            // The same letters, cut elsewhere.
            bound.seal(&[b"ab"]),
            bound.seal(&[b"a", b"b"]),
            bound.seal(&[b"", b"ab"]),
            // Another purpose, namespace, name, and the same letters over both of these.
            bound.part(b"ab"),
            key().bind(uid("v").as_ref(), "shop").seal(&[b"ab"]),
            key().bind(uid("u").as_ref(), "shop2").seal(&[b"ab"]),
            key().bind(uid("us").as_ref(), "hop").seal(&[b"ab"]),
            StateKey([8; KEY_BYTES])
                .bind(uid("u").as_ref(), "shop")
                .seal(&[b"ab"]),
        ];

        let count = found.len();
        found.dedup_by(|one, other| one == other);
        assert_eq!(found.len(), count);

        assert_eq!(
            bound.seal(&[b"ab"]),
            key().bind(uid("u").as_ref(), "shop").seal(&[b"ab"])
        );
    }

    #[test]
    fn a_digest_comes_back_from_its_text_and_a_plain_one_is_none() {
        let mac = key().bind(uid("u").as_ref(), "shop").part(b"x");
        let text = String::from(mac.clone());

        assert!(text.starts_with("hmac-sha256:") && text.contains(&mac.short()));

        assert_eq!(Mac::try_from(text.clone()), Ok(mac));
        for bad in [
            text.to_uppercase(),
            text.replace("hmac-", ""),
            text[..70].to_owned(),
            format!("{text}0"),
        ] {
            assert_eq!(Mac::try_from(bad.clone()), Err(NotAMac), "{bad}");
        }
    }
}
