//! Whether the watch shows the object that was written, as it was written, and its controller has seen that.
//!
//! In this order: an unreadable collection shows what was, or nothing; an absent object is judged by how it
//! was when it went; another uid is another object; then the generation, the watch's first and the
//! controller's second. Only [`Observation::Current`] lets anybody believe the status. The uid and the way of
//! going are remembered, for an absent object tells neither.

use super::fields::generation;
use super::health;
use super::kinds::table;
use super::subject::{Memory, MonitoredObject, RolloutContext};
use crate::model::hook::{ended, is_cleaned_up};
use crate::model::{Object, Uid};

/// What the watch shows of an object; the text says why it is not the object's present state.
pub(super) enum Observation<'a> {
    /// As it was written, and its controller has come to that.
    Current(&'a Object),
    /// It is not there, or being replaced.
    NotYet(String),
    /// The watch shows nothing that can be trusted.
    Unreadable(String),
    /// The watch, or the controller, has not come to our write.
    Behind(String),
    /// It was there, and somebody took it away.
    Gone(String),
    /// It goes by itself, and has.
    HasRun,
}

/// Whether the watch shows the object as our write left it, and whether its controller has seen that.
pub(super) fn observe<'a>(
    subject: &MonitoredObject,
    context: &RolloutContext<'a>,
    memory: &mut Memory,
) -> Observation<'a> {
    let target = &subject.target;
    // First of all: an unreadable collection shows what was, or nothing; "deleted" must not follow from that.
    if let Some(why) = &context.unreadable {
        return Observation::Unreadable(format!("{target} cannot be watched: {why}"));
    }

    let Some(object) = context.object else {
        return observe_absent(subject, context.departed, memory);
    };

    if subject
        .uid
        .as_ref()
        .is_some_and(|uid| object.uid() != uid.as_str())
    {
        return match memory.uid {
            Some(_) => Observation::Gone(format!("{target} was deleted and recreated by another client")),
            // Never seen under our uid: the watch may still show the predecessor that the step has replaced.
            None => Observation::NotYet(format!("{target} does not exist yet")),
        };
    }

    // Remembered while it is there: where its going is missed, these tell a run to the end from a deletion.
    memory.uid = Some(object.uid().to_owned());
    memory.is_cleaned_up = is_cleaned_up(object);
    memory.has_run = memory.is_cleaned_up && ended(object) == Some(true);

    // It goes by its time to live, or by the policy of its hook: nobody interferes.
    if memory.has_run && object.at("/metadata/deletionTimestamp").is_some() {
        return Observation::HasRun;
    }
    // A namespace has a phase for it, and its rule fails on that. Anything else fails once it is gone.
    if object.at("/metadata/deletionTimestamp").is_some() && object.kind() != "Namespace" {
        return Observation::NotYet(format!("{target} is being deleted by another client"));
    }

    // The watch may lag behind the answer to our write: until it catches up, the status is of the older spec.
    if object.generation() < subject.generation {
        return Observation::Behind("waiting for the watch to show the update".into());
    }

    // Held against the object and not against our write: an autoscaler may have written to its spec since.
    match behind(object) {
        Some(observed) => Observation::Behind(health::not_observed(observed, object.generation())),
        None => Observation::Current(object),
    }
}

/// The older generation that its controller has observed; none where it has come to the present one, or never says.
fn behind(object: &Object) -> Option<i64> {
    if table::is_custom(&object.gvk().group) {
        return health::behind(object.value());
    }

    let observed = object.at("/status/observedGeneration").and_then(generation);
    let has_controller = observed.is_some() || table::observes_generation(object);
    let observed = observed.unwrap_or(0);
    (has_controller && observed < object.generation()).then_some(observed)
}

/// What is known of an object that is not there: how it was when it went, else how it was last seen.
fn observe_absent<'a>(
    subject: &MonitoredObject,
    departed: Option<&'a Object>,
    memory: &Memory,
) -> Observation<'a> {
    let target = &subject.target;
    let is_it = |object: &&Object| {
        let uid = memory.uid.as_deref().and_then(Uid::parse).or(subject.uid.clone());
        uid.is_none_or(|uid| object.uid() == uid.as_str())
    };

    let departed = departed.filter(is_it);

    // In this order: how it was when it went is surer than how it was last seen.
    match (departed, departed.and_then(ended)) {
        // Judged as it went, so that the rule of its kind tells the failure with its cause.
        (Some(object), Some(false)) => Observation::Current(object),
        (_, Some(true)) => Observation::HasRun,
        _ if memory.has_run => Observation::HasRun,
        (None, _) if memory.uid.is_none() => Observation::NotYet(format!("{target} does not exist yet")),
        (None, _) if memory.is_cleaned_up => Observation::Gone(format!(
            "{target} no longer exists; whether it completed is unknown"
        )),
        _ => Observation::Gone(format!("{target} was deleted by another client")),
    }
}
