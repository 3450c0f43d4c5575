//! Whether a workload's next pod finds a node and room in the quotas of its namespace.

use super::nodes::{NodeFit, fit};
use super::quota::{self, CountedPod};
use super::{FoundOfWorkload, StartFacts, StartingWorkload, UnknownPart};
use crate::model::image::{ImageReference, Platform};
use crate::model::k8s::images::images;
use crate::model::k8s::quota_scopes::PodSpec;
use crate::model::preflight::DryRunResult;
use crate::model::start::{StartCause, StartTime};
use serde_json::Value;

/// Adds that no node could take its pods.
pub(super) fn look_at_nodes(
    workload: &StartingWorkload<'_>,
    facts: &StartFacts<'_>,
    found: &mut FoundOfWorkload,
) {
    // A DaemonSet makes pods for the nodes that take them, be it none.
    if workload.object.kind() == "DaemonSet" {
        return;
    }
    let nodes = match &facts.nodes {
        None => return,
        Some(Ok(nodes)) => nodes,
        Some(Err(why)) => return found.unknown.push(unknown("nodes", why.reason())),
    };

    let platforms = platforms(workload, facts);
    let spec = next_pod(workload, facts).spec;
    let NodeFit::NoNode { reason, is_certain } = fit(spec, nodes, &platforms) else {
        return;
    };
    if is_certain && !facts.makes_nodes {
        found.causes.push(StartCause::NoNode { reason });
    } else {
        let message = StartCause::NoNode { reason }.to_string();
        found.notes.push((None, message));
    }
}

/// Adds the quotas that have no room for one more of its pods once one is gone.
pub(super) fn look_at_quotas(
    workload: &StartingWorkload<'_>,
    facts: &StartFacts<'_>,
    found: &mut FoundOfWorkload,
) {
    let Some(namespace) = workload.id.namespace.as_deref() else {
        return;
    };
    let what = || format!("quotas in namespace {namespace}");
    let quotas = match facts.quotas.get(namespace) {
        None => return,
        Some(Ok(quotas)) => quotas,
        Some(Err(why)) => return found.unknown.push(unknown(&what(), why.reason())),
    };

    let pod = next_pod(workload, facts);
    let counted = match workload.when {
        // Its pods are of its template, or of one that is there until this one is back.
        StartTime::Now if has_pods(workload) => CountedPod::Replaced(pod),
        StartTime::Now => CountedPod::None,
        StartTime::NextRun | StartTime::Resumed => CountedPod::Later,
    };
    let outcome = quota::sum(quotas, pod, counted);
    found.causes.extend(outcome.exceeded);
    let why = outcome.unknown.iter();
    found
        .unknown
        .extend(why.map(|why| unknown(&what(), why.reason())));
}

fn unknown(what: &str, why: &str) -> UnknownPart {
    UnknownPart {
        what: what.to_owned(),
        object: None,
        why: why.to_owned(),
    }
}

/// Its next pod as admission makes it, where that was tried; else as its template has it.
fn next_pod<'a>(workload: &StartingWorkload<'a>, facts: &'a StartFacts<'_>) -> PodSpec<'a> {
    let admitted = match facts.pods.get(&workload.id) {
        Some(DryRunResult::Accepted(Some(pod))) => pod.at("/spec"),
        _ => None,
    };
    PodSpec {
        spec: admitted.unwrap_or(workload.spec),
        is_admitted: admitted.is_some(),
    }
}

/// Whether a workload has a pod that a quota counts.
fn has_pods(workload: &StartingWorkload<'_>) -> bool {
    let counts = ["replicas", "currentNumberScheduled", "active"];
    let count = |field: &&str| {
        workload
            .object
            .at(&format!("/status/{field}"))
            .and_then(Value::as_i64)
    };
    counts.iter().filter_map(count).any(|count| count > 0)
}

/// The platforms of each of its images of which they are known.
fn platforms<'a>(workload: &StartingWorkload<'_>, facts: &'a StartFacts<'_>) -> Vec<&'a [Platform]> {
    let digests = images(workload.object, &[]).into_iter();
    let digests = digests.filter_map(|image| image.reference.parse::<ImageReference>().ok()?.digest);
    digests
        .filter_map(|digest| facts.platforms.get(&digest).map(Vec::as_slice))
        .collect()
}

#[cfg(test)]
mod tests;
