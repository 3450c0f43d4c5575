//! What moved, and how the watches stand: which releases are stirred, and what is followed from now on.

use super::{GATHER, SYNC, Session};
use crate::drift::Stir;
use crate::model::drift::DriftEvent;
use crate::observe::held::{WatchChange, reason_of};
use crate::report::clean;
use std::time::Instant;

impl Session {
    /// Takes what the feed has to say.
    pub(super) fn take_feed_news(&mut self) {
        let now = Instant::now();
        self.feed.narrow_down();
        let news = self.feed.take_news();
        for (id, moved) in &news.moved {
            for affected in self.dependents.affected(id, moved) {
                self.schedule.stir(&affected.release, affected.stir(), now);
                if let Some(watched) = self.releases.get_mut(&affected.release) {
                    watched.has_moved_references |= affected.is_start_reference;
                }
            }
        }
        for change in news.watches {
            self.take_watch_change(change, now);
        }
        self.take_synced(now);
    }

    fn take_watch_change(&mut self, change: WatchChange, now: Instant) {
        let WatchChange { collection, error } = change;
        let resource = collection.resource.counted();
        let namespace = collection.namespace.clone();
        // What depends on it cannot be verified from now on, or can be again.
        let depending = self
            .dependents
            .of_collection(&collection.resource, namespace.as_deref());
        for release in depending {
            self.schedule.stir(&release, Stir::Content, now);
        }
        let event = match error {
            Some(error) => DriftEvent::WatchFailed {
                resource,
                namespace,
                reason: reason_of(&error),
                message: clean(&error.to_string()).into_owned(),
            },
            None => DriftEvent::WatchResumed { resource, namespace },
        };
        self.events.push(event);
    }

    /// Follows what is needed by now: what many releases need at the start is asked for once.
    pub(super) fn apply_demand(&mut self) {
        let now = Instant::now();
        let is_gathering = self.is_gathering();
        let is_due = |since: Instant| now >= since + GATHER && (!is_gathering || now >= since + SYNC);
        if self.demand.is_some_and(is_due) {
            self.demand = None;
            self.feed.demand(self.dependents.demand());
            self.take_synced(now);
        }
    }

    /// Has releases compared that waited for watches to be read.
    pub(super) fn take_synced(&mut self, now: Instant) {
        if self.awaiting_sync.is_empty() || self.demand.is_some() {
            return;
        }
        // One that cannot be read now is not waited for without end.
        if !self.feed.is_synced() && now < self.sync_until {
            return;
        }
        for release in std::mem::take(&mut self.awaiting_sync) {
            let Some(watched) = self.releases.get_mut(&release) else {
                continue;
            };
            let is_new = std::mem::take(&mut watched.is_new);
            if is_new && !self.schedule.contains(&release) {
                self.schedule.add(release, now);
            } else {
                self.schedule.stir(&release, Stir::Content, now);
            }
        }
    }

    /// Says that sinks fail.
    pub(super) fn take_sink_notes(&mut self) {
        let notes = self.outlets.take_notes();
        let note = |message: String| DriftEvent::Note {
            release: None,
            message: clean(&message).into_owned(),
        };
        self.events.extend(notes.into_iter().map(note));
    }
}
