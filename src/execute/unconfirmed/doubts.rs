//! What a run would do that begins from what was read alone, and what of it nothing confirms.
//!
//! Forward, what is still to be sent is asked about, and what only a failure would lead to is left out of the
//! rollback. Back, all that the rollback would send is asked about. An object is believed by its own marks
//! where its pre-image was found beside it.

use super::guarded::{is_beyond, is_marked};
use super::planned::{Confirmed, Unconfirmed, gates_beyond, undo_job, verb_of};
use crate::cluster::ApiError;
use crate::execute::machine::Direction;
use crate::execute::run::Start;
use crate::execute::services::Services;
use crate::model::journal::{JournalPhase, LoadedGate, StepPart, StepProgress, StepState, UndoState};
use crate::model::moves::ReleaseRef;
use crate::model::names::{APPLYSET_PART_OF_LABEL, PROMOTION_ANNOTATION, RESTART_ANNOTATION, inventory};
use crate::model::plan::{Action, PlanStep};
use crate::model::{Object, ObjectId, StepId};
use crate::observe::release_state::Bodies;
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What nothing confirms of a run that begins from what was read alone.
#[derive(Debug, Default)]
pub(in crate::execute) struct Doubts {
    /// What it would do.
    pub found: Vec<Unconfirmed>,
    /// Steps that it must not undo should it fail: what their objects were before is not confirmed.
    pub not_undone: BTreeSet<StepId>,
    /// Steps of which nothing but the object that is shown is sent.
    pub narrowed: BTreeSet<StepId>,
}

impl Doubts {
    /// Takes out of these steps what would be sent besides the object: what an apply is expected to make of it.
    pub(in crate::execute) fn narrow(&self, bodies: &mut Bodies) {
        for id in &self.narrowed {
            if let Some(part) = bodies.steps.get_mut(id) {
                narrow(&mut part.step);
            }
        }
    }
}

pub(super) fn narrow(step: &mut PlanStep) {
    // Defaults that an apply takes away are sent after it, from `expected`: nobody was shown these.
    if let Action::Apply { object, expected, .. } = &mut step.action {
        **expected = object.clone();
        step.changes.retain(|path| path.get(object.value()).is_some());
    }
}

/// What a run would do by what was read alone, and what nothing confirms.
pub(in crate::execute) async fn find_doubts(
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
        .filter_map(|step| Some((step, start.inputs.bodies.steps.get(&step.id)?)));
    let beyond: Vec<(&StepProgress, &StepPart)> = steps
        .filter(|(_, part)| is_beyond(&part.step.target, &own.namespace))
        .collect();

    let reads = beyond
        .iter()
        .map(|(_, part)| services.cluster.get(&part.step.target));
    let reads = join_all(reads).await;

    let mut doubts = Doubts::default();
    for ((progress, part), live) in beyond.into_iter().zip(reads) {
        let facts = Facts {
            part,
            live: &live,
            lies_in: start.inputs.bodies.lie_in.get(&part.step.id),
            own,
        };
        doubts.add_step(progress, &facts, forward, confirmed);
    }

    if forward {
        let gates = &start.inputs.bodies.promotion.criteria.gates;
        // The environment's own file holds it, too: so it is not the state alone that says so.
        let is_own = |gate: &&LoadedGate| confirmed.gates.contains(gate);
        let unowned: Vec<LoadedGate> = gates.iter().filter(|gate| !is_own(gate)).cloned().collect();
        doubts.found.extend(gates_beyond(&unowned, &own.namespace));
    }
    // The lock and the inventory of another release are touched on the way there and back.
    doubts.found.extend(find_moves(start, own));
    doubts.found.retain(|one| !confirmed.allows(one));

    doubts.found.sort_by(|one, other| one.object.cmp(&other.object));
    doubts
}

impl Doubts {
    /// What is in doubt of one step, on its way forward or back.
    fn add_step(&mut self, progress: &StepProgress, facts: &Facts<'_>, forward: bool, confirmed: &Confirmed) {
        let step = &facts.part.step;
        // What is done already is not sent again: only its undo is in question.
        if forward && !matches!(progress.state, StepState::Done { .. }) {
            // Confirmed or not: no more is sent than what was shown or rendered.
            self.narrowed.insert(step.id);
            self.found.extend(facts.forward(confirmed));
        }

        let is_undone = matches!(progress.undo, UndoState::Done { .. });
        let is_done = !matches!(progress.state, StepState::Pending | StepState::NotDone { .. });
        let back = [facts.back(), undo_job(step)].into_iter().flatten();
        let back: Vec<Unconfirmed> = back.filter(|one| !is_undone && !confirmed.allows(one)).collect();

        if forward && !back.is_empty() {
            // Only a failure would lead to it: that is no reason to ask first.
            self.not_undone.insert(step.id);
        } else if is_done {
            self.found.extend(back);
        }
    }
}

/// What is known of a step's object.
pub(super) struct Facts<'a> {
    pub part: &'a StepPart,
    pub live: &'a Result<Option<Object>, ApiError>,
    /// The namespace in which its pre-image was found.
    pub lies_in: Option<&'a String>,
    pub own: &'a ReleaseRef,
}

impl Facts<'_> {
    pub fn forward(&self, confirmed: &Confirmed) -> Option<Unconfirmed> {
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

/// Releases in other namespaces whose locks would be taken and whose inventories would be told of members.
fn find_moves(start: &Start, own: &ReleaseRef) -> Vec<Unconfirmed> {
    let moves = &start.inputs.bodies.promotion.plan.moves;
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
