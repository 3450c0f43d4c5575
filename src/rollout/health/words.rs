//! What a word of a controller means: a phase, a state, a reason, a part of a message.
//!
//! Words are told apart by their parts (`ImagePullBackOff` is *image pull back off*), and what is not known means nothing.

/// What a word says of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Ready.
    Good,
    /// Something is wrong.
    Bad,
    /// On its way.
    Moving,
    /// Stands still because it is meant to.
    Still,
    /// Its controller says that it does not know.
    Unknown,
}

const GOOD: &[&str] = &[
    "accepted",
    "active",
    "applied",
    "attached",
    "available",
    "bound",
    "complete",
    "completed",
    "compliant",
    "connected",
    "deployed",
    "enabled",
    "established",
    "exists",
    "finished",
    "green",
    "healthy",
    "installed",
    "joined",
    "normal",
    "ok",
    "online",
    "operational",
    "passed",
    "provisioned",
    "ready",
    "reconciled",
    "running",
    "serving",
    "stable",
    "succeeded",
    "success",
    "successful",
    "synced",
    "synchronized",
    "up",
    "uptodate",
    "valid",
];

const BAD: &[&str] = &[
    "aborted",
    "backoff",
    "broken",
    "canceled",
    "cancelled",
    "conflict",
    "conflicted",
    "crash",
    "crashed",
    "critical",
    "dead",
    "degraded",
    "denied",
    "duplicate",
    "err",
    "error",
    "errored",
    "errors",
    "exceeded",
    "exception",
    "expired",
    "fail",
    "failed",
    "failing",
    "fails",
    "failure",
    "fault",
    "faulted",
    "faulty",
    "forbidden",
    "incompatible",
    "insufficient",
    "invalid",
    "lost",
    "mismatch",
    "misconfigured",
    "missing",
    "noncompliant",
    "offline",
    "red",
    "refused",
    "rejected",
    "throwable",
    "timeout",
    "unauthorized",
    "unhealthy",
    "unreachable",
    "unresolved",
    "unsupported",
    "violation",
    "warning",
];

/// As parts of a state's name these are on their way; as a reason they are what is wrong.
const ABSENT: &[&str] = &["absent", "missing", "notfound"];

const MOVING: &[&str] = &[
    "inprogress",
    "init",
    "new",
    "notready",
    "partial",
    "pending",
    "progress",
    "queued",
    "requested",
    "scheduled",
    "unavailable",
    "unbound",
    "unready",
    "wait",
    "yellow",
];

const STILL: &[&str] = &[
    "disabled",
    "halted",
    "hibernated",
    "hibernation",
    "paused",
    "pausing",
    "stopped",
    "suspended",
    "suspending",
];

/// Ends in *-ing* and is not on its way to anything.
const NOT_MOVING: &[&str] = &[
    "archiving",
    "binding",
    "existing",
    "listening",
    "mapping",
    "missing",
    "monitoring",
    "nothing",
    "running",
    "serving",
    "setting",
    "string",
    "warning",
    "working",
];

/// After *not*: what is wrong rather than not yet so.
const REFUSED: &[&str] = &[
    "accepted",
    "allowed",
    "authorized",
    "exist",
    "exists",
    "found",
    "matching",
    "permitted",
    "retrieve",
    "supported",
    "valid",
];

/// Kinds that run once and end: of these *running* is not ready yet.
const ENDING: &[&str] = &[
    "analysis",
    "backup",
    "build",
    "evaluation",
    "execution",
    "experiment",
    "export",
    "import",
    "job",
    "migration",
    "restore",
    "run",
    "snapshot",
    "task",
    "test",
    "workflow",
];

/// Whether objects of a kind run once and end, by its name.
pub(super) fn runs_to_an_end(kind: &str) -> bool {
    parts(kind).last().is_some_and(|last| has(ENDING, last))
}

/// The parts of a name in lower case: `ErrRegisterACMEAccount` is `err`, `register`, `acme`, `account`.
pub(super) fn parts(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut found = vec![String::new()];

    for (at, letter) in letters.iter().enumerate() {
        let follows_lower = at > 0 && (letters[at - 1].is_lowercase() || letters[at - 1].is_numeric());
        let ends_capitals = at > 0
            && letters[at - 1].is_uppercase()
            && letters.get(at + 1).is_some_and(|next| next.is_lowercase());

        // Any mark ends a part: controllers write `up-to-date`, `Up_To_Date` and `up to date`.
        if !letter.is_alphanumeric() {
            found.push(String::new());
            continue;
        }
        if letter.is_uppercase() && (follows_lower || ends_capitals) {
            found.push(String::new());
        }
        if let Some(last) = found.last_mut() {
            last.extend(letter.to_lowercase());
        }
    }

    found.retain(|part| !part.is_empty());
    found
}

/// Whether a part says that something is going on: *Creating*.
pub(super) fn is_going_on(part: &str) -> bool {
    part.len() > 4 && part.ends_with("ing") && !NOT_MOVING.contains(&part)
}

fn has(words: &[&str], part: &str) -> bool {
    words.contains(&part)
}

/// What follows a *not* among the parts: true where that is wrong, false where it is not so yet.
fn negated(parts: &[String]) -> Option<bool> {
    // Only the first negation counts: what a second one would negate is no longer about the object itself.
    let at = parts
        .iter()
        .position(|part| matches!(part.as_str(), "not" | "no" | "cannot" | "unable"))?;
    // It was tried already, so that more time changes nothing.
    if matches!(parts[at].as_str(), "cannot" | "unable") {
        return Some(true);
    }
    Some(parts[at + 1..].iter().any(|part| has(REFUSED, part)))
}

/// What a reason of a condition says.
pub(super) fn tone_of_reason(reason: &str) -> Option<Tone> {
    let parts = parts(reason);
    // What is wrong goes before what is going on: `RetryingAfterError` is an error, whatever is retried.
    if parts.iter().any(|part| has(BAD, part)) {
        return Some(Tone::Bad);
    }
    if let Some(is_wrong) = negated(&parts) {
        return Some(if is_wrong { Tone::Bad } else { Tone::Moving });
    }
    // Before what is moving: `PausedPendingApproval` waits for a user and not for its controller.
    if parts.iter().any(|part| has(STILL, part)) {
        return Some(Tone::Still);
    }

    let is_moving = |part: &String| is_going_on(part) || has(MOVING, part);
    parts.iter().any(is_moving).then_some(Tone::Moving)
}

/// What a message says, where its reason says nothing: the first words decide.
pub(super) fn tone_of_message(message: &str) -> Option<Tone> {
    // A message quotes logs and names further down, and their words are of something else.
    let start: String = message.chars().take(200).collect();
    let parts = parts(&start);
    // In prose these two are common words and accuse nothing.
    let wrong = |part: &String| has(BAD, part) && part != "warning" && part != "red";

    // "waiting for the failed node" waits; "failed while waiting" has failed.
    let first_wrong = parts.iter().position(wrong);
    let first_moving = parts
        .iter()
        .position(|part| part == "waiting" || part == "pending");
    match (first_wrong, first_moving) {
        (Some(_), None) => Some(Tone::Bad),
        (Some(wrong), Some(moving)) if wrong < moving => Some(Tone::Bad),
        (_, Some(_)) => Some(Tone::Moving),
        (None, None) => match negated(&parts) {
            Some(true) => Some(Tone::Bad),
            Some(false) => None,
            None => parts.iter().any(|part| is_going_on(part)).then_some(Tone::Moving),
        },
    }
}

/// What a phase or a state says; none where the word is not known.
pub(super) fn tone_of_state(state: &str) -> Option<Tone> {
    // `ERROR, could not …`: the word, and then a sentence.
    let word = state.split([',', ':', ';']).next().unwrap_or_default();
    let parts = parts(word);
    let whole = parts.concat();

    // A sentence is not one word: its rule must know it.
    if parts.is_empty() || parts.len() > 4 {
        return None;
    }
    // Its controller has looked and does not know: other than a word that we do not know.
    if whole == "unknown" {
        return Some(Tone::Unknown);
    }
    if ABSENT.contains(&whole.as_str()) || whole == "notready" {
        return Some(Tone::Moving);
    }
    // As in a reason: one bad part is enough, in whatever company.
    if parts.iter().any(|part| has(BAD, part)) {
        return Some(Tone::Bad);
    }
    if parts
        .iter()
        .any(|part| matches!(part.as_str(), "not" | "no" | "un" | "partially" | "partial"))
    {
        return Some(Tone::Moving);
    }
    if parts.iter().any(|part| has(STILL, part)) {
        return Some(Tone::Still);
    }
    if has(MOVING, &whole) || parts.iter().any(|part| is_going_on(part) || has(MOVING, part)) {
        return Some(Tone::Moving);
    }

    // Only the end of it: `ReadyForScale` is not *ready*.
    let is_good = has(GOOD, &whole) || parts.last().is_some_and(|last| has(GOOD, last));
    is_good.then_some(Tone::Good)
}
