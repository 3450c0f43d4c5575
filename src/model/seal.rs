//! The seal of a release: which head and which inventory are those that this tool wrote last.
//!
//! It lies in a Secret. What is about to be written is sealed as `next` first, then written, then sealed as `current`: a run
//! that is killed at any point leaves a state that fits one of the two.
//!
//! Head and inventory are sealed together and with a number: an older version of one of them beside the newer
//! other one is seen. The seal says nothing of who wrote it but that the key was at hand; whoever may write
//! the Secret as well can put an older state back together with its seal.
//!
//! Nothing here reads or writes. [`judge`] is given what was read; what may not be read is no part of it, and
//! is never taken for absent: [`Integrity::Hidden`] is said by whoever reads.

use super::format::{FormatVersion, LaterVersion};
use super::object::Object;
use super::state_key::{BoundKey, KeyId, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the Secret `delivery-NAME-seal` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
// A field that is not known would be outside of what is checked.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seal {
    /// The version of the state.
    pub format_version: FormatVersion,
    /// What is there.
    pub current: Sealed,
    /// What is being written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Sealed>,
}

/// One state of head and inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
// As above: what is not under the MAC must not be here.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sealed {
    /// Grows with each write.
    // Under the MAC, like the place of the key: neither can be set by hand.
    pub sequence: u64,
    /// The key that seals it.
    pub key: KeyId,
    /// Whether that key is kept outside of the cluster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
    /// Of the head; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Mac>,
    /// Of the inventory; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Mac>,
    /// Of all of the above.
    pub mac: Mac,
}

/// One of the two objects that are written again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The head of the journal.
    Head,
    /// The inventory.
    Inventory,
}

impl Sealed {
    /// The state of these objects.
    pub fn new(
        key: &BoundKey,
        outside: bool,
        sequence: u64,
        head: Option<Mac>,
        inventory: Option<Mac>,
    ) -> Self {
        // Over all of it, so that no part of another state fits in.
        let mac = mac_of(key, outside, sequence, head.as_ref(), inventory.as_ref());

        Self {
            sequence,
            key: key.id().clone(),
            outside,
            head,
            inventory,
            mac,
        }
    }

    /// Whether nothing was ever written under it.
    pub fn is_first(&self) -> bool {
        self.head.is_none() && self.inventory.is_none()
    }

    /// Whether this key made it.
    pub fn is_by(&self, key: &BoundKey) -> bool {
        let mac = mac_of(
            key,
            self.outside,
            self.sequence,
            self.head.as_ref(),
            self.inventory.as_ref(),
        );

        // The id alone is a claim: the MAC decides.
        self.key == *key.id() && self.mac == mac
    }

    /// Of an object.
    pub fn mac(&self, role: Role) -> Option<&Mac> {
        match role {
            Role::Head => self.head.as_ref(),
            Role::Inventory => self.inventory.as_ref(),
        }
    }

    /// The state after one of its objects was written; without a MAC after it was deleted.
    pub fn with(&self, key: &BoundKey, role: Role, mac: impl Into<Option<Mac>>) -> Self {
        // One object at a time: each write is sealed on its own, before and after.
        let (head, inventory) = match role {
            Role::Head => (mac.into(), self.inventory.clone()),
            Role::Inventory => (self.head.clone(), mac.into()),
        };

        Self::new(key, self.outside, self.sequence + 1, head, inventory)
    }
}

fn mac_of(key: &BoundKey, outside: bool, sequence: u64, head: Option<&Mac>, inventory: Option<&Mac>) -> Mac {
    // What is not there is an empty text, and no MAC looks like that.
    let text = |mac: Option<&Mac>| mac.map(ToString::to_string).unwrap_or_default();
    let (head, inventory) = (text(head), text(inventory));
    // A key in the cluster never vouches for what one outside has sealed.
    let place: &[u8] = if outside { b"outside" } else { b"cluster" };

    key.seal(&[
        // A word of its own: the seal of an object never passes for that of a state.
        b"state",
        place,
        &sequence.to_be_bytes(),
        head.as_bytes(),
        inventory.as_bytes(),
    ])
}

/// What vouches for a ConfigMap: for all that it holds, also for what is only there for people.
pub fn seal_of(key: &BoundKey, role: Role, body: &Value) -> Mac {
    // The role as well: the two ConfigMaps cannot take each other's place.
    let mut texts: Vec<&[u8]> = vec![match role {
        Role::Head => b"head",
        Role::Inventory => b"inventory",
    }];

    // All that the ConfigMaps hold, and no metadata: the server writes there on its own.
    let sections = ["data", "binaryData"].map(|section| {
        let mut entries: Vec<(&String, &Value)> = body[section].as_object().into_iter().flatten().collect();
        // The order of keys is no content, and the server keeps none.
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    });
    // Their numbers tell where one section ends and the other begins.
    let counts = sections
        .each_ref()
        .map(|entries| (entries.len() as u64).to_be_bytes());
    for (count, entries) in counts.iter().zip(sections) {
        texts.push(count);
        for (key, value) in entries {
            texts.push(key.as_bytes());
            // A ConfigMap holds nothing but texts.
            texts.push(value.as_str().unwrap_or_default().as_bytes());
        }
    }
    key.seal(&texts)
}

/// What is known of a release's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// There is none, and never was.
    None,
    /// It is as this tool wrote it.
    Sealed,
    /// It is there without a seal and a key, as an older version wrote it.
    Unsealed,
    /// It is sealed with a key that was not given.
    NotVerified(String),
    /// A later program sealed it, with this version of the format.
    Newer(LaterVersion),
    /// The seal or its key may not be read: why.
    Hidden(String),
    /// It is not as this tool wrote it: what does not fit.
    Altered(String),
}

/// What was read of a release's state, to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The head's ConfigMap.
    pub head: Option<&'a Object>,
    /// The inventory's ConfigMap.
    pub inventory: Option<&'a Object>,
    /// The seal.
    pub seal: Option<&'a Seal>,
    /// Whether the cluster holds a key for it.
    // False with a key outside: the cluster's own is not looked at then.
    pub has_key: bool,
    /// Keys by which it may be sealed, bound to the release.
    pub keys: &'a [BoundKey],
    /// Whether these are kept outside of the cluster.
    pub outside: bool,
}

impl<'a> Found<'a> {
    fn object(&self, role: Role) -> Option<&'a Object> {
        match role {
            Role::Head => self.head,
            Role::Inventory => self.inventory,
        }
    }
}

/// A judgement, and the state as it is where it is sealed: whatever was written last is current.
pub fn check_integrity(found: &Found<'_>) -> (Integrity, Option<Sealed>) {
    let is_empty = found.head.is_none() && found.inventory.is_none();

    let Some(seal) = found.seal else {
        // A first seal is written before its key: a key without a seal is what somebody has left of a state.
        let integrity = match (is_empty, found.has_key) {
            (_, true) => Integrity::Altered("its seal was deleted".into()),
            (true, false) => Integrity::None,
            (false, false) => Integrity::Unsealed,
        };
        return (integrity, None);
    };
    if seal.current.is_first() && seal.next.is_none() && is_empty && !found.outside && !found.has_key {
        // The run that made the seal did not get to the key, nor to anything else.
        return (Integrity::None, None);
    }

    match fitting(found, seal) {
        // Nothing was written yet: a first promotion, which goes on with this seal.
        Ok(state) if state.is_first() && is_empty => (Integrity::None, Some(state)),
        Ok(state) => (Integrity::Sealed, Some(state)),
        Err(integrity) => (integrity, None),
    }
}

/// The state that the objects are in.
fn fitting(found: &Found<'_>, seal: &Seal) -> Result<Sealed, Integrity> {
    let altered = Integrity::Altered;
    // Each has its key: while one key takes another's place there are two.
    let states: Vec<(&Sealed, &BoundKey)> = [Some(&seal.current), seal.next.as_ref()]
        .into_iter()
        .flatten()
        .map(|state| Ok((state, key_of(found, state)?)))
        .collect::<Result<_, Integrity>>()?;

    // Before what it seals: a seal that is not ours tells nothing.
    if states.iter().any(|(state, key)| !state.is_by(key)) {
        return Err(altered(
            "its seal belongs to another namespace or another program".into(),
        ));
    }

    let fits = |state: &Sealed, key: &BoundKey, role: Role| match (state.mac(role), found.object(role)) {
        (None, None) => true,
        (Some(mac), Some(object)) => *mac == seal_of(key, role, object.value()),
        // Absence is sealed, too: what somebody put there is as wrong as what was changed.
        _ => false,
    };
    // Each write changes one of the two: they fit the same state.
    let whole = |(state, key): &&(&Sealed, &BoundKey)| {
        fits(state, key, Role::Head) && fits(state, key, Role::Inventory)
    };
    // The next one first: where both fit, it is what was written last.
    if let Some((state, _)) = states.iter().rev().find(whole) {
        return Ok((*state).clone());
    }

    // Where each fits a state, but not the same one, the inventory is named.
    let is_head = !states.iter().any(|(state, key)| fits(state, key, Role::Head));
    let (role, name) = if is_head {
        (Role::Head, "journal")
    } else {
        (Role::Inventory, "inventory")
    };

    let what = if found.object(role).is_some() {
        "was changed"
    } else {
        "was deleted"
    };
    Err(altered(format!("its {name} {what}")))
}

fn key_of<'a>(found: &Found<'a>, state: &Sealed) -> Result<&'a BoundKey, Integrity> {
    // No alteration: it is this run that lacks the key.
    if state.outside && !found.outside {
        let why = format!(
            "its key {} is stored outside of the cluster: add --state-key FILE",
            state.key
        );
        return Err(Integrity::NotVerified(why));
    }

    // Whoever may read Secrets has a key of the cluster's: where one is given, no other counts.
    if !state.outside && found.outside {
        return Err(Integrity::Altered(
            "sealed with a key in the cluster, not with the given one".into(),
        ));
    }

    let known = found.keys.iter().find(|key| *key.id() == state.key);
    known.ok_or_else(|| {
        Integrity::Altered(if found.outside {
            format!("sealed with the key {}, not with the given one", state.key)
        } else {
            format!("its key {} was deleted", state.key)
        })
    })
}

#[cfg(test)]
mod tests;
