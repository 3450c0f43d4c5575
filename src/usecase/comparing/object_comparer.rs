//! One object after the other, in two passes. The first needs no further request: it runs where the object was read, so
//! that of thousands of objects only what differs is held. What it leaves open goes to the server, all at once: the
//! target by a dry replacement, a fresh object where only that tells what a field's default is, and the target once
//! more where admission may write something new at each request.

use super::Mode;
use crate::cluster::Cluster;
use crate::compare::{self, ComputedApply, DesiredObject, ObjectInputs};
use crate::model::admission::Admission;
use crate::model::finding::{
    Aside, AsideReason, Certainty, ChangeKind, FieldChange, ObjectComparison, ObjectStatus,
};
use crate::model::k8s::images::images;
use crate::model::k8s::kinds::well_known;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::snapshot::{Fresh, Observed, Prediction};
use crate::model::{Object, Target};
use crate::{observe, plan};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Compares objects as they are read, each on the thread that read it.
pub(super) struct ObjectComparer {
    pub set: String,
    pub mode: Mode,
    pub admission: Admission,
    /// Whether only what differs is wanted in full.
    pub is_brief: bool,
    /// Where they are reached.
    pub targets: Arc<[Target]>,
    /// What is desired of each target: taken when it is compared.
    pub desired: Vec<Mutex<Option<DesiredObject>>>,
}

/// What is known of an object without asking the server what an apply would change.
pub(super) enum FirstPass {
    /// All there is to find.
    Done(Box<ObjectComparison>),
    /// Only a dry run can tell.
    NeedsDryRun {
        looked: Box<ObjectInputs>,
        /// Whether admission may change such an object.
        is_admitted: bool,
    },
}

impl ObjectComparer {
    /// Compares an object as far as that needs no dry run: none for an index that was compared before.
    pub fn compare(&self, index: usize, live: Observed) -> Option<FirstPass> {
        let (mut looked, mut desired) = self.take_inputs(index, live)?;
        let Observed::Present(live) = &looked.live else {
            looked.desired = Some(desired);
            return Some(FirstPass::Done(Box::new(compare::object(looked))));
        };

        plan::carry_tool_metadata(&mut desired, live, &self.set);
        let computed = self.compute_apply(&looked.target, &desired, live);
        looked.desired = Some(desired);
        looked.prediction = match computed {
            _ if self.mode == Mode::Readonly => Some(Prediction::Forbidden),
            None => return Some(self.leave_to_server(looked)),
            Some(ComputedApply::Unchanged) => None,
            Some(ComputedApply::Changed(after)) => Some(Prediction::Will(after)),
        };

        let mut found = Box::new(compare::object(looked));
        let adds = |change: &FieldChange| change.kind == ChangeKind::Added;
        if self.mode == Mode::Auto && found.changes.iter().any(adds) {
            return Some(self.leave_to_server(into_inputs(*found)));
        }
        if self.is_brief && is_unchanged(&found) {
            shorten(&mut found);
        }
        Some(FirstPass::Done(found))
    }

    /// What an object is compared with, and what is desired of it: none where that was taken before.
    fn take_inputs(&self, index: usize, live: Observed) -> Option<(ObjectInputs, Object)> {
        let mut desired = self
            .desired
            .get(index)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let DesiredObject {
            object,
            tested,
            untested,
        } = desired.take()?;

        let looked = ObjectInputs {
            target: self.targets.get(index)?.clone(),
            tested,
            desired: None,
            live,
            prediction: None,
            fresh: Fresh::NotAsked,
            untested,
        };
        Some((looked, object))
    }

    /// What an apply provably does; none where the server is to be asked.
    fn compute_apply(&self, target: &Target, desired: &Object, live: &Object) -> Option<ComputedApply> {
        // A custom kind's schema may have changed since the last apply.
        let may_compute = self.mode == Mode::Auto
            && well_known(&target.resource.gvk()).is_some()
            && !self.admission.may_touch(&target.resource);
        if !may_compute {
            return None;
        }

        let computed = compare::compute_apply(desired, live)?;
        // What nobody owns is a default that depends on nothing, or the server is asked.
        let is_explained = |object: &Object| compare::unexplained(object).is_empty();
        let is_known = is_explained(live)
            && match &computed {
                ComputedApply::Unchanged => true,
                // A default that follows from another field (a pull policy from its image) is worked out anew.
                ComputedApply::Changed(after) => is_explained(after),
            };
        is_known.then_some(computed)
    }

    fn leave_to_server(&self, looked: ObjectInputs) -> FirstPass {
        FirstPass::NeedsDryRun {
            is_admitted: self.admission.may_change(&looked.target.resource),
            looked: Box::new(looked),
        }
    }
}

/// What was compared, as it was before anything was known of it: of thousands of objects none is copied for this.
fn into_inputs(found: ObjectComparison) -> ObjectInputs {
    let ObjectComparison {
        target,
        tested,
        desired,
        live,
        untested,
        ..
    } = found;
    ObjectInputs {
        target,
        tested,
        desired,
        live,
        prediction: None,
        fresh: Fresh::NotAsked,
        untested,
    }
}

/// Asks the server what a first pass left open.
pub(super) async fn ask_server(cluster: &dyn Cluster, first: FirstPass) -> ObjectComparison {
    let (looked, is_admitted) = match first {
        FirstPass::Done(found) => return *found,
        FirstPass::NeedsDryRun { looked, is_admitted } => (*looked, is_admitted),
    };
    let mut looked = dry_run(cluster, looked).await;
    let mut found = compare::object(looked.clone());
    if let Some(desired) = looked.desired.as_ref().filter(|_| needs_fresh(&found, &looked)) {
        looked.fresh = observe::fresh(cluster, &looked.target, desired).await;
        found = compare::object(looked.clone());
    }
    if is_admitted {
        remove_stamps(cluster, found, looked).await
    } else {
        found
    }
}

/// The target of an object, or what an apply would leave of it where the server lets nobody replace it so.
async fn dry_run(cluster: &dyn Cluster, mut looked: ObjectInputs) -> ObjectInputs {
    let (Observed::Present(live), Some(desired)) = (looked.live.clone(), &looked.desired) else {
        return looked;
    };
    if !looked.target.resource.is_replaceable() {
        return predict_apply(cluster, looked).await;
    }

    let (live, answer) = observe::replacement(cluster, &looked.target, desired, live).await;
    let again = match (&answer, live.object()) {
        (Prediction::Refused { fields, .. }, Some(live)) => compare::with_bound(desired, live, fields),
        _ => None,
    };
    let (live, answer) = match (again, live) {
        (Some((body, bound)), Observed::Present(live)) => {
            match observe::replacement(cluster, &looked.target, &body, live).await {
                (live, Prediction::Target { object, .. }) => (live, Prediction::Target { object, bound }),
                refused => refused,
            }
        }
        (_, live) => (live, answer),
    };
    looked.live = live;
    match answer {
        // Whoever may not replace it may apply, and a refused replacement says nothing of an apply.
        Prediction::Refused { .. } | Prediction::Forbidden => predict_apply(cluster, looked).await,
        answer => {
            looked.prediction = Some(answer);
            looked
        }
    }
}

async fn predict_apply(cluster: &dyn Cluster, mut looked: ObjectInputs) -> ObjectInputs {
    if let (Observed::Present(live), Some(desired)) = (looked.live.clone(), &looked.desired) {
        let (live, prediction) = observe::predict(cluster, &looked.target, desired, live).await;
        looked.live = live;
        looked.prediction = Some(prediction);
    }
    looked
}

/// Whether only a fresh object can tell what some of its fields are: a question to the server of its own.
fn needs_fresh(found: &ObjectComparison, looked: &ObjectInputs) -> bool {
    let (Some(desired), Some(live)) = (&looked.desired, looked.live.object()) else {
        return false;
    };
    match &looked.prediction {
        Some(Prediction::Target { .. }) => compare::needs_fresh(desired, live, &found.changes),
        Some(Prediction::Would(_)) => {
            found
                .changes
                .iter()
                .any(|change| change.kind == ChangeKind::Added)
                || !compare::unexplained(live).is_empty()
        }
        _ => false,
    }
}

/// Times are written to the second: two answers this far apart have another one.
const NEXT_SECOND: Duration = Duration::from_millis(1100);

/// Takes out what admission writes anew at each request: what differs between two targets of one object.
async fn remove_stamps(
    cluster: &dyn Cluster,
    mut found: ObjectComparison,
    looked: ObjectInputs,
) -> ObjectComparison {
    let (Some(Prediction::Target { object, .. }), Some(desired), Some(live)) =
        (&looked.prediction, &looked.desired, looked.live.object())
    else {
        return found;
    };
    let candidates = compare::may_be_stamps(desired, live, &found.changes);
    if candidates.is_empty() {
        return found;
    }

    tokio::time::sleep(NEXT_SECOND).await;
    let again = observe::replacement(cluster, &looked.target, desired, live.clone()).await;
    let (_, Prediction::Target { object: again, .. }) = again else {
        return found;
    };
    for path in candidates
        .into_iter()
        .filter(|path| path.get(object.value()) != path.get(again.value()))
    {
        found.changes.retain(|change| change.path != path);
        found.asides.push(Aside {
            path,
            reason: AsideReason::Stamp,
        });
    }
    if found.changes.is_empty() && found.status == ObjectStatus::Changed {
        found.status = ObjectStatus::Same;
    }
    found
}

fn is_unchanged(found: &ObjectComparison) -> bool {
    found.status == ObjectStatus::Same && found.certainty == Certainty::Computed && found.untested.is_empty()
}

/// Leaves of an object that is as it should be what others are still judged by: what its pods run, when it changed. Live
/// holds what is desired, and stands for it.
fn shorten(found: &mut ObjectComparison) {
    let Observed::Present(live) = &mut found.live else {
        return;
    };
    let kind = found.target.resource.kind.as_str();
    if !matches!(kind, "ConfigMap" | "Secret") {
        live.drop_managed_fields();
    }
    let runs_nothing = pod_spec(live).is_none() && images(live, &[]).is_empty();
    match kind {
        // Pods read some of its keys.
        "ConfigMap" => forget_values(live),
        // Of few fields, or needed whole.
        "Secret" | "HorizontalPodAutoscaler" | "ServiceAccount" | "PersistentVolumeClaim" => {}
        _ if runs_nothing => live.keep_metadata(),
        _ => {}
    }
    // A container that another hand added is none of desired's.
    let runs_the_same = |desired: &Object| images(desired, &[]) == images(live, &[]);
    if found.desired.as_ref().is_some_and(runs_the_same) {
        found.desired = Some(live.clone());
    }
}

fn forget_values(map: &mut Object) {
    for field in ["data", "binaryData"] {
        let values = map.value_mut().get_mut(field).and_then(Value::as_object_mut);
        values
            .into_iter()
            .flat_map(|values| values.values_mut())
            .for_each(|value| *value = Value::Null);
    }
}
