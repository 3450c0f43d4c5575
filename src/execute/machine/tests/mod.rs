//! Tables of the state machine: every stage with every input, and whole courses; and courses drawn at random.

mod course;
mod deletions;
mod endings;
mod moves;
mod properties;
mod simulation;
mod stages;
mod taking_up;
mod turning_back;

use super::stage::{Commit, Forward};
use super::*;
use crate::execute::outcome::StepOutcome;
use crate::model::bundle::PartBundle;
use crate::model::event::RunOutcome as End;
use crate::model::journal::{
    HistoryOutcome, Journal, Previous, PromotionPart, StepPart, StepProgress, StepState, SuccessCriteria,
    UndoState,
};
use crate::model::k8s::kinds::built_in;
use crate::model::plan::{Action, Expect, Plan, PlanLimits, PlanStep, Propagation, Undo};
use crate::model::release::PublicRelease;
use crate::model::verdict::CauseKind;
use crate::model::verification::VerificationSummary;
use crate::model::{Object, ObjectId, Sha256Digest, StepId, Target, WaveIndex};
use rstest::rstest;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn map(name: &str, uid: &str) -> Object {
    Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "uid": uid}}))
        .unwrap()
}

/// A step on an object of the namespace `shop`; `before` is its pre-image.
fn part(
    id: u32,
    wave: u32,
    kind: (&str, &str),
    action: Action,
    before: Option<Object>,
) -> (StepId, StepPart) {
    let (kind, name) = kind;
    let group = if kind == "Job" { "batch" } else { "" };
    let namespace = (kind != "Namespace").then_some("shop");
    let expect = match &before {
        Some(before) => Expect::Present {
            uid: before.uid().into(),
            content: String::new(),
        },
        None => Expect::Absent,
    };
    let undo = match &action {
        Action::Apply { .. } => Undo::Restore,
        Action::Delete { .. } => Undo::CreateAgain,
        _ => Undo::Delete,
    };

    let step = PlanStep {
        id: StepId::new(id),
        wave: WaveIndex::new(wave),
        target: Target::new(&built_in(group, kind).unwrap(), namespace, name),
        action,
        expect,
        undo,
        why: String::new(),
        changes: Vec::new(),
        stamps: Vec::new(),
    };
    (step.id, StepPart { step, before })
}

fn create(name: &str) -> Action {
    Action::Create {
        object: map(name, ""),
    }
}

fn apply(name: &str) -> Action {
    Action::Apply {
        object: map(name, ""),
        take_over: None,
        expected: Box::new(map(name, "u")),
    }
}

fn delete() -> Action {
    Action::Delete {
        propagation: Propagation::Background,
    }
}

/// Steps 0 (create, wave 0), 1 (apply, wave 1), 2 (delete after the commit).
fn parts() -> BTreeMap<StepId, StepPart> {
    // One of each kind that a revert treats differently: created, changed, deleted.
    BTreeMap::from([
        part(0, 0, ("ConfigMap", "a"), create("a"), None),
        part(1, 1, ("ConfigMap", "b"), apply("b"), Some(map("b", "u1"))),
        part(2, 0, ("ConfigMap", "c"), delete(), Some(map("c", "u2"))),
    ])
}

fn machine() -> Machine {
    machine_of(parts(), BTreeSet::from([StepId::new(2)]))
}

fn release() -> PublicRelease {
    PublicRelease {
        name: "shop".into(),
        version: "2".into(),
        digest: Sha256Digest::compute(b"2").into(),
    }
}

fn plan(members: Vec<Target>) -> Plan {
    Plan {
        format_version: crate::model::format::FormatVersion::default(),
        api_version: String::new(),
        kind: "Plan".into(),
        id: "p1".into(),
        release: release(),
        operation: Operation::Promote,
        namespace: "shop".into(),
        cluster: None,
        revision: 2,
        created_at: now(),
        actor: "me".into(),
        steps: Vec::new(),
        prune: Vec::new(),
        unchanged: Vec::new(),
        members,
        moves: Vec::new(),
        data_loss: Vec::new(),
        rehearsals: Vec::new(),
        rollback: None,
        waivers: Vec::new(),
        settings: PlanLimits::default(),
        repair: false,
    }
}

fn journal(steps: Vec<StepProgress>) -> Journal {
    Journal {
        rest: serde_json::Map::new(),
        format_version: crate::model::format::FormatVersion::default(),
        id: "p1".into(),
        serial: 0,
        release: release(),
        operation: Operation::Promote,
        namespace: "shop".into(),
        revision: 2,
        actor: "me".into(),
        started_at: now(),
        ended_at: None,
        phase: JournalPhase::Preparing,
        ending: None,
        message: String::new(),
        holder: String::new(),
        failure: None,
        reverting: None,
        parts: vec![bundle("before")],
        record: vec![bundle("record")],
        forget: Vec::new(),
        moves_from: Vec::new(),
        rehearsal: Vec::new(),
        rollback: None,
        steps,
    }
}

/// At the start of a promotion with these steps.
fn machine_of(steps: BTreeMap<StepId, StepPart>, prunes: BTreeSet<StepId>) -> Machine {
    let progress = |part: &StepPart| StepProgress {
        id: part.step.id,
        target: part.step.target.clone(),
        verb: part.step.action.verb().to_string(),
        wave: part.step.wave,
        prune: prunes.contains(&part.step.id),
        state: StepState::Pending,
        ready: false,
        undo: UndoState::Pending,
    };
    let targets = |is_meant: &dyn Fn(&StepPart) -> bool| -> Vec<Target> {
        let meant = steps.values().filter(|part| is_meant(part));
        meant.map(|part| part.step.target.clone()).collect()
    };

    // What changes or is pruned was a member before.
    let members_before = targets(&|part| part.before.is_some());
    let members = targets(&|part| !prunes.contains(&part.step.id));
    Machine {
        head: Head::new(journal(steps.values().map(progress).collect()), None),
        inventory: Inventory {
            members: members_before.clone(),
            ..Inventory::default()
        },
        bodies: Arc::new(Bodies {
            promotion: PromotionPart {
                plan: plan(members),
                members_before,
                criteria: SuccessCriteria::default(),
            },
            steps,
            prunes,
            lie_in: BTreeMap::new(),
        }),
        content: ContentKey::default(),
        stage: Stage::Start,
        direction: Direction::Promote,
        keep_history: 10,
        wanted: Interrupt::None,
        verification: None,
        unpruned: Vec::new(),
        not_ready: None,
        found_ready: false,
        remains: Vec::new(),
    }
}

/// The deletion of what these steps delete: no release is promoted after it.
fn as_deletion(mut machine: Machine) -> Machine {
    machine.head.current.operation = Operation::Delete;
    let mut bodies = (*machine.bodies).clone();
    bodies.promotion.plan.operation = Operation::Delete;
    bodies.promotion.plan.members.clear();
    machine.bodies = Arc::new(bodies);
    machine
}

fn bundle(name: &str) -> PartBundle {
    PartBundle::named(name, true)
}

fn done(name: &str) -> StepOutcome {
    StepOutcome::Done(Some(Box::new(map(name, "u"))))
}

fn failure() -> Box<Failure> {
    Box::new(Failure::new(None, CauseKind::CrashLoop, "it exits".into()))
}

/// Effects as words.
fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::WriteHead => "head".into(),
        Effect::WriteParts => "parts".into(),
        Effect::WriteInventory => "inventory".into(),
        Effect::WriteSources(moving) => format!("sources {moving:?}"),
        Effect::Forget(bundles) => {
            format!(
                "forget {}",
                bundles
                    .iter()
                    .flat_map(|b| b.names.clone())
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        }
        Effect::Send(id) => format!("send {id}"),
        Effect::Follow(ids) => format!("follow {:?}", numbers(ids)),
        Effect::Prove => "prove".into(),
        Effect::Soak(steps) => format!("soak {:?}", numbers(steps)),
        Effect::StopWatching => "stop watching".into(),
        Effect::Undo(id) => format!("undo {id}"),
        Effect::FollowRestored(ids) => format!("follow restored {:?}", numbers(ids)),
        Effect::RereadDeleted => "read deleted".into(),
        Effect::RereadReverted => "read reverted".into(),
        Effect::DeleteHome => "delete home".into(),
        Effect::Emit(_) => "say".into(),
        Effect::Finish(ended, release) => format!("finish {:?} {release}", ended.outcome),
    };
    effects
        .iter()
        .map(word)
        // What is said to people is not what these tests are about.
        .filter(|word: &String| word != "say")
        .collect()
}

/// Feeds inputs and collects effects.
fn course(machine: &mut Machine, inputs: Vec<Input>) -> Vec<String> {
    inputs
        .into_iter()
        .flat_map(|input| words(&machine.next(input, now())))
        .collect()
}

/// The first step's object is a Job.
fn with_a_job() -> Machine {
    let mut machine = machine();
    let mut bodies = (*machine.bodies).clone();

    let job =
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "namespace": "shop"}});
    bodies.steps.get_mut(&StepId::new(0)).unwrap().step.action = Action::Create {
        object: Object::new(job).unwrap(),
    };

    machine.bodies = Arc::new(bodies);
    machine
}

/// Taken up by a later run where its journal stands.
fn taken_up(mut machine: Machine) -> Machine {
    machine.stage = Stage::Start;
    // The serial 0 is that of a head that was never written.
    machine.head.current.serial = 9;
    machine
}

fn ready() -> Input {
    Input::Judged(Ok(()))
}

fn verified() -> Input {
    Input::Verified(Some(VerificationSummary {
        message: "1 of 1 images verified in 1 pod".into(),
        ..VerificationSummary::default()
    }))
}

fn numbers(ids: &[StepId]) -> Vec<u32> {
    ids.iter().map(|id| id.get()).collect()
}

fn reread() -> Input {
    Input::Reread(Vec::new())
}

fn undone(id: u32) -> Input {
    Input::Undone(
        StepId::new(id),
        UndoState::Done {
            content: String::new(),
            notes: Vec::new(),
        },
    )
}

/// Inputs that lead from the start to the watching of the first wave.
fn to_first_wave() -> Vec<Input> {
    vec![
        Input::Begin,
        // The head, the parts, the head, the inventory, the head with the first intentions.
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Answered(StepId::new(0), done("a")),
    ]
}

fn to_commit() -> Vec<Input> {
    let mut inputs = to_first_wave();
    inputs.extend([
        ready(),
        Input::Written,
        Input::Answered(StepId::new(1), done("b")),
        ready(),
        verified(),
    ]);
    inputs
}
