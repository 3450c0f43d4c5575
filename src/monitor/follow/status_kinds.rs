//! Which custom kinds have a status subresource: of one that has none no first status is waited for.

use crate::cluster::Cluster;
use crate::model::{Gvk, Target};
use crate::rollout::is_custom;
use std::collections::BTreeMap;
use std::time::Duration;

/// What discovery tells of custom kinds.
#[derive(Default)]
pub(super) struct StatusKinds {
    /// By kind: whether it has a status subresource.
    known: BTreeMap<Gvk, bool>,
}

impl StatusKinds {
    /// Asks discovery where one of these is of a custom kind that is not known.
    pub async fn find(&mut self, cluster: &dyn Cluster, targets: &[Target], limit: Duration) {
        let is_new = |target: &Target| {
            let resource = &target.resource;
            is_custom(&resource.group) && !self.known.contains_key(&resource.gvk())
        };
        if !targets.iter().any(is_new) {
            return;
        }

        // Without an answer a first status is waited for.
        if let Ok(Ok(served)) = tokio::time::timeout(limit, cluster.discover()).await {
            let kinds = served
                .into_iter()
                .map(|found| (found.resource.gvk(), found.has_status));
            self.known.extend(kinds);
        }
    }

    /// Whether a kind is known to have none.
    pub fn lacks_status(&self, target: &Target) -> bool {
        self.known.get(&target.resource.gvk()) == Some(&false)
    }
}
