//! Findings that are said in one sentence: of one object, of one kind, changed by one client, that opened or closed together.

use super::event::{DriftEvent, StampedDriftEvent};
use super::finding::{DriftKind, OpenFinding};
use crate::model::finding::ManagerClass;
use crate::model::moves::ReleaseRef;
use crate::model::phrase::list_first;
use jiff::Timestamp;

/// Fields that a sentence names; the rest is counted.
const NAMED: usize = 10;

/// What became of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftChange {
    /// They were seen first.
    Opened,
    /// Another client changed what was open already.
    Updated,
    /// They are no longer found.
    Closed,
}

/// Findings that are said in one sentence.
#[derive(Clone, Debug)]
pub struct DriftGroup<'e> {
    /// When.
    pub time: Timestamp,
    /// What became of them.
    pub change: DriftChange,
    /// The first of them.
    pub first: &'e OpenFinding,
    /// Those after it.
    others: Vec<&'e OpenFinding>,
}

impl<'e> DriftGroup<'e> {
    fn new(time: Timestamp, change: DriftChange, first: &'e OpenFinding) -> Self {
        Self {
            time,
            change,
            first,
            others: Vec::new(),
        }
    }

    /// All of them.
    pub fn findings(&self) -> impl Iterator<Item = &'e OpenFinding> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// Their release.
    pub fn release(&self) -> &ReleaseRef {
        &self.first.release
    }

    /// Whether they say that something is unknown.
    pub fn is_unknown(&self) -> bool {
        self.first.finding.kind.is_unknown()
    }

    /// Adds a finding where it belongs into the same sentence.
    fn add(&mut self, change: DriftChange, next: &'e OpenFinding) -> bool {
        let (first, found) = (&self.first.finding, &next.finding);
        let client = |finding: &OpenFinding| {
            let by = finding.finding.changed_by.clone();
            by.map(|by| (by.manager, by.class))
        };
        // Only fields are told together: everything else has a message of its own.
        let is_alike = self.change == change
            && self.first.release == next.release
            && first.object == found.object
            && first.kind == found.kind
            && first.path.is_some()
            && found.path.is_some()
            && client(self.first) == client(next)
            && (change != DriftChange::Closed || self.first.first_seen == next.first_seen);
        if is_alike {
            self.others.push(next);
        }
        is_alike
    }

    /// `Deployment shop/web: /spec/replicas changed manually by kubectl-scale`.
    pub fn sentence(&self) -> String {
        let found = &self.first.finding;
        let mut subject = match &found.object {
            Some(object) => object.to_string(),
            None => format!("release {}", self.release()),
        };
        if let Some(container) = &found.container {
            subject = format!("{subject} container {container}");
        }
        let paths = self.findings().filter_map(|open| open.finding.path.as_deref());
        let paths: Vec<&str> = paths.collect();
        let fields = list_first(paths.iter(), NAMED, ", ");
        let what = match found.kind {
            _ if found.path.is_none() => found.kind.words().to_owned(),
            DriftKind::Untested => format!("{}: {fields}", found.kind.words()),
            _ => format!("{fields} {}", found.kind.words()),
        };
        let by = found.changed_by.as_ref().map(|by| match by.class {
            ManagerClass::Manual => format!(" manually by {}", by.manager),
            _ => format!(" by {}", by.manager),
        });
        let related = found.related.as_ref().map(|related| format!(" ({related})"));
        let message = found.message.as_ref().map(|message| format!(": {message}"));
        let by = by.filter(|_| found.path.is_some()).unwrap_or_default();
        format!(
            "{subject}: {what}{by}{}{}",
            related.unwrap_or_default(),
            message.unwrap_or_default()
        )
    }
}

/// The findings of a row of events, each group where its first one stands.
pub fn group_findings(events: &[StampedDriftEvent]) -> Vec<DriftGroup<'_>> {
    let mut groups: Vec<DriftGroup<'_>> = Vec::new();
    for StampedDriftEvent { time, event } in events {
        let (change, finding) = match event {
            DriftEvent::DriftOpened { finding, .. } => (DriftChange::Opened, finding),
            DriftEvent::DriftUpdated { finding, .. } => (DriftChange::Updated, finding),
            DriftEvent::DriftClosed { finding, .. } => (DriftChange::Closed, finding),
            _ => continue,
        };
        // Findings come by object, so that only the last group can be theirs.
        let last = groups.last_mut();
        if !last.is_some_and(|group| group.time == *time && group.add(change, finding)) {
            groups.push(DriftGroup::new(*time, change, finding));
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;
    use crate::model::drift::{ChangedBy, CloseReason, DriftFinding};

    fn open(kind: DriftKind, path: Option<&str>, manager: &str) -> OpenFinding {
        let object = ObjectId::new("apps", "Deployment", Some("shop"), "web");
        OpenFinding {
            release: ReleaseRef::new("shop", "shop"),
            version: None,
            revision: None,
            finding: DriftFinding {
                path: path.map(Into::into),
                changed_by: Some(ChangedBy {
                    manager: manager.into(),
                    class: ManagerClass::Manual,
                    time: None,
                }),
                ..DriftFinding::of_object(kind, object)
            },
            first_seen: Timestamp::UNIX_EPOCH,
            may_be_older: false,
            last_verified: Timestamp::UNIX_EPOCH,
        }
    }

    fn sentences(events: Vec<DriftEvent>) -> Vec<String> {
        let time = Timestamp::UNIX_EPOCH;
        let events: Vec<_> = events
            .into_iter()
            .map(|event| StampedDriftEvent { time, event })
            .collect();
        group_findings(&events).iter().map(DriftGroup::sentence).collect()
    }

    #[test]
    fn fields_of_one_object_that_one_client_changed_are_one_sentence() {
        let edit = |path| DriftEvent::opened(open(DriftKind::Changed, Some(path), "kubectl-edit"));
        let scale = DriftEvent::opened(open(DriftKind::Changed, Some("/spec/replicas"), "kubectl-scale"));
        assert_eq!(
            sentences(vec![edit("/spec/paused"), edit("/spec/minReadySeconds"), scale]),
            [
                "Deployment shop/web: /spec/paused, /spec/minReadySeconds changed manually by kubectl-edit",
                "Deployment shop/web: /spec/replicas changed manually by kubectl-scale",
            ]
        );
    }

    #[test]
    fn what_opens_and_what_closes_is_never_one_sentence() {
        let open = |path| open(DriftKind::Changed, Some(path), "kubectl-edit");
        let events = vec![
            DriftEvent::closed(open("/spec/paused"), CloseReason::NotFound),
            DriftEvent::opened(open("/spec/replicas")),
        ];
        assert_eq!(sentences(events).len(), 2);
    }

    #[test]
    fn an_object_that_is_gone_is_named_without_a_field_and_without_who_last_wrote_to_it() {
        let missing = DriftEvent::opened(open(DriftKind::Missing, None, "kubectl-edit"));
        assert_eq!(sentences(vec![missing]), ["Deployment shop/web: does not exist"]);
    }
}
