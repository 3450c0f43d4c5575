//! Reads the seal of a release and the key to it, and says whether what the release keeps is as it was written.
//!
//! The judgement itself is pure (`model/seal.rs`); here is what it needs: the seal, the keys that may have
//! made it, and the namespace's uid, to which keys are bound so that a copy elsewhere does not fit. A read
//! that is refused makes the state *hidden*, never *altered*: only what was read and does not fit is that.
//! Any other failure is an error.
//!
//! A key from outside is the only one that counts where it is given. Without it the cluster's counts, and for
//! the time of a rotation the next one as well.

use super::release_state::{ReleaseStateError, Stored, kind_of};
use crate::cluster::Cluster;
use crate::model::format::LaterVersion;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::names;
use crate::model::seal::{Found, Integrity, Seal, Sealed, check_integrity};
use crate::model::state_key::{BoundKey, StateKey};
use crate::model::unknown::Unknown;
use crate::model::{Object, Target, Uid};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What vouches for a release's state.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// Whether the state is as it was written.
    pub integrity: Integrity,
    /// The state that it is in, where that is known.
    pub state: Option<Sealed>,
    /// The Secret that holds the seal.
    pub seal: Option<Stored<()>>,
    /// The key to it, for this release alone.
    pub key: Option<BoundKey>,
    /// Whether it is kept outside of the cluster.
    pub outside: bool,
    /// uid of the release namespace, where it may be read.
    pub namespace_uid: Option<Uid>,
}

impl Default for Sealing {
    fn default() -> Self {
        Self {
            integrity: Integrity::None,
            state: None,
            seal: None,
            key: None,
            outside: false,
            namespace_uid: None,
        }
    }
}

/// A read that may be refused.
type Read = Result<Option<Object>, Unknown>;

/// What was read of it.
pub(super) struct SealRead {
    seal: Read,
    keys: Keys,
    namespace_uid: Result<Option<Uid>, Unknown>,
}

/// The keys that may have made a seal.
struct Keys {
    all: Vec<StateKey>,
    /// The last of them, where it is about to take the other one's place.
    next: Option<StateKey>,
    /// Why those of the cluster are not known.
    unknown: Option<Unknown>,
    outside: bool,
}

/// Reads seal, key and the namespace's uid, all at once.
pub(super) async fn read_seal(
    cluster: &dyn Cluster,
    namespace: &str,
    name: &str,
    outside: Option<&StateKey>,
) -> Result<SealRead, ReleaseStateError> {
    let secrets = kind_of(true);
    let secret = |name: &str| Target::new(&secrets, Some(namespace), name);
    // By their names: whoever may read these two Secrets need not be allowed to list others.
    let (seal, key) = (secret(&names::seal(name)), secret(&names::state_key(name)));
    let place = Target::new(&KnownKind::Namespace.resource(), None, namespace);

    let (seal, key, place) = futures::join!(
        may_read(cluster, &seal),
        may_read(cluster, &key),
        may_read(cluster, &place)
    );
    let (seal, key, place) = (seal?, key?, place?);

    let keys = match outside {
        Some(key) => Keys::from_outside(key),
        None => Keys::read(cluster, key, &seal, &secret(&names::next_state_key(name))).await?,
    };
    Ok(SealRead {
        seal,
        keys,
        namespace_uid: place.map(|found| found.as_ref().and_then(Object::known_uid)),
    })
}

impl Keys {
    /// Nothing in the cluster vouches beside it: whoever can put a key there could forge with it.
    fn from_outside(key: &StateKey) -> Self {
        Self {
            all: vec![key.clone()],
            next: None,
            unknown: None,
            outside: true,
        }
    }

    /// The cluster's key, and the one under `next` where a rotation may be under way.
    async fn read(
        cluster: &dyn Cluster,
        key: Read,
        seal: &Read,
        next_target: &Target,
    ) -> Result<Self, ReleaseStateError> {
        let (first, mut unknown) = match key {
            // What is no key counts as none: the seal then names one that is gone, which is altered.
            Ok(found) => (found.as_ref().and_then(key_in), None),
            Err(why) => (None, Some(why)),
        };

        let mut next = None;
        // One key takes another's place under this name. It costs a request of its own.
        if unknown.is_none() && may_name_another(seal, first.as_ref()) {
            match may_read(cluster, next_target).await? {
                Ok(found) => next = found.as_ref().and_then(key_in),
                Err(why) => unknown = Some(why),
            }
        }

        Ok(Self {
            all: first.into_iter().chain(next.clone()).collect(),
            next,
            unknown,
            outside: false,
        })
    }
}

/// Whether a seal names a key that is not this one, or a write is under way.
fn may_name_another(seal: &Read, key: Option<&StateKey>) -> bool {
    let Ok(Some(seal)) = seal else { return false };

    // As text: one that cannot be parsed may still be of another key.
    let text = text_of(seal, "seal").unwrap_or_default();
    key.is_none_or(|key| !text.contains(&key.id().to_string())) || text.contains("\"next\"")
}

async fn may_read(cluster: &dyn Cluster, target: &Target) -> Result<Read, ReleaseStateError> {
    match cluster.get(target).await {
        Ok(found) => Ok(Ok(found)),
        // The role `view` may read no Secrets, and is still shown what there is.
        Err(error) if error.is_forbidden() => Ok(Err(Unknown::new(error))),
        Err(source) => Err(ReleaseStateError::Api {
            target: target.to_string(),
            source,
        }),
    }
}

fn text_of(secret: &Object, key: &str) -> Option<String> {
    let bytes = STANDARD.decode(secret.text(&format!("/data/{key}"))).ok()?;
    String::from_utf8(bytes).ok()
}

/// The key that a Secret holds.
fn key_in(secret: &Object) -> Option<StateKey> {
    StateKey::parse(&text_of(secret, "key")?).ok()
}

impl SealRead {
    /// The sequence number that the seal has come to, whoever made it.
    pub(super) fn sequence(&self) -> u64 {
        let seal = self
            .seal
            .as_ref()
            .ok()
            .and_then(Option::as_ref)
            .and_then(|seal| parse_seal(seal).ok());
        // The next one counts: a seal that is made anew must not come to a number that was used.
        seal.map(|seal| seal.next.unwrap_or(seal.current).sequence)
            .unwrap_or_default()
    }

    /// The Secret that holds the seal.
    pub(super) fn stored(&self) -> Option<Stored<()>> {
        let seal = self.seal.as_ref().ok().and_then(Option::as_ref)?;
        Some(Stored::new(seal, ()))
    }

    /// The keys that the cluster holds. Of two the last one is about to take the other one's place.
    pub(super) fn keys(&self) -> &[StateKey] {
        if self.keys.outside { &[] } else { &self.keys.all }
    }

    /// The one that is about to take another's place.
    pub(super) fn next(&self) -> Option<&StateKey> {
        self.keys.next.as_ref()
    }

    /// uid of the release namespace, none where that is not there; or why it is not known.
    pub(super) fn namespace_uid(&self) -> Result<Option<Uid>, Unknown> {
        // Whoever may not read the seal or the key cannot seal either, wherever the namespace stands.
        let refused = self.seal.as_ref().err().or(self.keys.unknown.as_ref());

        match (refused, &self.namespace_uid) {
            (Some(why), _) | (None, Err(why)) => Err(why.clone()),
            (None, Ok(uid)) => Ok(uid.clone()),
        }
    }

    /// The version of the Secret that holds the seal.
    pub(super) fn version(&self) -> String {
        let seal = self.seal.as_ref().ok().and_then(Option::as_ref);
        seal.map(|seal| seal.resource_version().to_owned())
            .unwrap_or_default()
    }

    /// Judges the two objects that it vouches for.
    pub(super) fn check_integrity(
        &self,
        name: &str,
        head: Option<&Object>,
        inventory: Option<&Object>,
    ) -> Result<Sealing, ReleaseStateError> {
        let seal = match &self.seal {
            Ok(seal) => seal.as_ref(),
            Err(why) => return Ok(self.hidden(why)),
        };

        let stored = self.stored();
        // One that cannot be verified is not altered: nobody has said so.
        if let Some(why) = self.keys.unknown.as_ref().or(self.namespace_uid.as_ref().err()) {
            return Ok(self.hidden(why));
        }

        let namespace_uid = self.namespace_uid.clone().ok().flatten();
        let bound = |key: &StateKey| key.bind(namespace_uid.as_ref(), name);
        let keys: Vec<BoundKey> = self.keys.all.iter().map(bound).collect();

        let sealing = Sealing {
            seal: stored,
            namespace_uid,
            outside: self.keys.outside,
            ..Sealing::default()
        };

        let seal = match seal.map(parse_seal).transpose() {
            Ok(seal) => seal,
            Err(failure) => {
                return Ok(Sealing {
                    integrity: failure.integrity(),
                    ..sealing
                });
            }
        };

        let (integrity, state) = check_integrity(&Found {
            head,
            inventory,
            seal: seal.as_ref(),
            has_key: !self.keys.outside && !keys.is_empty(),
            keys: &keys,
            outside: self.keys.outside,
        });

        // The one that made the state is what its parts are read with.
        let by = |key: &BoundKey| state.as_ref().is_none_or(|state| state.key == *key.id());
        let key = keys.into_iter().find(by);

        Ok(Sealing {
            integrity,
            state,
            key,
            ..sealing
        })
    }

    fn hidden(&self, why: &Unknown) -> Sealing {
        Sealing {
            integrity: Integrity::Hidden(why.reason().to_owned()),
            outside: self.keys.outside,
            ..Sealing::default()
        }
    }
}

/// Why a seal is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealFailure {
    /// Its version is newer than any that this program knows.
    #[error(transparent)]
    Newer(LaterVersion),
    /// It is none.
    #[error("its seal is invalid")]
    Broken,
}

impl SealFailure {
    /// What it makes of the state.
    fn integrity(self) -> Integrity {
        match self {
            // A later program's: to be left alone, and not to be called altered.
            Self::Newer(version) => Integrity::Newer(version),
            Self::Broken => Integrity::Altered(self.to_string()),
        }
    }
}

/// The seal that a Secret holds.
pub fn parse_seal(secret: &Object) -> Result<Seal, SealFailure> {
    let text = text_of(secret, "seal").ok_or(SealFailure::Broken)?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| SealFailure::Broken)?;

    // Before the fields are read: a later format may have others, which are refused here.
    match value["formatVersion"].as_u64().and_then(LaterVersion::new) {
        Some(version) => Err(SealFailure::Newer(version)),
        None => serde_json::from_value(value).map_err(|_| SealFailure::Broken),
    }
}
