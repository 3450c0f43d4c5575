//! Whose images are listed: the workloads of the releases of a namespace, of one release, or of many.

use super::ImagesRequest;
use crate::cluster::Cluster;
use crate::model::k8s::controller::Controller;
use crate::model::k8s::kinds::built_in;
use crate::model::moves::ReleaseRef;
use crate::model::{Gvk, ObjectId, Target};
use crate::observe::PodNamespace;
use crate::observe::release_state::list_homes;
use crate::rollout::runs_pods;
use crate::usecase::many::{ReleaseSelection, hold};
use crate::usecase::{CommandError, Scope, release_state};
use futures::future::join_all;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Whose images are listed.
#[derive(Clone, Debug)]
pub enum ImagesOf {
    /// All that runs in the release namespace, and the workloads of its releases elsewhere.
    Namespace,
    /// The workloads of one release.
    Release(String),
    /// The workloads of these releases.
    Releases(ReleaseSelection),
}

/// Workloads of releases.
#[derive(Default)]
pub(super) struct Members {
    ids: HashSet<ObjectId>,
    /// The releases of workloads, by namespace and `Deployment web`.
    releases_by_workload: HashMap<(String, String), ReleaseRef>,
    /// Releases that could not be read.
    pub unread: Vec<(ReleaseRef, CommandError)>,
    /// How many releases there are.
    pub releases: usize,
}

impl Members {
    /// Reads them, and gives the cluster that their pods are read of.
    ///
    /// # Errors
    ///
    /// Where the releases cannot be listed, there are none, or the one that is named is not there.
    pub async fn read(
        request: &ImagesRequest,
        scope: &Scope,
    ) -> Result<(Self, Arc<dyn Cluster>), CommandError> {
        let mut cluster = scope.cluster.clone();
        let releases = match &request.images_of {
            ImagesOf::Namespace => {
                let homes = list_homes(cluster.as_ref(), Some(&scope.home)).await;
                let homes = homes.map_err(|error| release_state::home_error(&error))?;
                let release = |(namespace, name)| ReleaseRef { namespace, name };
                homes.into_iter().map(release).collect()
            }
            ImagesOf::Release(name) => vec![ReleaseRef::new(&scope.home, name)],
            ImagesOf::Releases(selection) => {
                let mut listed = selection.list(scope).await?;
                cluster = hold(&cluster, &mut listed);
                listed.into_iter().map(|one| one.release).collect()
            }
        };
        let members = Self::of_releases(request, cluster.as_ref(), releases).await?;
        Ok((members, cluster))
    }

    async fn of_releases(
        request: &ImagesRequest,
        cluster: &dyn Cluster,
        releases: Vec<ReleaseRef>,
    ) -> Result<Self, CommandError> {
        let reads = releases.iter().map(|release| {
            request
                .access
                .read_checked(cluster, &release.namespace, &release.name)
        });
        let states = join_all(reads).await;

        let mut members = Self {
            releases: releases.len(),
            ..Self::default()
        };
        for (release, state) in releases.into_iter().zip(states) {
            let state = match state {
                Ok(state) => state,
                Err(error) => {
                    members.unread.push((release, error));
                    continue;
                }
            };
            if matches!(request.images_of, ImagesOf::Release(_)) && release_state::is_absent(&state) {
                let (namespace, name) = (&release.namespace, &release.name);
                return Err(release_state::no_release(cluster, namespace, name, "images").await);
            }
            let targets = state
                .inventory
                .into_iter()
                .flat_map(|inventory| inventory.value.members);
            // What a custom kind runs, its pods tell.
            let workloads = targets.filter(|target| runs_pods(target) || is_custom(target));
            for id in workloads.map(|target| target.id()) {
                let namespace = id.namespace.clone().unwrap_or_default();
                let workload = (namespace, format!("{} {}", id.kind, id.name));
                members.releases_by_workload.insert(workload, release.clone());
                members.ids.insert(id);
            }
        }
        Ok(members)
    }

    /// The namespaces that they are in; `home` is one of them where all of it is listed.
    pub fn namespaces(&self, home: Option<&str>) -> Vec<PodNamespace> {
        let workloads = self.ids.iter().filter_map(|id| {
            let is_custom = built_in(&id.group, &id.kind).is_none();
            Some((id.namespace.as_deref()?, is_custom))
        });
        PodNamespace::collect(workloads.chain(home.map(|home| (home, false))))
    }

    /// Whether an owner of a pod is one of them.
    pub fn holds(&self, namespace: &str, owner: &Controller) -> bool {
        let group = Gvk::new(&owner.api_version, &owner.kind).group;
        let id = ObjectId::new(&group, &owner.kind, Some(namespace), &owner.name);
        self.ids.contains(&id)
    }

    /// The release of a workload, as `Deployment web` names it.
    pub fn release_of(&self, namespace: &str, workload: &str) -> Option<&ReleaseRef> {
        let workload = (namespace.to_owned(), workload.to_owned());
        self.releases_by_workload.get(&workload)
    }
}

fn is_custom(member: &Target) -> bool {
    built_in(&member.resource.group, &member.resource.kind).is_none()
}
