//! The conditions of a status, wherever in it they stand, and what they say together.
//!
//! Controllers differ: some name the generation in each condition, some once, some never, and a route has one list for each
//! of its parents. A condition that names an older generation is neither true nor false; one that names none is believed.
//! Each list has to be good for the object to be ready.

use super::evidence::{Evidence, Level};
use super::generations::{generation, is_observed, is_outdated, parse_generation};
use super::polarity::{Role, is_about_configuration, role};
use super::words::{Tone, parts, tone_of_message, tone_of_reason};
use serde_json::Value;

/// One condition.
struct Condition<'a> {
    kind: &'a str,
    status: &'a str,
    reason: &'a str,
    message: &'a str,
    role: Role,
    is_severe: bool,
    is_outdated: bool,
}

/// One list of conditions.
struct ConditionSet<'a> {
    all: Vec<Condition<'a>>,
    generation: i64,
    observed: Option<i64>,
}

/// What all lists of conditions say.
#[derive(Default)]
pub(super) struct ConditionEvidence {
    /// For and against.
    pub evidence: Vec<Evidence>,
    /// Whether a condition that sums up the others is true.
    pub is_summed_up: bool,
}

/// How many conditions are true and not of an older spec.
pub fn count_met(object: &Value) -> u32 {
    let met = |set: &ConditionSet<'_>| set.current().filter(|one| one.status == "True").count();
    find_sets(object).iter().map(met).sum::<usize>() as u32
}

/// Whether a status names the present generation, once for all of it or in a condition.
pub fn names_generation(object: &Value) -> bool {
    let names = |set: &ConditionSet<'_>| set.observed.is_some_and(|observed| observed >= set.generation);
    is_observed(object) || find_sets(object).iter().any(names)
}

/// What the conditions of an object say.
pub(super) fn find_evidence(object: &Value) -> ConditionEvidence {
    let mut all = ConditionEvidence::default();
    let sets = find_sets(object);
    for set in &sets {
        let mut evidence = set.evidence();
        // A list that says nothing of readiness speaks neither for nor against.
        if let Some(first) = evidence.iter().map(|one| one.level).min() {
            evidence.retain(|one| one.level == first);
            all.evidence.append(&mut evidence);
        }
    }

    let is_good = |set: &ConditionSet<'_>| set.sum().is_some_and(|sum| sum.status == "True");
    all.is_summed_up = sets.iter().any(is_good);
    all
}

impl<'a> ConditionSet<'a> {
    fn current(&self) -> impl Iterator<Item = &Condition<'a>> {
        self.all.iter().filter(|one| !one.is_outdated)
    }

    /// The condition that sums up the others, where it is of this spec.
    fn sum(&self) -> Option<&Condition<'a>> {
        let ready = self.current().find(|one| one.role == Role::Sum);
        // OpenShift's operators have no `Ready`: these two stand for it.
        let has_degraded = self.current().any(|one| one.kind == "Degraded");
        ready.or_else(|| self.current().find(|one| one.kind == "Available" && has_degraded))
    }

    fn evidence(&self) -> Vec<Evidence> {
        if let Some(outdated) = self.outdated() {
            return vec![outdated];
        }

        let is_sum_true = self.sum().is_some_and(|sum| sum.status == "True");
        let mut found: Vec<Evidence> = self
            .current()
            .filter_map(|one| one.evidence(is_sum_true))
            .collect();

        let good = |one: &&Condition<'_>| {
            // Crossplane reconciles long before anything is ready, and says so in a condition of its own.
            let is_first_half = one.reason == "ReconcileSuccess";
            matches!(one.role, Role::Sum | Role::Strong | Role::Part)
                && one.status == "True"
                && !is_first_half
        };
        if is_sum_true || self.current().any(|one| good(&one)) {
            found.push(Evidence::new(Level::Ready, "its conditions are met"));
        } else if self.current().any(|one| one.reason == "ReconcileSuccess") {
            found.push(Evidence::new(Level::Moving, "reconciled, not ready yet"));
        }
        found
    }

    /// Whether what would tell is of an older spec: a lesser condition must not answer in its place.
    fn outdated(&self) -> Option<Evidence> {
        let decides = |one: &&Condition<'_>| matches!(one.role, Role::Sum | Role::Strong | Role::Part);
        let sum = self.all.iter().find(|one| one.role == Role::Sum);
        let is_telling_outdated = match sum {
            Some(sum) => sum.is_outdated,
            None => self.all.iter().filter(decides).any(|one| one.is_outdated),
        };

        let is_any_current = self.current().any(|one| decides(&one));
        let observed = self.observed.unwrap_or(0);
        let is_behind = self.observed.is_some() && observed < self.generation && !is_any_current;
        (is_telling_outdated || is_behind).then(|| {
            let oldest = observed.min(self.generation - 1);
            Evidence::new(Level::Outdated, not_observed(oldest, self.generation))
        })
    }
}

/// That a controller has not come to the spec.
pub fn not_observed(observed: i64, generation: i64) -> String {
    format!("waiting for its controller (observedGeneration {observed} of {generation})")
}

impl Condition<'_> {
    /// What it says for or against; `is_sum_true` where the sum of the list is true.
    fn evidence(&self, is_sum_true: bool) -> Option<Evidence> {
        let is_true = self.status == "True";
        let level = match (self.role, self.status) {
            (Role::Wrong, "True") if matches!(self.kind, "Stalled" | "Failed") => Level::FailedForGood,
            (Role::Wrong, "True") => Level::Failed,
            (Role::Still, "True") => Level::Still,
            (Role::Going, "True" | "Unknown") => self.going()?,
            (Role::Going, "False") if self.tone() == Some(Tone::Bad) => Level::Failed,
            (Role::Sum | Role::Strong, "False") => self.unmet(),
            (Role::Sum | Role::Strong, _) if !is_true => Level::Moving,
            (Role::Part | Role::Step, "False") if !is_sum_true => self.unmet(),
            (Role::Part | Role::Step, "Unknown") if !is_sum_true => Level::Moving,
            (Role::Other, "False") if !is_sum_true && self.tone() == Some(Tone::Bad) => Level::Failed,
            _ => return None,
        };

        Some(Evidence::new(level, self.says(is_true)))
    }

    /// Of one that says that something is going on: a Deployment's `Progressing` stays true once it has succeeded.
    fn going(&self) -> Option<Level> {
        let has_ended = ["Available", "Complete", "Completed", "Succeeded", "AsExpected"];
        match self.tone() {
            _ if has_ended.iter().any(|end| self.reason.ends_with(end)) => None,
            Some(Tone::Bad) => Some(Level::Failed),
            _ => Some(Level::Moving),
        }
    }

    /// Of one that is false and should be true.
    fn unmet(&self) -> Level {
        match self.tone() {
            Some(Tone::Bad) => Level::Failed,
            Some(Tone::Still) => Level::Still,
            Some(Tone::Moving) => Level::Moving,
            // Nothing but that it is not so: of what was asked for that is a mistake, of what runs a matter of time.
            _ if is_about_configuration(self.kind) => Level::MayHaveFailed,
            _ => Level::Moving,
        }
    }

    fn tone(&self) -> Option<Tone> {
        if self.is_severe {
            return Some(Tone::Bad);
        }
        tone_of_reason(self.reason).or_else(|| tone_of_message(self.message))
    }

    /// `Ready is false: …`, in the controller's own words.
    fn says(&self, is_true: bool) -> String {
        let says = [self.message, self.reason]
            .into_iter()
            .find(|text| !text.is_empty());
        // A word of its own reads as one; a name of several parts stays what the API calls it.
        let is_word = parts(self.kind).len() == 1;
        let kind = if is_word {
            self.kind.to_lowercase()
        } else {
            self.kind.to_owned()
        };
        let says = says.unwrap_or("no reason given");
        match (is_true, self.status) {
            (true, _) => format!("reports {}: {says}", self.kind),
            (false, "False") => format!("not {kind}: {says}"),
            (false, _) => format!("{kind} unknown: {says}"),
        }
    }
}

/// Every list of conditions below a status.
fn find_sets(object: &Value) -> Vec<ConditionSet<'_>> {
    let mut found = Vec::new();
    if let Some(status) = object.get("status") {
        collect(status, generation(object), &mut found);
    }
    found
}

fn collect<'a>(value: &'a Value, generation: i64, found: &mut Vec<ConditionSet<'a>>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                // A custom status may call anything so: every item has to be a condition.
                let conditions = (name == "conditions").then(|| field.as_array()).flatten();
                match conditions.filter(|all| all.iter().all(is_condition)) {
                    Some(all) => found.push(ConditionSet {
                        all: all.iter().map(|one| read_condition(one, generation)).collect(),
                        generation,
                        observed: all
                            .iter()
                            .filter_map(|one| parse_generation(one.get("observedGeneration")?))
                            .max(),
                    }),
                    None => collect(field, generation, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, generation, found)),
        _ => {}
    }
}

fn read_condition(one: &Value, generation: i64) -> Condition<'_> {
    let text = |field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default();

    Condition {
        kind: text("type"),
        status: status_of(one),
        reason: text("reason"),
        message: text("message"),
        role: role(text("type")),
        is_severe: text("severity") == "Error",
        is_outdated: is_outdated(one, generation),
    }
}

/// The `status` of a condition.
pub(super) fn status_of(condition: &Value) -> &str {
    match condition.get("status") {
        // Some controllers write the boolean.
        Some(Value::Bool(true)) => "True",
        Some(Value::Bool(false)) => "False",
        status => status.and_then(Value::as_str).unwrap_or_default(),
    }
}

fn is_condition(value: &Value) -> bool {
    // No more than these: many controllers leave out the rest.
    let status = value.get("status");
    value.get("type").is_some_and(Value::is_string)
        && status.is_some_and(|status| status.is_string() || status.is_boolean())
}

/// The object without conditions of an older spec: an expression is not asked to tell an old condition from a new one.
pub fn without_outdated(object: &Value) -> Value {
    let mut value = object.clone();
    let generation = generation(object);
    if let Some(status) = value.get_mut("status") {
        drop_outdated(status, generation);
    }
    value
}

fn drop_outdated(value: &mut Value, generation: i64) {
    match value {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| drop_outdated(field, generation)),
        Value::Array(items) => {
            // Taken out and not blanked: an expression asks whether a condition exists.
            items.retain(|item| !(is_condition(item) && is_outdated(item, generation)));
            items.iter_mut().for_each(|item| drop_outdated(item, generation));
        }
        _ => {}
    }
}
