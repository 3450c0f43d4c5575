//! The course of a promotion that goes forward: to its commit, and past it.
//!
//! Effects are told as words, in order: what is written before what is sent is what these tests are about.

use super::*;
use crate::execute::history;
use crate::model::{StepId, WaveIndex};

#[test]
fn a_promotion_writes_its_journal_before_each_change_and_commits_before_it_deletes() {
    let mut machine = machine();
    let mut inputs = to_commit();
    inputs.extend([
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Answered(StepId::new(2), StepOutcome::Done(None)),
        reread(),
        Input::Written,
        Input::Written,
    ]);

    let effects = course(&mut machine, inputs);
    assert_eq!(
        effects,
        [
            // Journal, bodies, the members to come and what is intended: before any of it is sent.
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
            // The commit; then its mark in the head, and the head once more for the deletion that it intends.
            "inventory",
            "head",
            "head",
            "send 2",
            "read deleted",
            "inventory",
            "head",
            "finish Promoted true",
        ]
    );

    let journal = &machine.head.current;
    assert_eq!(
        (journal.phase, journal.ending),
        (JournalPhase::Closed, Some(HistoryOutcome::Promoted))
    );
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
fn an_interrupt_after_the_commit_changes_nothing() {
    let mut machine = machine();
    course(&mut machine, to_commit());
    // The history is written, and the head that says so.
    course(&mut machine, vec![Input::Written, Input::Written]);
    let effects = machine.next(Input::Interrupted(Interrupt::Revert), now());
    assert_eq!(words(&effects), [""; 0]);
    let is_promoted_note = |effect: &Effect| matches!(effect, Effect::Emit(Event::Note { message, .. }) if message.contains("is promoted"));
    assert!(effects.iter().any(is_promoted_note), "{effects:?}");

    assert_eq!(words(&machine.next(Input::Written, now())), ["send 2"]);
}

#[test]
fn a_soak_looks_at_what_stays_and_not_at_jobs_that_have_run() {
    let mut machine = with_a_job();
    let mut bodies = (*machine.bodies).clone();
    bodies.promotion.plan.settings.soak_seconds = 5;
    machine.bodies = Arc::new(bodies);

    // The Job has run by the time the soak begins.
    let effects = course(&mut machine, to_commit());
    assert_eq!(effects.last().unwrap(), "soak [1]");
}

#[test]
fn what_cannot_be_pruned_is_said_and_is_no_failure() {
    let mut machine = machine();
    course(&mut machine, to_commit());
    let inputs = vec![
        Input::Written,
        Input::Written,
        Input::Written,
        // Something holds the object: its finalizer has not run.
        Input::Answered(StepId::new(2), StepOutcome::Conflict("held".into())),
        Input::Written,
        Input::Written,
    ];

    let effects = course(&mut machine, inputs);
    assert_eq!(effects.last().unwrap(), "finish PromotedPruneIncomplete true");
    assert_eq!(machine.inventory.members.len(), 3, "it stays a member");
}

#[test]
fn the_inventory_is_not_written_where_it_holds_every_member_already() {
    let mut machine = machine();
    let members = machine.bodies.promotion.plan.members.clone();
    // An update that brings no new object.
    history::add_members(&mut machine.inventory, &members);
    let effects = course(
        &mut machine,
        vec![Input::Begin, Input::Written, Input::Written, Input::Written],
    );

    assert_eq!(effects, ["head", "parts", "head", "head"]);
    assert_eq!(
        machine.stage,
        Forward::AwaitIntent {
            wave: WaveIndex::new(0)
        }
        .into()
    );
}

#[test]
fn the_head_holds_the_journal_before_until_its_bundle_is_written_and_names_it_then() {
    let mut machine = machine();
    let journal = Box::new(machine.head.current.clone());
    let previous = Previous {
        bundle: Some(bundle("last")),
        parts: vec![bundle("older")],
        journal: Some(journal),
    };
    machine.head.previous = Some(previous);
    let is_inside = |machine: &Machine| machine.head.previous.as_ref().unwrap().journal.is_some();

    assert_eq!(
        course(&mut machine, vec![Input::Begin, Input::Written]),
        ["head", "parts"]
    );
    assert!(is_inside(&machine), "its bundle may not be there");

    assert_eq!(course(&mut machine, vec![Input::Written]), ["head"]);
    assert!(!is_inside(&machine));

    let mut inputs = to_commit()[3..].to_vec();
    inputs.extend([
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Answered(StepId::new(2), StepOutcome::Done(None)),
        reread(),
    ]);

    let effects = course(&mut machine, inputs);
    assert_eq!(effects.last().unwrap(), "inventory");
    // Past the commit nobody can revert to what was before this one: its bundle and its pre-images go.
    assert_eq!(course(&mut machine, vec![Input::Written]), ["forget older last"]);
}
