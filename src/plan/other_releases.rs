//! What a plan knows of other releases: whose members may move into this one, and whose stay as they are.
//!
//! An object is another release's where it carries that release's label. It may move only where that release's inventory
//! holds it as well: a line in somebody else's state alone moves nothing.

use super::findings::note;
use crate::model::check::Check;
use crate::model::finding::ObjectComparison;
use crate::model::moves::ReleaseRef;
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::plan::PreflightFinding;
use crate::model::{Object, ObjectId};
use std::collections::{BTreeMap, BTreeSet};

/// A release whose members may move.
#[derive(Clone, Debug)]
pub struct Source {
    /// The release.
    pub release: ReleaseRef,
    /// Its members, as its inventory names them: text of another release's state, so that only what also carries its label
    /// and is desired here moves.
    pub members: BTreeSet<ObjectId>,
    /// Whether something of it has moved here before.
    pub has_moved: bool,
}

/// What is known of other releases.
#[derive(Clone, Debug, Default)]
pub struct OtherReleases {
    /// Those whose members may move.
    pub sources: Vec<Source>,
    /// Releases by the label of their members.
    pub by_set: BTreeMap<String, ReleaseRef>,
    /// Where this one's own former members went; only where those are left alone.
    pub leave: BTreeSet<ObjectId>,
}

impl OtherReleases {
    /// The release whose member an object is, where it may move.
    pub(super) fn source_of(&self, id: &ObjectId, live: &Object) -> Option<&Source> {
        // The label is looked at on the object itself: the inventory could name what others have made since.
        let set = live.label(APPLYSET_PART_OF_LABEL)?;
        self.sources
            .iter()
            .find(|source| source.release.set() == set && source.members.contains(id))
    }

    /// Says so of a former member that is left alone: an older revision holds it, and another release does now.
    pub(super) fn left_alone(
        &self,
        object: &ObjectComparison,
        own: &str,
        home: &str,
    ) -> Option<PreflightFinding> {
        let id = object.id();
        let set = object
            .live
            .object()?
            .label(APPLYSET_PART_OF_LABEL)
            .filter(|set| *set != own)?;
        // Only a way back to an older revision leaves them alone; the release's own file is refused for them.
        let owner = self.leave.contains(&id).then(|| self.release_name(set, home))?;

        Some(note(
            Check::ManagedBy,
            Some(&id),
            format!("belongs to {owner} now; left in place"),
        ))
    }

    fn release_name(&self, set: &str, home: &str) -> String {
        let release = self
            .by_set
            .get(set)
            .map(|release| format!("release {}", release.name_from(home)));
        release.unwrap_or_else(|| format!("another release ({set})"))
    }
}
