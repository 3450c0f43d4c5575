//! What holds at every stage.

use super::*;

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

    // Up to here both courses are the same.
    let mut back = to_first_wave();
    back.extend([
        Input::Judged(Err(failure())),
        Input::Written,
        undone(0),
        Input::Written,
        Input::Written,
    ]);

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
        let expected: &[&str] = if over { &[] } else { &["finish Left false"] };
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
fn inputs_that_do_not_belong_to_a_stage_change_nothing() {
    let strays = [
        Input::Written,
        well(),
        Input::Answered(9, done("x")),
        undone(9),
        Input::Begin,
    ];
    // A machine cannot be copied: each stray input gets another one that stands at the same stage.
    for machine in stages() {
        for stray in &strays {
            let mut one = stages()
                .into_iter()
                .find(|other| other.stage == machine.stage)
                .unwrap();
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
                assert!(
                    one.next(stray.clone(), now()).is_empty(),
                    "{stage:?} takes {stray:?}"
                );
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
