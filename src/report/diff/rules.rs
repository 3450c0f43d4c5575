//! What the rules of an environment expect, and what is to be known of the rules themselves.
//!
//! A difference names its rule by the index in the file, which programs follow, and by the reason, which users read.

use crate::model::finding::RuleState;
use crate::model::phrase::counted;
use schemars::JsonSchema;
use serde::Serialize;

/// Why a difference is expected.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Index of the rule among the `differences` of the environment; missing where an entry of `injected` expects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// Its reason.
    pub reason: String,
    /// Its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A remark on a rule.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleView {
    /// Index of the rule among the `differences` of the environment.
    pub rule: usize,
    /// Its reason.
    pub reason: String,
    /// One phrase.
    pub message: String,
}

/// What is the matter with a rule.
pub(super) fn state_text(state: &RuleState) -> String {
    match state {
        RuleState::Unused => "matches no difference".to_owned(),
        RuleState::Expired => "has expired and allows nothing".to_owned(),
        RuleState::ExpiresSoon { days: 0 } => "expires today".to_owned(),
        RuleState::ExpiresSoon { days } => {
            let days = usize::try_from(*days).unwrap_or_default();
            format!("expires in {}", counted(days, "day"))
        }
        RuleState::Broken { why } => format!("cannot be evaluated: {why}"),
    }
}
