//! A promotion that moves objects from another release: when that one's inventory is told.

use super::*;
use crate::model::StepId;
use crate::model::moves::{Move, ReleaseRef};

/// The second step's object moves from another release.
fn moving() -> Machine {
    let mut machine = machine();
    let mut bodies = (*machine.bodies).clone();
    let objects = vec![bodies.steps[&StepId::new(1)].step.target.clone()];
    let from = ReleaseRef::new("shop", "other");

    bodies.promotion.plan.moves = vec![Move {
        from,
        members_before: objects.clone(),
        objects,
    }];
    machine.bodies = Arc::new(bodies);
    machine
}

fn begun() -> Vec<Input> {
    let mut inputs = to_first_wave();
    // Beside the own inventory.
    inputs.insert(4, Input::Written);
    inputs
}

#[test]
fn the_other_inventory_is_told_before_the_first_step_and_loses_its_members_after_the_commit() {
    let mut machine = moving();
    let mut inputs = begun();

    inputs.extend([
        ready(),
        Input::Written,
        Input::Answered(StepId::new(1), done("b")),
        ready(),
        verified(),
    ]);
    inputs.extend([Input::Written, Input::Written, Input::Written, Input::Written]);

    let effects = course(&mut machine, inputs);
    let at = |wanted: &str| effects.iter().position(|effect| effect == wanted).unwrap();
    assert!(
        at("parts") < at("sources Announced") && at("sources Announced") < at("send 0"),
        "{effects:?}"
    );
    assert!(
        at("prove") < at("sources HandedOver") && at("sources HandedOver") < at("send 2"),
        "{effects:?}"
    );

    assert_eq!(machine.head.current.phase, JournalPhase::Committed);
}

#[test]
fn it_has_them_back_after_every_object_is_put_back_and_before_the_journal_is_closed() {
    let mut machine = moving();
    let mut inputs = begun();
    inputs.extend([Input::Judged(Err(failure())), Input::Written, undone(0), reread()]);
    let effects = course(&mut machine, inputs);

    // What was undone is in the journal first: a later run does not undo it once more.
    assert_eq!(effects.last().map(String::as_str), Some("head"), "{effects:?}");
    // As long as the other release has not got them back, a run that dies leaves a journal to go on with.
    for expected in ["sources TakenBack", "inventory", "head"] {
        assert!(machine.head.current.is_open());
        assert_eq!(words(&machine.next(Input::Written, now())), [expected]);
    }

    assert!(!machine.head.current.is_open());
}

#[test]
fn an_inventory_that_cannot_be_told_stops_the_promotion_before_its_first_step() {
    let mut machine = moving();
    // Right before the other inventory is told; nothing of the release was sent.
    let effects = course(&mut machine, begun()[..4].to_vec());

    assert_eq!(effects.last().map(String::as_str), Some("inventory"));
    assert_eq!(words(&machine.next(Input::Written, now())), ["sources Announced"]);

    let effects = words(&machine.next(Input::NotWritten("refused".into()), now()));
    assert_eq!(effects, ["head"]);
    assert_eq!(machine.head.current.phase, JournalPhase::Reverting);
}
