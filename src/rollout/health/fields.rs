//! What a status says besides its conditions: words, booleans, errors and counts.
//!
//! The words at its top are the object's own, and those below are of its parts: they may speak against it, and for it only
//! where it says nothing itself.

use super::evidence::{Evidence, Level};
use super::words::{Tone, parts, tone_of_state};
use serde_json::{Map, Value};

/// Fields whose text is the object's state.
const STATES: &[&str] = &["phase", "state", "health", "status"];

/// Fields that hold text only where something is wrong.
const ERRORS: &[&str] = &[
    "error",
    "errors",
    "errMsg",
    "errorMessage",
    "errorDescription",
    "failureMessage",
    "failureReason",
    "reconcileError",
];

/// Fields that are true where it is ready.
const READY: &[&str] = &[
    "ready",
    "isReady",
    "readyToUse",
    "healthy",
    "available",
    "operational",
];

/// Fields that are true where something is wrong.
const WRONG: &[&str] = &[
    "failed",
    "degraded",
    "stalled",
    "invalid",
    "hasErrors",
    "rejected",
];

/// Fields that are true where it stands still.
const STILL: &[&str] = &["paused", "suspended", "hibernated"];

/// Fields whose content is of other times or other objects.
const ELSEWHERE: &[&str] = &[
    "history", "previous", "last", "past", "related", "managed", "image", "original", "spec",
];

/// How deep the parts of a status are looked at.
// Deeper down a status holds copies of other objects, whose state is not this one's.
const DEPTH: usize = 3;

/// What must be known of an object to read the fields of its status.
#[derive(Clone, Copy)]
pub(super) struct FieldReader {
    /// Whether it runs once and ends: then *running* is on its way.
    pub runs_to_an_end: bool,
    /// Whether a condition sums up everything, and is true: then what its parts say is in it.
    pub is_summed_up: bool,
}

impl FieldReader {
    /// Everything that the fields of a status say.
    pub fn read(self, object: &Value) -> Vec<Evidence> {
        let mut found = Vec::new();
        let Some(status) = object.get("status") else {
            return found;
        };
        // `status: Running`, in kinds from before the conventions.
        let Some(fields) = status.as_object() else {
            found.extend(status.as_str().and_then(|word| self.own_word("status", word)));
            return found;
        };

        for (name, value) in fields {
            found.extend(self.field(name, value));
        }
        // What the spec asks for is held against the counts at the top alone: a part's count has its own total beside it.
        found.extend(below_wanted(
            fields,
            object.get("spec").and_then(Value::as_object),
        ));

        if !self.is_summed_up {
            for (name, value) in fields {
                self.parts(name, value, DEPTH, &mut found);
            }
        }
        found
    }

    fn field(self, name: &str, value: &Value) -> Option<Evidence> {
        let error = |text: &str| {
            // A controller that sums up leaves the last error standing after it has passed.
            let is_told = !text.is_empty() && !self.is_summed_up;
            is_told.then(|| Evidence::new(Level::Failed, format!("reports an error: {text}")))
        };

        match value {
            Value::String(word) if STATES.contains(&name) => self.own_word(name, word),
            Value::String(text) if ERRORS.contains(&name) => error(text),
            Value::Object(fields) if ERRORS.contains(&name) => {
                error(fields.get("message").and_then(Value::as_str).unwrap_or_default())
            }
            // `jobDeploymentStatus`: of a part, so it speaks for nothing.
            Value::String(word) if is_state_of_part(name) && !self.is_summed_up => {
                let says = self.own_word(name, word);
                says.filter(|one| matches!(one.level, Level::Failed | Level::Moving | Level::Still))
            }
            Value::Bool(true) if WRONG.contains(&name) => Some(is_set(Level::Failed, name, true)),
            Value::Bool(true) if STILL.contains(&name) => Some(is_set(Level::Still, name, true)),
            Value::Bool(true) if READY.contains(&name) => Some(is_set(Level::Ready, name, true)),
            // False is only *not yet*: of a boolean nothing says for how long. A false `failed` says nothing at all.
            Value::Bool(false) if READY.contains(&name) => Some(is_set(Level::Moving, name, false)),
            _ => None,
        }
    }

    /// What the object's own state says.
    fn own_word(self, name: &str, word: &str) -> Option<Evidence> {
        let is_running = word.eq_ignore_ascii_case("running");
        let level = match tone_of_state(word) {
            // A backup that runs has not backed up anything yet.
            Some(Tone::Good) if self.runs_to_an_end && is_running => Level::Moving,
            Some(Tone::Good) => Level::Ready,
            Some(Tone::Bad) => Level::Failed,
            Some(Tone::Moving) => Level::Moving,
            Some(Tone::Still) => Level::Still,
            // Not written yet, which the generation and the conditions tell better.
            None if word.is_empty() => return None,
            Some(Tone::Unknown) | None => Level::Unclear,
        };
        Some(Evidence::new(level, format!("status.{name} is {word}")))
    }

    /// What the parts of a status say: words and counts.
    fn parts(self, name: &str, value: &Value, depth: usize, found: &mut Vec<Evidence>) {
        let is_elsewhere = parts(name).iter().any(|part| ELSEWHERE.contains(&part.as_str()));
        // Conditions are weighed by their types, and not by the words in them.
        if depth == 0 || name == "conditions" || is_elsewhere {
            return;
        }

        match value {
            Value::Object(fields) => {
                for state in STATES {
                    let word = fields.get(*state).and_then(Value::as_str);
                    let says = word.and_then(|word| self.own_word(state, word));
                    found.extend(says.map(Evidence::of_part));
                }
                found.extend(below_wanted(fields, None).map(Evidence::of_part));
                for (name, value) in fields {
                    self.parts(name, value, depth - 1, found);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.parts(name, item, depth - 1, found);
                }
            }
            _ => {}
        }
    }
}

fn is_set(level: Level, name: &str, value: bool) -> Evidence {
    Evidence::new(level, format!("status.{name} is {value}"))
}

fn is_state_of_part(name: &str) -> bool {
    let parts = parts(name);
    let is_of_now = !parts
        .iter()
        // `lastBackupStatus` is of now as far as is known; `previousState` is not.
        .any(|part| ELSEWHERE.contains(&part.as_str()) && part != "last");
    parts.len() > 1 && is_of_now && parts.last().is_some_and(|last| STATES.contains(&last.as_str()))
}

/// `readyReplicas` below `replicas`, `availableNodes` below `expectedNodes`, `1/3`; all there where none is below.
fn below_wanted(fields: &Map<String, Value>, spec: Option<&Map<String, Value>>) -> Option<Evidence> {
    let mut is_any = false;
    for (name, value) in fields {
        if let Some((have, want)) = value.as_str().and_then(fraction) {
            is_any = true;
            if have < want {
                return Some(Evidence::new(Level::Moving, format!("{name}: {have} of {want}")));
            }
        }
        if name == "unavailableReplicas" && value.as_u64().is_some_and(|count| count > 0) {
            return Some(Evidence::new(
                Level::Moving,
                format!("{value} replicas are unavailable"),
            ));
        }

        let counted = [
            "ready",
            "available",
            "updatedReady",
            "updatedAvailable",
            "updated",
        ];
        let of = counted.iter().find_map(|prefix| name.strip_prefix(prefix));
        // `readyToUse` and `readyz` count nothing.
        let of = of.filter(|of| of.starts_with(char::is_uppercase));
        let (Some(of), Some(have)) = (of, value.as_u64()) else {
            continue;
        };
        if let Some(want) = wanted(of, fields, spec) {
            // Zero of zero is no evidence: nothing was counted yet, or nothing is to run.
            is_any |= want > 0;
            if have < want {
                return Some(Evidence::new(Level::Moving, format!("{name}: {have} of {want}")));
            }
        }
    }
    is_any.then(|| Evidence::new(Level::Counted, "all parts are ready"))
}

/// How many there should be of what is counted: the most that anything names.
fn wanted(of: &str, fields: &Map<String, Value>, spec: Option<&Map<String, Value>>) -> Option<u64> {
    let mut plain = of.to_owned();
    plain[..1].make_ascii_lowercase();
    let names = [
        plain.clone(),
        format!("desired{of}"),
        format!("expected{of}"),
        format!("total{of}"),
    ];

    let named = names.iter().filter_map(|name| fields.get(name)?.as_u64());
    let specified = spec.and_then(|spec| spec.get(&plain)?.as_u64());
    // During a scale-up the status still names the old total.
    named.chain(specified).max()
}

fn fraction(text: &str) -> Option<(u64, u64)> {
    let (have, want) = text.split_once('/')?;
    Some((have.parse().ok()?, want.parse().ok()?))
}
