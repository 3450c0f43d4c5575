//! What the type of a condition means where it is true, by its parts: the API names thousands of them, and no list is whole.

use super::words::{is_going_on, parts};

/// What a condition says where it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The sum of the others: `Ready`.
    Sum,
    /// Something that was asked for is there; false speaks against readiness even beside a true sum.
    Strong,
    /// A part is ready.
    Part,
    /// One step is done, which says little.
    Step,
    /// Something is wrong.
    Wrong,
    /// Something is going on.
    Going,
    /// It stands still because it is meant to.
    Still,
    /// Not known.
    Other,
}

/// True where what was asked for is there: strong as a whole type, and as the last part of one that speaks of a part.
const MET: &[&str] = &[
    "accepted",
    "admitted",
    "applied",
    "available",
    "complete",
    "completed",
    "deployed",
    "established",
    "healthy",
    "installed",
    "online",
    "operational",
    "programmed",
    "promoted",
    "provisioned",
    "reconciled",
    "registered",
    "succeeded",
    "synced",
    "valid",
    "validated",
];

/// The same, of a part alone.
const MET_PART: &[&str] = &[
    "enforced",
    "ready",
    "refs",
    "success",
    "successful",
    "synchronized",
];

const WRONG: &[&str] = &[
    "blocked",
    "conflict",
    "conflicted",
    "conflicts",
    "crash",
    "crashed",
    "degraded",
    "denied",
    "error",
    "errors",
    "exceeded",
    "failed",
    "failing",
    "failure",
    "fallback",
    "invalid",
    "misconfigured",
    "mismatch",
    "orphan",
    "orphaned",
    "pressure",
    "rejected",
    "stalled",
    "unavailable",
    "unhealthy",
    "unreachable",
    "violation",
    "violations",
];

const STILL: &[&str] = &[
    "hibernated",
    "hibernation",
    "paused",
    "pausing",
    "suspended",
    "suspending",
];

const GOING: &[&str] = &["pending", "progress", "rolling", "updating"];

/// What a condition of that type says where it is true.
pub(super) fn role(kind: &str) -> Role {
    // `platform.confluent.io/resources-ready`: a prefix says who writes it.
    let name = kind.rsplit('/').next().unwrap_or(kind);
    let parts = parts(name);
    let any = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    let whole = parts.concat();

    // Only the whole type: `PodsReady` is one part of what the object's own `Ready` sums up.
    if whole == "ready" {
        return Role::Sum;
    }
    // Before everything that ends well: `InstallFailed` and `NotAvailable` end in good words or follow them.
    if whole == "notready" || any(WRONG) || parts.first().is_some_and(|first| first == "not") {
        return Role::Wrong;
    }
    if any(&["partially", "partial"]) {
        return Role::Going;
    }
    // Before the good words, too: `SuspendedSuccessfully` is no success of what it was made for.
    if any(STILL) {
        return Role::Still;
    }

    let last = parts.last().map(String::as_str).unwrap_or_default();
    if MET.contains(&whole.as_str()) || whole == "resolvedrefs" {
        return Role::Strong;
    }
    if MET.contains(&last) || MET_PART.contains(&last) {
        return Role::Part;
    }
    // Only the last part: `RollingUpdateComplete` is over.
    if any(GOING) || is_going_on(last) {
        return Role::Going;
    }
    // Any other participle is a step that was done, and steps follow it.
    if last.len() > 3 && last.ends_with("ed") {
        return Role::Step;
    }
    Role::Other
}

/// Whether a condition of that type is about what was asked for rather than about what runs: false is a mistake then.
pub(super) fn is_about_configuration(kind: &str) -> bool {
    let about = ["accepted", "admitted", "valid", "validated", "refs", "ready"];
    parts(kind)
        .last()
        .is_some_and(|last| about.contains(&last.as_str()))
}
