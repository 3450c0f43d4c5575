//! Releases that come, are promoted, and go: what their stored states say.

use super::{Promoting, SYNC, Session, now_millis};
use crate::cluster::ApiError;
use crate::drift::{Checked, Stir};
use crate::model::drift::{DriftEvent, DropReason, WatchErrorKey};
use crate::model::moves::ReleaseRef;
use crate::observe::held::{Reads, reason_of};
use crate::report::clean;
use crate::usecase::watch::looking::{Look, Stored, look};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Stored states that are read at once.
const LOOKS_AT_ONCE: usize = 8;
/// A promotion that runs is looked at again after so long, though nothing of it was written: a run may have been killed.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// A journal that was not written for so long is no run's at work, where its lock may not be read.
const ABANDONED: Duration = Duration::from_secs(300);

impl Session {
    /// Reads stored states that were written.
    pub(super) fn start_looks(&mut self) {
        while self.looks.len() < LOOKS_AT_ONCE {
            // One at a time of each release: a later look must not be overtaken by an earlier one.
            let next = self.to_look_at.iter().find(|one| !self.looking.contains(*one));
            let Some(release) = next.cloned() else { return };
            self.to_look_at.remove(&release);
            self.looking.insert(release.clone());

            let (cluster, access) = (self.scope.cluster.clone(), self.request.access.clone());
            self.looks.spawn(async move {
                let found = look(cluster.as_ref(), &access, &release).await;
                (release, found)
            });
        }
    }

    /// Notes which releases were written to, and how the watch of them stands.
    pub(super) fn take_state_changes(&mut self) {
        let changed = self.changes.take();
        let name = self.request.name.as_ref();
        let is_wanted = |release: &ReleaseRef| name.is_none_or(|name| *name == release.name);
        self.to_look_at.extend(changed.into_iter().filter(is_wanted));

        for error in self.changes.take_errors() {
            self.count_state_error(&error);
        }
        self.has_listed |= self.changes.has_listed();
        let failure = self.changes.failure();
        if failure.is_some() != self.is_state_failing {
            self.is_state_failing = failure.is_some();
            // Whether what is compared with is still promoted is unknown from now on, or known again.
            let now = Instant::now();
            for release in self.releases.keys() {
                self.schedule.stir(release, Stir::Content, now);
            }
            self.events.push(self.state_watch_event(failure));
        }
    }

    fn state_watch_event(&self, failure: Option<ApiError>) -> DriftEvent {
        let resource = "configmaps".to_owned();
        let namespace = (!self.request.selection.all_namespaces).then(|| self.scope.home.clone());
        match failure {
            Some(error) => DriftEvent::WatchFailed {
                resource,
                namespace,
                reason: reason_of(&error),
                message: clean(&error.to_string()).into_owned(),
            },
            None => DriftEvent::WatchResumed { resource, namespace },
        }
    }

    pub(super) fn state_error_key(&self, error: &ApiError) -> WatchErrorKey {
        WatchErrorKey {
            resource: "configmaps".into(),
            namespace: (!self.request.selection.all_namespaces).then(|| self.scope.home.clone()),
            reason: reason_of(error),
        }
    }

    /// Takes what is stored of a release.
    pub(super) fn take_look(&mut self, release: &ReleaseRef, look: Look) {
        self.looking.remove(release);
        match look {
            Look::Gone => self.drop_release(release, DropReason::Forgotten),
            Look::NotPromoted => self.drop_release(release, DropReason::NotPromoted),
            Look::Promoting {
                version,
                actor,
                is_certain,
                stored,
            } => {
                if is_certain || self.is_written(release) {
                    self.take_promotion(release, (version, actor), stored.as_ref());
                } else {
                    self.take_abandoned(release, stored);
                }
            }
            Look::Promoted(stored) => self.take_promoted(release, &stored),
            Look::Failed { why, is_refused } => self.take_unreadable(release, why, is_refused),
        }
    }

    /// Whether its inventory has the labels that are asked for.
    fn is_selected(&self, stored: &Stored) -> bool {
        let labels = &self.request.selection.labels;
        let inventory = stored.inventory();
        labels.is_empty()
            || inventory
                .is_some_and(|inventory| labels.selects(|key| inventory.labels.get(key).map(String::as_str)))
    }

    fn drop_release(&mut self, release: &ReleaseRef, reason: DropReason) {
        self.schedule.remove(release);
        self.dependents.remove(release);
        self.awaiting_sync.remove(release);
        if self.releases.remove(release).is_some() {
            self.demand.get_or_insert_with(Instant::now);
            self.forget_records();
        }
        let events = self.ledger.drop_release(release, reason);
        self.events.extend(events);
    }

    /// Whether a journal that has not ended was written lately, as far as this process has seen.
    fn is_written(&self, release: &ReleaseRef) -> bool {
        let versions = self.changes.version(release);
        let watched = self.releases.get(release);
        let promoting = watched.and_then(|watched| watched.promoting.as_ref());
        promoting.is_none_or(|one| one.versions != versions || one.since.elapsed() < ABANDONED)
    }

    /// A run is at work: nothing is compared until it has ended. What is promoted until then is known already, where something
    /// is.
    fn take_promotion(
        &mut self,
        release: &ReleaseRef,
        (version, actor): (String, String),
        stored: Option<&Stored>,
    ) {
        let now = Instant::now();
        if let Some(stored) = stored.filter(|stored| self.is_selected(stored)) {
            self.add_to_ledger(release, stored);
        }
        let versions = self.changes.version(release);
        let watched = self.releases.entry(release.clone()).or_default();
        let before = watched.promoting.take();
        if before.is_none() {
            watched.epoch += 1;
        }
        let before = before.filter(|before| before.versions == versions);
        watched.promoting = Some(Promoting {
            look_at: now + LOOK_AGAIN,
            versions,
            since: before.map_or(now, |before| before.since),
        });

        if watched.due.take().is_some() {
            self.schedule.done(release, false, now);
        }
        self.schedule.pause(release);
        let event = self.ledger.start_promotion(release, Some(version), Some(actor));
        self.events.extend(event);
    }

    /// Nothing was written for long, and whether a run is at work cannot be read: what is there is compared.
    fn take_abandoned(&mut self, release: &ReleaseRef, stored: Option<Stored>) {
        match stored {
            Some(stored) => self.take_promoted(release, &stored),
            // A first promotion: there is nothing to compare with.
            None => self.drop_release(release, DropReason::NotPromoted),
        }
    }

    /// A revision is promoted, and no run is at work: it is watched where it is selected.
    fn take_promoted(&mut self, release: &ReleaseRef, stored: &Stored) {
        if self.is_selected(stored) {
            self.take_stored(release, stored);
        } else {
            self.drop_release(release, DropReason::NotSelected);
        }
    }

    fn take_stored(&mut self, release: &ReleaseRef, stored: &Stored) {
        let now = Instant::now();
        let watched = self.releases.entry(release.clone()).or_default();
        let before = watched.stored.replace(stored.clone());
        let has_changed = before.as_ref().is_none_or(|before| !before.is_same(stored));
        let is_other = before.is_some_and(|before| before.promoted != stored.promoted);
        let was_promoting = watched.promoting.take().is_some();
        if was_promoting || is_other {
            watched.epoch += 1;
            watched.is_after_promotion = true;
        }
        let due = watched.due.take();
        if is_other {
            self.forget_records();
        }

        let promoted = Some(stored.promoted.clone());
        let event = self.ledger.end_promotion(release, promoted, stored.is_unfinished);
        self.events.extend(event);
        if was_promoting {
            self.schedule.resume(release, now);
        }
        if !self.dependents.contains(release) {
            if due.is_some() {
                self.schedule.done(release, false, now);
            }
            return self.add_release(release, stored);
        }
        if was_promoting {
            self.dependents.extend(release, member_reads(stored));
            self.demand.get_or_insert(now);
        } else if let Some(due) = due {
            self.ready.push_back(due);
        } else if has_changed {
            self.schedule.stir(release, Stir::Content, now);
        }
    }

    /// A release that was not watched before: its members are followed first, and it is compared then.
    fn add_release(&mut self, release: &ReleaseRef, stored: &Stored) {
        // One that could not be read until now, or whose promotion has just ended, is there already.
        if self.add_to_ledger(release, stored) && stored.is_unfinished {
            self.events.push(DriftEvent::Note {
                release: Some(release.clone()),
                message: "the promotion is unfinished: no run is at work".to_owned(),
            });
        }
        self.dependents.add(release, member_reads(stored));
        if let Some(watched) = self.releases.get_mut(release) {
            watched.is_new = true;
            watched.is_after_promotion = false;
        }
        self.demand.get_or_insert_with(Instant::now);
        self.await_sync(release);
    }

    /// Whether a release is told of from now on that was not.
    fn add_to_ledger(&mut self, release: &ReleaseRef, stored: &Stored) -> bool {
        if self.ledger.contains(release) {
            return false;
        }
        let members = stored.inventory().map_or(0, |inventory| inventory.members.len());
        let promoted = Some(stored.promoted.clone());
        let event = self.ledger.add(release.clone(), promoted, members);
        self.events.push(event);
        true
    }

    /// Forgets stored releases that are promoted no longer.
    fn forget_records(&self) {
        let stored = self.releases.values().filter_map(|one| one.stored.as_ref());
        let used: HashSet<(&str, &str)> = stored.flat_map(Stored::records).collect();
        let is_used = |namespace: Option<&str>, name: &str| {
            namespace.is_some_and(|namespace| used.contains(&(namespace, name)))
        };
        self.stored.retain(is_used);
    }

    /// It cannot be read, or was altered: nothing of it is known.
    fn take_unreadable(&mut self, release: &ReleaseRef, why: String, is_refused: bool) {
        let now = Instant::now();
        if !self.ledger.contains(release) {
            self.events.push(self.ledger.add(release.clone(), None, 0));
            self.releases.entry(release.clone()).or_default();
            self.schedule.add(release.clone(), now);
            // It is looked at again with its first comparison, which comes at once.
            return;
        }
        let watched = self.releases.entry(release.clone()).or_default();
        let was_due = watched.due.take().is_some();
        watched.stored = None;
        let checked = Checked::Failed { why, is_refused };
        let events = self.ledger.take(release, checked, now_millis());
        self.events.extend(events);
        if was_due {
            self.schedule.done(release, true, now);
        } else {
            // A write of it was not read: it is looked at again, and not only when its period is over.
            self.schedule.stir(release, Stir::Content, now);
        }
    }

    /// A release is compared once all watches are read.
    pub(super) fn await_sync(&mut self, release: &ReleaseRef) {
        self.awaiting_sync.insert(release.clone());
        self.sync_until = Instant::now() + SYNC;
    }

    /// Looks again at promotions that may have been killed.
    pub(super) fn look_at_promotions(&mut self, now: Instant) {
        for (release, watched) in &mut self.releases {
            if let Some(promoting) = watched.promoting.as_mut().filter(|one| one.look_at <= now) {
                promoting.look_at = now + LOOK_AGAIN;
                self.to_look_at.insert(release.clone());
            }
        }
    }
}

/// What the members of a release have to be followed for, before anything of it was compared.
fn member_reads(stored: &Stored) -> Reads {
    let mut reads = Reads::default();
    let members = stored.inventory().map_or(&[][..], |inventory| &inventory.members);
    for member in members.iter().filter(|member| !member.resource.is_secret()) {
        reads.objects.insert(member.id());
        let namespaces = reads.demand.entry(member.resource.clone()).or_default();
        namespaces.insert(member.namespace.clone());
    }
    reads
}
