//! The ledger: every watched release, how it stands, and what is open of it.

use super::open::{Compared, OpenFindings, Terms};
use crate::model::drift::{
    CloseReason, Coverage, DriftEvent, DropReason, PromotionEnd, ReleaseCondition, ReleaseDrift,
};
use crate::model::moves::ReleaseRef;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// So many times the period in which everything is verified again must pass before what was not is unknown.
const MISSED_PERIODS: u32 = 3;

/// What holds for all releases.
#[derive(Clone, Copy, Debug)]
pub struct LedgerOptions {
    /// How often every release is verified again.
    pub resync: Duration,
    /// Open findings of one release that are held at most: the rest is counted.
    pub findings_per_release: usize,
}

/// What came of looking at a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It was compared.
    Compared(Compared),
    /// It could not be.
    Failed {
        /// Why, redacted.
        why: String,
        /// Whether the server has said no, and will say it again.
        is_refused: bool,
    },
}

/// What the ledger comes to as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Watched releases.
    pub releases: usize,
    /// Open findings that are drift.
    pub drifted: usize,
    /// What is unknown: open findings that say so, objects that could not be looked at, releases that were never compared or
    /// are promoted at the moment.
    pub unknown: usize,
    /// Requirements that could not be looked at, which is no error.
    pub unread_requirements: usize,
    /// Workloads of which it could not be told whether they would start again, which is no error.
    pub unread_starts: usize,
}

impl Standing {
    /// 0 in sync, 1 drift, 2 something unknown: unknown is never in sync.
    pub fn exit_code(self) -> u8 {
        match self {
            Self {
                unknown: 0,
                drifted: 0,
                ..
            } => 0,
            Self { unknown: 0, .. } => 1,
            Self { .. } => 2,
        }
    }
}

/// Every watched release.
#[derive(Debug)]
pub struct Ledger {
    options: LedgerOptions,
    releases: BTreeMap<ReleaseRef, Entry>,
}

#[derive(Debug)]
struct Entry {
    promoted: Option<(String, u32)>,
    objects: usize,
    last_verified: Option<Timestamp>,
    condition: ReleaseCondition,
    findings: OpenFindings,
}

impl Ledger {
    /// Without any release.
    pub fn new(options: LedgerOptions) -> Self {
        Self {
            options,
            releases: BTreeMap::new(),
        }
    }

    /// A release is watched from now on.
    pub fn add(
        &mut self,
        release: ReleaseRef,
        promoted: Option<(String, u32)>,
        objects: usize,
    ) -> DriftEvent {
        let (version, revision) = promoted.clone().unzip();
        let entry = Entry {
            promoted,
            objects,
            last_verified: None,
            condition: ReleaseCondition::Pending,
            findings: OpenFindings::default(),
        };
        self.releases.insert(release.clone(), entry);
        DriftEvent::ReleaseAdded {
            release,
            version,
            revision,
            objects,
        }
    }

    /// Whether a release is watched.
    pub fn contains(&self, release: &ReleaseRef) -> bool {
        self.releases.contains_key(release)
    }

    /// A release is watched no longer.
    pub fn drop_release(&mut self, release: &ReleaseRef, reason: DropReason) -> Vec<DriftEvent> {
        let Some(mut entry) = self.releases.remove(release) else {
            return Vec::new();
        };
        let mut events = entry.findings.close_all(CloseReason::ReleaseDropped);
        events.push(DriftEvent::ReleaseDropped {
            release: release.clone(),
            reason,
        });
        events
    }

    /// Takes what came of looking at a release.
    pub fn take(&mut self, release: &ReleaseRef, checked: Checked, now: Timestamp) -> Vec<DriftEvent> {
        let Some(entry) = self.releases.get_mut(release) else {
            return Vec::new();
        };
        let terms = self.options.terms(release, now);
        // A promotion that has begun meanwhile says how it stands.
        let is_promoting = entry.condition == ReleaseCondition::Promoting;
        match checked {
            Checked::Compared(compared) => {
                entry.promoted = Some((compared.version.clone(), compared.revision));
                entry.objects = compared.objects;
                entry.last_verified = Some(now);
                if !is_promoting {
                    entry.condition = ReleaseCondition::Watched;
                }
                entry.findings.take(compared, terms)
            }
            Checked::Failed { why, is_refused } => {
                entry.findings.fail(&why, is_refused, now);
                if !is_promoting {
                    entry.condition = ReleaseCondition::Failing { why };
                }
                entry.expire(terms)
            }
        }
    }

    /// Opens what has not been verified for too long, though nobody could say so: a comparison that never ends.
    pub fn expire(&mut self, now: Timestamp) -> Vec<DriftEvent> {
        let options = self.options;
        let releases = self.releases.iter_mut();
        releases
            .flat_map(|(release, entry)| {
                let terms = options.terms(release, now);
                if entry.is_overdue(terms) {
                    entry
                        .findings
                        .fail("not compared in time", false, entry.verified_at(now));
                }
                entry.expire(terms)
            })
            .collect()
    }

    /// A promotion of the release runs.
    pub fn start_promotion(
        &mut self,
        release: &ReleaseRef,
        version: Option<String>,
        actor: Option<String>,
    ) -> Option<DriftEvent> {
        let entry = self.releases.get_mut(release)?;
        if entry.condition == ReleaseCondition::Promoting {
            return None;
        }
        entry.condition = ReleaseCondition::Promoting;
        Some(DriftEvent::PromotionStarted {
            release: release.clone(),
            version,
            actor,
        })
    }

    /// It has ended; the comparison that follows says what there is.
    pub fn end_promotion(
        &mut self,
        release: &ReleaseRef,
        promoted: Option<(String, u32)>,
        is_unfinished: bool,
    ) -> Option<DriftEvent> {
        let entry = self.releases.get_mut(release)?;
        if entry.condition != ReleaseCondition::Promoting {
            return None;
        }
        entry.condition = match entry.last_verified {
            Some(_) => ReleaseCondition::Watched,
            None => ReleaseCondition::Pending,
        };
        let end = if is_unfinished {
            PromotionEnd::Unfinished
        } else if entry.promoted == promoted {
            PromotionEnd::Unchanged
        } else {
            PromotionEnd::Promoted
        };
        // The next promotion may end before anything was compared.
        entry.promoted.clone_from(&promoted);
        let (version, revision) = promoted.unzip();
        Some(DriftEvent::PromotionEnded {
            release: release.clone(),
            end,
            version,
            revision,
        })
    }

    /// Whether a workload of the release is known that would not start again.
    pub fn has_starts(&self, release: &ReleaseRef) -> bool {
        let entry = self.releases.get(release);
        entry.is_some_and(|entry| entry.findings.has_starts())
    }

    /// Findings of a release that are not listed for want of room.
    pub fn unlisted(&self, release: &ReleaseRef) -> usize {
        let entry = self.releases.get(release);
        entry.map_or(0, |entry| entry.findings.unlisted())
    }

    /// Whether every release has been looked at.
    pub fn is_ready(&self) -> bool {
        let mut releases = self.releases.values();
        releases.all(|entry| entry.condition != ReleaseCondition::Pending)
    }

    /// What it comes to.
    pub fn standing(&self) -> Standing {
        let mut standing = Standing {
            releases: self.releases.len(),
            ..Standing::default()
        };
        for entry in self.releases.values() {
            let open = entry.findings.list();
            let unknown = open.iter().filter(|open| open.finding.kind.is_unknown()).count();
            standing.drifted += open.len() - unknown;
            let mut waiting = 0;
            for (coverage, count) in entry.findings.count_unverified() {
                match coverage {
                    Coverage::Object | Coverage::Pods => waiting += count,
                    Coverage::Requirement => standing.unread_requirements += count,
                    Coverage::Starts => standing.unread_starts += count,
                }
            }
            // What waits may be opened as well: it is unknown once.
            standing.unknown += unknown.max(waiting);
            let is_compared = entry.last_verified.is_some() && entry.condition != ReleaseCondition::Promoting;
            standing.unknown += usize::from(!is_compared);
        }
        standing
    }

    /// Every release, for who asks.
    pub fn snapshot(&self) -> BTreeMap<ReleaseRef, ReleaseDrift> {
        let releases = self.releases.iter();
        releases
            .map(|(release, entry)| (release.clone(), entry.snapshot()))
            .collect()
    }
}

impl LedgerOptions {
    fn terms(self, release: &ReleaseRef, now: Timestamp) -> Terms<'_> {
        Terms {
            release,
            now,
            patience: self.resync * MISSED_PERIODS,
            room: self.findings_per_release,
        }
    }
}

impl Entry {
    fn expire(&mut self, terms: Terms<'_>) -> Vec<DriftEvent> {
        let promoted = self.promoted.as_ref();
        let promoted = promoted.map(|(version, revision)| (version.as_str(), *revision));
        self.findings.expire(promoted, terms)
    }

    /// Whether nothing was heard of it for too long; a promotion takes its time.
    fn is_overdue(&self, terms: Terms<'_>) -> bool {
        let is_waiting = matches!(
            self.condition,
            ReleaseCondition::Promoting | ReleaseCondition::Failing { .. }
        );
        let verified = self.last_verified;
        !is_waiting && verified.is_some_and(|at| super::open::is_older(at, terms))
    }

    fn verified_at(&self, now: Timestamp) -> Timestamp {
        self.last_verified.unwrap_or(now)
    }

    fn snapshot(&self) -> ReleaseDrift {
        let (version, revision) = self.promoted.clone().unzip();
        ReleaseDrift {
            version,
            revision,
            objects: self.objects,
            unverified: self.findings.count_unverified(),
            last_verified: self.last_verified,
            condition: self.condition.clone(),
            open: self.findings.list(),
        }
    }
}
