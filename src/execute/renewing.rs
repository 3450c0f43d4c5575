//! What head and inventory name, read once more and packed under another key.
//!
//! Nothing is written or deleted here: the caller writes what is packed, then the head and the inventory that
//! name it, and deletes what was named before at the very end. What cannot be read back is left out and said.
//! Only the pre-images of an unfinished promotion must not be missing: without them it could neither be
//! finished nor be put back.

use super::packing::{Packed, bundle};
use super::promote::ExecuteError;
use super::services::Services;
use crate::model::bundle::Bundle;
use crate::model::inventory::{Inventory, Record};
use crate::model::journal::{Head, Journal, Parts};
use crate::model::moves::ReleaseRef;
use crate::model::names;
use crate::model::release::{PublicDigest, PublicRelease};
use crate::model::state_key::BoundKey;
use crate::observe::home::{HomeError, read_bundle, read_kept};
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
    pub(super) async fn all(
        &mut self,
        release: &ReleaseRef,
        head: Option<&mut Head>,
        inventory: Option<&mut Inventory>,
    ) -> Result<Vec<Bundle>, ExecuteError> {
        let name = &release.name;
        let mut gone = Vec::new();
        // First: everything that follows names its release by its digest.
        self.digests = self.digests(head.as_deref(), inventory.as_deref()).await?;

        let before = |hash: &str, part| names::journal_part(name, hash, part);
        if let Some(Head {
            current, previous, ..
        }) = head
        {
            // Needed by nobody any more, and not worth a new key.
            gone.append(&mut current.forget);

            current.renew(&self.digests);
            self.each::<Parts>(&mut current.parts, before, &mut gone).await?;

            let revision = current.revision;
            let record = move |hash: &str, part| names::record_part(name, revision, hash, part);
            self.each::<Record>(&mut current.record, record, &mut gone)
                .await?;

            if current.is_open() && self.has_lost_bodies {
                return Err(ExecuteError::Nothing(format!(
                    "expected the pre-images of the unfinished promotion of {name}, found them gone or changed; \
                     nothing was changed: promote RELEASE --discard-state starts from the release's file"
                )));
            }

            if let Some(previous) = previous {
                self.each::<Parts>(&mut previous.parts, before, &mut gone).await?;
                let last = |hash: &str, part| names::previous_part(name, hash, part);
                let mut bundles: Vec<Bundle> = previous.bundle.take().into_iter().collect();
                self.each::<Journal>(&mut bundles, last, &mut gone).await?;
                previous.bundle = bundles.pop();
                // In a head that was written before its bundle was there, the journal lies inside.
                previous
                    .journal
                    .iter_mut()
                    .for_each(|journal| journal.renew(&self.digests));
            }
        }

        for entry in inventory.into_iter().flat_map(|inventory| &mut inventory.history) {
            let revision = entry.revision;
            self.digests.renew(&mut entry.release);
            let record = move |hash: &str, part| names::record_part(name, revision, hash, part);
            self.each::<Record>(&mut entry.record, record, &mut gone).await?;
        }

        // Under the same key the parts are those of before.
        Ok(Bundle::without_shared(
            gone,
            self.packed.iter().map(|(bundle, _)| bundle),
        ))
    }

    /// The digests of all releases that hold values of Secrets.
    async fn digests(
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
            match self.under_one(|key| read_kept(cluster, record, false, key)).await {
                Ok(record) => {
                    let new = PublicDigest::of_secrets(record.release.as_bytes(), Some(&self.key));
                    digests.0.push((release.digest.clone(), new));
                }
                // No answer is no verdict on what lies there: nothing may be given up because of it.
                Err(error @ HomeError::Api { .. }) => return Err(error.into()),
                // It is told where the record itself is renewed.
                Err(_) => {}
            }
        }
        Ok(digests)
    }

    /// What one of the keys fits; the first one's error where none does.
    async fn under_one<'k, T, F>(&'k self, read: impl Fn(Option<&'k BoundKey>) -> F) -> Result<T, HomeError>
    where
        F: Future<Output = Result<T, HomeError>>,
    {
        let mut first = None;
        for key in &self.old {
            match read(Some(key)).await {
                Err(error @ HomeError::Bundle { .. }) => first = first.or(Some(error)),
                other => return other,
            }
        }
        match first {
            Some(error) => Err(error),
            None => read(None).await,
        }
    }

    async fn each<T: Renewed>(
        &mut self,
        bundles: &mut Vec<Bundle>,
        name: impl Fn(&str, usize) -> String + Copy,
        gone: &mut Vec<Bundle>,
    ) -> Result<(), ExecuteError> {
        for old in std::mem::take(bundles) {
            let cluster = self.services.cluster.as_ref();
            match self.under_one(|key| read_bundle::<T>(cluster, &old, key)).await {
                Ok(mut value) => {
                    value.renew(&self.digests);
                    let packed = bundle(&value, old.secret, &old.namespace, name, &self.key)?;
                    bundles.push(packed.0.clone());
                    self.packed.push(packed);
                    gone.push(old);
                }

                Err(HomeError::Api { target, source }) => {
                    return Err(HomeError::Api { target, source }.into());
                }
                // Gone or changed: nothing names it any more then, and
                // what needs it cannot be reverted or promoted again.
                Err(error) => {
                    self.has_lost_bodies |= old.secret;
                    let what = if old.secret { "pre-images" } else { "a record" };
                    self.notes.push(format!(
                        "{what} in {} cannot be kept: {}",
                        old.namespace,
                        said(&error)
                    ));
                }
            }
        }
        Ok(())
    }
}

fn said(error: &HomeError) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
