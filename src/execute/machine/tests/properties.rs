//! Courses drawn at random: whatever comes, a run ends, and until then something is in flight.

use super::simulation::{Drawn, Kind, World, is_write};
use super::*;
use crate::model::StepId;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Inputs of one run; far more than any plan that is drawn needs.
const INPUTS: usize = 2_000;

fn drawn() -> impl Strategy<Value = Drawn> {
    let kind = prop_oneof![
        3 => Just(Kind::Create),
        3 => Just(Kind::Apply),
        2 => Just(Kind::Hook),
        1 => Just(Kind::Irreversible),
        1 => Just(Kind::Namespace),
    ];
    let waves = prop::collection::vec(prop::collection::vec(kind, 0..4), 0..4);
    let prunes = prop::collection::vec(0..3_u8, 0..3);
    let choices = prop::collection::vec(any::<u16>(), 0..150);

    let flags = (
        any::<bool>(),
        prop::bool::weighted(0.3),
        any::<bool>(),
        prop::bool::weighted(0.3),
    );
    (waves, prunes, 0..3_u8, flags, choices).prop_map(
        |(waves, prunes, moves, (has_soak, stops_on_failure, has_previous, is_deletion), choices)| Drawn {
            waves,
            prunes,
            moves,
            has_soak,
            stops_on_failure,
            has_previous,
            is_deletion,
            choices,
        },
    )
}

/// Runs to the end, and whatever later runs are chosen; what every stage reached.
fn run_all(drawn: &Drawn) -> BTreeSet<&'static str> {
    let mut world = World::new(drawn);
    loop {
        for _ in 0..INPUTS {
            if world.ended.is_some() {
                break;
            }
            let stage = world.machine.stage.name();
            assert!(
                !world.in_flight.is_empty(),
                "{stage}: nothing to do, and not ended"
            );
            world.step();
        }

        let (ended, _) = world.ended.clone().expect("it never ends");
        assert!(!ended.message.contains("internal error"), "{}", ended.message);
        assert_eq!(world.machine.stage, Stage::Ended);
        if !world.take_up() {
            return world.reached;
        }
    }
}

/// One of every input that no effect in flight asks for.
fn misfits(in_flight: &[Effect]) -> Vec<Input> {
    let asks = |is_meant: fn(&Effect) -> bool| in_flight.iter().any(is_meant);
    let is_rollout = |effect: &Effect| {
        matches!(
            effect,
            Effect::Follow(_) | Effect::Soak(_) | Effect::FollowRestored(_)
        )
    };
    let is_reread = |effect: &Effect| matches!(effect, Effect::RereadDeleted | Effect::RereadReverted);

    let mut all = vec![Input::Begin];
    // Of steps that no plan has: these fit nowhere.
    all.extend([Input::Answered(StepId::new(99), done("x")), undone(99)]);
    if !asks(is_write) {
        all.extend([Input::Written, Input::NotWritten("no".into())]);
    }
    if !asks(is_rollout) {
        all.push(Input::Absent(vec![StepId::new(0)]));
        if !asks(|effect| *effect == Effect::Prove) {
            all.push(Input::Judged(Err(failure())));
        }
    }
    if !asks(|effect| *effect == Effect::Prove) {
        all.push(verified());
    }
    if !asks(is_reread) {
        all.push(reread());
    }
    if !asks(|effect| *effect == Effect::DeleteHome) {
        all.push(Input::HomeLeft(Ok(())));
    }
    all
}

proptest! {
    #[test]
    fn inputs_that_fit_lead_every_run_to_its_end(drawn in drawn()) {
        run_all(&drawn);
    }

    #[test]
    fn an_input_that_cannot_come_is_told_as_a_bug_and_leaves_the_journal(drawn in drawn(), steps in 0..60_usize) {
        let mut world = World::new(&drawn);
        for _ in 0..steps {
            let before = world.clone();
            world.step();
            if world.ended.is_some() {
                world = before;
                break;
            }
        }

        let stage = world.machine.stage.name();
        for misfit in misfits(&world.in_flight) {
            let mut machine = world.machine.clone();
            let effects = machine.next(misfit.clone(), now());

            let (ended, gives_lock_back) = Machine::is_over(&effects).expect("it goes on");
            let place = format!("internal error at {stage}: ");
            prop_assert!(ended.message.starts_with(&place), "{misfit:?}: {}", ended.message);
            prop_assert_eq!((ended.outcome, gives_lock_back), (End::Unfinished, false));
            prop_assert_eq!(&machine.head, &world.machine.head);
            prop_assert_eq!(machine.stage, Stage::Ended);
        }
    }
}

#[test]
fn the_courses_that_are_drawn_reach_every_stage() {
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..3_000 {
        let drawn = drawn().new_tree(&mut runner).unwrap().current();
        reached.extend(run_all(&drawn));
    }
    assert_eq!(reached, BTreeSet::from(STAGES));
}

/// The name of every stage.
pub(super) const STAGES: [&str; 35] = [
    "Start",
    "AwaitJournal",
    "AwaitParts",
    "AwaitOpenMark",
    "AwaitMembers",
    "AwaitAnnouncement",
    "AwaitIntent",
    "AwaitSteps",
    "AwaitRollout",
    "AwaitEarlierRollouts",
    "AwaitVerification",
    "AwaitSoak",
    "AwaitDeletionCheck",
    "AwaitCommit",
    "AwaitStopMark",
    "AwaitCommitMark",
    "AwaitHandOver",
    "AwaitPruneIntent",
    "AwaitPrunes",
    "AwaitPruneCheck",
    "AwaitPrunedMembers",
    "AwaitCommitCleanup",
    "AwaitCommitClose",
    "AwaitRollbackMark",
    "AwaitUndos",
    "AwaitRestored",
    "AwaitRestoreCheck",
    "AwaitUndoneMark",
    "AwaitReturn",
    "AwaitNamespaceDeletion",
    "AwaitNamespaceCleanup",
    "AwaitHistory",
    "AwaitRollbackClose",
    "AwaitRollbackCleanup",
    "Ended",
];
