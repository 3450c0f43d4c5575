//! Whether what a rollback would bring back could start again. What runs may have lost what it needs long ago: nobody
//! notices until its pods are made anew, and then a rollback leads into the same hole as the promotion.
//!
//! It refuses where a rollback would end worse than what runs now. Where that is not ready either, or the promotion itself
//! brings what is missing, it is a note: else what mends a release could never be promoted.

use super::prerequisites::Prerequisites;
use super::questions::{compared, makes_new_pods};
use super::take_answers::services;
use crate::compare::{self, StartFacts, StartingWorkload};
use crate::model::check::Check;
use crate::model::finding::Comparison;
use crate::model::phrase::list_first;
use crate::model::plan::{Plan, PlanStep, PreflightFinding, Undo};
use crate::model::preflight::{Answers, DryRunResult, PodDryRun, Questions};
use crate::model::rollback_outlook::RollbackOutlook;
use crate::model::start::{StartCause, StartFinding, StartTime, Starts};
use crate::model::{Object, ObjectId};
use crate::plan::{note, refuse};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// Causes that a sentence names.
const NAMED: usize = 10;

/// The workloads whose pods a rollback would make anew, as they are now.
pub fn restored_workloads<'c>(plan: &Plan, comparison: &'c Comparison) -> Vec<StartingWorkload<'c>> {
    let is_restored = |step: &&PlanStep| {
        matches!(step.undo, Undo::Restore | Undo::CreateAgain | Undo::Replace) && makes_new_pods(step)
    };
    let restored: HashSet<ObjectId> = plan
        .steps
        .iter()
        .filter(is_restored)
        .map(|step| step.target.id())
        .collect();

    let mut workloads = compare::starting_workloads(comparison);
    workloads.retain(|workload| restored.contains(&workload.id));
    workloads
}

/// What the answers to the preflight say of the pods of now, and of the quotas: nothing of it is asked again.
pub fn add_answers(facts: &mut StartFacts<'_>, asked: &Questions, answers: &Answers) {
    let pods = |asked: &[PodDryRun], answers: &[DryRunResult]| -> Vec<(ObjectId, DryRunResult)> {
        let workloads = asked.iter().map(|dry_run| dry_run.workload.clone());
        workloads.zip(answers.iter().cloned()).collect()
    };
    facts.pods.extend(pods(&asked.old_pods, &answers.old_pods));

    // A namespace whose quotas could not be read has a finding of its own.
    for quota in &answers.quotas {
        let namespace = quota.namespace().unwrap_or_default().to_owned();
        let known = facts.quotas.entry(namespace).or_insert_with(|| Ok(Vec::new()));
        if let Ok(known) = known {
            known.push(quota.clone());
        }
    }
}

/// What the workloads that a rollback would bring back lack, and what becomes of a rollback by that. `absent` are the
/// images of objects that their registries do not have.
pub fn check_rollback(
    plan: &Plan,
    comparison: &Comparison,
    starts: Starts,
    absent: BTreeMap<ObjectId, Vec<StartCause>>,
) -> (Vec<PreflightFinding>, RollbackOutlook) {
    let has_step = |id: &ObjectId| plan.steps.iter().any(|step| step.target.id() == *id);
    let absent = absent.into_iter().filter(|(id, _)| has_step(id));
    let starts = with_images(starts, absent);
    let check = RollbackCheck {
        plan,
        live: compared(comparison)
            .into_iter()
            .filter_map(|(id, compared)| Some((id, compared.live.object()?)))
            .collect(),
        prerequisites: Prerequisites::new(&plan.steps, services(comparison)),
    };

    let mut findings: Vec<PreflightFinding> = starts.findings.iter().map(|one| check.finding(one)).collect();
    findings.extend(starts.notes.iter().map(|one| {
        let message = format!("its running version: {}", one.message);
        note(Check::Rollback, Some(&one.workload), message)
    }));

    let not_starting = starts.findings.into_iter().map(|finding| finding.workload);
    let irreversible = plan
        .steps
        .iter()
        .filter(|step| matches!(step.undo, Undo::Impossible { .. }));
    let not_checked = starts
        .unknown
        .iter()
        .map(|one| format!("{}: {}", one.what, one.why));
    let outlook = RollbackOutlook::new(
        not_starting.collect(),
        irreversible.map(|step| step.target.id()).collect(),
        not_checked.collect(),
    );
    (findings, outlook)
}

/// Images that are gone are one more cause of a workload, or its only one.
fn with_images(mut starts: Starts, absent: impl Iterator<Item = (ObjectId, Vec<StartCause>)>) -> Starts {
    for (workload, causes) in absent {
        match starts
            .findings
            .iter_mut()
            .find(|finding| finding.workload == workload)
        {
            Some(finding) => finding.causes.extend(causes),
            None => starts.findings.push(StartFinding {
                workload,
                when: StartTime::Now,
                causes,
            }),
        }
    }
    starts
}

struct RollbackCheck<'a> {
    plan: &'a Plan,
    live: BTreeMap<ObjectId, &'a Object>,
    prerequisites: Prerequisites<'a>,
}

impl RollbackCheck<'_> {
    fn finding(&self, finding: &StartFinding) -> PreflightFinding {
        let id = &finding.workload;
        let causes = list_first(finding.causes.iter(), NAMED, "; ");
        let problem = format!("the running version could not start again: {causes}");

        let live = self.live.get(id);
        if finding.causes.iter().all(|cause| self.is_brought(cause, id)) {
            let message = format!("{problem}; this promotion brings what is missing");
            return note(Check::Rollback, Some(id), message);
        }
        if finding.when != StartTime::Now || !live.is_some_and(|live| is_up(live)) {
            let message = format!("{problem}; it is not ready now either");
            return note(Check::Rollback, Some(id), message);
        }
        let message = format!("{problem}; a failed promotion could not be rolled back");
        refuse(Check::Rollback, Some(id), message, None)
    }

    /// Whether the promotion itself brings what is missing.
    fn is_brought(&self, cause: &StartCause, workload: &ObjectId) -> bool {
        let planned = |id: &ObjectId| {
            let step = self.plan.steps.iter().find(|step| step.target.id() == *id)?;
            step.action.object()
        };
        match cause {
            StartCause::Missing { object }
            | StartCause::BeingDeleted { object }
            | StartCause::ClaimLost { object } => planned(object).is_some(),
            StartCause::KeysMissing { object, keys } => {
                planned(object).is_some_and(|planned| keys.iter().all(|key| has_key(planned, key)))
            }
            StartCause::Quota { quota, .. } => planned(quota).is_some(),
            StartCause::PodRejected { reason } => {
                self.prerequisites.awaited_by_pod(reason, workload).is_some()
                    || self.prerequisites.awaited_pod_security(workload).is_some()
            }
            StartCause::ImageAbsent { .. } | StartCause::NoNode { .. } => false,
        }
    }
}

fn has_key(object: &Object, key: &str) -> bool {
    let fields = ["/data", "/binaryData", "/stringData"].iter();
    let mut maps = fields.filter_map(|field| object.at(field).and_then(Value::as_object));
    maps.any(|map| map.contains_key(key))
}

/// Whether the pods of its template as it is now are ready: what is down, or stands half-way, cannot be brought back well.
fn is_up(live: &Object) -> bool {
    let count = |field: &str| live.at(field).and_then(Value::as_u64).unwrap_or_default();
    let (all, updated, ready) = match live.kind() {
        "DaemonSet" => ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady"),
        "ReplicaSet" => ("replicas", "replicas", "readyReplicas"),
        _ => ("replicas", "updatedReplicas", "readyReplicas"),
    };
    let [all, updated, ready] = [all, updated, ready].map(|field| count(&format!("/status/{field}")));
    ready > 0 && updated == all && ready >= all
}
