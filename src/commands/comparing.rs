//! From desired objects and a cluster to a comparison: what `diff` and `promote` share.

use crate::cli::CommandError;
use crate::cluster::Cluster;
use crate::compare::{self, Looked};
use crate::model::finding::{ChangeKind, Comparison, ObjectComparison, UntestedChange};
use crate::model::kinds::well_known;
use crate::model::snapshot::Observed;
use crate::model::{Gvk, Object, ResourceType, Target};
use crate::{observe, plan};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// A desired object, and what is known of it before a cluster is asked.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// As a promotion would apply it.
    pub desired: Object,
    /// As tested.
    pub tested: Option<Object>,
    /// Tested → desired.
    pub untested: Vec<UntestedChange>,
}

/// What is compared.
pub struct Question<'a> {
    /// Desired objects, in their order.
    pub wanted: Vec<Wanted>,
    /// The members of the inventory.
    pub members: &'a [Target],
    /// Home namespace: that of objects that name none.
    pub home: &'a str,
    /// The ApplySet id of the release here.
    pub set: &'a str,
}

/// Reads, asks the server what an apply would change, and compares.
pub async fn compare(cluster: &dyn Cluster, question: Question<'_>) -> Result<Comparison, CommandError> {
    let kinds = kinds(cluster, &question.wanted).await?;
    let mut wanted: Vec<(Target, Wanted)> = Vec::new();
    for mut one in question.wanted {
        let Some(kind) = kinds.get(&one.desired.gvk()) else {
            let gvk = one.desired.gvk();
            let message =
                format!("expected a kind that the cluster serves, found {} {}", gvk.api_version(), gvk.kind);
            return Err(CommandError::new(crate::cli::ErrorKind::Refused, message)
                .with_hint("install its CustomResourceDefinition, or add it to the release"));
        };
        let target = Target::new(kind, one.desired.namespace().or(Some(question.home)), one.desired.name());
        one.desired.set_namespace(target.namespace.as_deref());
        wanted.push((target, one));
    }
    let desired_ids: BTreeSet<_> = wanted.iter().map(|(target, _)| target.id()).collect();
    let extra: Vec<_> =
        question.members.iter().filter(|member| !desired_ids.contains(&member.id())).cloned().collect();
    let targets: Vec<_> = wanted.iter().map(|(target, _)| target.clone()).chain(extra.clone()).collect();
    let snapshot = observe::objects(cluster, &targets).await?;
    let live = |target: &Target| snapshot.objects.get(&target.id()).cloned();
    let mut looks = Vec::new();
    for (target, one) in wanted {
        let live = live(&target).unwrap_or(Observed::Absent(crate::model::snapshot::Absence::Object));
        looks.push(look(cluster, target, one, live, question.set));
    }
    let mut objects = join_all(looks).await;
    objects.extend(extra.into_iter().filter_map(|target| {
        let live = live(&target)?;
        let nothing = (None, None, None, None);
        let (tested, desired, prediction, fresh) = nothing;
        Some(compare::object(Looked {
            target,
            tested,
            desired,
            live,
            prediction,
            fresh,
            untested: Vec::new(),
        }))
    }));
    Ok(Comparison { objects, ..Comparison::default() })
}

async fn look(
    cluster: &dyn Cluster,
    target: Target,
    one: Wanted,
    live: Observed,
    set: &str,
) -> ObjectComparison {
    let Wanted { mut desired, tested, untested } = one;
    let mut looked = Looked { target, tested, desired: None, live, prediction: None, fresh: None, untested };
    if let Observed::Present(live) = looked.live {
        plan::dress_as_live(&mut desired, &live, set);
        let (live, prediction) = observe::predict(cluster, &looked.target, &desired, live).await;
        looked.live = live;
        looked.prediction = Some(prediction);
    }
    looked.desired = Some(desired.clone());
    let found = compare::object(looked.clone());
    // Whether what somebody wrote down is only what every such object gets: a question to the server of its own.
    if found.changes.iter().any(|change| change.kind == ChangeKind::Added) {
        looked.fresh = observe::fresh(cluster, &looked.target, &desired).await;
        return compare::object(looked);
    }
    found
}

/// The kinds of the wanted objects: well known, served, or defined by a CRD among them.
async fn kinds(
    cluster: &dyn Cluster,
    wanted: &[Wanted],
) -> Result<BTreeMap<Gvk, ResourceType>, CommandError> {
    let gvks: BTreeSet<Gvk> = wanted.iter().map(|one| one.desired.gvk()).collect();
    let mut kinds: BTreeMap<Gvk, ResourceType> =
        gvks.iter().filter_map(|gvk| Some((gvk.clone(), well_known(gvk)?))).collect();
    if kinds.len() < gvks.len() {
        kinds.extend(
            cluster.discover().await?.into_iter().map(|found| (found.resource.gvk(), found.resource)),
        );
        for resource in wanted.iter().flat_map(|one| defined_by(&one.desired)) {
            kinds.entry(resource.gvk()).or_insert(resource);
        }
    }
    Ok(kinds)
}

/// The kinds that a CRD defines.
fn defined_by(crd: &Object) -> Vec<ResourceType> {
    if crd.kind() != "CustomResourceDefinition" {
        return Vec::new();
    }
    let versions =
        crd.at("/spec/versions").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let resource = |version: &serde_json::Value| ResourceType {
        group: crd.text("/spec/group").into(),
        version: version["name"].as_str().unwrap_or_default().into(),
        kind: crd.text("/spec/names/kind").into(),
        plural: crd.text("/spec/names/plural").into(),
        namespaced: crd.text("/spec/scope") == "Namespaced",
    };
    versions.iter().map(resource).collect()
}
