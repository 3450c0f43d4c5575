//! The course of a deletion: everything is deleted before the commit, and a failure recreates it.

use super::*;
use crate::model::StepId;

fn deletion() -> Machine {
    let steps = BTreeMap::from([
        part(0, 0, ("ConfigMap", "a"), delete(), Some(map("a", "u1"))),
        part(1, 1, ("ConfigMap", "b"), delete(), Some(map("b", "u2"))),
    ]);
    as_deletion(machine_of(steps, BTreeSet::new()))
}

fn gone(id: u32) -> Input {
    Input::Answered(StepId::new(id), StepOutcome::Done(None))
}

/// From the start to the answer of the first deletion.
fn to_first_deletion() -> Vec<Input> {
    vec![
        Input::Begin,
        Input::Written,
        Input::Written,
        Input::Written,
        Input::Written,
        gone(0),
    ]
}

#[test]
fn a_deletion_deletes_wave_by_wave_follows_nothing_and_then_commits() {
    let mut machine = deletion();
    let mut inputs = to_first_deletion();
    inputs.extend([Input::Written, gone(1), reread()]);
    inputs.extend([Input::Written, Input::Written, Input::Written]);

    let effects = course(&mut machine, inputs);
    assert_eq!(
        effects,
        [
            // No member is added: what goes is one already.
            "head",
            "parts",
            "head",
            "head",
            "send 0",
            "head",
            "send 1",
            "read deleted",
            "inventory",
            "head",
            "head",
            "finish Deleted true",
        ]
    );
    assert_eq!(machine.head.current.ending, Some(HistoryOutcome::Deleted));
    assert_eq!(machine.inventory.members, []);
    assert_eq!(machine.inventory.promoted(), None);
    // It can be reverted.
    assert!(machine.head.current.is_committed());
}

#[test]
fn a_deletion_that_fails_recreates_what_it_has_deleted_and_its_members_stay() {
    let mut machine = deletion();
    let members = machine.inventory.members.clone();
    let mut inputs = to_first_deletion();
    let refused = StepOutcome::Partly(CauseKind::Conflict, "its finalizers hold it".into());
    inputs.extend([
        Input::Written,
        Input::Answered(StepId::new(1), refused),
        Input::Written,
        undone(0),
        undone(1),
        ready(),
        reread(),
        Input::Written,
        Input::Written,
        Input::Written,
    ]);

    let effects = course(&mut machine, inputs);
    assert_eq!(
        effects[7..],
        [
            "head",
            "undo 0",
            "undo 1",
            "follow restored [0, 1]",
            "read reverted",
            "inventory",
            "head",
            "forget before record",
            "finish RolledBack true",
        ]
    );
    assert_eq!(machine.inventory.members, members);
    let entry = machine.inventory.history.last().unwrap();
    assert_eq!(
        (entry.operation, entry.ending),
        (Operation::Delete, HistoryOutcome::RolledBack)
    );
    // Why a deletion failed says nothing of the release.
    assert!(machine.inventory.quarantined(&release().digest).is_none());
}

#[test]
fn a_deletion_that_was_killed_goes_on_with_what_is_left_and_follows_nothing() {
    let mut machine = deletion();
    course(&mut machine, to_first_deletion());
    let mut machine = taken_up(machine);

    assert_eq!(
        course(&mut machine, vec![Input::Begin, Input::Written]),
        ["head", "send 1"]
    );
}

#[test]
fn a_deletion_that_had_committed_is_taken_up_as_one() {
    let mut machine = deletion();
    let mut inputs = to_first_deletion();
    inputs.extend([Input::Written, gone(1), reread()]);
    course(&mut machine, inputs);
    // Killed between the inventory and the head.
    let mut machine = taken_up(machine);
    machine.direction = Direction::RollBack;

    assert_eq!(
        course(&mut machine, vec![Input::Begin, Input::Written, Input::Written]),
        ["head", "head", "finish Deleted true"]
    );
}
