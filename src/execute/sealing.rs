//! The seal and its key, written: what is about to be written is sealed first, then written, then sealed as
//! what is there.
//!
//! A run that is killed between any two of these leaves a state that fits one of the two halves of the seal,
//! so that the next one believes it. What fits neither is not repaired here: `stopped_by` ends every run that
//! would write, and a person has to accept or discard the state.

use super::codec;
use super::not_begun::refused;
use super::services::RunReport;
use super::writer::{StoreError, Writer};
use crate::model::format::FormatVersion;
use crate::model::moves::ReleaseRef;
use crate::model::names::{self, KEY_SECRET_TYPE, SEAL_SECRET_TYPE};
use crate::model::seal::{Integrity, Role, Seal, Sealed, seal_of};
use crate::model::state_key::{BoundKey, KEY_BYTES, StateKey};
use crate::model::{Object, Target};
use crate::observe::release_state::{Stored, kind_of};
use crate::observe::sealing::Sealing;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What to type where a later program wrote the state.
pub const UPGRADE: &str = "to install it: kubectl krew upgrade delivery";

/// The seal that a run writes on, and the key that it does it with.
#[derive(Clone, Debug)]
pub(super) struct SealAtHand {
    pub key: BoundKey,
    /// The Secret as it was written last; none where it is not there.
    pub stored: Option<Stored<()>>,
    /// What is there.
    pub state: Sealed,
}

/// Why nothing may be written here: what is kept cannot be believed. None where it can.
pub fn stopped_by(sealing: &Sealing, release: &ReleaseRef) -> Option<RunReport> {
    let ReleaseRef { namespace, name } = release;
    let (message, mut next) = why_not_believed(sealing, release)?;
    if matches!(sealing.integrity, Integrity::Altered(_)) {
        let verify = format!("to see what was altered: kubectl delivery state verify {name} -n {namespace}");
        next.insert(0, verify);
    }
    Some(refused(format!("{message}; nothing was changed"), next))
}

/// Why what is kept cannot be believed, and what to type. None where it can.
pub fn why_not_believed(sealing: &Sealing, release: &ReleaseRef) -> Option<(String, Vec<String>)> {
    let ReleaseRef { namespace, name } = release;
    let state = format!("the state of release {name} in namespace {namespace}");
    let discard = format!(
        "to start from the release's file: kubectl delivery promote RELEASE -n {namespace} --discard-state"
    );
    let accept = format!("to accept it: kubectl delivery state accept {name} -n {namespace}");

    Some(match &sealing.integrity {
        Integrity::None | Integrity::Sealed => return None,
        Integrity::Unsealed => (
            format!("{state} is not sealed: an older version wrote it"),
            vec![accept],
        ),
        // Whoever does not know a format must not write over it.
        Integrity::Newer(version) => (
            format!("{state} has {version}"),
            vec![UPGRADE.to_owned(), discard],
        ),
        // It names what to add.
        Integrity::NotVerified(why) => (format!("{state} cannot be verified: {why}"), Vec::new()),
        Integrity::Hidden(why) => {
            let ask = format!("kubectl auth can-i get secrets -n {namespace}");
            (format!("{state} cannot be verified: {why}"), vec![ask])
        }
        Integrity::Altered(why) => (format!("{state} was altered: {why}"), vec![accept, discard]),
    })
}

/// What is sealed already, as it was read.
pub(super) fn known_seal(sealing: &Sealing) -> Option<SealAtHand> {
    let Sealing {
        state: Some(state),
        seal: Some(stored),
        key: Some(key),
        ..
    } = sealing
    else {
        return None;
    };
    Some(SealAtHand {
        key: key.clone(),
        stored: Some(stored.clone()),
        state: state.clone(),
    })
}

/// What a run writes on: as it was read, or a first seal and a key to it.
pub(super) async fn prepare_seal(
    sealing: &Sealing,
    outside: Option<&StateKey>,
    writer: &Writer,
) -> Result<SealAtHand, StoreError> {
    if let Some(known) = known_seal(sealing) {
        return Ok(known);
    }

    let Sealing {
        seal, namespace_uid, ..
    } = sealing;
    let fresh = match outside {
        Some(key) => key.clone(),
        None => random()?,
    };

    let bound = fresh.bind(namespace_uid.as_ref(), &writer.release.name);
    // The state of nothing: whatever is written first is sealed as what follows it.
    let state = Sealed::new(&bound, outside.is_some(), 0, None, None);
    let mut at = SealAtHand {
        key: bound,
        // A seal without a key may be there, of a run that died in between: it is written over.
        stored: seal.clone(),
        state,
    };
    // Before the key: a key without a seal is what is left of a state that somebody took away.
    writer.write_seal(&mut at, None).await?;
    if outside.is_none() {
        writer
            .write_key(&names::state_key(&writer.release.name), &fresh)
            .await?;
    }

    Ok(at)
}

/// A new key.
pub(super) fn random() -> Result<StateKey, StoreError> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::NoRandomness(error.to_string()))?;
    Ok(StateKey::new(bytes))
}

impl Writer {
    /// Writes what is there, and what is about to be written.
    pub(super) async fn write_seal(
        &self,
        at: &mut SealAtHand,
        next: Option<Sealed>,
    ) -> Result<(), StoreError> {
        let seal = Seal {
            format_version: FormatVersion::default(),
            current: at.state.clone(),
            next,
        };
        // One text: what is there and what is about to be are never written apart.
        let text = serde_json::to_string(&seal).map_err(|source| StoreError::Encoding {
            target: "the seal".into(),
            source: source.into(),
        })?;

        let name = names::seal(&self.release.name);
        let mut body = self.secret(&name, "seal", SEAL_SECRET_TYPE);
        body["data"] = json!({"seal": STANDARD.encode(&text)});
        // It holds a sequence number and digests: one with the same text was made by this write.
        let is_ours = |found: &Object| found.text("/data/seal") == body["data"]["seal"];

        at.stored = Some(
            self.swap(
                &self.target(true, &name),
                body.clone(),
                at.stored.as_ref(),
                is_ours,
            )
            .await?,
        );
        Ok(())
    }

    /// Writes a key that is not there yet.
    pub(super) async fn write_key(&self, name: &str, key: &StateKey) -> Result<(), StoreError> {
        let mut body = self.secret(name, "key", KEY_SECRET_TYPE);
        body["immutable"] = true.into();
        body["data"] = json!({"key": STANDARD.encode(key.to_text())});
        // Created and never replaced: another key under this name is a conflict.
        self.swap(&self.target(true, name), body.clone(), None, |found| {
            found.text("/data/key") == body["data"]["key"]
        })
        .await
        .map(drop)
    }

    /// Writes the head or the inventory: sealed as what is about to be there, then written, then sealed as what is there.
    pub(super) async fn write_sealed(
        &self,
        at: &mut SealAtHand,
        role: Role,
        target: &Target,
        body: Value,
        known: Option<&Stored<()>>,
        is_ours: impl Fn(&Object) -> bool,
    ) -> Result<Stored<()>, StoreError> {
        // Of the body as it is sent: what the server adds to it (versions, times) is no part of a seal.
        let next = at.state.with(&at.key, role, seal_of(&at.key, role, &body));

        self.write_seal(at, Some(next.clone())).await?;
        // Until the third write the seal names both: what was there, and what may be there by now.
        let stored = self.swap(target, body, known, is_ours).await?;
        at.state = next;
        self.write_seal(at, None).await?;
        Ok(stored)
    }

    /// Deletes the head or the inventory: sealed as what is about to be gone, then deleted, then sealed as gone.
    pub(super) async fn delete_sealed(
        &self,
        at: &mut SealAtHand,
        role: Role,
        target: &Target,
        known: &Stored<()>,
    ) -> Result<(), StoreError> {
        let next = at.state.with(&at.key, role, None);

        self.write_seal(at, Some(next.clone())).await?;
        self.delete_version(target, known).await?;
        at.state = next;
        self.write_seal(at, None).await
    }

    fn secret(&self, name: &str, role: &str, kind: &str) -> Value {
        let ReleaseRef {
            namespace,
            name: release,
        } = &self.release;
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": kind,
            "metadata": {"name": name, "namespace": namespace, "labels": codec::labels(release, role)},
        })
    }

    pub(super) fn target(&self, secret: bool, name: &str) -> Target {
        Target::new(&kind_of(secret), Some(&self.release.namespace), name)
    }
}
