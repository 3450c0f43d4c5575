//! One object after the other: what is found without asking the server, and what only it can say.

use super::Mode;
use crate::cluster::Cluster;
use crate::compare::{self, DesiredObject, Looked, Outlook};
use crate::model::admission::Admission;
use crate::model::finding::{Certainty, ChangeKind, ObjectComparison, ObjectStatus};
use crate::model::kinds::well_known;
use crate::model::pod_spec::{images, pod_spec};
use crate::model::snapshot::{Observed, Prediction};
use crate::model::{Object, Target};
use crate::{observe, plan};
use std::sync::{Arc, Mutex, PoisonError};

/// How objects are looked at, and those that are.
pub(super) struct Looker {
    pub set: String,
    pub mode: Mode,
    pub admission: Admission,
    /// Whether only what differs is wanted in full.
    pub is_brief: bool,
    /// Where they are reached.
    pub targets: Arc<[Target]>,
    /// What is desired of each target: taken when it is looked at.
    pub wanted: Vec<Mutex<Option<DesiredObject>>>,
}

/// What a first look gives.
pub(super) enum First {
    /// All there is to find.
    Found(Box<ObjectComparison>),
    /// Somebody wrote something down, or nobody owns it: whether it is what every such object gets.
    Unclear(Box<ObjectComparison>),
    /// What would an apply change?
    Unknown(Box<Looked>),
}

impl Looker {
    /// Looks at an object once: none for an index that was looked at before.
    pub fn first(&self, index: usize, live: Observed) -> Option<First> {
        let wanted = self.wanted.get(index)?.lock().unwrap_or_else(PoisonError::into_inner).take();
        let DesiredObject { object: mut desired, tested, untested } = wanted?;
        let target = self.targets.get(index)?.clone();
        let mut looked =
            Looked { target, tested, desired: None, live, prediction: None, fresh: None, untested };
        let Observed::Present(live) = &looked.live else {
            looked.desired = Some(desired);
            return Some(First::Found(Box::new(compare::object(looked))));
        };
        plan::dress_as_live(&mut desired, live, &self.set);
        let outlook = self.outlook(&looked.target, &desired, live);
        looked.desired = Some(desired);
        looked.prediction = match outlook {
            _ if self.mode == Mode::Readonly => Some(Prediction::Forbidden),
            None => return Some(First::Unknown(Box::new(looked))),
            Some(Outlook::Unchanged) => None,
            Some(Outlook::Changed(after)) => Some(Prediction::Will(after)),
        };
        let may_ask = self.mode == Mode::Auto;
        let mut found = Box::new(compare::object(looked));
        if may_ask && is_unclear(&found) {
            return Some(First::Unclear(found));
        }
        if self.is_brief && is_unchanged(&found) {
            shorten(&mut found);
        }
        Some(First::Found(found))
    }

    /// What an apply provably does; none where the server is to be asked. A custom kind's schema may have changed since
    /// the last apply.
    fn outlook(&self, target: &Target, desired: &Object, live: &Object) -> Option<Outlook> {
        let may_prove = self.mode == Mode::Auto
            && well_known(&target.resource.gvk()).is_some()
            && !self.admission.may_touch(&target.resource);
        may_prove.then(|| compare::outlook(desired, live)).flatten()
    }
}

/// Asks the server what a first look left open.
pub(super) async fn second(cluster: &dyn Cluster, first: First) -> ObjectComparison {
    let found = match first {
        First::Found(found) => return *found,
        First::Unclear(found) => *found,
        First::Unknown(looked) => {
            let found = compare::object(predict(cluster, *looked).await);
            if found.predicted.is_none() || !is_unclear(&found) {
                return found;
            }
            found
        }
    };
    let Some(desired) = &found.desired else { return found };
    let fresh = observe::fresh(cluster, &found.target, desired).await;
    let prediction = found.predicted.map(|predicted| match found.certainty {
        Certainty::Proved => Prediction::Will(Box::new(predicted)),
        Certainty::Server | Certainty::Predicted => Prediction::Would(Box::new(predicted)),
    });
    let ObjectComparison { target, tested, desired, live, untested, .. } = found;
    compare::object(Looked { target, tested, desired, live, prediction, fresh, untested })
}

async fn predict(cluster: &dyn Cluster, mut looked: Looked) -> Looked {
    if let (Observed::Present(live), Some(desired)) = (looked.live.clone(), &looked.desired) {
        let (live, prediction) = observe::predict(cluster, &looked.target, desired, live).await;
        looked.live = live;
        looked.prediction = Some(prediction);
    }
    looked
}

/// Whether only a fresh object can tell what some of its fields are: a question to the server of its own.
fn is_unclear(found: &ObjectComparison) -> bool {
    found.changes.iter().any(|change| change.kind == ChangeKind::Added)
        || found.live.object().is_some_and(|live| !compare::unexplained(live).is_empty())
}

fn is_unchanged(found: &ObjectComparison) -> bool {
    found.status == ObjectStatus::Same && found.certainty == Certainty::Proved && found.untested.is_empty()
}

/// Leaves of an object that is as it should be what others are still judged by: what its pods run, when it changed. Live
/// holds what is desired, and stands for it.
fn shorten(found: &mut ObjectComparison) {
    let Observed::Present(live) = &mut found.live else { return };
    let kind = found.target.resource.kind.as_str();
    if !matches!(kind, "ConfigMap" | "Secret") {
        live.drop_managed_fields();
    }
    if !matches!(kind, "Secret" | "HorizontalPodAutoscaler") && pod_spec(live).is_none() {
        live.keep_metadata();
    }
    // A container that another hand added is none of desired's.
    let runs_the_same = |desired: &Object| images(desired, &[]) == images(live, &[]);
    if found.desired.as_ref().is_some_and(runs_the_same) {
        found.desired = Some(live.clone());
    }
}
