//! Differing fields that are no drift, told once: one line for each cause.
//!
//! They change no exit code and are left alone by a promotion, and one on fifty objects must not
//! drown what does matter.

use crate::model::finding::{AsideReason, ObjectComparison};
use crate::model::k8s::marks::{Installer, installation_of};
use crate::model::phrase::list_first;
use crate::model::{Object, ObjectId};
use std::collections::{BTreeMap, BTreeSet};

/// Objects that are named in a line; more are counted.
const NAMED: usize = 10;

/// One sentence for each cause, with its objects.
pub fn aside_notes(objects: &[ObjectComparison]) -> Vec<String> {
    let mut installed: BTreeMap<String, BTreeSet<ObjectId>> = BTreeMap::new();
    let mut causes: BTreeMap<(String, String), BTreeSet<ObjectId>> = BTreeMap::new();

    for object in objects {
        for aside in &object.asides {
            let cause = match &aside.reason {
                // By the installation alone: its marks stand on every object, at several paths.
                AsideReason::Mark { installer } => {
                    let by = managed_by(*installer, object.live.object());
                    installed.entry(by).or_default().insert(object.id());
                    continue;
                }
                AsideReason::Stamp => "is rewritten by admission at each request; not compared".to_owned(),
                AsideReason::Bound => "cannot be updated and is not in the release; not compared".to_owned(),
                AsideReason::Restart { manager } => format!("was set by {manager}; kept"),
                AsideReason::Unknown(why) => format!("origin unknown; not compared: {why}"),
            };
            // The path is part of the cause: one path on fifty objects is one line.
            causes
                .entry((aside.path.to_string(), cause))
                .or_default()
                .insert(object.id());
        }
    }

    let managed = installed.into_iter().map(|(by, ids)| match ids.len() {
        1 => format!("1 object is managed by {by}"),
        count => format!("{count} objects are managed by {by}"),
    });
    let others = causes
        .into_iter()
        .map(|((path, cause), ids)| format!("{path} of {} {cause}", names(&ids)));
    managed.chain(others).collect()
}

/// `Helm (release web)`; the tool alone where its marks name no installation.
fn managed_by(installer: Installer, live: Option<&Object>) -> String {
    let found = live.and_then(|live| installation_of(installer, live));
    found.map_or_else(
        || installer.name().to_owned(),
        |found| format!("{} ({})", installer.name(), found.name),
    )
}

fn names(ids: &BTreeSet<ObjectId>) -> String {
    list_first(ids.iter(), NAMED, ", ")
}
