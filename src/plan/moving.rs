//! Objects of other releases: which of them a promotion moves into its own, and how those are named that it may not touch.
//!
//! An object moves where three things agree: it is desired here, it carries the label of a release that the caller named,
//! and that release's inventory holds it. A line in somebody else's state alone moves nothing, and a label alone is
//! refused. What else belongs to another release stays untouched. Locks and inventories are no business of the plan.

use super::findings::{note, refuse};
use super::policy::{PlanPolicy, Planned};
use crate::model::check::Check;
use crate::model::finding::Comparison;
use crate::model::inventory::Inventory;
use crate::model::moves::{Move, RELEASE_PREFIX, ReleaseRef, named};
use crate::model::names::{APPLYSET_ID_LABEL, APPLYSET_PART_OF_LABEL};
use crate::model::phrase::counted;
use crate::model::plan::{Action, PlanStep, PreflightFinding};
use crate::model::{Object, ObjectId, Target};
use std::collections::BTreeMap;

/// Refuses an object of another release, unless it may move.
pub(super) fn other_release_finding(
    id: &ObjectId,
    live: &Object,
    set: &str,
    policy: &PlanPolicy,
) -> Option<PreflightFinding> {
    let other = live.label(APPLYSET_PART_OF_LABEL).filter(|other| *other != set)?;
    if policy.others.source_of(id, live).is_some() {
        return None;
    }

    let (message, hint) = match policy.others.by_set.get(other) {
        // Its inventory may lie where nothing may be listed: the label is all that is known of it then.
        None => (
            format!("belongs to another release ({other})"),
            format!("to find the other release: kubectl get configmaps -A -l {APPLYSET_ID_LABEL}={other}"),
        ),
        Some(release) => {
            let name = release.name_from(&policy.home);
            // The caller named the release, and it does not own the object: to move it would take it from nobody.
            if policy
                .others
                .sources
                .iter()
                .any(|source| source.release == *release)
            {
                (
                    format!("orphaned: has the label of release {name} and is not in its inventory"),
                    format!("to remove the label: {}", unlabel(id)),
                )
            } else {
                (
                    format!("belongs to release {name}"),
                    format!("add --adopt {RELEASE_PREFIX}{name} to move it to this release"),
                )
            }
        }
    };
    Some(refuse(Check::ManagedBy, Some(id), message, Some(hint)))
}

/// The command that takes an object out of its set.
fn unlabel(id: &ObjectId) -> String {
    format!("kubectl label {} {APPLYSET_PART_OF_LABEL}-", id.kubectl_args())
}

/// The objects that these steps move, by the release that they leave.
pub(super) fn moves(steps: &[PlanStep], comparison: &Comparison, policy: &PlanPolicy) -> Vec<Move> {
    let live: BTreeMap<ObjectId, &Object> = comparison
        .objects
        .iter()
        .filter_map(|object| Some((object.id(), object.live.object()?)))
        .collect();

    let applied = steps
        .iter()
        .filter(|step| !matches!(step.action, Action::Delete { .. }));
    // By release and not as they come: the same move makes the same plan.
    let mut moves: BTreeMap<&ReleaseRef, Vec<Target>> = BTreeMap::new();
    for step in applied {
        let id = step.target.id();
        let source = live.get(&id).and_then(|live| policy.others.source_of(&id, live));
        if let Some(source) = source {
            moves
                .entry(&source.release)
                .or_default()
                .push(step.target.clone());
        }
    }

    let one = |(from, objects): (&ReleaseRef, Vec<Target>)| Move {
        from: from.clone(),
        objects,
        // Read under that release's lock, and kept in the journal: until then they can change.
        members_before: Vec::new(),
    };
    moves.into_iter().map(one).collect()
}

/// What is said of a plan's moves: what each release loses, and which of those that were named has nothing to lose.
pub fn add_move_findings(planned: &mut Planned, policy: &PlanPolicy) {
    let home = &policy.home;

    for source in &policy.others.sources {
        let name = source.release.name_from(home);
        let moved = planned.plan.moves.iter().find(|one| one.from == source.release);

        planned.findings.push(match moved {
            Some(one) => {
                let (count, objects) = (counted(one.objects.len(), "object"), named(&one.objects));
                note(
                    Check::ManagedBy,
                    None,
                    format!("{count} of release {name} will move to this release: {objects}"),
                )
            }
            // A pipeline keeps its flags: when all has moved, this one does nothing.
            None if source.has_moved => note(
                Check::ManagedBy,
                None,
                format!("nothing to move from release {name}"),
            ),
            // A name that is mistyped, or an object that was forgotten, would pass for a move that is done.
            None => {
                let message = format!("no object of this release is a member of release {name}");
                let hint =
                    format!("remove --adopt {RELEASE_PREFIX}{name}, or add its objects to this release");
                refuse(Check::ManagedBy, None, message, Some(hint))
            }
        });
    }
}

/// What a release's plan says of members that others took since its last promotion.
pub fn moved_member_notes(inventory: &Inventory, home: &str) -> Vec<PreflightFinding> {
    let lately = inventory.moved_lately();
    lately
        .map(|moved| note(Check::ManagedBy, None, moved.sentence(home)))
        .collect()
}
