//! Health of the workloads of many releases, by what is held: namespace by namespace, so that what a namespace holds is
//! read once, whoever of the releases it belongs to.

use super::concurrency;
use crate::cluster::Cluster;
use crate::model::status::{HealthState, WorkloadHealth};
use crate::model::{ObjectId, Target};
use crate::monitor::{ObjectHealth, health};
use crate::observe::aside;
use crate::report::diff::many::ReleaseHealth;
use crate::rollout::RolloutPolicy;
use crate::usecase::status::workload_health;
use futures::StreamExt;
use futures::stream;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The health of each workload.
pub(super) struct HealthOfMany(HashMap<ObjectId, WorkloadHealth>);

/// Finds it out.
pub(super) async fn assess(cluster: &Arc<dyn Cluster>, targets: Vec<Target>) -> HealthOfMany {
    let mut namespaces: BTreeMap<Option<String>, Vec<Target>> = BTreeMap::new();
    for target in targets {
        namespaces
            .entry(target.namespace.clone())
            .or_default()
            .push(target);
    }

    let found = stream::iter(namespaces.into_values())
        .map(|targets| assess_aside(cluster.clone(), targets))
        .buffer_unordered(concurrency());
    let found: Vec<Vec<ObjectHealth>> = found.collect().await;
    let healths = found.into_iter().flatten();
    HealthOfMany(
        healths
            .map(|one| (one.object.clone(), workload_health(one, None, None)))
            .collect(),
    )
}

/// On a thread that moves no bytes, as comparisons are.
async fn assess_aside(cluster: Arc<dyn Cluster>, targets: Vec<Target>) -> Vec<ObjectHealth> {
    let runtime = Handle::current();
    aside(move || runtime.block_on(health(cluster, &targets, RolloutPolicy::default()))).await
}

impl HealthOfMany {
    /// The worst of a release's workloads; none where it has none.
    pub fn release_health(&self, workloads: &[Target]) -> Option<ReleaseHealth> {
        let found: Vec<(ObjectId, &WorkloadHealth)> = workloads
            .iter()
            .map(Target::id)
            .filter_map(|id| Some((id.clone(), self.0.get(&id)?)))
            .collect();
        let state = found.iter().map(|(_, health)| health.state).max_by_key(badness)?;
        let causes = found
            .iter()
            .filter_map(|(id, health)| Some(format!("{id}: {}", health.cause()?)));
        Some(ReleaseHealth {
            state,
            causes: causes.collect(),
        })
    }
}

/// How bad a state is: what has failed is worse than what is not known.
fn badness(state: &HealthState) -> u8 {
    match state {
        HealthState::Ready => 0,
        HealthState::Progressing => 1,
        HealthState::Unknown => 2,
        HealthState::Failed => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;

    #[test]
    fn a_release_is_as_its_worst_workload_and_one_without_any_has_no_health() {
        let kind = built_in("apps", "Deployment").unwrap();
        let target = |name: &str| Target::new(&kind, Some("shop"), name);
        let health = |state, message: &str| WorkloadHealth {
            state,
            message: message.into(),
        };
        let known = HealthOfMany(
            [
                (target("a").id(), health(HealthState::Ready, "1/1 ready")),
                (target("b").id(), health(HealthState::Unknown, "no pods")),
                (target("c").id(), health(HealthState::Failed, "it exits")),
            ]
            .into(),
        );

        let of = |names: &[&str]| {
            let targets: Vec<Target> = names.iter().map(|name| target(name)).collect();
            known.release_health(&targets)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["a"]).unwrap().state, HealthState::Ready);
        assert_eq!(of(&["a", "b"]).unwrap().state, HealthState::Unknown);
        let worst = of(&["a", "b", "c"]).unwrap();
        assert_eq!(worst.state, HealthState::Failed);
        assert_eq!(
            worst.causes,
            ["Deployment shop/b: no pods", "Deployment shop/c: it exits"]
        );
    }
}
