//! The health of a custom resource, by its own status: pure functions of one object.
//!
//! [`assess`] asks in this order: has its controller seen the spec (`generations.rs`), is it paused by its spec, what does
//! the rule of its kind say (`rules.rs`; one file a kind, data), has anything been reported at all, and last the generic
//! rule (`generic.rs`): conditions by polarity and reason (`conditions.rs`, `polarity.rs`), words, error fields and counts
//! (`fields.rs`, `words.rs`). *Ready* needs evidence; without any, health is unknown.

mod assess;
mod conditions;
mod custom_health;
mod evidence;
mod fields;
mod generations;
mod generic;
mod polarity;
mod rules;
mod words;

pub(super) use assess::assess;
pub(super) use conditions::{count_met, names_generation, not_observed, without_outdated};
pub(super) use custom_health::CustomState;
pub(super) use generations::{behind, is_outdated, parse_generation};
pub(super) use rules::{is_known, wants_pods};

#[cfg(test)]
mod tests;
