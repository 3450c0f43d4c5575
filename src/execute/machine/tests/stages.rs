//! What holds at every stage.

use super::properties::STAGES;
use super::*;
use crate::model::StepId;

/// The machine before every input of a course.
fn along(mut machine: Machine, inputs: Vec<Input>) -> Vec<Machine> {
    let mut all = vec![machine.clone()];
    for input in inputs {
        machine.next(input, now());
        all.push(machine.clone());
    }
    all
}

/// One that stands at a stage of its own, for most stages of a course forward and of one back.
fn stages() -> Vec<Machine> {
    let mut forward = to_commit();
    forward.extend([
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Answered(StepId::new(2), StepOutcome::Done(None)),
        reread(),
        Input::Written,
        Input::Written,
    ]);

    let mut back = to_first_wave();
    back.extend([
        Input::Judged(Err(failure())),
        Input::Written,
        undone(0),
        reread(),
        Input::Written,
        Input::Written,
        Input::Written,
    ]);

    let mut all = along(machine(), forward);
    assert!(
        all.iter()
            .any(|one| one.stage == Stage::Commit(Commit::AwaitClose))
    );
    all.extend(along(machine(), back));
    all
}

#[test]
fn a_lost_lock_ends_every_stage_and_leaves_the_lease() {
    for mut machine in stages() {
        let over = machine.stage == Stage::Ended;
        let effects = words(&machine.next(Input::CannotContinue("lost".into()), now()));

        let expected: &[&str] = if over { &[] } else { &["finish Unfinished false"] };
        assert_eq!(effects, expected);
        assert!(
            machine.next(Input::Written, now()).is_empty(),
            "nothing follows the end"
        );
    }
}

#[test]
fn a_second_interrupt_leaves_every_stage_at_once() {
    for mut machine in stages() {
        let over = machine.stage == Stage::Ended;
        // The first wish may be the strongest at once.
        let effects = words(&machine.next(Input::Interrupted(Interrupt::Leave), now()));
        let expected: &[&str] = if over { &[] } else { &["finish Unfinished false"] };
        assert_eq!(effects, expected);
    }
}

#[test]
fn a_journal_that_cannot_be_written_stops_every_stage() {
    for mut machine in stages() {
        let stage = machine.stage.clone();
        let effects = words(&machine.next(Input::NotWritten("refused".into()), now()));
        // Whatever it does then, nothing of the release may be sent.
        let sends = effects.iter().any(|effect| effect.starts_with("send"));
        assert!(!sends, "{stage:?} goes on: {effects:?}");
    }
}

#[test]
fn every_stage_has_a_name_of_its_own() {
    let names: BTreeSet<_> = STAGES.into();
    assert_eq!(names.len(), STAGES.len());
    assert!(
        stages()
            .iter()
            .all(|machine| names.contains(machine.stage.name()))
    );
}
