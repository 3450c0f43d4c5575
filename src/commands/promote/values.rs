//! The values that flags of `promote` take, and their words.

use crate::model::inventory::MAX_HISTORY;
use crate::model::rehearsal::RehearsalScope;
use crate::usecase::comparing::Mode;
use crate::usecase::promote::{DryRun, OnOpen};
use clap::ValueEnum;
use clap::builder::PossibleValue;

impl ValueEnum for OnOpen {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Stop, Self::Resume, Self::Revert]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Stop => PossibleValue::new("stop").help("Refuse"),
            Self::Resume => PossibleValue::new("resume").help("Resume it first"),
            Self::Revert => PossibleValue::new("revert").help("Roll it back first"),
        })
    }
}

impl ValueEnum for RehearsalScope {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Current, Self::New, Self::Both]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Current => PossibleValue::new("current").help("The templates in the cluster"),
            Self::New => PossibleValue::new("new").help("The templates of the release"),
            Self::Both => {
                PossibleValue::new("both").help("First those in the cluster, then those of the release")
            }
        })
    }
}

impl ValueEnum for DryRun {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Client, Self::Server]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Client => PossibleValue::new("client").help("Before the preflight"),
            Self::Server => PossibleValue::new("server").help("After the preflight"),
        })
    }
}

/// `--mode`: what is promoted is never planned by predictions.
pub(super) fn mode(text: &str) -> Result<Mode, String> {
    let mode = Mode::from_str(text, false)
        .ok()
        .filter(|mode| *mode != Mode::Readonly);
    mode.ok_or_else(|| "expected auto or server".into())
}

/// `--history`.
pub(super) fn history(text: &str) -> Result<usize, String> {
    let count = text
        .parse()
        .ok()
        .filter(|count| (1..=MAX_HISTORY).contains(count));
    count.ok_or_else(|| format!("expected a number from 1 to {MAX_HISTORY}"))
}
