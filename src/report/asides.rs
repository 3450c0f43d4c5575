//! Differing fields that are no drift, told once: one line for each cause.
//!
//! They change no exit code and are left alone by a promotion, and one on fifty objects must not
//! drown what does matter.

use crate::model::ObjectId;
use crate::model::finding::{AsideReason, ObjectComparison};
use std::collections::{BTreeMap, BTreeSet};

/// Objects that are named in a line; more are counted.
const NAMED: usize = 10;

/// One sentence for each cause, with its objects.
pub fn aside_notes(objects: &[ObjectComparison]) -> Vec<String> {
    let mut tools: BTreeMap<&str, BTreeSet<ObjectId>> = BTreeMap::new();
    let mut causes: BTreeMap<(String, String), BTreeSet<ObjectId>> = BTreeMap::new();

    for object in objects {
        for aside in &object.asides {
            let cause = match &aside.reason {
                // By the tool alone: its marks stand on every object, at several paths.
                AsideReason::Mark { tool } => {
                    tools.entry(tool).or_default().insert(object.id());
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

    let managed = tools.into_iter().map(|(tool, ids)| match ids.len() {
        1 => format!("1 object is managed by {tool}"),
        count => format!("{count} objects are managed by {tool}"),
    });
    let others = causes
        .into_iter()
        .map(|((path, cause), ids)| format!("{path} of {} {cause}", names(&ids)));
    managed.chain(others).collect()
}

fn names(ids: &BTreeSet<ObjectId>) -> String {
    let names: Vec<String> = ids.iter().take(NAMED).map(ToString::to_string).collect();

    match ids.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
