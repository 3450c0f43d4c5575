//! JSON schemas of what commands print as JSON, from the types: docs/schema holds them.
//!
//! A test holds the files against these types, and the outputs of each command against the files.

use super::many::ReleaseHistory;
use super::version::Versions;
use crate::model::finding::RecentChange;
use crate::model::plan::Plan;
use crate::model::revision::Revision;
use crate::model::running_image::RunningImage;
use crate::model::status::ReleaseStatus;
use crate::report::diff::View;
use crate::report::diff::many::ManyView;
use crate::report::progress::Stamped;
use crate::report::watch::DriftLine;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// Each document's name and its schema.
pub fn documents() -> [(&'static str, Value); 11] {
    [
        ("diff", of::<View>("-o json of diff and compare")),
        ("diff-many", of::<ManyView>("-o json of diff --all, -A and -l")),
        (
            "recent-changes",
            of::<Vec<RecentChange>>("-o json of diff --since"),
        ),
        ("status", of::<Vec<ReleaseStatus>>("-o json of status")),
        ("history", of::<Vec<Revision>>("-o json of history, newest first")),
        (
            "history-many",
            of::<Vec<ReleaseHistory>>("-o json of history --all, -A and -l"),
        ),
        ("images", of::<Vec<RunningImage>>("-o json of images")),
        ("plan", of::<Plan>("-o json of promote --dry-run")),
        ("version", of::<Versions>("-o json of version")),
        (
            "event",
            of::<Stamped>("One line of -o json of promote, revert and wait"),
        ),
        ("drift-event", of::<DriftLine>("One line of -o json of watch")),
    ]
}

fn of<T: JsonSchema>(title: &str) -> Value {
    // As it is written: what may be missing is what is left out, whatever a reader would do without.
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    schema["title"] = title.into();
    schema
}
