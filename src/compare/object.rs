//! One object: desired, live and the server's prediction in, how they stand out.
//!
//! A state that makes its fields meaningless comes first (extra, unread, missing, on its way out). Then the best
//! answer that was had decides: a proof, the target, the apply's dry run, and last a prediction made here, which is
//! marked as one. Nothing is asked: what is still open is the caller's next question.

use super::drift::drift;
use super::fields::changes;
use super::list_keys::with_list_keys;
use super::overlay::overlay;
use crate::model::finding::{
    Aside, AsideReason, Certainty, ChangeKind, FieldChange, ManagerClass, ObjectComparison, ObjectStatus,
    UntestedChange,
};
use crate::model::k8s::defaults::is_default;
use crate::model::names::KUBECTL_RESTART_ANNOTATION;
use crate::model::refusal::{Refusal, RefusalCause};
use crate::model::snapshot::{Absence, Fresh, Observed, Prediction};
use crate::model::unknown::Unknown;
use crate::model::{FieldPath, Object, Target};
use crate::objects::Owners;
use std::borrow::Cow;

/// What was seen of one object.
#[derive(Clone, Debug)]
pub struct ObjectInputs {
    /// Where it is reached.
    pub target: Target,
    /// As tested, where desired is something else.
    pub tested: Option<Object>,
    /// As a promotion would apply it; none for an extra object.
    pub desired: Option<Object>,
    /// As the cluster holds it.
    pub live: Observed,
    /// Its target, or what an apply would give; none where an apply provably changes nothing.
    pub prediction: Option<Prediction>,
    /// What a fresh object would hold.
    pub fresh: Fresh,
    /// Tested → desired.
    pub untested: Vec<UntestedChange>,
}

impl ObjectInputs {
    /// A member of the inventory that is no longer desired.
    pub fn extra(target: Target, live: Observed) -> Self {
        let untested = Vec::new();
        Self {
            target,
            tested: None,
            desired: None,
            live,
            prediction: None,
            fresh: Fresh::NotAsked,
            untested,
        }
    }
}

/// An object that somebody else put into the set.
pub fn orphaned(target: Target) -> ObjectComparison {
    // Known by its label: nothing of it is compared.
    let mut found = object(ObjectInputs::extra(target, Observed::Absent(Absence::Object)));
    found.status = ObjectStatus::Stray;
    found
}

/// Compares one object.
pub fn object(looked: ObjectInputs) -> ObjectComparison {
    let fields = match sides(&looked.live, looked.desired.as_ref()) {
        Err(status) => FieldComparison::with_status(status),
        Ok((live, desired)) => {
            let is_replaceable = looked.target.resource.is_replaceable();
            compare_fields(&desired, live, looked.prediction, &looked.fresh, is_replaceable)
        }
    };

    ObjectComparison {
        target: looked.target,
        tested: looked.tested,
        desired: looked.desired,
        live: looked.live,
        predicted: fields.predicted,
        status: fields.status,
        certainty: fields.certainty,
        changes: fields.changes,
        asides: fields.asides,
        untested: looked.untested,
    }
}

/// Live and desired, where their fields mean anything; else the state that makes them meaningless.
fn sides<'a>(
    live: &'a Observed,
    desired: Option<&'a Object>,
) -> Result<(&'a Object, Cow<'a, Object>), ObjectStatus> {
    match (live, desired) {
        // First: of what is not desired nothing is compared, and whether it could be read does not matter here.
        (_, None) => Err(ObjectStatus::Extra),
        // Unknown is not absent: an object that cannot be read is neither missing nor the same.
        (Observed::Unreadable { error, .. }, _) => Err(ObjectStatus::NotChecked { why: error.clone() }),
        (Observed::Absent(absence), _) => Err(ObjectStatus::Missing(*absence)),
        // Whatever its spec says, it is on its way out.
        (Observed::Present(live), _) if live.is_being_deleted() => {
            let finalizers = live.finalizers();
            Err(ObjectStatus::BeingDeleted { finalizers })
        }
        (Observed::Present(live), Some(desired)) => Ok((live, with_list_keys(desired, live))),
    }
}

/// What the comparison of an object's fields comes to.
struct FieldComparison {
    status: ObjectStatus,
    certainty: Certainty,
    /// The target, for the plan.
    predicted: Option<Object>,
    changes: Vec<FieldChange>,
    asides: Vec<Aside>,
}

impl FieldComparison {
    // A difference alone decides: what is aside, however much of it, leaves an object in sync.
    fn new(certainty: Certainty, (changes, asides): (Vec<FieldChange>, Vec<Aside>)) -> Self {
        let status = if changes.is_empty() {
            ObjectStatus::Same
        } else {
            ObjectStatus::Changed
        };
        Self {
            status,
            certainty,
            predicted: None,
            changes,
            asides,
        }
    }

    /// Without any fields.
    fn with_status(status: ObjectStatus) -> Self {
        Self {
            status,
            ..Self::new(Certainty::DryRun, Default::default())
        }
    }

    fn with_target(self, target: Object) -> Self {
        Self {
            predicted: Some(target),
            ..self
        }
    }
}

/// Compares the fields by the best answer that was had.
fn compare_fields(
    desired: &Object,
    live: &Object,
    prediction: Option<Prediction>,
    fresh: &Fresh,
    is_replaceable: bool,
) -> FieldComparison {
    let mut found = match prediction {
        // Only what others added can differ: an apply provably changes nothing.
        None => {
            let found = FieldComparison::new(Certainty::Computed, changes(desired, live, live, fresh));
            // A plan needs a target only where there is something to put right:
            // of the many others none is copied.
            let predicted = (!found.changes.is_empty()).then(|| live.clone());
            FieldComparison { predicted, ..found }
        }
        Some(Prediction::Will(after)) => {
            FieldComparison::new(Certainty::Computed, changes(desired, live, &after, fresh))
                .with_target(*after)
        }
        Some(Prediction::Target { object, bound }) => {
            let drift = drift(desired, live, &object, fresh);
            let bound = bound.into_iter().map(|path| Aside {
                path,
                reason: AsideReason::Bound,
            });
            let asides = drift.asides.into_iter().chain(bound).collect();
            FieldComparison::new(Certainty::DryRun, (drift.changes, asides)).with_target(*object)
        }
        Some(Prediction::Would(after)) => {
            let (mut changes, mut asides) = changes(desired, live, &after, fresh);
            // Pods and Jobs have no better answer than this one, so that what it leaves open is told.
            if is_replaceable {
                leave_unknown(&mut changes, &mut asides);
            }
            FieldComparison::new(Certainty::DryRun, (changes, asides)).with_target(*after)
        }
        Some(Prediction::Refused { why, fields }) => return compare_refused(desired, live, why, fields),
        Some(Prediction::NotChecked { why }) => {
            return FieldComparison::with_status(ObjectStatus::NotChecked { why });
        }
        // A webhook stood in the way of the dry run: what a real request
        // gives is not known, and is predicted.
        Some(Prediction::NotVerified { why }) => {
            let status = ObjectStatus::NotVerified { why };
            let found = FieldComparison::new(Certainty::Predicted, predict_fields(desired, live));
            return FieldComparison { status, ..found };
        }
        // Readonly, or no right to apply: predicted in full, and the status is told as any other.
        Some(Prediction::Forbidden) => {
            FieldComparison::new(Certainty::Predicted, predict_fields(desired, live))
        }
    };

    // Not beside a refusal or where nothing was verified: there the status says more than a restart.
    found.asides.extend(find_restart(live));
    found
}

/// The server refuses the apply. What was changed by hand may be why: it is predicted.
fn compare_refused(desired: &Object, live: &Object, why: String, fields: Vec<String>) -> FieldComparison {
    let status = if is_replaced(desired, &why) {
        ObjectStatus::Replaced
    } else {
        ObjectStatus::Refused { why, fields }
    };
    let found = FieldComparison::new(Certainty::DryRun, predict_fields(desired, live));
    FieldComparison { status, ..found }
}

/// A restart of a workload's pods by another client; one that a promotion has kept is ours.
fn find_restart(live: &Object) -> Option<Aside> {
    let template = [
        "spec",
        "template",
        "metadata",
        "annotations",
        KUBECTL_RESTART_ANNOTATION,
    ];
    let path = template
        .iter()
        .fold(FieldPath::root(), |path, name| path.field(name));

    path.get(live.value())?;
    let owners = Owners::from_object(live);
    let owner = owners
        .owner(&path)
        .filter(|owner| owner.class != ManagerClass::Ours)?;

    // A promotion carries the annotation along, or its apply would restart the
    // pods once more: then we own it too.
    let is_ours = owners.is_ours(&path);
    (!is_ours).then(|| Aside {
        path,
        reason: AsideReason::Restart {
            manager: owner.manager.clone(),
        },
    })
}

/// Whether a promotion answers a refusal by deleting and creating the object: a Job's template never changes.
fn is_replaced(desired: &Object, why: &str) -> bool {
    let gvk = desired.gvk();
    let is_immutable = Refusal::parse(None, why).cause == RefusalCause::ImmutableField;
    is_immutable && (&*gvk.group, &*gvk.kind) == ("batch", "Job")
}

/// What an apply says nothing about, where its target could not be had: fields that nobody owns.
fn leave_unknown(changes: &mut Vec<FieldChange>, asides: &mut Vec<Aside>) {
    let is_unknown = |change: &mut FieldChange| change.kind == ChangeKind::AddedOriginUnknown;

    let why = Unknown::new("the API server does not return the object without them");
    let aside = |change: FieldChange| Aside {
        path: change.path,
        reason: AsideReason::Unknown(why.clone()),
    };
    asides.extend(changes.extract_if(.., is_unknown).map(aside));
}

/// What differs where the server was not asked.
fn predict_fields(desired: &Object, live: &Object) -> (Vec<FieldChange>, Vec<Aside>) {
    let (mut found, asides) = changes(desired, live, &overlay(desired, live), &Fresh::NotAsked);
    // A client that sends whole objects owns what the server filled in.
    found.retain(|change| change.kind != ChangeKind::Added || !is_default(live, &change.path));
    (found, asides)
}
