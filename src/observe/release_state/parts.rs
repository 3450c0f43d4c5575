//! What journal and inventory name: records, pre-images and the journal before, in parts that were written once.
//!
//! A part that is named is needed: one that is gone or has other bytes is an error, and never an empty
//! answer. With the key each bundle is held against its digest; without it what lies there can be shown and
//! not vouched for.

use super::parse::foreign_journal;
use super::{ReleaseState, ReleaseStateError, get, kind_of};
use crate::cluster::Cluster;
use crate::model::bundle::{BundleError, PartBundle, unpack};
use crate::model::inventory::{HistoryEntry, Record};
use crate::model::journal::{Head, Journal, Parts, Previous, PromotionPart, StepPart};
use crate::model::state_key::BoundKey;
use crate::model::{Object, StepId, Target, names};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::{BTreeMap, BTreeSet};

/// The bodies that a journal needs.
#[derive(Clone, Debug)]
pub struct Bodies {
    /// What belongs to the whole promotion.
    pub promotion: PromotionPart,
    /// Steps with their pre-images, by id.
    pub steps: BTreeMap<StepId, StepPart>,
    /// The steps that are deletions after the commit.
    pub prunes: BTreeSet<StepId>,
    /// The namespaces in which the steps' pre-images were found; none for those that this run made itself.
    pub lie_in: BTreeMap<StepId, String>,
}

/// Reads a bundle, all its parts at once; whether they are those that were written is unknown without the key.
pub async fn read_bundle<T: DeserializeOwned>(
    cluster: &dyn Cluster,
    bundle: &PartBundle,
    key: Option<&BoundKey>,
) -> Result<T, ReleaseStateError> {
    let kind = kind_of(bundle.secret);

    let parts = bundle.names.iter().map(|name| async {
        let target = Target::new(&kind, Some(&bundle.namespace), name);
        let missing = || ReleaseStateError::Missing {
            target: target.to_string(),
        };
        let object = get(cluster, &target).await?.ok_or_else(missing)?;

        let wrong = |why: String| ReleaseStateError::Unreadable {
            target: target.to_string(),
            why,
        };
        // A journal names Secrets by a text: whoever wrote it, none but a pre-image is unpacked.
        if bundle.secret && object.text("/type") != names::PREIMAGE_SECRET_TYPE {
            return Err(wrong(format!("the type {:?}", object.text("/type"))));
        }
        part_bytes(&object).map_err(|error| wrong(error.to_string()))
    });

    let parts = try_join_all(parts).await?;
    // For the message: the digest is of all parts together.
    let name = bundle.names.first().map(String::as_str).unwrap_or_default();

    let target = format!("{}/{name}", bundle.namespace);
    unpack(bundle, &parts, key).map_err(|source| match source {
        BundleError::Newer(version) => ReleaseStateError::Newer { target, version },
        source => ReleaseStateError::Bundle { target, source },
    })
}

/// The bytes of a part.
pub fn part_bytes(object: &Object) -> Result<Vec<u8>, base64::DecodeError> {
    let pointer = if object.is_secret() {
        "/data/part"
    } else {
        "/binaryData/part"
    };
    STANDARD.decode(object.text(pointer))
}

/// Reads the bodies that a journal names.
pub async fn read_bodies(
    cluster: &dyn Cluster,
    journal: &Journal,
    key: Option<&BoundKey>,
) -> Result<Bodies, ReleaseStateError> {
    // Whoever may write ConfigMaps alone must not be able to put a pre-image beside an object.
    if let Some(open) = journal.parts.iter().find(|bundle| !bundle.secret) {
        let name = open.names.first().map(String::as_str).unwrap_or_default();
        let target = Target::new(&kind_of(false), Some(&open.namespace), name).to_string();
        return Err(ReleaseStateError::Unreadable {
            target,
            why: "a pre-image that is not a Secret".into(),
        });
    }

    let parts = journal
        .parts
        .iter()
        .map(|bundle| read_bundle::<Parts>(cluster, bundle, key));
    let (mut promotion, mut steps, mut lie_in) = (None, BTreeMap::new(), BTreeMap::new());

    for (bundle, part) in journal.parts.iter().zip(try_join_all(parts).await?) {
        promotion = promotion.or(part.promotion);
        for part in part.steps {
            // Where it was found, and not where it says that it lies:
            // rights in that namespace are what vouches for it.
            lie_in.insert(part.step.id, bundle.namespace.clone());
            steps.insert(part.step.id, part);
        }
    }

    let missing = || ReleaseStateError::Missing {
        target: "the journal's first part".into(),
    };

    let prunes = journal
        .steps
        .iter()
        .filter(|step| step.prune)
        .map(|step| step.id)
        .collect();

    Ok(Bodies {
        promotion: promotion.ok_or_else(missing)?,
        steps,
        prunes,
        lie_in,
    })
}

/// Reads the journal of the finished promotion of a release before the one at hand.
pub async fn read_previous(
    cluster: &dyn Cluster,
    (namespace, name): (&str, &str),
    previous: &Previous,
    key: Option<&BoundKey>,
) -> Result<Journal, ReleaseStateError> {
    let target = || "the journal of the previous promotion".to_owned();

    let journal: Journal = match (&previous.journal, &previous.bundle) {
        // The head holds it itself until its bundle is certainly there.
        (Some(journal), _) => (**journal).clone(),
        (None, Some(bundle)) => read_bundle(cluster, bundle, key).await?,
        (None, None) => return Err(ReleaseStateError::Missing { target: target() }),
    };

    match foreign_journal(&journal, namespace, name) {
        Some(why) => Err(ReleaseStateError::Unreadable {
            target: target(),
            why,
        }),
        None => Ok(journal),
    }
}

/// Reads all that is kept of a release beside journal and inventory: an error where a part of it is gone, or is not as it
/// was written.
pub async fn read_everything(cluster: &dyn Cluster, home: &ReleaseState) -> Result<(), ReleaseStateError> {
    let mut bundles: Vec<&PartBundle> = Vec::new();

    if let Some(Head {
        current, previous, ..
    }) = home.head.as_ref().map(|stored| &stored.value)
    {
        bundles.extend(current.parts.iter().chain(&current.record));
        let previous = previous
            .iter()
            .flat_map(|previous| previous.parts.iter().chain(&previous.bundle));
        bundles.extend(previous);
    }

    let history = home.inventory.iter().flat_map(|stored| &stored.value.history);
    bundles.extend(history.flat_map(|entry| &entry.record));

    let read = bundles
        .into_iter()
        // Read to the end and parsed, but into nothing: only whether it can be is asked.
        .map(|bundle| read_bundle::<IgnoredAny>(cluster, bundle, home.key()));
    try_join_all(read).await.map(drop)
}

/// Reads what is kept of a promoted release; its Secrets only where `with_secrets`. It is the release that the history
/// names, or an error.
pub async fn read_record(
    cluster: &dyn Cluster,
    entry: &HistoryEntry,
    with_secrets: bool,
    key: Option<&BoundKey>,
) -> Result<Record, ReleaseStateError> {
    let record = read_kept(cluster, &entry.record, with_secrets, key).await?;
    // None where it cannot be told: a keyed digest without the key.
    let is_same = || entry.release.digest.is_of(record.release.as_bytes(), key);
    // The record of an old revision may be gone, and then there is nothing to compare.
    if !entry.record.is_empty() && is_same() == Some(false) {
        let target = format!("the stored release of revision {}", entry.revision);
        return Err(ReleaseStateError::Bundle {
            target,
            source: BundleError::Changed,
        });
    }
    Ok(record)
}

/// Reads what these bundles keep of a release; those of Secrets only where `with_secrets`.
pub async fn read_kept(
    cluster: &dyn Cluster,
    bundles: &[PartBundle],
    with_secrets: bool,
    key: Option<&BoundKey>,
) -> Result<Record, ReleaseStateError> {
    let wanted = bundles.iter().filter(|bundle| with_secrets || !bundle.secret);

    let mut record = Record::default();
    for part in try_join_all(wanted.map(|bundle| read_bundle::<Record>(cluster, bundle, key))).await? {
        // One bundle has the file; those for Secrets and gates leave it empty.
        if record.release.is_empty() {
            record.release = part.release;
        }
        record.terms = record.terms.or(part.terms);
        record.desired.extend(part.desired);
        record.gates.extend(part.gates);
    }

    // The file of a release that holds Secrets is kept among them.
    if record.release.is_empty() && !with_secrets {
        for bundle in bundles.iter().filter(|bundle| bundle.secret) {
            let part: Record = read_bundle(cluster, bundle, key).await?;
            if !part.release.is_empty() {
                record.release = part.release;
                break;
            }
        }
    }
    Ok(record)
}
