//! The ConfigMaps of inventory and journal → what they say.
//!
//! Both hold text that this program wrote, and whoever may write ConfigMaps may have written over it: every
//! failure names the object and what is wrong with it, compressed text has a bound, and a journal is held
//! against the release that it was looked up for.

use super::{ReleaseStateError, Stored};
use crate::model::bundle::decompress;
use crate::model::inventory::{HistoryEntry, Inventory};
use crate::model::journal::{Head, Journal};
use crate::model::moves::Moved;
use crate::model::{Object, names, plain_words};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// What this program writes into an inventory's ConfigMap.
const INVENTORY_KEYS: [&str; 7] = [
    "formatVersion",
    "release",
    "digest",
    "revision",
    "history",
    "moved",
    "members",
];

/// The inventory that a ConfigMap holds.
pub fn parse_inventory(object: &Object) -> Result<Stored<Inventory>, ReleaseStateError> {
    let wrong = |why: String| ReleaseStateError::Unreadable {
        target: object.id().to_string(),
        why,
    };

    // A large set is compressed: one object holds 1 MiB.
    let lines = match object.text("/binaryData/members") {
        "" => object.text("/data/members").to_owned(),
        many => unzipped(many).map_err(|error| wrong(format!("its members: {error}")))?,
    };
    let members = Inventory::parse_members(&lines).map_err(|line| wrong(format!("a member {line:?}")))?;

    let history = object
        .text("/data/history")
        .lines()
        .map(|line| {
            serde_json::from_str(line)
                // In plain words: a parser's own name types that nobody outside knows.
                .map_err(|error| wrong(format!("a history entry: {}", plain_words(&error.to_string()))))
        })
        .collect::<Result<Vec<HistoryEntry>, _>>()?;

    let moved = object
        .text("/data/moved")
        .lines()
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| wrong(format!("a move: {}", plain_words(&error.to_string()))))
        })
        .collect::<Result<Vec<Moved>, _>>()?;

    let data = object
        .at("/data")
        .and_then(serde_json::Value::as_object)
        .into_iter()
        .flatten();
    let unknown = data.filter(|(key, _)| !INVENTORY_KEYS.contains(&key.as_str()));
    // What a later program keeps here is written back: a write replaces the whole of `data`.
    let rest = unknown
        .filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned())))
        .collect();

    Ok(Stored::new(
        object,
        Inventory {
            members,
            history,
            moved,
            rest,
            labels: user_labels(object),
        },
    ))
}

/// Labels that this tool does not write itself.
fn user_labels(object: &Object) -> BTreeMap<String, String> {
    let labels = object.labels().into_iter().flatten();
    labels
        .filter(|(key, _)| !names::INVENTORY_LABELS.contains(&key.as_str()))
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn unzipped(text: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    // Bounded: a few kilobytes of gzip can unpack to any size.
    let bytes = decompress(&bytes).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The journal's head that a ConfigMap holds.
pub fn parse_head(object: &Object) -> Result<Stored<Head>, ReleaseStateError> {
    let wrong = |why: String| ReleaseStateError::Unreadable {
        target: object.id().to_string(),
        why,
    };
    let text = unzipped(object.text("/binaryData/journal"))
        .map_err(|error| wrong(format!("its journal: {error}")))?;

    let head = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("its journal: {}", plain_words(&error.to_string()))))?;
    Ok(Stored::new(object, head))
}

/// Why a journal is not that of this release: what it names reaches commands and messages.
pub(super) fn foreign_journal(journal: &Journal, namespace: &str, name: &str) -> Option<String> {
    let is_own = journal.namespace == namespace && journal.release.name == name;
    (!is_own).then(|| "its journal belongs to another release".into())
}
