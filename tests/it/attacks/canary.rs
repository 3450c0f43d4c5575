//! A whole day of commands around Secrets with planted values: none of them is in any output, file or object that the day
//! leaves, in any form, and no digest there tells the short one among them.

use super::day::Day;
use super::digests::{assert_no_digest, guesses};
use super::traces::assert_no_trace;

#[test]
fn a_day_of_commands_leaves_no_planted_value_anywhere() {
    let day = Day::live();
    assert_eq!(day.planted().len(), 30);
    assert!(day.left().len() > 60, "only {} texts are left", day.left().len());
    for value in day.planted() {
        for (place, text) in day.left() {
            assert_no_trace(value, text, place);
        }
    }

    let guesses: Vec<_> = day
        .secrets()
        .iter()
        .flat_map(|secret| guesses(day.pin(), secret))
        .collect();
    assert!(
        guesses.len() > 100,
        "only {} digests are looked for",
        guesses.len()
    );
    for (place, text) in day.left() {
        assert_no_digest(&guesses, text, place);
    }
}
