//! What the API server says of a pod of a workload, and registries of its images: where they were asked.

use super::{FoundOfWorkload, StartFacts, StartingWorkload, UnknownPart};
use crate::model::image::Presence;
use crate::model::preflight::DryRunResult;
use crate::model::refusal::{Refusal, RefusalCause};
use crate::model::start::StartCause;

/// Adds that its pods would be rejected. What is known already is not said again in the server's words.
pub(super) fn look_at_pod(
    workload: &StartingWorkload<'_>,
    facts: &StartFacts<'_>,
    found: &mut FoundOfWorkload,
) {
    let Some(answer) = facts.pods.get(&workload.id) else {
        return;
    };
    let why = match answer {
        DryRunResult::Accepted(_) => return,
        DryRunResult::Refused {
            webhook: Some(webhook),
            ..
        } => format!("no response from {webhook}"),
        DryRunResult::Refused { code, message, .. } => {
            let is_said = match Refusal::parse(Some(*code), message).cause {
                // The pod that it replaces is counted still: quotas are summed without it.
                RefusalCause::ExceededQuota | RefusalCause::BusyQuota => true,
                RefusalCause::MissingServiceAccount => has_missing(found, &["ServiceAccount"]),
                RefusalCause::MissingClass => has_missing(found, &["PriorityClass", "RuntimeClass"]),
                _ => false,
            };
            if !is_said {
                let reason = message.clone();
                found.causes.push(StartCause::PodRejected { reason });
            }
            return;
        }
        DryRunResult::Unknown { why, .. } => why.reason().to_owned(),
    };

    let namespace = workload.id.namespace.as_deref().unwrap_or_default();
    found.unknown.push(UnknownPart {
        what: format!("admission of pods in namespace {namespace}"),
        object: None,
        why,
    });
}

fn has_missing(found: &FoundOfWorkload, kinds: &[&str]) -> bool {
    let mut objects = found.causes.iter().filter_map(StartCause::object);
    objects.any(|object| kinds.contains(&&*object.kind))
}

/// Adds the images that their registries do not have.
pub(super) fn look_at_images(
    workload: &StartingWorkload<'_>,
    facts: &StartFacts<'_>,
    found: &mut FoundOfWorkload,
) {
    for image in facts.images.iter().filter(|image| image.workload == workload.id) {
        let is_absent = |reference: &&String| facts.presence.get(*reference) == Some(&Presence::Absent);
        let gone = image.running.iter().find(is_absent);

        match facts.presence.get(&image.reference) {
            None => {}
            Some(Presence::Unknown(why)) => found.unknown.push(UnknownPart {
                what: "images in their registries".into(),
                object: None,
                why: why.reason().to_owned(),
            }),
            Some(Presence::Absent) => found.causes.push(StartCause::ImageAbsent {
                reference: gone.unwrap_or(&image.reference).clone(),
            }),
            // The tag has moved: its pods start, with another image than the one that runs.
            Some(Presence::There) => found.notes.extend(gone.map(|gone| {
                let message = format!(
                    "image {gone}, which runs, is gone from its registry: new pods get what {} names now",
                    image.reference
                );
                (None, message)
            })),
        }
    }
    // One container beside another may run the same image.
    found.causes.dedup();
}

#[cfg(test)]
mod tests;
