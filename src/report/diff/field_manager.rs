//! Who owns a field, in words.

use crate::model::finding::{FieldManager, ManagerClass};
use jiff::Timestamp;

/// `by kubectl-edit (a person), 3 minutes ago`.
pub(super) fn describe_manager(manager: &FieldManager, now: Timestamp) -> String {
    let when = manager
        .time
        .map(|time| format!(", {}", age(time, now)))
        .unwrap_or_default();

    let through = match &*manager.subresource {
        "" => String::new(),
        subresource => format!(" through {subresource}"),
    };

    format!(
        "by {} ({}){through}{when}",
        manager.manager,
        class_name(manager.class)
    )
}

/// The same beside what is said of the field: who wrote it is not who would remove it.
pub(super) fn describe_change(what: &str, manager: &FieldManager, now: Timestamp) -> String {
    let manager = describe_manager(manager, now);
    match what {
        "" => manager,
        "would be removed" => format!("{what}; set {manager}"),
        what => format!("{what}, {manager}"),
    }
}

/// What a class of managers is called.
pub(super) fn class_name(class: ManagerClass) -> &'static str {
    match class {
        ManagerClass::Ours => "this tool",
        ManagerClass::Person => "a person",
        ManagerClass::Controller => "a controller",
        ManagerClass::Autoscaler => "an autoscaler",
        ManagerClass::OtherTool => "another tool",
        // No entry of managedFields names it, as with what admission injects.
        ManagerClass::Unknown => "origin unknown",
    }
}

/// `3 minutes ago`.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    let ago = |number: i64, unit: &str| format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" });
    match seconds {
        // Clocks differ: the server's can be ahead of ours.
        ..=0 => "just now".into(),
        // Up to two of a unit are counted in the smaller one: `1 hour ago` could be almost two.
        1..=119 => ago(seconds, "second"),
        120..=7199 => ago(seconds / 60, "minute"),
        7200..=172_799 => ago(seconds / 3600, "hour"),
        _ => ago(seconds / 86400, "day"),
    }
}
