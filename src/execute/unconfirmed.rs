//! What the cluster keeps of a release is written by whoever may write there. So whatever that alone would
//! create, change or delete outside of the release namespace, cluster-wide or among rights and quotas is not
//! done unless it is confirmed: by the release's own file, by the object itself, by a key outside of the
//! cluster, or by a person.
//!
//! The seal does not stand for it: whoever may read Secrets in the release namespace has the key. What such a
//! person could do there anyway is not asked about. Nothing is touched before all of it is confirmed; a
//! rollback of what was taken up leaves out what is not, and names it.

use super::machine::Direction;
use super::run::Start;
use super::services::Services;
use super::undo_job::undo_target;
use crate::cluster::ApiError;
use crate::model::journal::{GateAtHand, JournalPhase, StepPart, StepProgress, StepState, UndoState};
use crate::model::moves::ReleaseRef;
use crate::model::names::{
    API_VERSION, APPLYSET_PART_OF_LABEL, FIELD_MANAGER, PROMOTION_ANNOTATION, RESTART_ANNOTATION, inventory,
};
use crate::model::plan::{Action, Expect, Plan, PlanStep, Undo};
use crate::model::{Object, ObjectId, Target};
use crate::observe::home::Bodies;
use crate::plan::allowance;
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What confirms what state alone says.
#[derive(Clone, Debug, Default)]
pub struct Confirmed {
    /// Objects that were allowed by name: `KIND/[NAMESPACE/]NAME`.
    pub allowed: BTreeSet<String>,
    /// What a person was shown, and has answered for: that, and nothing else of the same name.
    pub answered: Vec<Unconfirmed>,
    /// What the release's own file and environment render.
    pub rendered: Vec<Object>,
    /// The gates of that environment.
    pub gates: Vec<GateAtHand>,
}

impl Confirmed {
    fn allows(&self, one: &Unconfirmed) -> bool {
        let name = allowance(&one.object);
        // A name says nothing of a content: whoever allows it takes whatever comes under it.
        self.allowed
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(&name))
            || self.answered.contains(one)
    }
}

/// Something that state alone would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Unconfirmed {
    /// The object.
    pub object: ObjectId,
    /// `create`, `change`, `delete`, `restore` …
    pub verb: &'static str,
    /// All that is sent; none where it would be deleted.
    pub content: Option<Object>,
}

/// Kinds of the release namespace that give rights or take them, or that lead traffic away.
const GUARDED: &[(&str, &str)] = &[
    // By group and plural, which the server goes by: a kind is what a text claims.
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("", "resourcequotas"),
    ("", "limitranges"),
    ("", "endpoints"),
    ("discovery.k8s.io", "endpointslices"),
];

fn is_guarded(target: &Target) -> bool {
    GUARDED.contains(&(&*target.resource.group, &*target.resource.plural))
}

/// Whether an object's own marks can vouch for it: it carries our label and our manager's entry, which nobody can give it who
/// may not write it. Rights and quotas are never taken at their word.
fn is_marked(target: &Target, object: &Object, set: &str) -> bool {
    let gives_rights = target.resource.group == "rbac.authorization.k8s.io" || is_guarded(target);
    !gives_rights
        && object.label(APPLYSET_PART_OF_LABEL) == Some(set)
        && object
            .managed_fields()
            .iter()
            .any(|entry| entry["manager"] == FIELD_MANAGER)
}

/// Whether an object is beyond what somebody who may write the release namespace may write.
fn is_beyond(target: &Target, home: &str) -> bool {
    target.namespace.as_deref() != Some(home) || is_guarded(target)
}

/// What a plan would do that was made from what the cluster alone keeps, and what nothing confirms.
pub fn unconfirmed_plan(plan: &Plan, gates: &[GateAtHand], confirmed: &Confirmed) -> Vec<Unconfirmed> {
    let home = &plan.namespace;
    let of_step = |step: &PlanStep| Unconfirmed {
        object: step.target.id(),
        verb: verb_of(&step.action),
        content: step.action.object().cloned(),
    };

    let steps = plan
        .steps
        .iter()
        .chain(&plan.prune)
        .filter(|step| is_beyond(&step.target, home));
    let found = steps
        .flat_map(|step| [Some(of_step(step)), undo_job(step)])
        .flatten();
    found
        .chain(gates_beyond(gates, home))
        .filter(|one| !confirmed.allows(one))
        .collect()
}

/// What the plan of a release's own file would delete: that it ever belonged to the release, what the cluster keeps says
/// alone. `live` finds an object as it is.
pub fn unconfirmed_prunes<'a>(
    plan: &Plan,
    live: impl Fn(&ObjectId) -> Option<&'a Object>,
    confirmed: &Confirmed,
) -> Vec<Unconfirmed> {
    let set = ReleaseRef::new(&plan.namespace, &plan.release.name).set();
    let is_found = |step: &&PlanStep| {
        let id = step.target.id();
        let is_marked = || live(&id).is_some_and(|live| is_marked(&step.target, live, &set));
        // A hook that goes once it has succeeded is the file's own word.
        let is_own = matches!(step.expect, Expect::Made { .. });
        matches!(step.action, Action::Delete { .. })
            && !is_own
            && is_beyond(&step.target, &plan.namespace)
            && !is_marked()
    };

    let found = plan.prune.iter().filter(is_found).map(|step| Unconfirmed {
        object: step.target.id(),
        verb: verb_of(&step.action),
        content: live(&step.target.id()).cloned(),
    });
    found.filter(|one| !confirmed.allows(one)).collect()
}

/// What nothing confirms of a run that begins from what was read alone.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// What it would do.
    pub found: Vec<Unconfirmed>,
    /// Steps that it must not undo should it fail: what their objects were before is not confirmed.
    pub not_undone: BTreeSet<u32>,
    /// Steps of which nothing but the object that is shown is sent.
    pub narrowed: BTreeSet<u32>,
}

impl Doubts {
    /// Takes out of these steps what would be sent besides the object: what an apply is expected to make of it.
    pub(super) fn narrow(&self, bodies: &mut Bodies) {
        for id in &self.narrowed {
            if let Some(part) = bodies.steps.get_mut(id) {
                narrow(&mut part.step);
            }
        }
    }
}

fn narrow(step: &mut PlanStep) {
    // Defaults that an apply takes away are sent after it, from `expected`: nobody was shown these.
    if let Action::Apply { object, expected, .. } = &mut step.action {
        **expected = object.clone();
        step.changes.retain(|path| path.get(object.value()).is_some());
    }
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
    let forward = start.direction == Direction::Promote && journal.phase != JournalPhase::Reverting;

    let steps = journal
        .steps
        .iter()
        .filter_map(|step| Some((step, start.bodies.steps.get(&step.id)?)));
    let beyond: Vec<(&StepProgress, &StepPart)> = steps
        .filter(|(_, part)| is_beyond(&part.step.target, &own.namespace))
        .collect();

    let reads = join_all(
        beyond
            .iter()
            .map(|(_, part)| services.cluster.get(&part.step.target)),
    )
    .await;

    let mut doubts = Doubts::default();

    for ((progress, part), live) in beyond.into_iter().zip(reads) {
        let facts = Facts {
            part,
            live: &live,
            lies_in: start.bodies.lie_in.get(&part.step.id),
            own,
        };
        // What is done already is not sent again: only its undo is in question.
        if forward && !matches!(progress.state, StepState::Done { .. }) {
            // Confirmed or not: no more is sent than what was shown or rendered.
            doubts.narrowed.insert(part.step.id);
            doubts.found.extend(facts.forward(confirmed));
        }

        let is_undone = matches!(progress.undo, UndoState::Done { .. });
        let is_done = !matches!(progress.state, StepState::Pending | StepState::NotDone { .. });
        let back = [facts.back(), undo_job(&part.step)].into_iter().flatten();
        let back: Vec<Unconfirmed> = back.filter(|one| !is_undone && !confirmed.allows(one)).collect();

        if forward && !back.is_empty() {
            // Only a failure would lead to it: that is no reason to ask first.
            doubts.not_undone.insert(part.step.id);
        } else if is_done {
            doubts.found.extend(back);
        }
    }

    if forward {
        let gates = &start.bodies.promotion.judging.gates;
        // The environment's own file holds it, too: so it is not the state alone that says so.
        let is_own = |gate: &&GateAtHand| confirmed.gates.contains(gate);
        let kept: Vec<GateAtHand> = gates.iter().filter(|gate| !is_own(gate)).cloned().collect();
        doubts.found.extend(gates_beyond(&kept, &own.namespace));
    }
    // The lock and the inventory of another release are touched on the way there and back.
    doubts.found.extend(moved(start, own));
    doubts.found.retain(|one| !confirmed.allows(one));

    doubts.found.sort_by(|one, other| one.object.cmp(&other.object));
    doubts
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
        let action = &self.part.step.action;

        if matches!(action, Action::Delete { .. }) && self.vouches_for_itself() {
            return None;
        }
        // What is deleted first, or taken from another owner, no file says.
        let is_plain = matches!(
            action,
            Action::Create { .. } | Action::Apply { take_over: None, .. }
        );

        let is_rendered = action.object().filter(|_| is_plain).is_some_and(|sent| {
            let bare = undressed(sent);
            confirmed
                .rendered
                .iter()
                .any(|one| one.id() == self.id() && undressed(one) == bare)
        });
        (!is_rendered).then(|| self.found(verb_of(action), action.object().cloned()))
    }

    fn back(&self) -> Option<Unconfirmed> {
        let before = self.part.before.clone();
        let verb = if before.is_some() { "restore" } else { "delete" };
        (!self.vouches_for_itself()).then(|| self.found(verb, before))
    }

    /// Whether the object's own marks vouch for it, and its pre-image was found beside it.
    fn vouches_for_itself(&self) -> bool {
        let target = &self.part.step.target;
        // Whoever put a pre-image beside its object has rights in
        // that namespace. A cluster-scoped one has no such place.
        let is_beside = target.namespace.is_some() && target.namespace.as_ref() == self.lies_in;

        let object = match self.live {
            Ok(Some(live)) => Some(live),
            Ok(None) => self.part.before.as_ref(),
            // What cannot be read vouches for nothing.
            Err(_) => None,
        };
        is_beside && object.is_some_and(|object| is_marked(target, object, &self.own.set()))
    }

    fn id(&self) -> ObjectId {
        self.part.step.target.id()
    }

    fn found(&self, verb: &'static str, content: Option<Object>) -> Unconfirmed {
        Unconfirmed {
            object: self.id(),
            verb,
            content,
        }
    }
}

fn verb_of(action: &Action) -> &'static str {
    match action {
        Action::Create { .. } => "create",
        Action::Apply { take_over: None, .. } => "change",
        Action::Apply { .. } => "change and take over",
        Action::Recreate { .. } => "delete and create again",
        Action::Delete { .. } => "delete",
    }
}

/// The Job that would undo a step.
fn undo_job(step: &PlanStep) -> Option<Unconfirmed> {
    let Undo::Run { job } = &step.undo else {
        return None;
    };
    let object = undo_target(job, &step.target).id();
    Some(Unconfirmed {
        object,
        verb: "create",
        content: Some((**job).clone()),
    })
}

/// Gates that run elsewhere, or that ask a server from here.
fn gates_beyond(gates: &[GateAtHand], home: &str) -> Vec<Unconfirmed> {
    let found = gates.iter().filter_map(|one| {
        // A Job without a namespace runs at home, where whoever writes the state may well run one.
        let elsewhere = |job: &&Object| job.namespace().is_some_and(|namespace| namespace != home);
        if let Some(job) = one.job.as_ref().filter(elsewhere) {
            return Some(Unconfirmed { object: job.id(), verb: "create", content: Some(job.clone()) });
        }
        // Asked from this machine, it can be a server that whoever wrote the state does not reach.
        one.gate.prometheus.as_ref()?;
        let shown = json!({"apiVersion": API_VERSION, "kind": "Gate", "metadata": {"name": one.gate.name}, "spec": one.gate});
        let content = Object::new(shown).ok()?;
        Some(Unconfirmed { object: content.id(), verb: "ask", content: Some(content) })
    });
    found.collect()
}

/// Releases in other namespaces whose locks would be taken and whose inventories would be told of members.
fn moved(start: &Start, own: &ReleaseRef) -> Vec<Unconfirmed> {
    let moves = &start.bodies.promotion.plan.moves;
    // Either of the two may name one that the other does not.
    let sources: BTreeSet<&ReleaseRef> = start
        .head
        .current
        .moves_from
        .iter()
        .chain(moves.iter().map(|one| &one.from))
        .collect();

    let elsewhere = sources
        .into_iter()
        .filter(|source| source.namespace != own.namespace);

    let found = |source: &ReleaseRef| {
        let of_source = moves
            .iter()
            .filter(|one| one.from == *source)
            .flat_map(|one| &one.objects);
        let objects: Vec<String> = of_source.map(ToString::to_string).collect();

        let (name, namespace) = (inventory(&source.name), &source.namespace);
        let metadata = json!({"name": name, "namespace": namespace});
        let shown = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"moved": objects}});
        let object = ObjectId::new("", "ConfigMap", Some(namespace), &name);
        Unconfirmed {
            object,
            verb: "change",
            content: Object::new(shown).ok(),
        }
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
        let Some(Value::Object(map)) = value.pointer_mut(pointer) else {
            continue;
        };
        map.shift_remove(key);
        // The map may be there only for what was added.
        if map.is_empty() {
            let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(Value::Object(parent)) = value.pointer_mut(parent) {
                parent.shift_remove(name);
            }
        }
    }
    value
}

#[cfg(test)]
mod tests;
