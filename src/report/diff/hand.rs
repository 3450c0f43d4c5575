//! Whose hand a field is of, in words.

use crate::model::finding::{HandClass, Ownership};
use jiff::Timestamp;

/// `by kubectl-edit (a person), 3 minutes ago`.
pub(super) fn hand(whose: &Ownership, now: Timestamp) -> String {
    let when = whose
        .time
        .map(|time| format!(", {}", age(time, now)))
        .unwrap_or_default();

    let through = match &*whose.subresource {
        "" => String::new(),
        subresource => format!(" through {subresource}"),
    };

    format!(
        "by {} ({}){through}{when}",
        whose.manager,
        class_word(whose.class)
    )
}

/// The same beside what is said of the field: who wrote it is not who would remove it.
pub(super) fn remark(what: &str, whose: &Ownership, now: Timestamp) -> String {
    let hand = hand(whose, now);
    match what {
        "" => hand,
        "would be removed" => format!("{what}; set {hand}"),
        what => format!("{what}, {hand}"),
    }
}

/// What a class of hands is called.
pub(super) fn class_word(class: HandClass) -> &'static str {
    match class {
        HandClass::Ours => "this tool",
        HandClass::Person => "a person",
        HandClass::Controller => "a controller",
        HandClass::Autoscaler => "an autoscaler",
        HandClass::OtherTool => "another tool",
        // No entry of managedFields names it, as with what admission injects.
        HandClass::Unknown => "origin unknown",
    }
}

/// `3 minutes ago`.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    let told = |number: i64, unit: &str| format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" });
    match seconds {
        // Clocks differ: the server's can be ahead of ours.
        ..=0 => "just now".into(),
        // Up to two of a unit are told in the smaller one: `1 hour ago` could be almost two.
        1..=119 => told(seconds, "second"),
        120..=7199 => told(seconds / 60, "minute"),
        7200..=172_799 => told(seconds / 3600, "hour"),
        _ => told(seconds / 86400, "day"),
    }
}
