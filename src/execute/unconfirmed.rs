//! What the cluster keeps of a release is written by whoever may write there. So whatever that alone would create, change or
//! delete outside of the release namespace, cluster-wide or among rights and quotas is not done unless it is confirmed: by
//! the release's own file, by the object itself, by a key outside of the cluster, or by a person.

use super::machine::Intent;
use super::run::Start;
use super::services::Services;
use crate::cluster::ApiError;
use crate::model::journal::{JournalPhase, StepPart, StepProgress, StepState, UndoState};
use crate::model::moves::ReleaseRef;
use crate::model::names::{
    APPLYSET_PART_OF_LABEL, FIELD_MANAGER, PROMOTION_ANNOTATION, RESTART_ANNOTATION, inventory,
};
use crate::model::plan::{Action, Undo};
use crate::model::{Object, ObjectId, Target};
use crate::plan::allowance;
use futures::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What confirms what state alone says.
#[derive(Clone, Debug, Default)]
pub struct Confirmed {
    /// Objects that were allowed by name: `KIND/[NAMESPACE/]NAME`.
    pub allowed: BTreeSet<String>,
    /// What the release's own file and environment render.
    pub rendered: Vec<Object>,
}

impl Confirmed {
    /// Whether an object was allowed by name.
    pub fn allows(&self, id: &ObjectId) -> bool {
        self.allowed.iter().any(|name| name.eq_ignore_ascii_case(&allowance(id)))
    }
}

/// Something that state alone would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Unconfirmed {
    /// The object.
    pub object: ObjectId,
    /// `create`, `change`, `delete`, `restore`.
    pub verb: &'static str,
    /// What it would be afterwards; none where it would be deleted.
    pub content: Option<Object>,
}

/// Kinds of the release namespace that give rights or take them.
const GUARDED: &[(&str, &str)] = &[
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("", "resourcequotas"),
    ("", "limitranges"),
];

/// Whether an object is beyond what somebody who may write the release namespace may write.
pub fn is_beyond(target: &Target, home: &str) -> bool {
    let resource = &target.resource;
    target.namespace.as_deref() != Some(home) || GUARDED.contains(&(&*resource.group, &*resource.plural))
}

/// What nothing confirms of a run that begins from what was read alone.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// What it would do.
    pub found: Vec<Unconfirmed>,
    /// Steps that it must not undo should it fail: what their objects were before is not confirmed.
    pub not_undone: BTreeSet<u32>,
}

/// What a run would do by what was read alone, and what nothing confirms.
pub(super) async fn unconfirmed(
    start: &Start,
    own: &ReleaseRef,
    confirmed: &Confirmed,
    services: &Services,
) -> Doubts {
    let journal = &start.head.current;
    // A key outside vouches for everything; and nothing was touched yet where the parts are not there.
    if start.seal.state.outside || journal.phase == JournalPhase::Preparing {
        return Doubts::default();
    }
    let forward = start.intent == Intent::Forward && journal.phase != JournalPhase::Reverting;
    let steps = journal.steps.iter().filter_map(|step| Some((step, start.bodies.steps.get(&step.id)?)));
    let beyond: Vec<(&StepProgress, &StepPart)> =
        steps.filter(|(_, part)| is_beyond(&part.step.target, &own.namespace)).collect();
    let reads = join_all(beyond.iter().map(|(_, part)| services.cluster.get(&part.step.target))).await;
    let (mut found, mut not_undone) = (BTreeMap::new(), BTreeSet::new());
    for ((progress, part), live) in beyond.into_iter().zip(reads) {
        let facts = Facts { part, live: &live, lies_in: start.bodies.lie_in.get(&part.step.id), own };
        if forward && !matches!(progress.state, StepState::Done { .. }) {
            facts.forward(confirmed).into_iter().for_each(|one| drop(found.insert(one.object.clone(), one)));
        }
        let is_undone = matches!(progress.undo, UndoState::Done { .. });
        let is_done = !matches!(progress.state, StepState::Pending | StepState::NotDone { .. });
        match facts.back(confirmed).filter(|one| !is_undone && !confirmed.allows(&one.object)) {
            // Only a failure would lead to it: that is no reason to ask first.
            Some(_) if forward => drop(not_undone.insert(part.step.id)),
            Some(one) if is_done => drop(found.insert(one.object.clone(), one)),
            _ => {}
        }
    }
    for one in jobs(start, own).into_iter().chain(moved(start, own)) {
        found.insert(one.object.clone(), one);
    }
    found.retain(|id, _| !confirmed.allows(id));
    Doubts { found: found.into_values().collect(), not_undone }
}

/// What is known of a step's object.
struct Facts<'a> {
    part: &'a StepPart,
    live: &'a Result<Option<Object>, ApiError>,
    /// The namespace in which its pre-image was found.
    lies_in: Option<&'a String>,
    own: &'a ReleaseRef,
}

impl Facts<'_> {
    fn forward(&self, confirmed: &Confirmed) -> Option<Unconfirmed> {
        let verb = match &self.part.step.action {
            Action::Delete { .. } if self.vouches_for_itself() => return None,
            Action::Delete { .. } => "delete",
            Action::Create { .. } => "create",
            Action::Apply { .. } | Action::Recreate { .. } => "change",
        };
        let sent = self.part.step.action.object();
        let is_rendered = sent.is_some_and(|sent| {
            let bare = undressed(sent);
            let is_same = |one: &&Object| one.id() == self.id() && undressed(one) == bare;
            confirmed.rendered.iter().any(|one| is_same(&one))
                && gives_the_same_rights(&self.part.step.action, sent)
        });
        (!is_rendered).then(|| self.found(verb, sent.cloned()))
    }

    fn back(&self, confirmed: &Confirmed) -> Option<Unconfirmed> {
        if self.vouches_for_itself() {
            return None;
        }
        let before = self.part.before.clone();
        // What the file renders and was not there before may go again.
        let is_rendered = confirmed.rendered.iter().any(|one| one.id() == self.id());
        if before.is_none() && is_rendered {
            return None;
        }
        Some(self.found(if before.is_some() { "restore" } else { "delete" }, before))
    }

    /// Whether the object carries our label and our manager's entry, and its pre-image was found beside it. Rights are never
    /// taken at their word.
    fn vouches_for_itself(&self) -> bool {
        let target = &self.part.step.target;
        let is_beside = target.namespace.is_some() && target.namespace.as_ref() == self.lies_in;
        let is_guarded = GUARDED.contains(&(&*target.resource.group, &*target.resource.plural));
        let object = match self.live {
            Ok(Some(live)) => Some(live),
            Ok(None) => self.part.before.as_ref(),
            Err(_) => None,
        };
        let is_ours = object.is_some_and(|object| {
            object.label(APPLYSET_PART_OF_LABEL) == Some(&*self.own.set())
                && object.managed_fields().iter().any(|entry| entry["manager"] == FIELD_MANAGER)
        });
        is_beside && !is_guarded && is_ours
    }

    fn id(&self) -> ObjectId {
        self.part.step.target.id()
    }

    fn found(&self, verb: &'static str, content: Option<Object>) -> Unconfirmed {
        Unconfirmed { object: self.id(), verb, content }
    }
}

/// Whether what a step expects of its object gives no other rights than what it sends: what an apply loses is sent again
/// from there.
fn gives_the_same_rights(action: &Action, sent: &Object) -> bool {
    let Action::Apply { expected, .. } = action else { return true };
    let rights = ["/rules", "/aggregationRule", "/roleRef", "/subjects"];
    sent.gvk().group != "rbac.authorization.k8s.io"
        || rights.iter().all(|pointer| sent.at(pointer) == expected.at(pointer))
}

/// Jobs that state alone would run elsewhere: of gates, and those that undo others.
fn jobs(start: &Start, own: &ReleaseRef) -> Vec<Unconfirmed> {
    let gates = start.bodies.promotion.judging.gates.iter().filter_map(|gate| gate.job.as_ref());
    let undo = start.bodies.steps.values().filter_map(|part| match &part.step.undo {
        Undo::Run { job } => Some(&**job),
        _ => None,
    });
    let elsewhere = |job: &&Object| job.namespace().is_some_and(|namespace| namespace != own.namespace);
    let found = |job: &Object| Unconfirmed { object: job.id(), verb: "create", content: Some(job.clone()) };
    gates.chain(undo).filter(elsewhere).map(found).collect()
}

/// Inventories of releases in other namespaces that would be told of members.
fn moved(start: &Start, own: &ReleaseRef) -> Vec<Unconfirmed> {
    let others = start.bodies.promotion.plan.moves.iter().map(|one| &one.from);
    let elsewhere = others.filter(|from| from.namespace != own.namespace);
    let found = |from: &ReleaseRef| Unconfirmed {
        object: ObjectId::new("", "ConfigMap", Some(&from.namespace), &inventory(&from.name)),
        verb: "change",
        content: None,
    };
    elsewhere.map(found).collect()
}

/// An object without what a promotion adds to what is rendered.
fn undressed(object: &Object) -> Value {
    let mut value = object.value().clone();
    for (pointer, key) in [
        ("/metadata/labels", APPLYSET_PART_OF_LABEL),
        ("/metadata/annotations", PROMOTION_ANNOTATION),
        ("/spec/template/metadata/annotations", RESTART_ANNOTATION),
    ] {
        let Some(Value::Object(map)) = value.pointer_mut(pointer) else { continue };
        map.shift_remove(key);
        if map.is_empty() {
            let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(Value::Object(parent)) = value.pointer_mut(parent) {
                parent.shift_remove(name);
            }
        }
    }
    value
}
