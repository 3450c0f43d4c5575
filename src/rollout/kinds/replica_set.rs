//! ReplicaSets and ReplicationControllers: they have no revisions, their pods are never replaced.

use super::super::deadline::Budget;
use super::super::fields::number;
use super::super::policy::RolloutPolicy;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use super::revision::{falling, pods_of, ready, refused_creation, replicas};
use crate::model::Object;
use crate::model::phrase::counted;
use crate::model::verdict::Health;

/// Done when as many pods as wanted are available.
pub(super) fn assess<'a>(
    object: &'a Object,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    let wanted = replicas(object);
    let total = number(object, "/status/replicas");
    let available = number(object, "/status/availableReplicas");
    let pods = pods_of(object.uid(), context);
    // Status and pods come by two watches: the one that shows less is believed.
    let seen = available.min(ready(&pods));

    let verdict = if wanted == 0 && total == 0 {
        return KindStatus::empty("scaled to 0 replicas: no pods to verify");
    } else if total > wanted {
        Health::progressing(
            seen.min(wanted),
            wanted,
            format!(
                "waiting for {} to terminate",
                counted((total - wanted) as usize, "pod")
            ),
        )
    } else if seen < wanted {
        Health::progressing(seen, wanted, format!("{seen} of {wanted} pods ready"))
    } else {
        Health::ready()
    };

    let mut status = KindStatus::with_pods(verdict, pods, wanted);
    status.creators = vec![object.uid().to_owned()];
    status.refusal = refused_creation(object);
    status.settles = number(object, "/spec/minReadySeconds") == 0;
    status.figures = vec![available, falling(total)];
    status.budget = Budget::from_object(object, "/spec/template", policy.deadline);
    status
}
