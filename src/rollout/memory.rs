//! What must be remembered between two looks at the same object: the judge itself keeps nothing, and reads no
//! clock.
//!
//! A memory belongs to one subject. Whoever follows an object anew starts with an empty one, so that
//! deadlines, graces and settle times of another wave do not run on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What must be remembered between two looks at the same object. Start with the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// When it was first judged.
    pub started: Option<Timestamp>,
    /// Uid under which it was seen.
    pub uid: Option<String>,
    /// Whether it goes by itself once it has run.
    pub goes_by_itself: bool,
    /// Whether it had run well when it was last seen, and goes by itself.
    pub has_run: bool,
    /// The best of each figure of progress so far.
    pub best: Vec<u32>,
    /// When one of them last rose.
    pub progress_at: Option<Timestamp>,
    /// When each present sign of failure was first seen.
    pub signs: BTreeMap<String, Timestamp>,
    /// When each container without a readiness probe was first seen running, by `pod uid/container/restarts`.
    pub settling: BTreeMap<String, Timestamp>,
}
