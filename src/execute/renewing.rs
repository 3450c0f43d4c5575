//! What head and inventory name, read once more and packed under another key.
//!
//! Nothing is written or deleted here: the caller writes what is packed, then the head and the inventory that
//! name it, and deletes what was named before at the very end. What cannot be read back is left out and said.
//! Only the pre-images of an unfinished promotion must not be missing: without them it could neither be
//! finished nor be put back.

use super::not_begun::ExecuteError;
use super::packing::{Packed, bundle};
use super::services::Services;
use crate::model::bundle::PartBundle;
use crate::model::inventory::{Inventory, Record};
use crate::model::journal::{Head, Journal, Parts, Previous};
use crate::model::moves::ReleaseRef;
use crate::model::names;
use crate::model::release::{PublicDigest, PublicRelease};
use crate::model::state_key::BoundKey;
use crate::observe::release_state::{ReleaseStateError, read_bundle, read_kept};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bundles, read once more and packed under another key.
pub(super) struct Renewing<'a> {
    services: &'a Services,
    /// One of them made each bundle; none where a person accepts what lies there.
    old: Vec<BoundKey>,
    key: BoundKey,
    digests: Digests,
    /// What is to be written.
    pub packed: Vec<Packed>,
    /// What should be known.
    pub notes: Vec<String>,
    has_lost_bodies: bool,
}

/// Digests under the key before, and under the new one.
#[derive(Default)]
struct Digests(Vec<(PublicDigest, PublicDigest)>);

impl Digests {
    fn renew(&self, release: &mut PublicRelease) {
        if let Some((_, new)) = self.0.iter().find(|(old, _)| *old == release.digest) {
            release.digest = new.clone();
        }
    }
}

/// What is kept in bundles.
trait Renewed: DeserializeOwned + Serialize {
    fn renew(&mut self, _digests: &Digests) {}
}

impl Renewed for Parts {}
impl Renewed for Record {}
impl Renewed for Journal {
    fn renew(&mut self, digests: &Digests) {
        digests.renew(&mut self.release);
    }
}

impl<'a> Renewing<'a> {
    pub(super) fn new(services: &'a Services, old: Vec<BoundKey>, key: BoundKey) -> Self {
        let (digests, packed, notes) = (Digests::default(), Vec::new(), Vec::new());
        Self {
            services,
            old,
            key,
            digests,
            packed,
            notes,
            has_lost_bodies: false,
        }
    }

    /// Renews whatever head and inventory name; the bundles that are no longer needed then.
    pub(super) async fn renew_all(
        &mut self,
        release: &ReleaseRef,
        head: Option<&mut Head>,
        inventory: Option<&mut Inventory>,
    ) -> Result<Vec<PartBundle>, ExecuteError> {
        let name = &release.name;
        let mut gone = Vec::new();
        // A rehearsal names no bundle: all of them are of the head before it.
        let (rehearsing, head) = match head {
            Some(Head {
                current,
                before: Some(before),
                ..
            }) => (Some(current), Some(&mut **before)),
            head => (None, head),
        };
        // First: everything that follows names its release by its digest.
        self.digests = self.read_digests(head.as_deref(), inventory.as_deref()).await?;
        if let Some(journal) = rehearsing {
            journal.renew(&self.digests);
        }

        if let Some(Head {
            current, previous, ..
        }) = head
        {
            self.renew_journal(name, current, &mut gone).await?;
            if let Some(previous) = previous {
                self.renew_previous(name, previous, &mut gone).await?;
            }
        }

        for entry in inventory.into_iter().flat_map(|inventory| &mut inventory.history) {
            self.digests.renew(&mut entry.release);
            self.renew_record(name, entry.revision, &mut entry.record, &mut gone)
                .await?;
        }

        // Under the same key the parts are those of before.
        Ok(PartBundle::without_shared(
            gone,
            self.packed.iter().map(|(bundle, _)| bundle),
        ))
    }

    /// The current journal with its pre-images and its record.
    async fn renew_journal(
        &mut self,
        name: &str,
        journal: &mut Journal,
        gone: &mut Vec<PartBundle>,
    ) -> Result<(), ExecuteError> {
        // Needed by nobody any more, and not worth a new key.
        gone.append(&mut journal.forget);

        journal.renew(&self.digests);
        let part_name = |hash: &str, part| names::journal_part(name, hash, part);
        self.renew_bundles::<Parts>(&mut journal.parts, part_name, gone)
            .await?;
        self.renew_record(name, journal.revision, &mut journal.record, gone)
            .await?;

        if journal.is_open() && self.has_lost_bodies {
            return Err(ExecuteError::Nothing {
                message: format!(
                    "the pre-images of the unfinished promotion of {name} are gone or changed; nothing was changed"
                ),
                hint: format!(
                    "to start from the release's file: kubectl delivery promote RELEASE -n {} --discard-state",
                    journal.namespace
                ),
            });
        }
        Ok(())
    }

    /// The last finished promotion, which can still be reverted.
    async fn renew_previous(
        &mut self,
        name: &str,
        previous: &mut Previous,
        gone: &mut Vec<PartBundle>,
    ) -> Result<(), ExecuteError> {
        let part_name = |hash: &str, part| names::journal_part(name, hash, part);
        self.renew_bundles::<Parts>(&mut previous.parts, part_name, gone)
            .await?;

        let journal_name = |hash: &str, part| names::previous_part(name, hash, part);
        let mut bundles: Vec<PartBundle> = previous.bundle.take().into_iter().collect();
        self.renew_bundles::<Journal>(&mut bundles, journal_name, gone)
            .await?;
        previous.bundle = bundles.pop();

        // In a head that was written before its bundle was there, the journal lies inside.
        if let Some(journal) = &mut previous.journal {
            journal.renew(&self.digests);
        }
        Ok(())
    }

    async fn renew_record(
        &mut self,
        name: &str,
        revision: u32,
        record: &mut Vec<PartBundle>,
        gone: &mut Vec<PartBundle>,
    ) -> Result<(), ExecuteError> {
        let part_name = |hash: &str, part| names::record_part(name, revision, hash, part);
        self.renew_bundles::<Record>(record, part_name, gone).await
    }

    /// The digests of all releases that hold values of Secrets.
    async fn read_digests(
        &self,
        head: Option<&Head>,
        inventory: Option<&Inventory>,
    ) -> Result<Digests, ExecuteError> {
        let current = head.map(|head| (&head.current.release, &head.current.record));
        let history = inventory.iter().flat_map(|inventory| &inventory.history);
        let all = current
            .into_iter()
            .chain(history.map(|entry| (&entry.release, &entry.record)));

        let mut digests = Digests::default();
        for (release, record) in all {
            // Any other digest is the file's own, and the same under every key.
            if !matches!(release.digest, PublicDigest::Keyed(_)) || record.is_empty() {
                continue;
            }
            let cluster = self.services.cluster.as_ref();
            match self
                .read_under_one(|key| read_kept(cluster, record, false, key))
                .await
            {
                Ok(record) => {
                    let new = PublicDigest::from_secrets(record.release.as_bytes(), Some(&self.key));
                    digests.0.push((release.digest.clone(), new));
                }
                // No answer is no verdict on what lies there: nothing may be given up because of it.
                Err(error @ ReleaseStateError::Api { .. }) => return Err(error.into()),
                // It is told where the record itself is renewed.
                Err(_) => {}
            }
        }
        Ok(digests)
    }

    /// What one of the keys fits; the first one's error where none does.
    async fn read_under_one<'k, T, F>(
        &'k self,
        read: impl Fn(Option<&'k BoundKey>) -> F,
    ) -> Result<T, ReleaseStateError>
    where
        F: Future<Output = Result<T, ReleaseStateError>>,
    {
        let mut first = None;
        for key in &self.old {
            match read(Some(key)).await {
                Err(error @ ReleaseStateError::Bundle { .. }) => first = first.or(Some(error)),
                other => return other,
            }
        }
        match first {
            Some(error) => Err(error),
            None => read(None).await,
        }
    }

    async fn renew_bundles<T: Renewed>(
        &mut self,
        bundles: &mut Vec<PartBundle>,
        name: impl Fn(&str, usize) -> String + Copy,
        gone: &mut Vec<PartBundle>,
    ) -> Result<(), ExecuteError> {
        for old in std::mem::take(bundles) {
            let cluster = self.services.cluster.as_ref();
            match self
                .read_under_one(|key| read_bundle::<T>(cluster, &old, key))
                .await
            {
                Ok(mut value) => {
                    value.renew(&self.digests);
                    let packed = bundle(&value, old.secret, &old.namespace, name, &self.key)?;
                    bundles.push(packed.0.clone());
                    self.packed.push(packed);
                    gone.push(old);
                }

                // Nor may what only a later program can read.
                Err(error @ (ReleaseStateError::Api { .. } | ReleaseStateError::Newer { .. })) => {
                    return Err(error.into());
                }
                // Gone or changed: nothing names it any more then, and
                // what needs it cannot be reverted or promoted again.
                Err(error) => {
                    self.has_lost_bodies |= old.secret;
                    let what = if old.secret { "pre-images" } else { "a record" };
                    self.notes.push(format!(
                        "{what} in {} cannot be kept: {}",
                        old.namespace,
                        with_source(&error)
                    ));
                }
            }
        }
        Ok(())
    }
}

fn with_source(error: &ReleaseStateError) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
