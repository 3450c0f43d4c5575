//! One object: desired, live and the server's prediction in, how they stand out.
//!
//! A state that makes its fields meaningless comes first (extra, unread, missing, on its way out). Then the best
//! answer that was had decides: a proof, the target, the apply's dry run, and last a prediction made here, which is
//! marked as one. Nothing is asked: what is still open is the caller's next question.

use super::drift::drift;
use super::fields::changes;
use super::list_keys::with_list_keys;
use super::overlay::overlay;
use super::unowned::is_default;
use crate::model::finding::{
    Aside, AsideReason, Certainty, ChangeKind, FieldChange, HandClass, ObjectComparison, ObjectStatus,
    UntestedChange,
};
use crate::model::names::KUBECTL_RESTART_ANNOTATION;
use crate::model::refusal::{Refusal, RefusalCause};
use crate::model::snapshot::{Absence, Fresh, Observed, Prediction};
use crate::model::{FieldPath, Object, Target};
use crate::objects::Owners;

/// What was seen of one object.
#[derive(Clone, Debug)]
pub struct Looked {
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

impl Looked {
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
pub fn stray(target: Target) -> ObjectComparison {
    // Known by its label: nothing of it is compared.
    let mut found = object(Looked::extra(target, Observed::Absent(Absence::Object)));
    found.status = ObjectStatus::Stray;
    found
}

/// Compares one object.
pub fn object(looked: Looked) -> ObjectComparison {
    let Looked {
        target,
        tested,
        desired,
        live,
        prediction,
        fresh,
        untested,
    } = looked;

    let mut found = ObjectComparison {
        target,
        tested,
        desired,
        live,
        predicted: None,
        status: ObjectStatus::Same,
        certainty: Certainty::Server,
        changes: Vec::new(),
        asides: Vec::new(),
        untested,
    };

    let (live, desired) = match (&found.live, &found.desired) {
        // First: of what is not desired nothing is compared, and whether it
        // could be read does not matter here.
        (_, None) => return with(found, ObjectStatus::Extra),
        // Unknown is not absent: an object that cannot be read is neither missing nor the same.
        (Observed::Unreadable { error, .. }, _) => {
            let why = error.clone();
            return with(found, ObjectStatus::NotChecked { why });
        }
        (Observed::Absent(absence), _) => {
            let absence = *absence;
            return with(found, ObjectStatus::Missing(absence));
        }
        // Whatever its spec says, it is on its way out.
        (Observed::Present(live), _) if live.is_being_deleted() => {
            let finalizers = live.finalizers();
            return with(found, ObjectStatus::BeingDeleted { finalizers });
        }
        (Observed::Present(live), Some(desired)) => (live, with_list_keys(desired, live)),
    };
    let desired = desired.as_ref();

    match prediction {
        // Only what others added can differ: an apply provably changes nothing.
        None => {
            found.certainty = Certainty::Proved;
            (found.changes, found.asides) = changes(desired, live, live, &fresh);
            // A plan needs a target only where there is something to put right:
            // of the many others none is copied.
            found.predicted = (!found.changes.is_empty()).then(|| live.clone());
        }
        Some(Prediction::Will(after)) => {
            found.certainty = Certainty::Proved;
            (found.changes, found.asides) = changes(desired, live, &after, &fresh);
            found.predicted = Some(*after);
        }
        Some(Prediction::Target { object, bound }) => {
            let drift = drift(desired, live, &object, &fresh);
            found.changes = drift.changes;
            found.asides = drift.asides;
            found.asides.extend(bound.into_iter().map(|path| Aside {
                path,
                reason: AsideReason::Bound,
            }));
            found.predicted = Some(*object);
        }
        Some(Prediction::Would(after)) => {
            (found.changes, found.asides) = changes(desired, live, &after, &fresh);
            // Pods and Jobs have no better answer than this one, so that what it leaves open is told.
            if found.target.resource.is_replaceable() {
                leave_unknown(&mut found.changes, &mut found.asides);
            }
            found.predicted = Some(*after);
        }
        Some(Prediction::Refused { why, fields }) => {
            // What was changed by hand may be why the server refuses.
            (found.changes, found.asides) = predicted(desired, live);
            let status = if is_replaced(desired, &why) {
                ObjectStatus::Replaced
            } else {
                ObjectStatus::Refused { why, fields }
            };
            return with(found, status);
        }
        Some(Prediction::NotChecked { why }) => return with(found, ObjectStatus::NotChecked { why }),
        // A webhook stood in the way of the dry run: what a real request
        // gives is not known, and is predicted.
        Some(Prediction::NotVerified { why }) => {
            found.certainty = Certainty::Predicted;
            (found.changes, found.asides) = predicted(desired, live);
            return with(found, ObjectStatus::NotVerified { why });
        }
        // Readonly, or no right to apply: predicted in full, and the status is told as any other.
        Some(Prediction::Forbidden) => {
            found.certainty = Certainty::Predicted;
            (found.changes, found.asides) = predicted(desired, live);
        }
    }

    found.asides.extend(restart(live));
    let status = if found.changes.is_empty() {
        ObjectStatus::Same
    } else {
        ObjectStatus::Changed
    };
    with(found, status)
}

/// A restart of a workload's pods by another client; one that a promotion has kept is ours.
fn restart(live: &Object) -> Option<Aside> {
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
    let owners = Owners::of(live);
    let owner = owners
        .owner(&path)
        .filter(|owner| owner.class != HandClass::Ours)?;

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

fn with(mut found: ObjectComparison, status: ObjectStatus) -> ObjectComparison {
    found.status = status;
    found
}

/// What an apply says nothing about, where its target could not be had: fields that nobody owns.
fn leave_unknown(changes: &mut Vec<FieldChange>, asides: &mut Vec<Aside>) {
    let is_unknown = |change: &mut FieldChange| change.kind == ChangeKind::AddedOriginUnknown;

    let why = "the server does not say what the object would be without it";
    let aside = |change: FieldChange| Aside {
        path: change.path,
        reason: AsideReason::Unknown { why: why.into() },
    };
    asides.extend(changes.extract_if(.., is_unknown).map(aside));
}

/// What differs where the server was not asked.
fn predicted(desired: &Object, live: &Object) -> (Vec<FieldChange>, Vec<Aside>) {
    let (mut found, asides) = changes(desired, live, &overlay(desired, live), &Fresh::NotAsked);
    // A client that sends whole objects owns what the server filled in.
    found.retain(|change| change.kind != ChangeKind::Added || !is_default(live, &change.path));
    (found, asides)
}
