//! Tables of the state machine: every stage with every input, and whole courses.

mod course;
mod moves;
mod stages;

use super::*;
use crate::model::journal::{Ending, Journal, Judging, PromotionPart, StepPart, StepProgress, StepState};
use crate::model::k8s::kinds::built_in;
use crate::model::plan::{Action, Expect, Plan, PlanStep, Propagation, Settings, Undo};
use crate::model::release::PublicRelease;
use crate::model::{Object, ObjectId, Sha256Digest, Target};
use rstest::rstest;
use serde_json::json;
use std::collections::BTreeMap;

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn map(name: &str, uid: &str) -> Object {
    Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "uid": uid}}))
        .unwrap()
}

/// Steps 0 (create, wave 0), 1 (apply, wave 1), 2 (delete after the commit).
fn parts() -> BTreeMap<u32, StepPart> {
    let part = |id: u32, name: &str, wave, action: Action, undo, before: Option<Object>| {
        let expect = match &before {
            Some(before) => Expect::Present {
                uid: before.uid().into(),
                content: String::new(),
            },
            None => Expect::Absent,
        };

        let target = Target::new(&built_in("", "ConfigMap").unwrap(), Some("shop"), name);
        let step = PlanStep {
            id,
            wave,
            target,
            action,
            expect,
            undo,
            why: String::new(),
            changes: Vec::new(),
            stamps: Vec::new(),
        };
        (id, StepPart { step, before })
    };

    let apply = Action::Apply {
        object: map("b", ""),
        take_over: None,
        expected: Box::new(map("b", "u")),
    };

    // One of each kind that a revert treats differently: created, changed, deleted.
    BTreeMap::from([
        part(
            0,
            "a",
            0,
            Action::Create { object: map("a", "") },
            Undo::Delete,
            None,
        ),
        part(1, "b", 1, apply, Undo::Restore, Some(map("b", "u1"))),
        part(
            2,
            "c",
            0,
            Action::Delete {
                propagation: Propagation::Background,
            },
            Undo::CreateAgain,
            Some(map("c", "u2")),
        ),
    ])
}

fn machine() -> Machine {
    let release = PublicRelease {
        name: "shop".into(),
        version: "2".into(),
        digest: Sha256Digest::of(b"2").into(),
    };
    let steps = parts();
    let progress = |part: &StepPart| StepProgress {
        id: part.step.id,
        target: part.step.target.clone(),
        verb: part.step.action.verb().into(),
        wave: part.step.wave,
        prune: part.step.id == 2,
        state: StepState::Pending,
        well: false,
        undo: UndoState::Pending,
    };

    let journal = Journal {
        rest: serde_json::Map::new(),
        format_version: crate::model::format::FormatVersion::default(),
        id: "p1".into(),
        serial: 0,
        release: release.clone(),
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
        steps: steps.values().map(progress).collect(),
    };

    let plan = Plan {
        format_version: crate::model::format::FormatVersion::default(),
        api_version: String::new(),
        kind: "Plan".into(),
        id: "p1".into(),
        release,
        namespace: "shop".into(),
        revision: 2,
        created_at: now(),
        actor: "me".into(),
        steps: Vec::new(),
        prune: Vec::new(),
        unchanged: Vec::new(),
        members: vec![steps[&0].step.target.clone(), steps[&1].step.target.clone()],
        moves: Vec::new(),
        data_loss: Vec::new(),
        waivers: Vec::new(),
        settings: Settings::default(),
    };
    // One that changes and one that is pruned: both were members before.
    let members_before = vec![steps[&1].step.target.clone(), steps[&2].step.target.clone()];
    let promotion = PromotionPart {
        plan,
        members_before: members_before.clone(),
        judging: Judging::default(),
    };

    Machine {
        head: Head::new(journal, None),
        inventory: Inventory {
            members: members_before,
            ..Inventory::default()
        },
        bodies: Arc::new(Bodies {
            promotion,
            steps,
            prunes: BTreeSet::from([2]),
            lie_in: BTreeMap::new(),
        }),
        content: ContentKey::default(),
        stage: Stage::Start,
        intent: Intent::Forward,
        keep_history: 10,
        wanted: Interrupt::None,
        undo: Vec::new(),
        unpruned: Vec::new(),
        unwell: None,
        remains: Vec::new(),
    }
}

fn bundle(name: &str) -> Bundle {
    Bundle::named(name, true)
}

fn done(name: &str) -> Outcome {
    Outcome::Done(Some(Box::new(map(name, "u"))))
}

fn failure() -> Box<Failure> {
    Box::new(Failure::of(None, CauseKind::CrashLoop, "it exits".into()))
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
        Effect::Follow(ids) => format!("follow {ids:?}"),
        Effect::Prove => "prove".into(),
        Effect::Soak(steps) => format!("soak {steps:?}"),
        Effect::StopJudging => "stop judging".into(),
        Effect::Undo(id) => format!("undo {id}"),
        Effect::FollowPutBack(ids) => format!("follow put back {ids:?}"),
        Effect::RereadPruned => "read pruned".into(),
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
    bodies.steps.get_mut(&0).unwrap().step.action = Action::Create {
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

fn well() -> Input {
    Input::Judged(Ok(()))
}

fn reread() -> Input {
    Input::Reread(Vec::new())
}

fn undone(id: u32) -> Input {
    Input::Undone(
        id,
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
        Input::Answered(0, done("a")),
    ]
}

fn to_commit() -> Vec<Input> {
    let mut inputs = to_first_wave();
    inputs.extend([
        well(),
        Input::Written,
        Input::Answered(1, done("b")),
        // Of the second wave, and of the proof.
        well(),
        well(),
    ]);
    inputs
}
