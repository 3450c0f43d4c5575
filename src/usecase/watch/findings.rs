//! A comparison of one release → what the ledger takes of it: what differs that nothing expects, and what could not be looked
//! at. By the same view that `diff` shows, so that a watch finds what `diff` finds.
//!
//! Raw values end here. A finding holds paths, names and times; its texts went through the redactor.

use crate::drift::{Compared, Unverified};
use crate::model::ObjectId;
use crate::model::drift::{ChangedBy, Coverage, DriftFinding, DriftKind};
use crate::model::finding::{
    ChangeKind, Comparison, FieldChange, ImageState, ObjectComparison, ObjectStatus, RequirementFinding,
    RequirementState, UntestedChange,
};
use crate::model::phrase::list_first;
use crate::model::snapshot::Observed;
use crate::model::start::StartDepth;
use crate::report::Redactor;
use crate::report::diff::View;
use crate::usecase::differences::Differences;

/// Names in a message; the rest is counted.
const NAMED: usize = 5;

/// What a comparison found of the promoted revision.
pub(super) fn compared(differences: &Differences, promoted: (String, u32), starts: StartDepth) -> Compared {
    let view = differences.view(None);
    let comparison = &differences.comparison;
    let mut found = Found {
        redactor: &differences.redactor,
        findings: Vec::new(),
        unverified: Vec::new(),
    };

    comparison
        .objects
        .iter()
        .for_each(|object| found.add_object(object));
    for (id, change) in &comparison.dropped {
        found.add_untested(&found.redactor.id(id), change);
    }
    found.add_pods(&view);
    found.add_starts(&view);
    found.add_requirements(comparison, &view);
    if !differences.has_read_pods {
        let why = "running images and configuration could not be read";
        found
            .unverified
            .push(unverified(None, Coverage::Pods, why.to_owned()));
    }

    let (version, revision) = promoted;
    Compared {
        version,
        revision,
        objects: comparison.objects.len(),
        findings: found.findings,
        unverified: found.unverified,
        starts,
        is_after_promotion: false,
    }
}

fn unverified(object: Option<ObjectId>, coverage: Coverage, why: String) -> Unverified {
    Unverified {
        object,
        container: None,
        coverage,
        why,
        is_refused: false,
    }
}

struct Found<'r> {
    redactor: &'r Redactor,
    findings: Vec<DriftFinding>,
    unverified: Vec<Unverified>,
}

impl Found<'_> {
    fn add_object(&mut self, object: &ObjectComparison) {
        let id = self.redactor.id(&object.id());
        let whole = |kind, message: Option<String>| {
            Some(DriftFinding {
                message,
                ..DriftFinding::of_object(kind, id.clone())
            })
        };
        let finding = match &object.status {
            // Of a prediction the fields count, as in the summary of a comparison.
            ObjectStatus::Same | ObjectStatus::Changed | ObjectStatus::NotVerified { .. } => None,
            ObjectStatus::Missing(_) => whole(DriftKind::Missing, None),
            ObjectStatus::BeingDeleted { finalizers } if finalizers.is_empty() => {
                whole(DriftKind::BeingDeleted, None)
            }
            ObjectStatus::BeingDeleted { finalizers } => {
                let names = list_first(finalizers.iter(), NAMED, ", ");
                let message = self.redactor.text(&format!("waiting for finalizers {names}"));
                whole(DriftKind::BeingDeleted, Some(message))
            }
            ObjectStatus::Extra => whole(DriftKind::Extra, None),
            ObjectStatus::Stray => whole(DriftKind::Orphaned, None),
            ObjectStatus::Replaced => whole(DriftKind::Replaced, None),
            ObjectStatus::Refused { why, .. } => whole(DriftKind::Refused, Some(self.redactor.text(why))),
            ObjectStatus::NotChecked { why } => {
                let is_refused = matches!(object.live, Observed::Unreadable { forbidden: true, .. });
                self.unverified.push(Unverified {
                    is_refused,
                    ..unverified(Some(id.clone()), Coverage::Object, self.redactor.text(why))
                });
                None
            }
        };
        let has_whole = finding.is_some();
        self.findings.extend(finding);

        // Whatever differs of an object that is not there or is replaced is said by that.
        if !has_whole {
            let changes = object.unexpected_changes();
            let changes: Vec<DriftFinding> = changes.map(|change| self.field(&id, change)).collect();
            self.findings.extend(changes);
        }
        for change in &object.untested {
            self.add_untested(&id, change);
        }
    }

    fn field(&self, id: &ObjectId, change: &FieldChange) -> DriftFinding {
        let kind = match change.kind {
            ChangeKind::Changed => DriftKind::Changed,
            ChangeKind::Added => DriftKind::Added,
            ChangeKind::AddedOriginUnknown => DriftKind::AddedOriginUnknown,
        };
        let owner = change.owner.as_ref();
        DriftFinding {
            path: Some(self.redactor.text(&change.path.to_string())),
            // A field manager names itself: its name is free text.
            changed_by: owner.map(|owner| ChangedBy {
                manager: self.redactor.text(&owner.manager),
                class: owner.class,
                time: owner.time,
            }),
            ..DriftFinding::of_object(kind, id.clone())
        }
    }

    fn add_untested(&mut self, id: &ObjectId, change: &UntestedChange) {
        if change.allowed_by.is_none() {
            self.findings.push(DriftFinding {
                path: Some(self.redactor.text(&change.path.to_string())),
                ..DriftFinding::of_object(DriftKind::Untested, id.clone())
            });
        }
    }

    /// Images and stale configuration.
    fn add_pods(&mut self, view: &View) {
        for image in &view.images {
            let container = Some(image.container.clone());
            let kind = match image.state {
                ImageState::TagMoved => DriftKind::TagMoved,
                ImageState::OtherImage => DriftKind::DifferentImage,
                ImageState::Mixed => DriftKind::MixedImages,
                ImageState::UnexpectedContainer => DriftKind::UnexpectedContainer,
                ImageState::Match => continue,
                ImageState::Unknown => {
                    let why = image.cause.clone();
                    let why = why.unwrap_or_else(|| "not every pod reports a known digest".to_owned());
                    self.unverified.push(Unverified {
                        container,
                        ..unverified(Some(image.workload.clone()), Coverage::Pods, why)
                    });
                    continue;
                }
            };
            if image.is_unexpected() {
                let running = image.running.iter().filter_map(|one| one.digest.as_ref());
                let running: Vec<_> = running.collect();
                let running = list_first(running.iter(), NAMED, ", ");
                self.findings.push(DriftFinding {
                    container,
                    message: Some(format!("runs {running}")).filter(|_| !running.is_empty()),
                    ..DriftFinding::of_object(kind, image.workload.clone())
                });
            }
        }
        for stale in &view.stale {
            let pods = list_first(stale.pods.iter(), NAMED, ", ");
            self.findings.push(DriftFinding {
                related: Some(stale.source.clone()),
                message: Some(format!("pods {pods} started before it changed")),
                ..DriftFinding::of_object(DriftKind::StaleConfiguration, stale.workload.clone())
            });
        }
    }

    fn add_starts(&mut self, view: &View) {
        for start in &view.would_not_start {
            for cause in &start.causes {
                self.findings.push(DriftFinding {
                    related: cause.cause.object().cloned(),
                    cause: Some(cause.cause.as_str().to_owned()),
                    message: Some(cause.message.clone()),
                    ..DriftFinding::of_object(DriftKind::WouldNotStart, start.workload.clone())
                });
            }
        }
        for unknown in &view.start_unknown {
            let workloads = unknown.workloads.iter().cloned();
            let unknown = |workload| unverified(Some(workload), Coverage::Starts, unknown.cause.clone());
            self.unverified.extend(workloads.map(unknown));
        }
    }

    fn add_requirements(&mut self, comparison: &Comparison, view: &View) {
        // The view has one for each, in the same order.
        for (RequirementFinding { state, .. }, shown) in
            comparison.requirements.iter().zip(&view.requirements)
        {
            let object = shown.object.clone();
            match state {
                RequirementState::Awaited { .. } => {}
                RequirementState::Unreadable { .. } => {
                    let why = shown.message.clone();
                    self.unverified
                        .push(unverified(Some(object), Coverage::Requirement, why));
                }
                RequirementState::Missing
                | RequirementState::KeysMissing
                | RequirementState::BeingDeleted
                | RequirementState::WrongType { .. } => {
                    let used_by = list_first(shown.used_by.iter(), NAMED, ", ");
                    let used = if used_by.is_empty() {
                        String::new()
                    } else {
                        format!(" (used by {used_by})")
                    };
                    self.findings.push(DriftFinding {
                        message: Some(format!("{}{used}", shown.message)),
                        ..DriftFinding::of_object(DriftKind::Requirement, object)
                    });
                }
            }
        }
    }
}
