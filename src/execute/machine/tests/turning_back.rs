//! What makes a run turn back, what it undoes then, and what is said of it at the end.
//!
//! Effects are told as words, in order.

use super::*;
use crate::model::StepId;

#[test]
fn a_failed_rollout_puts_back_what_was_changed_first_and_then_deletes_what_was_created() {
    let mut machine = machine();
    let mut inputs = to_first_wave();
    inputs.extend([
        ready(),
        Input::Written,
        Input::Answered(StepId::new(1), done("b")),
        Input::Judged(Err(failure())),
        Input::Written,
        // The changed object first, and waited for: until then the created one may be in use.
        undone(1),
        ready(),
        undone(0),
        reread(),
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
            "follow restored [1]",
            "undo 0",
            "read reverted",
            "inventory",
            "head",
            "forget before record",
            "finish RolledBack true",
        ]
    );

    assert_eq!(machine.head.current.ending, Some(HistoryOutcome::RolledBack));
    assert_eq!(machine.inventory.members, machine.bodies.promotion.members_before);
    assert_eq!(
        machine.inventory.history[0]
            .failure
            .as_ref()
            .unwrap()
            .cause
            .message,
        "it exits"
    );
}

#[test]
fn what_cannot_be_put_back_keeps_its_pre_images_and_is_named() {
    let mut machine = machine();
    let mut inputs = to_first_wave();

    let left = UndoState::Left {
        why: "refused".into(),
        by_hand: vec!["kubectl edit".into()],
    };
    inputs.extend([
        Input::Judged(Err(failure())),
        Input::Written,
        Input::Undone(StepId::new(0), left),
        Input::Written,
        Input::Written,
    ]);
    let effects = course(&mut machine, inputs);

    assert_eq!(
        effects[effects.len() - 3..],
        ["inventory", "head", "forget record"]
    );
    assert_eq!(
        words(&machine.next(Input::Written, now())),
        ["finish RollbackIncomplete true"]
    );

    assert_eq!(machine.head.current.parts.len(), 1, "a later revert tries again");
}

#[test]
fn an_interrupt_while_watching_puts_everything_back() {
    let mut machine = machine();
    course(&mut machine, to_first_wave());
    let effects = words(&machine.next(Input::Interrupted(Interrupt::Revert), now()));

    assert_eq!(effects, ["stop watching", "head"]);
    let rest = course(
        &mut machine,
        vec![
            Input::Written,
            undone(0),
            reread(),
            Input::Written,
            Input::Written,
            Input::Written,
        ],
    );
    assert_eq!(rest.last().unwrap(), "finish InterruptedRolledBack true");
}

#[test]
fn an_interrupt_while_requests_are_on_their_way_waits_for_their_answers() {
    let mut machine = machine();
    // All but the answer: the step is sent.
    course(&mut machine, to_first_wave()[..6].to_vec());
    assert_eq!(
        words(&machine.next(Input::Interrupted(Interrupt::Revert), now())),
        [""; 0]
    );
    // The turn comes with the answer, which the undo needs.
    let effects = words(&machine.next(Input::Answered(StepId::new(0), done("a")), now()));
    assert_eq!(effects, ["head"]);
    assert_eq!(machine.head.current.phase, JournalPhase::Reverting);
}

#[test]
fn a_conflict_turns_back_once_the_other_steps_of_the_wave_are_answered() {
    let mut machine = machine();
    course(&mut machine, to_first_wave()[..6].to_vec());
    let effects = words(&machine.next(
        Input::Answered(StepId::new(0), StepOutcome::Conflict("kubectl-edit".into())),
        now(),
    ));

    assert_eq!(effects, ["head"]);
    let journal = &machine.head.current;
    assert_eq!(journal.failure.as_ref().unwrap().cause.kind, CauseKind::Conflict);
    assert_eq!(
        words(&machine.next(Input::Written, now())),
        ["inventory"],
        "nothing was done, so nothing is undone"
    );
}

#[test]
fn what_was_done_in_part_is_undone_with_the_rest() {
    let mut machine = machine();
    course(&mut machine, to_first_wave()[..6].to_vec());
    let partly = StepOutcome::Partly(CauseKind::Refused, "deleted, and not created again".into());
    assert_eq!(
        words(&machine.next(Input::Answered(StepId::new(0), partly), now())),
        ["head"]
    );
    // In doubt, and not refused: an undo has to look at what is left of it.
    assert_eq!(machine.head.current.steps[0].state, StepState::Intended);
    assert_eq!(words(&machine.next(Input::Written, now())), ["undo 0"]);
}

#[test]
fn a_step_without_an_undo_stays_a_barrier_where_it_is_in_doubt() {
    let mut machine = machine();
    let mut bodies = (*machine.bodies).clone();
    bodies.steps.get_mut(&StepId::new(0)).unwrap().step.undo = Undo::Impossible { why: "it ran".into() };
    machine.bodies = Arc::new(bodies);

    course(&mut machine, to_first_wave()[..6].to_vec());
    let partly = StepOutcome::Partly(CauseKind::Conflict, "somebody changed it".into());
    machine.next(Input::Answered(StepId::new(0), partly), now());
    assert_eq!(
        words(&machine.next(Input::Written, now())),
        ["finish RollbackIncomplete true"]
    );
}

#[test]
fn past_a_step_that_cannot_be_undone_nothing_is_put_back_by_itself() {
    let mut machine = machine();
    let mut bodies = (*machine.bodies).clone();
    bodies.steps.get_mut(&StepId::new(0)).unwrap().step.undo = Undo::Impossible { why: "it ran".into() };
    machine.bodies = Arc::new(bodies);

    course(&mut machine, to_first_wave());
    let effects = words(&machine.next(Input::Judged(Err(failure())), now()));
    assert_eq!(effects, ["head"]);

    let journal = &machine.head.current;
    assert!(journal.failure.is_some(), "the journal says why");
    // The failure of this case names no object, as that of a gate does not.
    let failed = journal
        .failure
        .as_ref()
        .and_then(|failure| failure.object.clone());
    let again = journal.steps.iter().find(|step| Some(step.target.id()) == failed);
    assert!(
        again.is_none_or(|step| step.state == StepState::Intended),
        "a later run tries it again"
    );

    let effects = words(&machine.next(Input::Written, now()));
    assert_eq!(effects, ["finish RollbackIncomplete true"]);

    assert!(
        machine.head.current.is_open(),
        "a later run can go on or put back what can be"
    );
}

#[test]
fn failed_promotions_do_not_fill_the_history() {
    let mut machine = machine();

    machine.keep_history = 1;
    let mut inputs = to_first_wave();
    inputs.extend([Input::Judged(Err(failure())), Input::Written, undone(0), reread()]);
    course(&mut machine, inputs.clone());
    // A failed promotion before it, so that the history has one too many.
    let mut old = machine.inventory.history[0].clone();
    (old.id, old.record) = ("p0".into(), vec![bundle("old record")]);
    let mut machine = self::machine();
    machine.keep_history = 1;
    machine.inventory.history.push(old);

    inputs.extend([Input::Written, Input::Written]);
    let effects = course(&mut machine, inputs);

    assert_eq!(machine.inventory.history.len(), 1);
    assert_eq!(effects.last().unwrap(), "forget old record before record");
}

#[test]
fn a_failure_is_left_standing_where_that_is_asked_for_and_a_later_run_goes_on_or_back() {
    let stopping = || {
        let mut machine = machine();
        let mut bodies = (*machine.bodies).clone();
        bodies.promotion.plan.settings.on_failure = crate::model::plan::OnFailure::Stop;
        machine.bodies = Arc::new(bodies);
        machine
    };

    let mut machine = stopping();
    let mut inputs = to_first_wave();
    inputs.push(Input::Judged(Err(failure())));
    assert_eq!(course(&mut machine, inputs).last().unwrap(), "head");

    let effects = machine.next(Input::Written, now());
    let (ended, gives_lock_back) = Machine::is_over(&effects).unwrap();
    assert!(
        gives_lock_back && ended.message.contains("it exits"),
        "{}",
        ended.message
    );
    assert!(
        ended
            .hints
            .iter()
            .any(|hint| hint.contains("promote --resume shop")),
        "{:?}",
        ended.hints
    );
    assert!(
        ended.hints.iter().any(|hint| hint.contains("revert shop")),
        "{:?}",
        ended.hints
    );

    assert!(machine.head.current.is_open() && machine.head.current.phase == JournalPhase::Applying);
    // The later run judges anew what stands.
    assert_eq!(course(&mut taken_up(machine), vec![Input::Begin]), ["follow [0]"]);
    // An interruption rolls back, and so does a failure before anything was sent.

    let mut machine = stopping();
    course(&mut machine, to_first_wave());
    machine.next(Input::Interrupted(Interrupt::Revert), now());
    assert_eq!(machine.head.current.phase, JournalPhase::Reverting);

    let mut machine = stopping();
    course(
        &mut machine,
        vec![Input::Begin, Input::Written, Input::NotWritten("no".into())],
    );
    assert_eq!(machine.head.current.phase, JournalPhase::Reverting);
}
