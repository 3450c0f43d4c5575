//! DaemonSets.

use super::super::deadline::Budget;
use super::super::fields::number;
use super::super::policy::RolloutPolicy;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use super::revision::{created, newest_controller_revision, pods_at, pods_of, ready};
use crate::model::Object;
use crate::model::phrase::counted;
use crate::model::verdict::Health;

/// Done when every node that should run a pod runs one of the new revision that is available.
pub(super) fn assess<'a>(
    object: &'a Object,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    let wanted = number(object, "/status/desiredNumberScheduled");
    let misplaced = number(object, "/status/numberMisscheduled");
    let updated = number(object, "/status/updatedNumberScheduled");
    let available = number(object, "/status/numberAvailable");
    let budget = Budget::from_object(object, "/spec/template", policy.deadline);

    // Zero is believed: no status comes here that is older than the spec.
    if wanted == 0 {
        return assess_without_nodes(misplaced);
    }

    if object.text("/spec/updateStrategy/type") == "OnDelete" && updated < wanted {
        return KindStatus::noted(format!(
            "updateStrategy OnDelete: {} of {wanted} pods keep the old revision until they are deleted",
            wanted - updated
        ));
    }

    let mine = pods_of(object.uid(), context);
    let hash = newest_controller_revision(context);
    let fresh = hash.map(|hash| pods_at(hash, &mine)).unwrap_or_default();
    let seen = ready(&fresh);

    // Without it nothing tells new pods from old ones: the status counts them and names no revision.
    let verdict = if hash.is_none() {
        Health::progressing(0, wanted, "waiting for its new ControllerRevision")
    } else if updated < wanted {
        Health::progressing(
            seen.min(updated),
            wanted,
            format!(
                "{} of {wanted} pods updated, {seen} ready",
                created(updated, &fresh, wanted)
            ),
        )
    } else if available < wanted || seen < wanted {
        let counted = available.min(seen);
        Health::progressing(counted, wanted, format!("{counted} of {wanted} pods ready"))
    } else {
        Health::ready()
    };

    let mut status = KindStatus::with_pods(verdict, fresh, wanted);
    status.creators = vec![object.uid().to_owned()];
    status.settles = number(object, "/spec/minReadySeconds") == 0;
    status.figures = vec![updated, available];
    status.budget = budget;
    status
}

/// Of a DaemonSet that matches no node: its pods elsewhere are named, and nothing waits for them.
fn assess_without_nodes<'a>(misplaced: u32) -> KindStatus<'a> {
    let still = match misplaced {
        0 => String::new(),
        count => format!("; {} still running", counted(count as usize, "misscheduled pod")),
    };
    KindStatus::empty(format!("matches no node: no pods to verify{still}"))
}
