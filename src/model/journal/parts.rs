//! What a journal's bundles hold: the plan with what belongs to the whole, and each step with its pre-image.

use super::SuccessCriteria;
use crate::model::format::{FormatVersion, Rest};
use crate::model::identity::Target;
use crate::model::object::Object;
use crate::model::plan::{Plan, PlanStep};
use serde::{Deserialize, Serialize};

/// What one namespace's bundle of parts holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parts {
    /// Of this document.
    #[serde(default = "FormatVersion::first")]
    pub format_version: FormatVersion,
    /// What belongs to the whole promotion: in the home namespace's bundle alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionPart>,
    /// Steps on objects of this namespace.
    pub steps: Vec<StepPart>,
    /// What a later program wrote beside it.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What belongs to the whole promotion.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PromotionPart {
    /// The plan, without its steps.
    // Its steps lie with the objects that they change, each in a Secret of that namespace.
    pub plan: Plan,
    /// The members of the set before it.
    // A rollback makes them the set again, but for what another release has taken since.
    pub members_before: Vec<Target>,
    /// What its end is judged by: a later run has no file of it.
    // One that is resumed proves what the first run would have proved.
    #[serde(default, rename = "judging")]
    pub criteria: SuccessCriteria,
}

/// A step, and what its object was before.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepPart {
    /// The step.
    pub step: PlanStep,
    /// Its object before; none where it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Object>,
}
