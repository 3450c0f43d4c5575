//! The open findings of one release, and what a comparison does to them.
//!
//! A finding that a comparison did not look at stays as it is: it is closed by a comparison that looked and did not find it,
//! and by nothing else.

use crate::model::ObjectId;
use crate::model::drift::{
    ChangedBy, CloseReason, Coverage, DriftEvent, DriftFinding, DriftKind, FindingKey, OpenFinding,
};
use crate::model::moves::ReleaseRef;
use crate::model::start::StartDepth;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// What a comparison of one release came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The promoted version.
    pub version: String,
    /// The promoted revision.
    pub revision: u32,
    /// How many objects were compared.
    pub objects: usize,
    /// What differs that nothing expects.
    pub findings: Vec<DriftFinding>,
    /// What could not be looked at.
    pub unverified: Vec<Unverified>,
    /// How much was looked at of whether workloads would start again.
    pub starts: StartDepth,
    /// Whether it is the first comparison after a promotion.
    pub is_after_promotion: bool,
}

/// Something that a comparison could not look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// The object; none where it is about all of the release.
    pub object: Option<ObjectId>,
    /// The container, where it is about an image of one.
    pub container: Option<String>,
    /// Which findings it leaves open.
    pub coverage: Coverage,
    /// Why, redacted.
    pub why: String,
    /// Whether the server has said no, and will say it again: it is known to be unknown at once.
    pub is_refused: bool,
}

impl Unverified {
    /// Whether the comparison could not tell whether a finding is still there.
    fn covers(&self, finding: &DriftFinding) -> bool {
        let is_its = self.object.is_none()
            || self.object == finding.object
                && (self.container.is_none() || self.container == finding.container);
        is_its && self.coverage.covers(finding.kind)
    }
}

/// What is not verified, and since when.
#[derive(Clone, Debug)]
struct Waiting {
    unverified: Unverified,
    since: Timestamp,
}

/// What is looked at as one where it cannot be.
type Subject = (Option<ObjectId>, Option<String>, Coverage);

/// The open findings of one release.
#[derive(Debug, Default)]
pub(super) struct OpenFindings {
    open: BTreeMap<FindingKey, OpenFinding>,
    waiting: BTreeMap<Subject, Waiting>,
    /// Findings that found no room.
    unlisted: usize,
    /// Whether anything was compared before.
    was_compared: bool,
}

/// What holds for all findings of one release at one time.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub release: &'a ReleaseRef,
    pub now: Timestamp,
    /// What was not verified for so long is unknown.
    pub patience: Duration,
    /// Findings that are held at most.
    pub room: usize,
}

impl OpenFindings {
    pub fn list(&self) -> Vec<OpenFinding> {
        self.open.values().cloned().collect()
    }

    /// Findings that are not listed for want of room.
    pub fn unlisted(&self) -> usize {
        self.unlisted
    }

    /// How much the last comparison could not look at.
    pub fn count_unverified(&self) -> BTreeMap<Coverage, usize> {
        let mut counts = BTreeMap::new();
        for (_, _, coverage) in self.waiting.keys() {
            *counts.entry(*coverage).or_default() += 1;
        }
        counts
    }

    /// Whether a workload is known that would not start again.
    pub fn has_starts(&self) -> bool {
        self.open.keys().any(|key| key.kind == DriftKind::WouldNotStart)
    }

    /// Takes what a comparison found.
    pub fn take(&mut self, compared: Compared, terms: Terms<'_>) -> Vec<DriftEvent> {
        let Compared {
            version,
            revision,
            findings,
            unverified,
            starts,
            is_after_promotion,
            ..
        } = compared;
        self.wait_for(unverified, terms.now);

        let mut events = self.close_others(&findings, starts, is_after_promotion);
        self.unlisted = 0;
        for finding in findings {
            let found = OpenFinding {
                release: terms.release.clone(),
                version: Some(version.clone()),
                revision: Some(revision),
                finding,
                first_seen: terms.now,
                may_be_older: !self.was_compared,
                last_verified: terms.now,
            };
            events.extend(self.find(found, terms.room));
        }
        self.was_compared = true;
        events.extend(self.expire(Some((&version, revision)), terms));
        events
    }

    /// Closes what a comparison has looked at and did not find.
    fn close_others(
        &mut self,
        findings: &[DriftFinding],
        starts: StartDepth,
        is_after_promotion: bool,
    ) -> Vec<DriftEvent> {
        let found: HashSet<FindingKey> = findings.iter().map(DriftFinding::key).collect();
        let reason = if is_after_promotion {
            CloseReason::Promoted
        } else {
            CloseReason::NotFound
        };
        let is_over = |key: &FindingKey, open: &OpenFinding| {
            let finding = &open.finding;
            !key.kind.is_unknown()
                && !found.contains(key)
                && was_looked_at(finding, starts)
                && !self.waiting.values().any(|one| one.unverified.covers(finding))
        };

        let over: Vec<FindingKey> = self
            .open
            .iter()
            .filter(|(key, open)| is_over(key, open))
            .map(|(key, _)| key.clone())
            .collect();
        let closed = over.iter().filter_map(|key| self.open.remove(key));
        closed
            .map(|finding| DriftEvent::closed(finding, reason))
            .collect()
    }

    /// Takes one finding: it is opened, or verified.
    fn find(&mut self, found: OpenFinding, room: usize) -> Option<DriftEvent> {
        let key = found.finding.key();
        let Some(open) = self.open.get_mut(&key) else {
            if self.open.len() >= room {
                self.unlisted += 1;
                return None;
            }
            self.open.insert(key, found.clone());
            return Some(DriftEvent::opened(found));
        };

        let is_same = same_client(
            open.finding.changed_by.as_ref(),
            found.finding.changed_by.as_ref(),
        );
        let (first_seen, may_be_older) = (open.first_seen, open.may_be_older);
        *open = OpenFinding {
            first_seen,
            may_be_older,
            ..found
        };
        (!is_same).then(|| DriftEvent::updated(open.clone()))
    }

    /// Notes what could not be looked at, each since it could not be.
    fn wait_for(&mut self, unverified: Vec<Unverified>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.waiting);
        for one in unverified {
            let subject = (one.object.clone(), one.container.clone(), one.coverage);
            let since = before.remove(&subject).map_or(now, |waiting| waiting.since);
            let waiting = Waiting {
                unverified: one,
                since,
            };
            self.waiting.insert(subject, waiting);
        }
    }

    /// Opens what has not been verified for too long, and closes what is verified again.
    pub fn expire(&mut self, release: Option<(&str, u32)>, terms: Terms<'_>) -> Vec<DriftEvent> {
        let mut unknown: BTreeMap<FindingKey, DriftFinding> = BTreeMap::new();
        let counted = self
            .waiting
            .values()
            .filter(|one| one.unverified.coverage.decides_sync());
        for Waiting { unverified, since } in counted {
            if unverified.is_refused || is_older(*since, terms) {
                let finding = DriftFinding {
                    object: unverified.object.clone(),
                    container: unverified.container.clone(),
                    message: Some(unverified.why.clone()),
                    ..DriftFinding::new(DriftKind::Unknown)
                };
                unknown.insert(finding.key(), finding);
            }
        }

        let is_over = |key: &FindingKey| key.kind.is_unknown() && !unknown.contains_key(key);
        let over: Vec<FindingKey> = self.open.keys().filter(|key| is_over(key)).cloned().collect();
        let closed = over.iter().filter_map(|key| self.open.remove(key));
        let mut events: Vec<DriftEvent> = closed
            .map(|finding| DriftEvent::closed(finding, CloseReason::NotFound))
            .collect();
        for finding in unknown.into_values() {
            let found = OpenFinding {
                release: terms.release.clone(),
                version: release.map(|(version, _)| version.to_owned()),
                revision: release.map(|(_, revision)| revision),
                finding,
                first_seen: terms.now,
                may_be_older: false,
                last_verified: terms.now,
            };
            events.extend(self.find(found, terms.room));
        }
        events
    }

    /// The release as a whole could not be compared: all of it waits.
    pub fn fail(&mut self, why: &str, is_refused: bool, now: Timestamp) {
        let subject = (None, None, Coverage::Object);
        let since = self.waiting.get(&subject).map_or(now, |waiting| waiting.since);
        let unverified = Unverified {
            object: None,
            container: None,
            coverage: Coverage::Object,
            why: why.to_owned(),
            is_refused,
        };
        self.waiting.insert(subject, Waiting { unverified, since });
    }

    /// Closes all of them.
    pub fn close_all(&mut self, reason: CloseReason) -> Vec<DriftEvent> {
        let open = std::mem::take(&mut self.open);
        self.waiting.clear();
        open.into_values()
            .map(|finding| DriftEvent::closed(finding, reason))
            .collect()
    }
}

/// Whether a comparison that looked so far at starts would have found it.
fn was_looked_at(finding: &DriftFinding, starts: StartDepth) -> bool {
    match starts {
        _ if finding.kind != DriftKind::WouldNotStart => true,
        StartDepth::Off => false,
        StartDepth::Reads => !finding.needs_full_starts(),
        StartDepth::Full => true,
    }
}

fn same_client(one: Option<&ChangedBy>, other: Option<&ChangedBy>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_same_client(other),
        (None, None) => true,
        _ => false,
    }
}

pub(super) fn is_older(since: Timestamp, terms: Terms<'_>) -> bool {
    let patience = SignedDuration::try_from(terms.patience).unwrap_or(SignedDuration::MAX);
    terms.now.duration_since(since) >= patience
}
