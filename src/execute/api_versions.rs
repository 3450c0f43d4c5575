//! Whether the objects of an earlier run's steps can be reached in the versions that its journal names: looked at ahead of
//! the first write, for a run that finds out half-way has changed a part of them.

use super::not_begun::refused;
use super::run::Start;
use super::services::{RunReport, Services};
use crate::cluster::{ApiError, VersionNotServed, served_otherwise};
use crate::model::journal::{Journal, JournalPhase};
use crate::model::k8s::kinds::well_known;
use crate::model::phrase::list_first;
use crate::model::{ResourceType, Target};
use std::collections::BTreeMap;

/// Objects that are named of one kind.
const NAMED: usize = 10;

/// The end where objects are of a version that the server neither serves nor lets a client convert.
pub(super) async fn stopped_by(start: &Start, services: &Services) -> Option<RunReport> {
    let journal = &start.head.current;
    // None of its steps was begun, and none is undone.
    if journal.phase == JournalPhase::Preparing {
        return None;
    }

    let targets = journal.steps.iter().map(|step| &step.target);
    let mut kinds: BTreeMap<&ResourceType, Vec<&Target>> = BTreeMap::new();
    for target in targets.filter(|target| well_known(&target.resource.gvk()).is_none()) {
        kinds.entry(&target.resource).or_default().push(target);
    }

    let (mut messages, mut hints) = (Vec::new(), Vec::new());
    for (kind, targets) in kinds {
        // Of one object: it is the kind that is served or is not.
        let Some(first) = targets.first() else { continue };
        let error = match services.cluster.get_metadata(first).await {
            Err(error @ ApiError::VersionNotServed(_)) => error,
            Err(ApiError::NotServed { .. }) if !brings(journal, kind) => {
                let Some(error) = without_version(kind, services).await else {
                    continue;
                };
                error
            }
            // Whatever else is wrong, the steps meet it and tell it.
            _ => continue,
        };
        let objects = list_first(targets.iter(), NAMED, ", ");
        messages.push(format!("{objects}: {error}"));
        hints.extend(error.hints());
    }
    if messages.is_empty() {
        return None;
    }

    if journal.is_open() {
        hints.push(format!(
            "to start from the release's file: kubectl delivery promote RELEASE -n {} --discard-state",
            journal.namespace
        ));
    }
    Some(refused(
        format!("{}; nothing was changed", messages.join("; ")),
        hints,
    ))
}

/// Whether a step of the journal is about the kind's own CRD: its versions come and go with it.
fn brings(journal: &Journal, kind: &ResourceType) -> bool {
    let crd = kind.counted();
    let is_crd = |target: &Target| target.resource.kind == "CustomResourceDefinition" && target.name == crd;
    journal.steps.iter().any(|step| is_crd(&step.target))
}

/// Why a kind is not reached that is served in other versions only; none where it is not served at all.
async fn without_version(kind: &ResourceType, services: &Services) -> Option<ApiError> {
    // Whoever cannot ask meets the same in the steps.
    let served = served_otherwise(&*services.cluster, kind).await.ok()??;
    let why = "its CustomResourceDefinition does not list that version".to_owned();
    let hint = format!(
        "to see its versions: kubectl get customresourcedefinition {} -o yaml",
        kind.counted()
    );
    Some(VersionNotServed::error(kind, &served, why, hint))
}
