//! The fields of one object that is there: which a step changes, which it leaves, and which become ours for that.
//!
//! The comparison has found where live differs from its target; here each difference is decided by whose it is
//! (`field_decision`). What is somebody else's to decide leaves the body and our entry of `managedFields`, for a forced
//! apply owns whatever it sends. What has to go and is not ours becomes ours first: an apply takes away only what its own
//! entry holds and its body lacks. What a person or another tool set refuses, and ends nothing.

use super::change_names::summarize;
use super::field_decision::{Decision, decide_field};
use super::findings::refuse;
use super::policy::PlanPolicy;
use crate::compare::desired_holds;
use crate::model::check::Check;
use crate::model::finding::{Aside, AsideReason, FieldManager, ManagerClass, ObjectComparison};
use crate::model::k8s::writers::is_controllers;
use crate::model::path::Step;
use crate::model::plan::PreflightFinding;
use crate::model::{FieldPath, Object, ObjectId};
use crate::objects::Owners;
use crate::objects::{Change, take_over};
use serde_json::Value;
use std::collections::BTreeSet;

/// What becomes of an object's fields.
pub(super) struct FieldPlan {
    /// The paths that change.
    pub changes: Vec<FieldPath>,
    /// Why there is a step; none where nothing of the fields calls for one.
    pub why: Option<String>,
    /// The ownership to write first.
    pub take_over: Option<Vec<Value>>,
    pub findings: Vec<PreflightFinding>,
}

/// Decides the fields of `live` that differ from their target, and takes out of `body` what is not to be sent.
pub(super) fn plan_fields(
    object: &ObjectComparison,
    body: &mut Object,
    live: &Object,
    autoscaled: bool,
    policy: &PlanPolicy,
) -> FieldPlan {
    let owners = Owners::from_object(live);
    let fields = Fields { object, live, owners };

    let mut decided = fields.decide(body, autoscaled, policy);
    let taken = fields.whole_places(&decided, body);
    fields.drop_nulls(&taken, body);

    // Never sent, not even as they are: an apply would set them back when the autoscaler moves on.
    let replicas = FieldPath::root().field("spec").field("replicas");
    if autoscaled && !decided.left.contains(&replicas) {
        decided.left.push(replicas);
    }
    // The apply is forced: whatever it sends becomes ours, with the same value too.
    for path in &decided.left {
        path.remove(body.value_mut());
    }

    let mut plan = FieldPlan {
        why: (!decided.changed.is_empty()).then(|| summarize(&decided.changed)),
        changes: decided.changed,
        take_over: None,
        findings: ownership_findings(&object.id(), &decided.refused),
    };
    fields.take_over(&mut plan, taken, decided.left, policy);
    plan
}

/// What the decisions are made from.
struct Fields<'a> {
    object: &'a ObjectComparison,
    live: &'a Object,
    owners: Owners<'a>,
}

/// The fields that differ, by what was decided about them.
#[derive(Default)]
struct Decided {
    changed: Vec<FieldPath>,
    /// Of these, what becomes ours first.
    taken: Vec<FieldPath>,
    /// What is neither sent nor held.
    left: Vec<FieldPath>,
    refused: Vec<(FieldPath, FieldManager)>,
}

impl Fields<'_> {
    fn decide(&self, body: &Object, autoscaled: bool, policy: &PlanPolicy) -> Decided {
        let mut decided = Decided::default();

        for change in &self.object.changes {
            let path = change.path.clone();
            if !policy.is_about_field(&self.object.id(), &path) {
                decided.left.push(path);
                continue;
            }
            match decide_field(self.live, change, autoscaled, policy) {
                Decision::Leave => decided.left.push(path),
                Decision::Person(owner) | Decision::Tool(owner) => decided.refused.push((path, owner)),
                decision => {
                    // An apply takes away, or has worked out anew, only what its own entry holds.
                    let is_sent = desired_holds(body, &self.owners, &path);
                    if decision == Decision::TakeOver || !is_sent {
                        decided.taken.push(path.clone());
                    }
                    decided.changed.push(path);
                }
            }
        }

        // What the server lets no apply take away goes out of our entry, where a release no longer names it.
        let is_bound =
            |aside: &&Aside| aside.reason == AsideReason::Bound && self.owners.is_ours(&aside.path);
        let bound = self.object.asides.iter().filter(is_bound);
        decided.left.extend(bound.map(|aside| aside.path.clone()));

        // Letting go is no reason for a step by itself.
        if !decided.changed.is_empty() {
            decided.left.extend(self.held_by_default(body));
        }
        decided
    }

    /// The places to take over: as wide as all below them goes.
    fn whole_places(&self, decided: &Decided, body: &Object) -> Vec<FieldPath> {
        // What stays must not go along with a whole that is taken away.
        let refused = decided.refused.iter().map(|(path, _)| path);
        let asides = self.object.asides.iter().map(|aside| &aside.path);
        let staying: Vec<&FieldPath> = decided.left.iter().chain(refused).chain(asides).collect();

        let taken = decided.taken.iter();
        taken.map(|path| self.whole_of(path, body, &staying)).collect()
    }

    /// A null is an apply's way to own a place: where all below it goes, it is left out.
    fn drop_nulls(&self, taken: &[FieldPath], body: &mut Object) {
        let Some(target) = &self.object.predicted else {
            return;
        };

        for path in taken {
            let is_gone = path.get(target.value()).is_none();
            if is_gone && path.get(body.value()).is_some_and(Value::is_null) {
                path.remove(body.value_mut());
            }
        }
    }

    /// Computes the ownership to write first.
    fn take_over(
        &self,
        plan: &mut FieldPlan,
        paths: Vec<FieldPath>,
        release: Vec<FieldPath>,
        policy: &PlanPolicy,
    ) {
        let manager = |entry: &'_ Value| entry["manager"].as_str().unwrap_or_default().to_owned();
        let managers = self.live.managed_fields().iter().map(manager);
        let names: BTreeSet<_> = managers.filter(|name| policy.adopts(name)).collect();

        let mut paths = paths;
        paths.extend(self.adopted_marks(policy));
        let change = Change {
            managers: names.iter().map(String::as_str).collect(),
            paths,
            release,
            retained: self.controllers_fields(&names),
        };
        match take_over(self.live, &change) {
            Ok(None) => {}
            Ok(Some(taken)) => {
                plan.take_over = Some(taken.entries);
                // Fields that are only let go of make no step; fields that become ours do.
                if !taken.taken.is_empty() && plan.why.is_none() {
                    let names: Vec<_> = names.into_iter().collect();
                    plan.why = Some(if names.is_empty() {
                        "removes the labels and annotations of adopted tools".to_owned()
                    } else {
                        format!("takes ownership of the fields of {}", names.join(", "))
                    });
                }
            }
            // One entry speaks one version of a kind: its paths may be called otherwise in another.
            Err(other) => {
                let message = format!(
                    "cannot take ownership of fields from {}: they are in apiVersion {}, not {}",
                    other.manager,
                    other.api_version,
                    self.live.api_version()
                );
                let hint = format!(
                    "apply the object once with {} in apiVersion {}",
                    other.manager,
                    self.live.api_version()
                );
                let id = self.object.id();
                plan.findings
                    .push(refuse(Check::Ownership, Some(&id), message, Some(hint)));
            }
        }
    }

    /// The marks of installers that are adopted, whoever owns them.
    fn adopted_marks(&self, policy: &PlanPolicy) -> impl Iterator<Item = FieldPath> {
        let is_adopted = move |aside: &&Aside| match aside.reason {
            AsideReason::Mark { installer } => policy.adopts_installer(installer),
            _ => false,
        };
        let asides = self.object.asides.iter();
        asides.filter(is_adopted).map(|aside| aside.path.clone())
    }

    /// What controllers write, of the managers that are adopted: it stays theirs, or the next apply would take it away.
    fn controllers_fields(&self, names: &BTreeSet<String>) -> Vec<FieldPath> {
        let is_theirs = |path: &FieldPath| {
            let steps = path.steps();
            // Some are known by the whole that a leaf is a part of.
            let mut wholes = (1..=steps.len()).map(|end| FieldPath::from_steps(steps[..end].to_vec()));
            wholes.any(|whole| is_controllers(self.live, &whole))
        };
        let adopted = self.owners.fields_of(|owner| names.contains(&owner.manager));
        adopted.flat_map(|(_, paths)| paths).filter(is_theirs).collect()
    }

    /// Fields of ours that the release no longer names and that the target has all the same, by a default: they are let go
    /// of where anything is applied. An apply would take them away, and not every default is worked out anew.
    fn held_by_default(&self, body: &Object) -> Vec<FieldPath> {
        let Some(target) = &self.object.predicted else {
            return Vec::new();
        };

        let is_metadata =
            |path: &FieldPath| matches!(path.steps().first(), Some(Step::Field(name)) if name == "metadata");
        let is_held = |path: &FieldPath| {
            let held = path.get(self.live.value());
            held.is_some()
                && !is_metadata(path)
                && path.get(body.value()).is_none()
                && path.get(target.value()) == held
                && self.owners.is_ours(path)
                // Where others hold it too, an apply that lets go of it leaves it to them.
                && !self.owners.is_others(path)
        };

        self.owners
            .fields()
            .flat_map(|(_, fields)| fields)
            .filter(is_held)
            .collect()
    }

    /// The highest place below which all goes with a field: an apply that removed the field alone would leave an empty map.
    fn whole_of(&self, path: &FieldPath, body: &Object, retained: &[&FieldPath]) -> FieldPath {
        let target = self.object.predicted.as_ref();
        let steps = path.steps();
        // Labels and annotations are everybody's: of them each goes alone.
        let is_metadata = matches!(steps.first(), Some(Step::Field(name)) if name == "metadata");
        let goes = |place: &FieldPath| {
            target.is_some_and(|target| place.get(target.value()).is_none())
                && place.get(body.value()).is_none_or(Value::is_null)
                && !retained.iter().any(|path| path.starts_with(place))
        };

        let places = || (1..=steps.len()).map(|end| FieldPath::from_steps(steps[..end].to_vec()));
        // An item is owned by its list's key, which the entries tell: a list that nobody owns goes as a whole.
        let is_unowned_list = |place: &FieldPath| {
            let item = steps.get(place.steps().len());
            matches!(item, Some(Step::Key(_) | Step::Value(_))) && self.owners.list_steps(place).is_empty()
        };

        let highest = places().filter(|_| !is_metadata).find(goes);
        highest
            .or_else(|| places().find(is_unowned_list))
            .unwrap_or_else(|| path.clone())
    }
}

/// Refusals of fields that are others', one for each manager.
fn ownership_findings(id: &ObjectId, refused: &[(FieldPath, FieldManager)]) -> Vec<PreflightFinding> {
    let mut managers: Vec<&FieldManager> = Vec::new();
    // By name and class: kubectl is a tool when it applies, and a person's hand when it edits.
    for (_, owner) in refused {
        let is_known = |known: &&FieldManager| known.manager == owner.manager && known.class == owner.class;
        if !managers.iter().any(is_known) {
            managers.push(owner);
        }
    }

    let finding = |owner: &&FieldManager| {
        let is_theirs = |(_, other): &&(FieldPath, FieldManager)| {
            other.manager == owner.manager && other.class == owner.class
        };
        let paths = refused.iter().filter(is_theirs);
        PreflightFinding {
            paths: paths.map(|(path, _)| path.to_string()).collect(),
            changed_at: owner.time,
            ..ownership_finding(id, owner)
        }
    };
    managers.iter().map(finding).collect()
}

fn ownership_finding(id: &ObjectId, owner: &FieldManager) -> PreflightFinding {
    let manager = &owner.manager;
    let (message, hint) = if owner.class == ManagerClass::Manual {
        (
            format!("changed manually by {manager}; a promotion would overwrite it"),
            "add --overwrite to overwrite it; to keep it, add it to the manifests and record a new version"
                .to_owned(),
        )
    } else {
        (
            format!("set by {manager}"),
            format!("add --adopt {manager} to take ownership"),
        )
    };
    refuse(Check::Ownership, Some(id), message, Some(hint))
}
