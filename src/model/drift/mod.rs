//! Drift over time: what is found of promoted releases while they are watched, when it opens and closes, and who is told.
//!
//! Texts are redacted and cleaned where a finding is made, and findings hold paths, names and times: no value of an object
//! is in them. Names in JSON are public (docs/watch.md, docs/schema/drift-event.v1.json).

mod coverage;
mod event;
mod finding;
mod group;
mod sink;
mod snapshot;

pub use coverage::Coverage;
pub use event::{CloseReason, DriftEvent, DropReason, PromotionEnd, StampedDriftEvent, WatchEnd};
pub use finding::{ChangedBy, DriftFinding, DriftKind, FindingKey, OpenFinding};
pub use group::{DriftChange, DriftGroup, group_findings};
pub use sink::{DriftSink, DriftUpdate, SinkError};
pub use snapshot::{
    DriftSnapshot, ReleaseCondition, ReleaseDrift, SinkFailures, WatchErrorKey, WatchErrorReason,
};
