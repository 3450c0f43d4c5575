//! One object: desired, live and the server's prediction in, how they stand out.

use super::fields::changes;
use super::overlay::overlay;
use super::unowned::is_default;
use crate::model::finding::{
    Certainty, ChangeKind, FieldChange, ObjectComparison, ObjectStatus, UntestedChange,
};
use crate::model::snapshot::{Absence, Observed, Prediction};
use crate::model::{Object, Target};

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
    /// What an apply would give; none where it provably changes nothing.
    pub prediction: Option<Prediction>,
    /// What a fresh object would hold, where it was asked.
    pub fresh: Option<Object>,
    /// Tested → desired.
    pub untested: Vec<UntestedChange>,
}

impl Looked {
    /// A member of the inventory that is no longer desired.
    pub fn extra(target: Target, live: Observed) -> Self {
        let untested = Vec::new();
        Self { target, tested: None, desired: None, live, prediction: None, fresh: None, untested }
    }
}

/// An object that somebody else put into the set.
pub fn stray(target: Target) -> ObjectComparison {
    let mut found = object(Looked::extra(target, Observed::Absent(Absence::Object)));
    found.status = ObjectStatus::Stray;
    found
}

/// Compares one object.
pub fn object(looked: Looked) -> ObjectComparison {
    let Looked { target, tested, desired, live, prediction, fresh, untested } = looked;
    let mut found = ObjectComparison {
        target,
        tested,
        desired,
        live,
        predicted: None,
        status: ObjectStatus::Same,
        certainty: Certainty::Server,
        changes: Vec::new(),
        untested,
    };
    let is_proved = matches!(prediction, Some(Prediction::Will(_)));
    found.status = match (&found.live, found.desired.is_some(), prediction) {
        (_, false, _) => ObjectStatus::Extra,
        (Observed::Unreadable { error, .. }, ..) => ObjectStatus::NotChecked { why: error.clone() },
        (Observed::Absent(absence), ..) => ObjectStatus::Missing(*absence),
        (Observed::Present(live), _, Some(Prediction::Will(predicted) | Prediction::Would(predicted))) => {
            if is_proved {
                found.certainty = Certainty::Proved;
            }
            found.changes = changes(live, &predicted, fresh.as_ref());
            found.predicted = Some(*predicted);
            if found.changes.is_empty() { ObjectStatus::Same } else { ObjectStatus::Changed }
        }
        (Observed::Present(live), _, Some(Prediction::Refused { why, fields })) => {
            // What was changed by hand may be why the server refuses.
            found.changes =
                found.desired.as_ref().map(|desired| predicted(desired, live)).unwrap_or_default();
            ObjectStatus::Refused { why, fields }
        }
        (_, _, Some(Prediction::NotChecked { why })) => ObjectStatus::NotChecked { why },
        (Observed::Present(live), _, Some(prediction)) => {
            found.certainty = Certainty::Predicted;
            found.changes =
                found.desired.as_ref().map(|desired| predicted(desired, live)).unwrap_or_default();
            match prediction {
                Prediction::NotVerified { why } => ObjectStatus::NotVerified { why },
                _ if found.changes.is_empty() => ObjectStatus::Same,
                _ => ObjectStatus::Changed,
            }
        }
        (Observed::Present(live), _, None) => {
            found.certainty = Certainty::Proved;
            found.changes = changes(live, live, fresh.as_ref());
            if found.changes.is_empty() {
                ObjectStatus::Same
            } else {
                found.predicted = Some(live.clone());
                ObjectStatus::Changed
            }
        }
    };
    found
}

/// What differs where the server was not asked.
fn predicted(desired: &Object, live: &Object) -> Vec<FieldChange> {
    let mut found = changes(live, &overlay(desired, live), None);
    // A client that sends whole objects owns what the server filled in.
    found.retain(|change| change.kind != ChangeKind::Added || !is_default(live, &change.path));
    found
}
