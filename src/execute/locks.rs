//! The locks of a run: its own release's and those of the releases whose members it takes. Every run takes
//! them in one order, so that no two wait for each other; and none of them may be lost.
//!
//! Together they are as one lock: held until the first of them runs out, lost with the first that is lost.
//! None is added to those that are held: whoever needs more gives all of them back and takes them anew.

use super::acquisition::LockError;
use super::lock::{Hold, Lock};
use super::services::Services;
use crate::model::moves::ReleaseRef;
use futures::FutureExt;
use futures::future::{join_all, select_all};
use std::collections::BTreeSet;
use std::time::Duration;

/// Locks that are held together.
pub(super) struct Locks {
    locks: Vec<Lock>,
    releases: BTreeSet<ReleaseRef>,
    /// Who holds them.
    pub holder: String,
}

impl Locks {
    /// Takes them all, or none.
    pub(super) async fn take(
        services: &Services,
        own: &ReleaseRef,
        others: &[ReleaseRef],
    ) -> Result<Self, LockError> {
        // Sorted, and each once: the one order.
        let releases: BTreeSet<ReleaseRef> = others.iter().chain([own]).cloned().collect();
        let mut locks: Vec<Lock> = Vec::new();

        for release in &releases {
            match Lock::take(services, &release.namespace, &release.name).await {
                Ok(lock) => locks.push(lock),
                Err(error) => {
                    // Whoever waits for one of these must not wait for a run that will not begin.
                    join_all(locks.iter().map(Lock::release)).await;
                    return Err(if release == own {
                        error
                    } else {
                        error.for_moving_objects(release)
                    });
                }
            }
        }
        // One process holds all of them, under one name.
        let holder = locks.first().map(|lock| lock.holder.clone()).unwrap_or_default();
        Ok(Self {
            locks,
            releases,
            holder,
        })
    }

    /// Whether the locks of all these releases are among them.
    pub(super) fn hold(&self, releases: &[ReleaseRef]) -> bool {
        releases.iter().all(|release| self.releases.contains(release))
    }

    /// Waits until all of them are surely ours, for as long as the limit says; until the first of them ends.
    pub(super) async fn confirm_held(&self, patience: Duration) -> Hold {
        let holds = join_all(self.locks.iter().map(|lock| lock.confirm_held(patience))).await;
        let both = |one, other| match (one, other) {
            (Hold::Lost, _) | (_, Hold::Lost) => Hold::Lost,
            (Hold::Doubtful, _) | (_, Hold::Doubtful) => Hold::Doubtful,
            (Hold::Ours(one), Hold::Ours(other)) => Hold::Ours(one.earlier(other)),
        };
        holds.into_iter().reduce(both).unwrap_or(Hold::Lost)
    }

    /// Ends once one of them is another's.
    pub(super) async fn lost(&self) {
        select_all(self.locks.iter().map(|lock| lock.lost().boxed())).await;
    }

    /// Those in this namespace may go with it: it is being deleted.
    pub(super) fn may_go_with(&self, namespace: &str) {
        let inside = self
            .locks
            .iter()
            .zip(&self.releases)
            .filter(|(_, release)| release.namespace == namespace);
        inside.for_each(|(lock, _)| lock.may_go());
    }

    /// Gives all of them back.
    pub(super) async fn release(&self) {
        join_all(self.locks.iter().map(Lock::release)).await;
    }
}
