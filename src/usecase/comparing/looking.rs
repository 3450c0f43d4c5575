//! One object after the other: what is found without asking the server, and what only it can say.

use super::Mode;
use crate::cluster::Cluster;
use crate::compare::{self, DesiredObject, Looked, Outlook};
use crate::model::admission::Admission;
use crate::model::finding::{Aside, AsideReason, Certainty, ChangeKind, ObjectComparison, ObjectStatus};
use crate::model::k8s::kinds::well_known;
use crate::model::k8s::pod_spec::{images, pod_spec};
use crate::model::snapshot::{Fresh, Observed, Prediction};
use crate::model::{Object, Target};
use crate::{observe, plan};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
    /// Only the server can tell.
    Open {
        looked: Box<Looked>,
        /// Whether admission may change such an object.
        is_admitted: bool,
    },
}

impl Looker {
    /// Looks at an object once: none for an index that was looked at before.
    pub fn first(&self, index: usize, live: Observed) -> Option<First> {
        let wanted = self
            .wanted
            .get(index)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let DesiredObject {
            object: mut desired,
            tested,
            untested,
        } = wanted?;
        let target = self.targets.get(index)?.clone();
        let mut looked = Looked {
            target,
            tested,
            desired: None,
            live,
            prediction: None,
            fresh: Fresh::NotAsked,
            untested,
        };
        let Observed::Present(live) = &looked.live else {
            looked.desired = Some(desired);
            return Some(First::Found(Box::new(compare::object(looked))));
        };
        plan::dress_as_live(&mut desired, live, &self.set);
        let outlook = self.outlook(&looked.target, &desired, live);
        let is_admitted = self.admission.may_change(&looked.target.resource);
        let open = |looked: Looked| {
            Some(First::Open {
                looked: Box::new(looked),
                is_admitted,
            })
        };
        looked.desired = Some(desired);
        looked.prediction = match outlook {
            _ if self.mode == Mode::Readonly => Some(Prediction::Forbidden),
            None => return open(looked),
            // What nobody owns is a default that depends on nothing, or the server is asked.
            Some(_) if !compare::unexplained(live).is_empty() => return open(looked),
            // A default that follows from another field (a pull policy from its image) is worked out anew.
            Some(Outlook::Changed(after)) if !compare::unexplained(&after).is_empty() => return open(looked),
            Some(Outlook::Unchanged) => None,
            Some(Outlook::Changed(after)) => Some(Prediction::Will(after)),
        };

        let may_ask = self.mode == Mode::Auto;
        let mut found = Box::new(compare::object(looked));
        if may_ask
            && found
                .changes
                .iter()
                .any(|change| change.kind == ChangeKind::Added)
        {
            return open(unasked(*found));
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

/// What was compared, as it was before anything was known of it: of thousands of objects none is copied for this.
fn unasked(found: ObjectComparison) -> Looked {
    let ObjectComparison {
        target,
        tested,
        desired,
        live,
        untested,
        ..
    } = found;
    Looked {
        target,
        tested,
        desired,
        live,
        prediction: None,
        fresh: Fresh::NotAsked,
        untested,
    }
}

/// Asks the server what a first look left open.
pub(super) async fn second(cluster: &dyn Cluster, first: First) -> ObjectComparison {
    let (looked, is_admitted) = match first {
        First::Found(found) => return *found,
        First::Open { looked, is_admitted } => (*looked, is_admitted),
    };
    let mut looked = ask(cluster, looked).await;
    let mut found = compare::object(looked.clone());
    if let Some(desired) = looked.desired.as_ref().filter(|_| needs_fresh(&found, &looked)) {
        looked.fresh = observe::fresh(cluster, &looked.target, desired).await;
        found = compare::object(looked.clone());
    }
    if is_admitted {
        without_stamps(cluster, found, looked).await
    } else {
        found
    }
}

/// The target of an object, or what an apply would leave of it where the server lets nobody replace it so.
async fn ask(cluster: &dyn Cluster, mut looked: Looked) -> Looked {
    let (Observed::Present(live), Some(desired)) = (looked.live.clone(), &looked.desired) else {
        return looked;
    };
    if !looked.target.resource.is_replaceable() {
        return predict(cluster, looked).await;
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
        Prediction::Refused { .. } | Prediction::Forbidden => predict(cluster, looked).await,
        answer => {
            looked.prediction = Some(answer);
            looked
        }
    }
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
fn needs_fresh(found: &ObjectComparison, looked: &Looked) -> bool {
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
async fn without_stamps(
    cluster: &dyn Cluster,
    mut found: ObjectComparison,
    looked: Looked,
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
    found.status == ObjectStatus::Same && found.certainty == Certainty::Proved && found.untested.is_empty()
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
    if !matches!(kind, "Secret" | "HorizontalPodAutoscaler") && pod_spec(live).is_none() {
        live.keep_metadata();
    }
    // A container that another hand added is none of desired's.
    let runs_the_same = |desired: &Object| images(desired, &[]) == images(live, &[]);
    if found.desired.as_ref().is_some_and(runs_the_same) {
        found.desired = Some(live.clone());
    }
}
