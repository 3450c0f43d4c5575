//! A later run: where it goes on, by what head and inventory say, and what it does where an object is gone.
//!
//! Effects are told as words, in order.

use super::*;
use crate::model::{StepId, Uid};

#[rstest]
#[case::preparing(JournalPhase::Preparing, Direction::Promote, &["head"])]
#[case::open(JournalPhase::Open, Direction::Promote, &["inventory"])]
#[case::applying(JournalPhase::Applying, Direction::Promote, &["follow [0]"])]
#[case::committed(JournalPhase::Committed, Direction::Promote, &["head"])]
#[case::reverting(JournalPhase::Reverting, Direction::Promote, &["head"])]
#[case::put_back_open(JournalPhase::Open, Direction::RollBack, &["head"])]
#[case::put_back_applying(JournalPhase::Applying, Direction::RollBack, &["head"])]
#[case::put_back_committed(JournalPhase::Committed, Direction::RollBack, &["head"])]
#[case::put_back_closed(JournalPhase::Closed, Direction::RollBack, &["head"])]
fn a_run_is_taken_up_where_its_journal_stands(
    #[case] phase: JournalPhase,
    #[case] direction: Direction,
    #[case] expected: &[&str],
) {
    let mut machine = machine();
    machine.direction = direction;
    machine.head.current.phase = phase;
    machine.head.current.serial = 4;
    machine.head.current.steps[0].state = StepState::Done {
        uid: Uid::parse("u"),
        content: String::new(),
    };

    assert_eq!(words(&machine.next(Input::Begin, now())), expected);
    // Past the commit even `revert` finishes first: what it puts back then is a finished promotion.
    let back = matches!(phase, JournalPhase::Preparing | JournalPhase::Reverting)
        || direction == Direction::RollBack && phase != JournalPhase::Committed;
    assert_eq!(machine.head.current.phase == JournalPhase::Reverting, back);
}

#[test]
fn a_job_that_was_never_seen_to_end_runs_again_where_it_is_gone_and_one_that_has_run_does_not() {
    let mut machine = with_a_job();
    // It was created, and nobody has judged it yet.
    course(&mut machine, to_first_wave());
    let mut machine = taken_up(machine);
    assert_eq!(words(&machine.next(Input::Begin, now())), ["follow [0]"]);
    assert_eq!(
        words(&machine.next(Input::Absent(vec![StepId::new(0)]), now())),
        ["head"]
    );
    assert_eq!(words(&machine.next(Input::Written, now())), ["send 0"]);

    course(
        &mut machine,
        vec![
            Input::Answered(StepId::new(0), done("a")),
            ready(),
            Input::Written,
        ],
    );
    // In the middle of the next wave.
    let mut machine = taken_up(machine);
    assert_eq!(
        words(&machine.next(Input::Begin, now())),
        ["head"],
        "nothing is looked for"
    );
    assert_eq!(words(&machine.next(Input::Written, now())), ["send 1"]);
}

#[test]
fn anything_else_that_is_gone_when_a_run_is_taken_up_is_a_failure() {
    let mut machine = machine();
    course(&mut machine, to_first_wave());
    let mut machine = taken_up(machine);

    machine.next(Input::Begin, now());
    assert_eq!(
        words(&machine.next(Input::Absent(vec![StepId::new(0)]), now())),
        ["head"]
    );
    let journal = &machine.head.current;
    assert_eq!(
        journal.failure.as_ref().unwrap().cause.kind,
        CauseKind::Disappeared
    );
    assert_eq!(journal.phase, JournalPhase::Reverting);
}

#[test]
fn a_promotion_whose_history_is_written_is_committed_whatever_its_head_says() {
    let mut machine = machine();
    course(&mut machine, to_commit());
    // The run dies between the inventory and the head.
    machine.stage = Stage::Start;
    assert_eq!(machine.head.current.phase, JournalPhase::Applying);
    machine.next(Input::Begin, now());
    assert_eq!(machine.head.current.phase, JournalPhase::Committed);
}
