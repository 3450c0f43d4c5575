//! What a plan is made of besides the comparison: what the caller allows, and what was read.

use super::absence::Past;
use super::other_releases::OtherReleases;
use crate::model::check::{is_field_in_item, path_in_item};
use crate::model::environment::{External, UntestedPolicy};
use crate::model::finding::Comparison;
use crate::model::k8s::marks::Installer;
use crate::model::names::{applyset_id, inventory};
use crate::model::plan::{Plan, PlanLimits, PreflightFinding, Waiver};
use crate::model::release::PublicRelease;
use crate::model::snapshot::ReadFailure;
use crate::model::{ClusterIdentity, FieldPath, Object, ObjectId};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What the caller allows.
#[derive(Clone, Debug, Default)]
pub struct PlanPolicy {
    /// Whether what a person changed in the cluster is replaced.
    pub overwrite: bool,
    /// Field managers whose fields become ours; `argocd`, `flux`, `helm`, `kapp` and `kubectl` stand for those tools.
    pub adopt: BTreeSet<String>,
    /// Releases whose members move into this one, as they were named.
    pub adopt_releases: BTreeSet<String>,
    /// What is known of other releases.
    pub others: OtherReleases,
    /// The release namespace.
    pub home: String,
    /// Whether more than a third of the set may be pruned at once.
    pub allow_prune: bool,
    /// Kept kinds that are pruned all the same, as `kind/name`.
    pub prune_kept: BTreeSet<String>,
    /// Objects whose data may be deleted, as `Kind/namespace/name`.
    pub allow_data_loss: BTreeSet<String>,
    /// Findings that do not refuse.
    pub waivers: Vec<Waiver>,
    /// What an untested difference without a rule does.
    pub untested: UntestedPolicy,
    /// What is never applied and never pruned.
    pub external: Vec<External>,
    /// Limits of time.
    pub settings: PlanLimits,
    /// What of the current revision's drift is repaired, where nothing else is promoted.
    pub repair: Option<Repair>,
}

/// A repair of the current revision's drift.
#[derive(Clone, Debug, Default)]
pub struct Repair {
    /// The one object that is repaired, `Kind/[namespace/]name`, or the one field of it below its path; all of them
    /// where none is named.
    pub only: Option<String>,
}

impl Repair {
    /// Whether it is about this object.
    fn is_of(&self, id: &ObjectId, home: &str) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|item| path_in_item(item, id, home).is_some())
    }

    /// Whether it is about this field.
    fn is_of_field(&self, id: &ObjectId, path: &FieldPath, home: &str) -> bool {
        let is_about =
            |item: &String| path_in_item(item, id, home).is_none() || is_field_in_item(item, id, path, home);
        self.only.as_ref().is_none_or(is_about)
    }
}

impl PlanPolicy {
    /// Whether a plan is about this object.
    pub(super) fn is_about(&self, id: &ObjectId) -> bool {
        let repair = self.repair.as_ref();
        repair.is_none_or(|repair| repair.is_of(id, &self.home))
    }

    /// Whether a plan is about this field.
    pub(super) fn is_about_field(&self, id: &ObjectId, path: &FieldPath) -> bool {
        let repair = self.repair.as_ref();
        repair.is_none_or(|repair| repair.is_of_field(id, path, &self.home))
    }

    /// Whether a manager's fields become ours.
    pub(super) fn adopts(&self, manager: &str) -> bool {
        self.adopt
            .iter()
            .any(|name| name == manager || stands_for(name, manager))
    }

    /// Whether the fields and marks of an installer become ours.
    pub(super) fn adopts_installer(&self, installer: Installer) -> bool {
        self.adopt.contains(installer.adopt_name())
    }

    /// Whether the environment declares the object as external.
    pub(super) fn is_external(&self, id: &ObjectId, home: &str) -> bool {
        self.external.iter().any(|external| {
            let namespace = external.namespace.as_deref().unwrap_or(home);
            external.group == id.group
                && external.kind == id.kind
                && external.name == id.name
                // A cluster-scoped object lies in no namespace that could be another one.
                && id.namespace.as_deref().is_none_or(|found| found == namespace)
        })
    }
}

/// Short names of tools that write under several managers.
fn stands_for(name: &str, manager: &str) -> bool {
    // Each of these tools writes under several names, by component or by operation.
    match name {
        "argocd" | "argo-cd" => manager.starts_with("argocd"),
        "flux" => {
            matches!(manager, "kustomize-controller" | "helm-controller") || manager.starts_with("flux")
        }
        // With server-side apply its name is another one.
        "kapp" => manager == "kapp-server",
        "kubectl" => matches!(manager, "kubectl-client-side-apply" | "kubectl"),
        _ => false,
    }
}

/// What was read or decided before planning.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The promotion's id: random.
    pub id: String,
    /// What is promoted.
    pub release: PublicRelease,
    /// Home namespace.
    pub namespace: String,
    /// The cluster.
    pub cluster: Option<ClusterIdentity>,
    /// The revision that this promotion becomes.
    pub revision: u32,
    /// Now.
    pub now: Timestamp,
    /// Who promotes.
    pub actor: String,
    /// HorizontalPodAutoscalers of the release's namespaces.
    pub autoscalers: Vec<Object>,
    /// What of this could not be read, and why.
    pub unreadable: Vec<ReadFailure>,
    /// What was promoted before.
    pub past: Past,
}

/// What one plan is made from.
pub(super) struct PlanInputs<'a> {
    pub comparison: &'a Comparison,
    pub policy: &'a PlanPolicy,
    pub facts: &'a Facts,
    /// The id of the release's ApplySet: the label of its members.
    pub set: String,
}

impl<'a> PlanInputs<'a> {
    pub(super) fn new(comparison: &'a Comparison, policy: &'a PlanPolicy, facts: &'a Facts) -> Self {
        Self {
            comparison,
            policy,
            facts,
            set: applyset_id(&inventory(&facts.release.name), &facts.namespace),
        }
    }
}

/// A plan, and what speaks against it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What the planning found: refusals and notes.
    pub findings: Vec<PreflightFinding>,
}
