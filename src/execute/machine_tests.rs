//! Tables of the state machine: every stage with every input, and whole courses.

use super::*;
use crate::model::journal::{Journal, PromotionPart, StepPart, StepProgress};
use crate::model::kinds::built_in;
use crate::model::plan::{Action, Expect, Plan, PlanStep, Propagation, Settings};
use crate::model::release::ReleaseIdentity;
use crate::model::{Object, Sha256Digest, Target};
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
            Some(before) => Expect::Present { uid: before.uid().into(), content: String::new() },
            None => Expect::Absent,
        };
        let target = Target::new(&built_in("", "ConfigMap").unwrap(), Some("shop"), name);
        let step =
            PlanStep { id, wave, target, action, expect, undo, why: String::new(), changes: Vec::new() };
        (id, StepPart { step, before })
    };
    let apply = Action::Apply { object: map("b", ""), take_over: None, expected: Box::new(map("b", "u")) };
    BTreeMap::from([
        part(0, "a", 0, Action::Create { object: map("a", "") }, Undo::Delete, None),
        part(1, "b", 1, apply, Undo::Restore, Some(map("b", "u1"))),
        part(
            2,
            "c",
            0,
            Action::Delete { propagation: Propagation::Background },
            Undo::CreateAgain,
            Some(map("c", "u2")),
        ),
    ])
}

fn machine() -> Machine {
    let release =
        ReleaseIdentity { name: "shop".into(), version: "2".into(), digest: Sha256Digest::of(b"2") };
    let steps = parts();
    let progress = |part: &StepPart| StepProgress {
        id: part.step.id,
        target: part.step.target.clone(),
        verb: part.step.action.verb().into(),
        wave: part.step.wave,
        prune: part.step.id == 2,
        state: StepState::Pending,
        undo: UndoState::Pending,
    };
    let journal = Journal {
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
        steps: steps.values().map(progress).collect(),
    };
    let plan = Plan {
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
        waivers: Vec::new(),
        settings: Settings::default(),
    };
    let members_before = vec![steps[&1].step.target.clone(), steps[&2].step.target.clone()];
    let promotion = PromotionPart { plan, members_before: members_before.clone() };
    Machine {
        head: Head { current: journal, previous: None },
        inventory: Inventory { members: members_before, history: Vec::new() },
        bodies: Arc::new(Bodies { promotion, steps, prunes: BTreeSet::from([2]) }),
        stage: Stage::Start,
        intent: Intent::Forward,
        keep_history: 10,
        wanted: Interrupt::None,
        undo: Vec::new(),
        unpruned: Vec::new(),
        unwell: None,
    }
}

fn bundle(name: &str) -> Bundle {
    let digest = Sha256Digest::of(name.as_bytes());
    Bundle { secret: true, namespace: "shop".into(), names: vec![name.into()], digest }
}

fn done(name: &str) -> Outcome {
    Outcome::Done(Some(Box::new(map(name, "u"))))
}

fn failure() -> Box<Failure> {
    let cause = Cause {
        kind: CauseKind::CrashLoop,
        message: "it exits".into(),
        pod: None,
        container: None,
        previous_logs: false,
    };
    Box::new(Failure { object: None, cause })
}

/// Effects as words.
fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::WriteHead => "head".into(),
        Effect::WriteParts => "parts".into(),
        Effect::WriteInventory => "inventory".into(),
        Effect::Forget(bundles) => {
            format!("forget {}", bundles.iter().flat_map(|b| b.names.clone()).collect::<Vec<_>>().join(" "))
        }
        Effect::Send(id) => format!("send {id}"),
        Effect::Follow(ids) => format!("follow {ids:?}"),
        Effect::Prove => "prove".into(),
        Effect::Soak => "soak".into(),
        Effect::StopJudging => "stop judging".into(),
        Effect::Undo(id) => format!("undo {id}"),
        Effect::FollowPutBack(ids) => format!("follow put back {ids:?}"),
        Effect::Emit(_) => "say".into(),
        Effect::Finish(ended, release) => format!("finish {:?} {release}", ended.outcome),
    };
    effects.iter().map(word).filter(|word: &String| word != "say").collect()
}

/// Feeds inputs and collects effects.
fn course(machine: &mut Machine, inputs: Vec<Input>) -> Vec<String> {
    inputs.into_iter().flat_map(|input| words(&machine.next(input, now()))).collect()
}

fn well() -> Input {
    Input::Judged(Ok(()))
}

fn undone(id: u32) -> Input {
    Input::Undone(id, UndoState::Done { content: String::new(), notes: Vec::new() })
}

/// Inputs that lead from the start to the watching of the first wave.
fn to_first_wave() -> Vec<Input> {
    vec![
        Input::Begin,
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
    inputs.extend([well(), Input::Written, Input::Answered(1, done("b")), well(), well()]);
    inputs
}

#[test]
fn a_promotion_writes_its_journal_before_each_change_and_commits_before_it_deletes() {
    let mut machine = machine();
    let mut inputs = to_commit();
    inputs.extend([
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Answered(2, Outcome::Done(None)),
        Input::Written,
        Input::Written,
    ]);
    let effects = course(&mut machine, inputs);
    assert_eq!(
        effects,
        [
            "head",
            "parts",
            "head",
            "inventory",
            "head",
            "send 0",
            "follow [0]",
            "head",
            "send 1",
            "follow [1]",
            "prove",
            "inventory",
            "head",
            "head",
            "send 2",
            "inventory",
            "head",
            "finish Promoted true",
        ]
    );
    let journal = &machine.head.current;
    assert_eq!((journal.phase, journal.ending), (JournalPhase::Closed, Some(Ending::Promoted)));
    assert_eq!(machine.inventory.members.len(), 2);
    assert_eq!(machine.inventory.promoted().map(|entry| entry.revision), Some(2));
}

#[test]
fn a_step_is_intended_in_the_journal_before_it_is_sent() {
    let mut machine = machine();
    course(&mut machine, to_first_wave()[..5].to_vec());
    assert_eq!(machine.head.current.steps[0].state, StepState::Intended);
    assert_eq!(machine.head.current.steps[1].state, StepState::Pending);
}

#[test]
fn a_failed_rollout_puts_back_what_was_changed_first_and_then_deletes_what_was_created() {
    let mut machine = machine();
    let mut inputs = to_first_wave();
    inputs.extend([
        well(),
        Input::Written,
        Input::Answered(1, done("b")),
        Input::Judged(Err(failure())),
        Input::Written,
        undone(1),
        well(),
        undone(0),
        Input::Written,
        Input::Written,
        Input::Written,
    ]);
    let effects = course(&mut machine, inputs);
    let from = effects.iter().position(|effect| effect == "follow [1]").unwrap();
    assert_eq!(
        effects[from + 1..],
        [
            "head",
            "undo 1",
            "follow put back [1]",
            "undo 0",
            "inventory",
            "head",
            "forget before record",
            "finish Reverted true",
        ]
    );
    assert_eq!(machine.head.current.ending, Some(Ending::Reverted));
    assert_eq!(machine.inventory.members, machine.bodies.promotion.members_before);
    assert_eq!(machine.inventory.history[0].failure.as_ref().unwrap().cause.message, "it exits");
}

#[test]
fn what_cannot_be_put_back_keeps_its_pre_images_and_is_named() {
    let mut machine = machine();
    let mut inputs = to_first_wave();
    let left = UndoState::Left { why: "refused".into(), by_hand: vec!["kubectl edit".into()] };
    inputs.extend([
        Input::Judged(Err(failure())),
        Input::Written,
        Input::Undone(0, left),
        Input::Written,
        Input::Written,
    ]);
    let effects = course(&mut machine, inputs);
    assert_eq!(effects[effects.len() - 3..], ["inventory", "head", "forget record"]);
    assert_eq!(words(&machine.next(Input::Written, now())), ["finish NotFullyReverted true"]);
    assert_eq!(machine.head.current.parts.len(), 1, "a later revert tries again");
}

#[test]
fn an_interrupt_while_watching_puts_everything_back() {
    let mut machine = machine();
    course(&mut machine, to_first_wave());
    let effects = words(&machine.next(Input::Interrupted(Interrupt::Revert), now()));
    assert_eq!(effects, ["stop judging", "head"]);
    let rest =
        course(&mut machine, vec![Input::Written, undone(0), Input::Written, Input::Written, Input::Written]);
    assert_eq!(rest.last().unwrap(), "finish InterruptedReverted true");
}

#[test]
fn an_interrupt_while_requests_are_on_their_way_waits_for_their_answers() {
    let mut machine = machine();
    course(&mut machine, to_first_wave()[..6].to_vec());
    assert!(machine.next(Input::Interrupted(Interrupt::Revert), now()).is_empty());
    let effects = words(&machine.next(Input::Answered(0, done("a")), now()));
    assert_eq!(effects, ["head"]);
    assert_eq!(machine.head.current.phase, JournalPhase::Reverting);
}

#[test]
fn an_interrupt_after_the_commit_changes_nothing() {
    let mut machine = machine();
    course(&mut machine, to_commit());
    course(&mut machine, vec![Input::Written, Input::Written]);
    assert!(machine.next(Input::Interrupted(Interrupt::Revert), now()).is_empty());
    assert_eq!(words(&machine.next(Input::Written, now())), ["send 2"]);
}

#[test]
fn a_conflict_turns_back_once_the_other_steps_of_the_wave_are_answered() {
    let mut machine = machine();
    course(&mut machine, to_first_wave()[..6].to_vec());
    let effects = words(&machine.next(Input::Answered(0, Outcome::Conflict("kubectl-edit".into())), now()));
    assert_eq!(effects, ["head"]);
    let journal = &machine.head.current;
    assert_eq!(journal.failure.as_ref().unwrap().cause.kind, CauseKind::Conflict);
    assert!(machine.undo.is_empty(), "nothing was done, so nothing is undone");
}

#[test]
fn what_cannot_be_pruned_is_said_and_is_no_failure() {
    let mut machine = machine();
    course(&mut machine, to_commit());
    let inputs = vec![
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Answered(2, Outcome::Conflict("held".into())),
        Input::Written,
        Input::Written,
    ];
    let effects = course(&mut machine, inputs);
    assert_eq!(effects.last().unwrap(), "finish PromotedPruneIncomplete true");
    assert_eq!(machine.inventory.members.len(), 3, "it stays a member");
}

#[test]
fn past_a_step_that_cannot_be_undone_nothing_is_put_back_by_itself() {
    let mut machine = machine();
    let mut bodies = (*machine.bodies).clone();
    bodies.steps.get_mut(&0).unwrap().step.undo = Undo::Impossible { why: "it ran".into() };
    machine.bodies = Arc::new(bodies);
    course(&mut machine, to_first_wave());
    let effects = words(&machine.next(Input::Judged(Err(failure())), now()));
    assert_eq!(effects, ["head"]);
    let journal = &machine.head.current;
    assert!(journal.failure.is_some(), "the journal says why");
    let failed = journal.failure.as_ref().and_then(|failure| failure.object.clone());
    let again = journal.steps.iter().find(|step| Some(step.target.id()) == failed);
    assert!(again.is_none_or(|step| step.state == StepState::Intended), "a later run tries it again");
    let effects = words(&machine.next(Input::Written, now()));
    assert_eq!(effects, ["finish NotFullyReverted true"]);
    assert!(machine.head.current.is_open(), "a later run can go on or put back what can be");
}

#[rstest]
#[case::preparing(JournalPhase::Preparing, Intent::Forward, &["head"])]
#[case::open(JournalPhase::Open, Intent::Forward, &["inventory"])]
#[case::applying(JournalPhase::Applying, Intent::Forward, &["follow [0]"])]
#[case::committed(JournalPhase::Committed, Intent::Forward, &["head"])]
#[case::reverting(JournalPhase::Reverting, Intent::Forward, &["head"])]
#[case::put_back_open(JournalPhase::Open, Intent::Back, &["head"])]
#[case::put_back_applying(JournalPhase::Applying, Intent::Back, &["head"])]
#[case::put_back_committed(JournalPhase::Committed, Intent::Back, &["head"])]
#[case::put_back_closed(JournalPhase::Closed, Intent::Back, &["head"])]
fn a_run_is_taken_up_where_its_journal_stands(
    #[case] phase: JournalPhase,
    #[case] intent: Intent,
    #[case] expected: &[&str],
) {
    let mut machine = machine();
    machine.intent = intent;
    machine.head.current.phase = phase;
    machine.head.current.serial = 4;
    machine.head.current.steps[0].state = StepState::Done { uid: "u".into(), content: String::new() };
    assert_eq!(words(&machine.next(Input::Begin, now())), expected);
    let back = matches!(phase, JournalPhase::Preparing | JournalPhase::Reverting)
        || intent == Intent::Back && phase != JournalPhase::Committed;
    assert_eq!(machine.head.current.phase == JournalPhase::Reverting, back);
}

#[test]
fn a_promotion_whose_history_is_written_is_committed_whatever_its_head_says() {
    let mut machine = machine();
    course(&mut machine, to_commit());
    machine.stage = Stage::Start;
    assert_eq!(machine.head.current.phase, JournalPhase::Applying);
    machine.next(Input::Begin, now());
    assert_eq!(machine.head.current.phase, JournalPhase::Committed);
}

/// Every stage of a course, with the inputs that lead there.
fn stages() -> Vec<Machine> {
    let mut all = Vec::new();
    let mut forward = machine();
    let mut inputs = to_commit();
    inputs.extend([
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Answered(2, Outcome::Done(None)),
        Input::Written,
        Input::Written,
    ]);
    for at in 0..=inputs.len() {
        let mut one = machine();
        course(&mut one, inputs[..at].to_vec());
        all.push(one);
    }
    let mut back = to_first_wave();
    back.extend([Input::Judged(Err(failure())), Input::Written, undone(0), Input::Written, Input::Written]);
    for at in 7..=back.len() {
        let mut one = machine();
        course(&mut one, back[..at].to_vec());
        all.push(one);
    }
    course(&mut forward, inputs);
    all.push(forward);
    all
}

#[test]
fn a_lost_lock_ends_every_stage_and_leaves_the_lease() {
    for mut machine in stages() {
        let over = machine.stage == Stage::Ended;
        let effects = words(&machine.next(Input::CutOff("lost".into()), now()));
        let expected: &[&str] = if over { &[] } else { &["finish Left false"] };
        assert_eq!(effects, expected);
        assert!(machine.next(Input::Written, now()).is_empty(), "nothing follows the end");
    }
}

#[test]
fn a_second_interrupt_leaves_every_stage_at_once() {
    for mut machine in stages() {
        let over = machine.stage == Stage::Ended;
        let effects = words(&machine.next(Input::Interrupted(Interrupt::Leave), now()));
        let expected: &[&str] = if over { &[] } else { &["finish Left false"] };
        assert_eq!(effects, expected);
    }
}

#[test]
fn a_journal_that_cannot_be_written_stops_every_stage() {
    for mut machine in stages() {
        let stage = machine.stage.clone();
        let effects = words(&machine.next(Input::NotWritten("refused".into()), now()));
        let sends = effects.iter().any(|effect| effect.starts_with("send"));
        assert!(!sends, "{stage:?} goes on: {effects:?}");
    }
}

#[test]
fn inputs_that_do_not_belong_to_a_stage_change_nothing() {
    let strays = [Input::Written, well(), Input::Answered(9, done("x")), undone(9), Input::Begin];
    for machine in stages() {
        for stray in &strays {
            let mut one = stages().into_iter().find(|other| other.stage == machine.stage).unwrap();
            let stage = one.stage.clone();
            let fits = matches!(
                (&stage, stray),
                (Stage::Start, Input::Begin)
                    | (Stage::Sending(..), Input::Answered(..))
                    | (Stage::Undoing(..), Input::Undone(..))
                    | (
                        Stage::Watching(_)
                            | Stage::CatchingUp
                            | Stage::Proving
                            | Stage::Soaking
                            | Stage::Settling(_),
                        Input::Judged(_)
                    )
            ) || (*stray == Input::Written && is_writing(&stage));
            if !fits {
                assert!(one.next(stray.clone(), now()).is_empty(), "{stage:?} takes {stray:?}");
                assert_eq!(one.stage, stage);
            }
        }
    }
}

fn is_writing(stage: &Stage) -> bool {
    !matches!(
        stage,
        Stage::Start
            | Stage::Sending(..)
            | Stage::Watching(_)
            | Stage::CatchingUp
            | Stage::Proving
            | Stage::Soaking
            | Stage::Undoing(..)
            | Stage::Settling(_)
            | Stage::Ended
    )
}
