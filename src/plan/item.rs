//! One desired object on its way into a plan: what becomes of it, what is sent, and why.
//!
//! What makes an object's fields meaningless comes first: it could not be read, is on its way out, is not there, or has to
//! be replaced as a whole. Only then is each field decided (`fields`), and last whose member the object is. What is refused
//! has its item all the same, so that the plan is shown whole.

use super::fields::plan_fields;
use super::findings::{note, refuse};
use super::owners::foreign_owner;
use super::policy::PlanPolicy;
use super::restart::data_differs;
use super::termination::{Termination, termination};
use crate::model::check::Check;
use crate::model::finding::{ObjectComparison, ObjectStatus};
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::plan::PreflightFinding;
use crate::model::{FieldPath, Object};
use serde_json::Value;

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Create,
    Apply,
    Recreate,
}

/// One desired object.
pub(super) struct Item<'a> {
    pub object: &'a ObjectComparison,
    /// What is sent.
    pub body: Object,
    pub kind: Kind,
    pub take_over: Option<Vec<Value>>,
    /// The paths that change.
    pub changes: Vec<FieldPath>,
    pub why: String,
}

/// Why an object without the label of the release has a step.
const JOINS: &str = "added to the inventory";

impl<'a> Item<'a> {
    /// Decides what becomes of a desired object; none where it could not be read.
    pub(super) fn new(
        object: &'a ObjectComparison,
        body: Object,
        autoscaled: bool,
        set: &str,
        policy: &PlanPolicy,
    ) -> (Option<Self>, Vec<PreflightFinding>) {
        let id = object.id();
        let whole = |kind, why: &str, body| Self {
            object,
            body,
            kind,
            take_over: None,
            changes: Vec::new(),
            why: why.into(),
        };

        if let ObjectStatus::NotChecked { why } = &object.status {
            let message = format!("cannot be read: {why}");
            return (None, vec![refuse(Check::Unreadable, Some(&id), message, None)]);
        }
        // Before anything of live is read: what is on its way out was not compared.
        match termination(object) {
            None => {}
            Some(Termination::Held(finding)) => return (None, vec![*finding]),
            Some(Termination::Soon) => {
                let item = whole(Kind::Create, "is being deleted: created after its deletion", body);
                return (Some(item), Vec::new());
            }
        }

        let Some(live) = object.live.object() else {
            return (Some(whole(Kind::Create, "not in the cluster", body)), Vec::new());
        };

        // Before the replacement: a Job that another tool keeps is not deleted either.
        let mut findings: Vec<_> = foreign_owner(&id, live, set, policy).into_iter().collect();
        if object.status == ObjectStatus::Replaced {
            let item = whole(Kind::Recreate, "a Job's pod template is immutable", body);
            return (Some(item), findings);
        }

        let (mut item, found) = Self::with_fields(object, body, live, autoscaled, policy);
        findings.extend(found);
        // No change of the comparison: it dresses desired as live is, with the label or without it.
        if live.label(APPLYSET_PART_OF_LABEL) == Some(set) {
            findings.extend(item.take_in_status());
        } else {
            item.join_set(live, policy);
        }
        (Some(item), findings)
    }

    /// An object that is there, as its fields come out.
    fn with_fields(
        object: &'a ObjectComparison,
        mut body: Object,
        live: &Object,
        autoscaled: bool,
        policy: &PlanPolicy,
    ) -> (Self, Vec<PreflightFinding>) {
        let fields = plan_fields(object, &mut body, live, autoscaled, policy);
        let item = Self {
            object,
            body,
            kind: match fields.why {
                Some(_) => Kind::Apply,
                None => Kind::Nothing,
            },
            take_over: fields.take_over,
            changes: fields.changes,
            why: fields.why.unwrap_or_default(),
        };
        (item, fields.findings)
    }

    /// An object that carries another label or none becomes a member.
    fn join_set(&mut self, live: &Object, policy: &PlanPolicy) {
        let label = FieldPath::root()
            .field("metadata")
            .field("labels")
            .field(APPLYSET_PART_OF_LABEL);
        self.change(label, JOINS);

        // Before all other reasons: whoever approves the plan has to see which release loses it.
        if let Some(source) = policy.others.source_of(&self.object.id(), live) {
            let moves = format!("moves from release {}", source.release.name_from(&policy.home));
            self.why = match self.why.as_str() {
                JOINS => moves,
                why => format!("{moves}; {why}"),
            };
        }
    }

    /// What a comparison without a certain answer means for the step.
    fn take_in_status(&mut self) -> Option<PreflightFinding> {
        match &self.object.status {
            // The server says what is the matter when the step is tried on it.
            ObjectStatus::Refused { .. } => {
                self.kind = Kind::Apply;
                None
            }
            // What is not sent needs no answer.
            ObjectStatus::NotVerified { why } if self.kind == Kind::Nothing => {
                let message = format!("not checked by a dry run, predicted in sync: {why}");
                Some(note(Check::DryRun, Some(&self.object.id()), message))
            }
            _ => None,
        }
    }

    /// Whether the object is in the cluster.
    pub(super) fn is_live(&self) -> bool {
        self.object.live.object().is_some()
    }

    /// Adds a changed path; the first reason stays the reason.
    pub(super) fn change(&mut self, path: FieldPath, why: &str) {
        if self.kind == Kind::Nothing {
            self.kind = Kind::Apply;
        }
        if self.why.is_empty() {
            self.why = why.into();
        }
        self.changes.push(path);
    }

    /// Whether the step changes the pod template.
    pub(super) fn changes_template(&self) -> bool {
        // By the text of the path: what changes beside the template restarts no pod.
        self.kind == Kind::Recreate
            || self
                .changes
                .iter()
                .any(|path| path.to_string().starts_with("/spec/template/"))
    }

    /// Whether the step changes what pods read of a ConfigMap or Secret.
    pub(super) fn changes_data(&self) -> bool {
        match (self.kind, self.object.live.object()) {
            (Kind::Nothing, _) => false,
            // A reader that runs has started without it, and pods that wait for it start by themselves.
            (_, None) => true,
            (_, Some(live)) => {
                // The body lacks what is left to others, and a changed path may be but an empty map.
                data_differs(live, &self.body) && {
                    let is_data = |path: &FieldPath| {
                        let text = path.to_string();
                        text.starts_with("/data") || text.starts_with("/binaryData")
                    };
                    self.changes.iter().any(is_data)
                }
            }
        }
    }
}
