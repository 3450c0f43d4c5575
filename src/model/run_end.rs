//! What a run leaves behind, as data: which release is promoted afterwards, and what its rollback came to.

use super::inventory::HistoryEntry;
use super::journal::Journal;
use super::operation::Operation;
use super::rehearsal::RehearsalResult;
use super::release::PublicRelease;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// What there is after a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateAfter {
    /// What is promoted then.
    #[serde(flatten)]
    pub current: CurrentRelease,
    /// What was undone; none where nothing was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackResult>,
    /// Pods that ran in a rehearsal, after which nothing else was done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rehearsed: Vec<RehearsalResult>,
}

/// The release that is promoted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CurrentRelease {
    /// Nobody has read it.
    #[default]
    Unknown,
    /// None is.
    None,
    /// This one.
    Promoted {
        /// Its name and version.
        release: ReleaseVersion,
        /// Its revision.
        revision: u32,
    },
}

/// A release by name and version: `shop 1.4.1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseVersion {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

impl From<&PublicRelease> for ReleaseVersion {
    fn from(release: &PublicRelease) -> Self {
        Self {
            name: release.name.clone(),
            version: release.version.clone(),
        }
    }
}

/// What a rollback or revert came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackResult {
    /// How many objects are what they were before, or were created again.
    pub restored: usize,
    /// How many objects that were created are deleted again.
    pub deleted: usize,
    /// How many objects could not be restored or deleted.
    pub not_restored: usize,
    /// Whether workloads were restored, and all of them were found ready.
    pub ready: bool,
    /// What was ready before and is not now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_ready: Option<String>,
    /// What differs from before, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
}

impl RollbackResult {
    /// Whether any object was changed.
    pub fn has_changed(&self) -> bool {
        self.restored + self.deleted + self.not_restored > 0
    }
}

impl CurrentRelease {
    /// That of an entry of the history; none where there is none.
    pub fn from_entry(entry: Option<&HistoryEntry>) -> Self {
        entry.map_or(Self::None, |entry| Self::Promoted {
            release: (&entry.release).into(),
            revision: entry.revision,
        })
    }

    /// That of a promotion; none after a deletion.
    pub fn from_journal(journal: &Journal) -> Self {
        match journal.operation {
            Operation::Delete => Self::None,
            Operation::Promote => Self::Promoted {
                release: (&journal.release).into(),
                revision: journal.revision,
            },
        }
    }
}

/// `revision`: a number, `null` where none is promoted, and missing where nobody knows.
impl Serialize for CurrentRelease {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Unknown => {}
            Self::None => map.serialize_entry("revision", &())?,
            Self::Promoted { release, revision } => {
                map.serialize_entry("release", release)?;
                map.serialize_entry("revision", revision)?;
            }
        }
        map.end()
    }
}

impl JsonSchema for CurrentRelease {
    fn schema_name() -> Cow<'static, str> {
        "CurrentRelease".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "release": generator.subschema_for::<ReleaseVersion>(),
                "revision": {
                    "type": ["integer", "null"],
                    "description": "Its revision; null where none is promoted, and missing where that is unknown."
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    #[rstest]
    #[case::nobody_knows(CurrentRelease::Unknown, json!({}))]
    #[case::none_is_promoted(CurrentRelease::None, json!({"revision": null}))]
    #[case::one_is(
        CurrentRelease::Promoted { release: ReleaseVersion { name: "shop".into(), version: "1.4.1".into() }, revision: 6 },
        json!({"release": {"name": "shop", "version": "1.4.1"}, "revision": 6})
    )]
    fn the_current_revision_is_a_number_null_or_missing(
        #[case] current: CurrentRelease,
        #[case] json: Value,
    ) {
        let after = StateAfter {
            current,
            ..StateAfter::default()
        };
        assert_eq!(serde_json::to_value(after).unwrap(), json);
    }
}
