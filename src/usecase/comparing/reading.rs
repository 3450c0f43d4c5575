//! What a comparison reads of the cluster, as data, and the one time at which all of it is read: a comparison of things
//! that were read at different times would find differences that never were.
//!
//! Each object goes through the first pass (`object_comparer.rs`) on the thread that read it.

use super::object_comparer::{FirstPass, ObjectComparer};
use super::running::pod_namespaces;
use super::{Autoscalers, ComparisonRequest, Mode};
use crate::cluster::{ApiError, Cluster};
use crate::compare::{self, DesiredObject, Needed, ObjectInputs};
use crate::model::admission::Admission;
use crate::model::finding::ObjectComparison;
use crate::model::snapshot::{Absence, Observed, Snapshot};
use crate::model::{Gvk, ObjectId, ResourceType, Target};
use crate::observe::{self, PodNamespace, Pods};
use crate::usecase::{CommandError, scope};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

/// What is read.
pub(super) struct Reading {
    /// The desired objects.
    targets: Arc<[Target]>,
    /// Members that are no longer desired.
    extra: Vec<Target>,
    /// What the objects need beside themselves.
    needed: Vec<Target>,
    /// The namespaces whose pods are read.
    pods_in: Vec<PodNamespace>,
    /// The namespaces whose autoscalers are read.
    autoscalers_in: Vec<String>,
}

/// What was read.
pub(super) struct Facts {
    /// The first pass over each desired object, by its index.
    pub first: Vec<(usize, Option<FirstPass>)>,
    /// Members that are no longer desired.
    pub extra: Vec<ObjectComparison>,
    /// Objects with the set's label that are neither desired nor members.
    pub orphaned: Vec<Target>,
    /// What the objects need beside themselves.
    pub needed: Snapshot,
    pub pods: Result<Pods, ApiError>,
    pub autoscalers: Autoscalers,
}

impl Reading {
    /// Fails where the cluster does not serve a kind.
    pub fn plan(
        request: &ComparisonRequest<'_>,
        kinds: &BTreeMap<Gvk, ResourceType>,
        desired: &[DesiredObject],
        needed: &[Needed],
    ) -> Result<Self, CommandError> {
        let target = |one: &DesiredObject| scope::target(kinds, &one.object, None);
        let targets: Vec<Target> = desired.iter().map(target).collect::<Result<_, _>>()?;

        let ids: HashSet<ObjectId> = targets.iter().map(Target::id).collect();
        let is_extra = |member: &&Target| !ids.contains(&member.id());
        let pods_in = if request.reads_around {
            let paths = &request.inputs.release.release.spec.image_paths;
            pod_namespaces(desired, &targets, paths, request.home)
        } else {
            Vec::new()
        };
        // Autoscalers are read where there is something of `apps` to scale, and nowhere else.
        let with_workloads: BTreeSet<&str> = targets
            .iter()
            .filter(|target| target.resource.group == "apps")
            .filter_map(|target| target.namespace.as_deref())
            .collect();

        Ok(Self {
            extra: request.members.iter().filter(is_extra).cloned().collect(),
            needed: needed_targets(request, desired, needed),
            pods_in,
            autoscalers_in: with_workloads.into_iter().map(String::from).collect(),
            targets: targets.into(),
        })
    }

    /// Reads all of it at once.
    pub async fn perform(
        self,
        cluster: &dyn Cluster,
        request: &ComparisonRequest<'_>,
        desired: Vec<DesiredObject>,
    ) -> Result<Facts, CommandError> {
        let set = request.reads_around.then_some(request.set);
        let comparer = self.comparer(cluster, request, desired);
        let (objects, extra, needed, pods, autoscalers) = futures::join!(
            observe::each(cluster, &self.targets, set, comparer),
            observe::objects(cluster, &self.extra),
            observe::objects(cluster, &self.needed),
            observe::pods(cluster, &self.pods_in),
            observe::autoscalers(cluster, &self.autoscalers_in)
        );
        let objects = objects?;

        let members: HashSet<ObjectId> = request.members.iter().map(Target::id).collect();
        // Members that are no longer desired carry the label as well, and are listed as extra.
        let is_orphaned = |target: &Target| !members.contains(&target.id());
        Ok(Facts {
            first: objects.taken,
            extra: compare_extra(self.extra, extra?),
            orphaned: objects.strays.into_iter().filter(is_orphaned).collect(),
            needed: needed?,
            pods,
            autoscalers,
        })
    }

    /// The first pass. It waits for what is registered to change objects on their way, and the reads do not.
    async fn comparer(
        &self,
        cluster: &dyn Cluster,
        request: &ComparisonRequest<'_>,
        desired: Vec<DesiredObject>,
    ) -> Arc<impl Fn(usize, Observed) -> Option<FirstPass> + Send + Sync + use<>> {
        let admission = match request.mode {
            Mode::Auto => observe::admission(cluster).await,
            // Neither computes an apply: what is registered would be read for nothing.
            Mode::Server | Mode::Readonly => Admission::unknown(),
        };
        let comparer = ObjectComparer {
            set: request.set.into(),
            mode: request.mode,
            admission,
            is_brief: request.is_brief,
            targets: self.targets.clone(),
            desired: desired.into_iter().map(|one| Mutex::new(Some(one))).collect(),
        };
        Arc::new(move |index, live| comparer.compare(index, live))
    }
}

/// What the objects need, and what else their pods could not start without: what runs needs the same mostly.
fn needed_targets(
    request: &ComparisonRequest<'_>,
    desired: &[DesiredObject],
    needed: &[Needed],
) -> Vec<Target> {
    let mut targets: Vec<Target> = needed.iter().map(|one| one.target().clone()).collect();
    if request.reads_start_needs {
        let held = desired.iter().map(|one| one.object.id());
        let known: HashSet<ObjectId> = held.chain(targets.iter().map(Target::id)).collect();
        let others = compare::start_targets(desired.iter().map(|one| &one.object));
        targets.extend(others.into_iter().filter(|other| !known.contains(&other.id())));
    }
    targets
}

/// Members that are not desired, as they are.
pub(super) fn compare_extra(targets: Vec<Target>, mut read: Snapshot) -> Vec<ObjectComparison> {
    let compare = |target: Target| {
        let live = read.objects.remove(&target.id());
        let live = live.unwrap_or(Observed::Absent(Absence::Object));
        compare::object(ObjectInputs::extra(target, live))
    };
    targets.into_iter().map(compare).collect()
}
