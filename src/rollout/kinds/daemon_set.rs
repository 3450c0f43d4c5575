//! DaemonSets.

use super::super::deadline::Budget;
use super::super::fields::number;
use super::super::policy::RolloutPolicy;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use super::revision::{created, newest_controller_revision, pods_at, pods_of, ready};
use crate::model::Object;
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
        let still = if misplaced > 0 {
            format!("; {misplaced} still run")
        } else {
            String::new()
        };
        return KindStatus::empty(format!("no node takes its pods: no pods to verify{still}"));
    }

    if object.text("/spec/updateStrategy/type") == "OnDelete" && updated < wanted {
        return KindStatus::noted(format!(
            "updateStrategy OnDelete: {} of {wanted} pods take the new revision once somebody deletes them",
            wanted - updated
        ));
    }

    let mine = pods_of(object.uid(), context);
    let hash = newest_controller_revision(context);
    let fresh = hash.map(|hash| pods_at(hash, &mine)).unwrap_or_default();
    let seen = ready(&fresh);

    // Without it nothing tells new pods from old ones: the status counts them and names no revision.
    let verdict = if hash.is_none() {
        Health::waiting(0, wanted, "its new ControllerRevision is not there yet")
    } else if updated < wanted {
        Health::waiting(
            seen.min(updated),
            wanted,
            format!(
                "{} of {wanted} pods updated, {seen} ready",
                created(updated, &fresh, wanted)
            ),
        )
    } else if available < wanted || seen < wanted {
        let counted = available.min(seen);
        Health::waiting(counted, wanted, format!("{counted} of {wanted} pods are ready"))
    } else {
        Health::done()
    };

    let mut status = KindStatus::with_pods(verdict, fresh, wanted);
    status.creators = vec![object.uid().to_owned()];
    status.settles = number(object, "/spec/minReadySeconds") == 0;
    status.figures = vec![updated, available];
    status.budget = budget;
    status
}
