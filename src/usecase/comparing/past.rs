//! What the history says of a release's objects that are not there.

use crate::cluster::Cluster;
use crate::model::ObjectId;
use crate::model::finding::Comparison;
use crate::model::inventory::Inventory;
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::release::PublicRelease;
use crate::model::state_key::BoundKey;
use crate::observe::release_state::read_record;
use crate::plan::{AbsenceReason, Past, allowed_absences, needs_record};

/// What was promoted before, and why it could not be read. The record is read only where a Job is absent that goes by
/// itself.
pub async fn past(
    cluster: &dyn Cluster,
    inventory: &Inventory,
    release: &PublicRelease,
    comparison: &Comparison,
    key: Option<&BoundKey>,
) -> (Past, Option<String>) {
    let Some(entry) = inventory.promoted() else {
        return (Past::default(), None);
    };
    let is_promoted = entry.release.seems(release);
    let mut past = Past {
        has_promoted: true,
        is_promoted,
        recorded: Vec::new(),
    };
    if !needs_record(comparison) {
        return (past, None);
    }
    match read_record(cluster, entry, false, key).await {
        Ok(record) => past.recorded = record.desired,
        Err(error) => return (past, Some(error.to_string())),
    }
    (past, None)
}

/// Leaves out the objects that belong to other releases now; what should be known of all that has moved.
pub fn leave_out_moved(inventory: &Inventory, home: &str, comparison: &mut Comparison) -> Vec<String> {
    let mut notes: Vec<String> = inventory
        .moved_lately()
        .map(|moved| moved.sentence(home))
        .collect();
    comparison.objects.retain(|object| {
        let id = object.id();
        let set = object
            .live
            .object()
            .and_then(|live| live.label(APPLYSET_PART_OF_LABEL));
        let moved = inventory
            .moved_to(&id)
            .filter(|moved| set == Some(&*moved.to.set()));
        if let Some(moved) = moved.filter(|_| object.desired.is_some()) {
            let release = moved.to.name_from(home);
            notes.push(format!("{id}: not compared, belongs to release {release} now"));
        }
        moved.is_none()
    });
    notes
}

/// Leaves out the objects that need not be there, so that their absence is no difference; what should be known of them.
pub async fn leave_out(
    cluster: &dyn Cluster,
    inventory: &Inventory,
    release: &PublicRelease,
    comparison: &mut Comparison,
    key: Option<&BoundKey>,
) -> Vec<String> {
    let (past, unread) = past(cluster, inventory, release, comparison, key).await;
    let mut notes = leave_out_absent(comparison, &past);
    notes.extend(unread.map(|what| format!("not read: {what}")));
    notes
}

/// The same of objects that another tool has applied just as they are desired.
pub fn leave_out_completed(comparison: &mut Comparison) -> Vec<String> {
    let desired = comparison.objects.iter().map(|object| &object.desired);
    let past = Past {
        has_promoted: true,
        is_promoted: false,
        recorded: desired.flatten().cloned().collect(),
    };
    leave_out_absent(comparison, &past)
}

fn leave_out_absent(comparison: &mut Comparison, past: &Past) -> Vec<String> {
    let allowed_absences = allowed_absences(comparison, past);
    comparison
        .objects
        .retain(|object| !allowed_absences.contains_key(&object.id()));
    let note = |(id, excuse): (ObjectId, AbsenceReason)| Some(format!("{id}: {}", excuse.message()?));
    allowed_absences.into_iter().filter_map(note).collect()
}
