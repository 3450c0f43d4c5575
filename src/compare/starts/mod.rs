//! Whether the pods of workloads would start again: each template, held against what was read.
//!
//! A pod is looked at as its controller would make it now. Only what is known to be in the way is a finding: what could not
//! be read is unknown, and what does not decide by itself is a note. Nothing is asked from here: what is to be read first
//! is told (`open_targets`), and what was read comes back as facts.

mod admitted;
mod merging;
mod node_affinity;
mod nodes;
mod placed;
mod quota;
mod references;
mod referred;
mod running_images;
mod taints;
#[cfg(test)]
mod tests;
mod workloads;

use self::references::{account, account_secrets, needed_references, reference_target};
use crate::model::digest::Sha256Digest;
use crate::model::image::{Platform, Presence};
use crate::model::preflight::DryRunResult;
use crate::model::snapshot::Observed;
use crate::model::start::{StartCause, StartFinding, StartNote, StartTime, StartUnknown, Starts};
use crate::model::unknown::Unknown;
use crate::model::{Object, ObjectId, Target};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use merging::merge_requirements;
pub use references::is_start_reference;
pub use running_images::{StartImage, start_images};
pub use workloads::starting_workloads;

/// A workload whose next pods are looked at.
#[derive(Clone, Debug)]
pub struct StartingWorkload<'o> {
    /// Its identity.
    pub id: ObjectId,
    /// As it is: its template is the one that runs, or the one that a rollback would bring back.
    pub object: &'o Object,
    /// The spec of its pods.
    pub spec: &'o Value,
    /// When its next pods are made.
    pub when: StartTime,
}

/// What was read of a cluster for them. What is not in it was not asked for, and says nothing.
#[derive(Debug, Default)]
pub struct StartFacts<'f> {
    /// Objects that templates refer to.
    pub objects: HashMap<ObjectId, &'f Observed>,
    /// All nodes.
    pub nodes: Option<Result<Vec<Object>, Unknown>>,
    /// Whether something makes nodes as pods need them, or that is not known.
    pub makes_nodes: bool,
    /// The platforms of images, by the digest that templates name.
    pub platforms: HashMap<Sha256Digest, Vec<Platform>>,
    /// Quotas, by namespace.
    pub quotas: BTreeMap<String, Result<Vec<Object>, Unknown>>,
    /// What the API server says of a pod of each workload.
    pub pods: BTreeMap<ObjectId, DryRunResult>,
    /// The images of the workloads.
    pub images: Vec<StartImage>,
    /// Whether registries have them, by reference.
    pub presence: BTreeMap<String, Presence>,
}

/// What was found of one workload.
#[derive(Debug, Default)]
struct FoundOfWorkload {
    /// What is in the way.
    causes: Vec<StartCause>,
    /// What could not be looked at.
    unknown: Vec<UnknownPart>,
    /// What may be in the way: the object that it is about, and a phrase.
    notes: Vec<(Option<ObjectId>, String)>,
}

/// One thing that could not be looked at for one workload.
#[derive(Debug)]
struct UnknownPart {
    /// What, in a phrase: `Secrets in namespace shop`, `nodes`.
    what: String,
    /// The object, where it is one.
    object: Option<ObjectId>,
    /// Why.
    why: String,
}

/// What has to be read before workloads can be looked at. What an account names is known only when that was read: ask
/// again until there is nothing more.
pub fn open_targets(workloads: &[StartingWorkload<'_>], known: &HashMap<ObjectId, &Observed>) -> Vec<Target> {
    let mut open: BTreeSet<ObjectId> = BTreeSet::new();
    for workload in workloads {
        let references = needed_references(workload).into_keys();
        open.extend(references.map(|(id, _)| id));
        let account = known.get(&account(workload));
        if let Some(account) = account.and_then(|account| account.object()) {
            open.extend(account_secrets(workload, account));
        }
    }
    let open = open.iter().filter(|id| !known.contains_key(id));
    open.filter_map(reference_target).collect()
}

/// What is read of objects as they are desired: what runs needs the same mostly.
pub fn start_targets<'o>(objects: impl Iterator<Item = &'o Object>) -> Vec<Target> {
    let workloads: Vec<StartingWorkload<'_>> = objects
        .filter_map(|object| StartingWorkload::new(object.id(), object))
        .collect();
    open_targets(&workloads, &HashMap::new())
}

/// What is in the way of the next pods of workloads.
pub fn would_not_start(workloads: &[StartingWorkload<'_>], facts: &StartFacts<'_>) -> Starts {
    let mut starts = Starts::default();
    let mut unknown: BTreeMap<(String, String), StartUnknown> = BTreeMap::new();

    for workload in workloads {
        let mut found = FoundOfWorkload::default();
        referred::look(workload, facts, &mut found);
        placed::look_at_quotas(workload, facts, &mut found);
        placed::look_at_nodes(workload, facts, &mut found);
        admitted::look_at_pod(workload, facts, &mut found);
        admitted::look_at_images(workload, facts, &mut found);

        for part in found.unknown {
            let slot = (part.what.clone(), part.why.clone());
            let known = unknown.entry(slot).or_insert_with(|| StartUnknown {
                what: part.what,
                objects: Vec::new(),
                why: part.why,
                workloads: Vec::new(),
            });
            known.add(part.object, &workload.id);
        }
        starts
            .notes
            .extend(found.notes.into_iter().map(|(object, message)| StartNote {
                workload: workload.id.clone(),
                object,
                message,
            }));
        if !found.causes.is_empty() {
            starts.findings.push(StartFinding {
                workload: workload.id.clone(),
                when: workload.when,
                causes: found.causes,
            });
        }
    }

    starts.unknown = unknown.into_values().collect();
    starts
}
