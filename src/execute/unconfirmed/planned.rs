//! What a plan would do that the cluster's state alone asks for: found before anything is written, and compared
//! with what confirms it. Pure.

use super::guarded::{is_beyond, is_marked};
use crate::execute::undo_job::undo_target;
use crate::model::journal::LoadedGate;
use crate::model::moves::ReleaseRef;
use crate::model::names::API_VERSION;
use crate::model::plan::{Action, Expect, Plan, PlanStep, Undo};
use crate::model::{Object, ObjectId};
use crate::plan::allowance;
use serde_json::json;
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
    pub gates: Vec<LoadedGate>,
}

impl Confirmed {
    pub(super) fn allows(&self, one: &Unconfirmed) -> bool {
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

/// What a plan would do that was made from what the cluster alone keeps, and what nothing confirms.
pub fn unconfirmed_plan(plan: &Plan, gates: &[LoadedGate], confirmed: &Confirmed) -> Vec<Unconfirmed> {
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

/// What the plan of a release's own file would delete, or of its deletion: that it ever belonged to the release, what the cluster keeps says
/// alone. `live` finds an object as it is.
pub fn unconfirmed_deletions<'a>(
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

    let deletions = plan.steps.iter().chain(&plan.prune).filter(is_found);
    let found = deletions.map(|step| Unconfirmed {
        object: step.target.id(),
        verb: verb_of(&step.action),
        content: live(&step.target.id()).cloned(),
    });
    found.filter(|one| !confirmed.allows(one)).collect()
}

pub(super) fn verb_of(action: &Action) -> &'static str {
    match action {
        Action::Create { .. } => "create",
        Action::Apply { take_over: None, .. } => "update",
        Action::Apply { .. } => "update and take ownership of fields",
        Action::Recreate { .. } => "replace",
        Action::Delete { .. } => "delete",
    }
}

/// The Job that would undo a step.
pub(super) fn undo_job(step: &PlanStep) -> Option<Unconfirmed> {
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
pub(super) fn gates_beyond(gates: &[LoadedGate], home: &str) -> Vec<Unconfirmed> {
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
