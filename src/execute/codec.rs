//! How the journal's head and the inventory lie in their ConfigMaps, and whether they will fit to the end.
//!
//! One object holds 1 MiB, and a promotion that could not write its journal half-way would have to stop where
//! it is. So the largest state is tried before the first write, and texts for people have bounds of their
//! own: where there is no room they are shortened, and never what a later run needs.

use crate::model::bundle::{BundleError, PartBundle, compress};
use crate::model::format::FORMAT_VERSION;
use crate::model::inventory::{HistoryEntry, Inventory};
use crate::model::journal::{Head, Journal, JournalPhase, Previous, StepProgress, StepState, UndoState};
use crate::model::names::{self, *};
use crate::model::{Sha256Digest, Target, Uid};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Bytes that the keys and values of a ConfigMap may have.
const CONFIG_MAP: usize = 1024 * 1024;
/// Compressed bytes of a head: the rest is for what it shows to people.
const HEAD: usize = 896 * 1024;
/// Compressed bytes of a head in its largest state when a promotion begins: the rest is for a failure and short notes.
const FULL_HEAD: usize = HEAD - 32 * 1024;
/// Bytes of an inventory when a promotion begins: the rest is for what the history says at its end.
const INVENTORY: usize = 960 * 1024;
/// Bytes of one text that is shown to people.
const SHOWN_TEXT: usize = 4096;
/// Lines of progress that the head shows to people; more are counted.
const SHOWN_STEPS: usize = 200;
/// Bytes of the members up to which they lie there as text.
const READABLE: usize = 256 * 1024;

/// The labels of what a release keeps.
pub(super) fn labels(name: &str, role: &str) -> Value {
    json!({RELEASE_LABEL: name, ROLE_LABEL: role})
}

/// The ConfigMap of a head.
pub(super) fn head_body(head: &Head, namespace: &str, name: &str) -> Result<Value, BundleError> {
    let journal = &head.current;
    let phase = serde_json::to_value(journal.phase)?;
    // Bounded each, whatever a server's message holds: the journal itself has to fit beside it.
    let mut data = json!({
        "formatVersion": FORMAT_VERSION.to_string(), "phase": phase, "promotion": journal.id, "revision": journal.revision.to_string(),
        "release": format!("{} {} ({})", journal.release.name, journal.release.version, journal.release.digest.short()),
        "actor": journal.actor, "holder": journal.holder, "startedAt": journal.started_at.to_string(),
        "message": start(&journal.message, SHOWN_TEXT), "steps": step_lines(journal),
    });

    if let Some(failure) = &journal.failure {
        data["failure"] = start(&failure.cause.message, SHOWN_TEXT).into();
    }

    Ok(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": names::journal(name), "namespace": namespace, "labels": labels(name, "journal")},
        "data": data, "binaryData": {"journal": STANDARD.encode(encode(head)?)},
    }))
}

/// The head's bytes. Where they would be too many, what the steps say for people is shortened: what a later run needs
/// stays as it is.
fn encode(head: &Head) -> Result<Vec<u8>, BundleError> {
    let mut bytes = compress(&serde_json::to_vec(head)?)?;
    // The texts of most heads are whole: only one that is too large loses some.
    for length in [400, 60, 0] {
        if bytes.len() <= HEAD {
            return Ok(bytes);
        }
        let mut head = head.clone();
        shorten(&mut head.current, length);
        bytes = compress(&serde_json::to_vec(&head)?)?;
    }

    if bytes.len() <= HEAD {
        return Ok(bytes);
    }
    Err(BundleError::TooLarge {
        found: Some(bytes.len()),
        limit: HEAD,
    })
}

fn shorten(journal: &mut Journal, length: usize) {
    for text in journal
        .failure
        .iter_mut()
        .map(|failure| &mut failure.cause.message)
    {
        *text = start(text, SHOWN_TEXT).to_owned();
    }

    for step in &mut journal.steps {
        // What a later run needs is the state, not its words.
        if let StepState::NotDone { why } = &mut step.state {
            *why = start(why, length).to_owned();
        }

        match &mut step.undo {
            UndoState::Done { notes, .. } => {
                notes
                    .iter_mut()
                    .for_each(|note| *note = start(note, length).to_owned());
                notes.retain(|note| !note.is_empty());
            }
            UndoState::Left { why, by_hand } => {
                *why = start(why, length).to_owned();
                // A command that is cut off is none.
                by_hand.retain(|command| command.len() <= length);
            }
            UndoState::Pending => {}
        }
    }
}

/// The start of a text, of so many bytes or a little less.
fn start(text: &str, bytes: usize) -> &str {
    // Between characters: the server takes nothing but UTF-8.
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Whether a head fits as it is, and in the largest state that it can come to: each step done and undone. Texts can be
/// shortened, so that they do not count. `forgotten` are the records that the history drops at the commit.
pub(super) fn head_fits(head: &Head, forgotten: Vec<PartBundle>) -> Result<(), BundleError> {
    encode(head)?;

    let found = compress(&serde_json::to_vec(&largest(head, forgotten))?)?.len();
    if found > FULL_HEAD {
        return Err(BundleError::TooLarge {
            found: Some(found),
            limit: FULL_HEAD,
        });
    }
    Ok(())
}

fn largest(head: &Head, forgotten: Vec<PartBundle>) -> Head {
    let mut head = head.clone();
    head.current.forget.extend(forgotten);
    head.previous.iter_mut().for_each(Previous::drop_stored_journal);

    for step in &mut head.current.steps {
        // As many digits as a uid and hashes have, and as little to be compressed.
        let digest = Sha256Digest::compute(&step.id.get().to_le_bytes());
        let (uid, hash) = digest.hex().split_at(32);
        let parts = [&uid[..8], &uid[8..12], &uid[12..16], &uid[16..20], &uid[20..]];
        // Of what is not new no uid is kept. An earlier program called a replacement `recreate`.
        let is_new = matches!(step.verb.as_str(), "create" | "replace" | "recreate");
        let uid = is_new.then(|| Uid::parse(&parts.join("-"))).flatten();
        step.state = StepState::done(uid, hash);
        step.undo = UndoState::done(&hash.chars().rev().collect::<String>(), Vec::new());
    }
    head
}

/// One line a step, for people: `done update Deployment shop/web`.
fn step_lines(journal: &Journal) -> String {
    let line = |step: &StepProgress| {
        let state = match (&step.state, &step.undo) {
            (_, UndoState::Done { .. }) => "undone",
            (_, UndoState::Left { .. }) => "left",
            (StepState::Pending, _) => "pending",
            (StepState::Intended, _) => "sent",
            (StepState::Done { .. }, _) => "done",
            (StepState::NotDone { .. }, _) => "refused",
        };
        format!("{state} {} {}\n", step.verb, step.target)
    };

    if matches!(journal.phase, JournalPhase::Closed) {
        return format!("{} steps", journal.steps.len());
    }

    let lines: String = journal.steps.iter().take(SHOWN_STEPS).map(line).collect();
    match journal.steps.len().saturating_sub(SHOWN_STEPS) {
        0 => lines,
        more => format!("{lines}and {more} more\n"),
    }
}

/// The ConfigMap of an inventory. Many members are compressed; fewer lie there as a person can read them.
pub(super) fn inventory_body(
    inventory: &Inventory,
    namespace: &str,
    name: &str,
) -> Result<Value, BundleError> {
    inventory_up_to(inventory, namespace, name, CONFIG_MAP)
}

fn inventory_up_to(
    inventory: &Inventory,
    namespace: &str,
    name: &str,
    limit: usize,
) -> Result<Value, BundleError> {
    let own = names::inventory(name);
    let mut labels = labels(name, "inventory");
    // Those of users stay: releases are selected by them.
    for (key, value) in &inventory.labels {
        labels[key] = value.as_str().into();
    }
    labels[APPLYSET_ID_LABEL] = names::applyset_id(&own, namespace).into();

    let history = lines_of(&inventory.history);
    let promoted = inventory.promoted();
    let text_of = |text: fn(&HistoryEntry) -> String| promoted.map(text).unwrap_or_else(|| "none".into());

    let mut body = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": own, "namespace": namespace, "labels": labels,
            "annotations": set_annotations(inventory, namespace),
        },
        "data": {
            "formatVersion": FORMAT_VERSION.to_string(),
            "release": text_of(|entry| format!("{} {}", entry.release.name, entry.release.version)),
            "digest": text_of(|entry| entry.release.digest.to_string()),
            "revision": text_of(|entry| entry.revision.to_string()),
            "history": history,
        },
    });
    // An older program that writes the inventory must not lose what a later one keeps in it.
    for (key, text) in &inventory.rest {
        body["data"][key] = text.as_str().into();
    }

    if !inventory.moved.is_empty() {
        body["data"]["moved"] = lines_of(&inventory.moved).into();
    }

    let members = inventory.member_lines();
    let mut found = texts(&body["data"]);
    if members.len() <= READABLE {
        found += members.len();
        body["data"]["members"] = members.into();
    } else {
        let bytes = compress(members.as_bytes())?;
        found += bytes.len();
        body["binaryData"] = json!({"members": STANDARD.encode(bytes)});
    }

    if found > limit {
        return Err(BundleError::TooLarge {
            found: Some(found),
            limit,
        });
    }
    Ok(body)
}

/// One JSON document a line.
fn lines_of<T: serde::Serialize>(entries: &[T]) -> String {
    entries
        .iter()
        .filter_map(|entry| serde_json::to_string(entry).ok())
        .map(|line| line + "\n")
        .collect()
}

/// Whether an inventory fits, and one more entry of its history.
pub(super) fn inventory_fits(inventory: &Inventory, namespace: &str, name: &str) -> Result<(), BundleError> {
    inventory_up_to(inventory, namespace, name, INVENTORY).map(drop)
}

/// What an ApplySet says of its members.
fn set_annotations(inventory: &Inventory, namespace: &str) -> Value {
    let group_kind = |target: &Target| match &*target.resource.group {
        "" => target.resource.kind.clone(),
        group => format!("{}.{group}", target.resource.kind),
    };

    let kinds: BTreeSet<String> = inventory.members.iter().map(group_kind).collect();
    let namespaces: BTreeSet<&str> = inventory
        .members
        .iter()
        .filter_map(|target| target.namespace.as_deref())
        // The namespace of the set itself is understood (KEP-3659).
        .filter(|other| *other != namespace)
        .collect();

    let joined = |set: Vec<&str>| set.join(",");
    json!({
        APPLYSET_TOOLING_ANNOTATION: concat!("kubectl-delivery/", env!("CARGO_PKG_VERSION")),
        APPLYSET_GROUP_KINDS_ANNOTATION: joined(kinds.iter().map(String::as_str).collect()),
        APPLYSET_NAMESPACES_ANNOTATION: joined(namespaces.into_iter().collect()),
    })
}

/// Bytes of the keys and values of a map of texts.
fn texts(map: &Value) -> usize {
    let fields = map.as_object().into_iter().flatten();
    // The key of the members is to come.
    fields
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
        .sum::<usize>()
        + "members".len()
}

#[cfg(test)]
mod tests;
