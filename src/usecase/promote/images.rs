//! Whether the registries still have what a promotion needs: the images to come, and those that a revert brings back.

use crate::model::check::Check;
use crate::model::finding::Comparison;
use crate::model::k8s::images::images;
use crate::model::phrase::{counted, list_first};
use crate::model::plan::{Plan, PlanStep, PreflightFinding, Severity, Undo, Waiver};
use crate::model::release::ImagePath;
use crate::model::unknown::Unknown;
use crate::model::{Object, ObjectId};
use crate::plan;
use crate::registry::{Presence, RegistryOptions};
use crate::usecase::images::{CONCURRENCY, PATIENCE, open_registries};
use futures::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// References that a sentence names; the rest is counted.
const MOST_NAMED: usize = 10;

/// What the registries said.
#[derive(Debug, Default)]
pub(super) struct ImageCheck {
    /// What speaks against the promotion, or should be known.
    pub findings: Vec<PreflightFinding>,
    /// References, as written, that their registries have.
    pub seen: BTreeSet<String>,
}

/// Who needs an image.
#[derive(Default)]
struct Needed {
    /// The first object to come that names it.
    next: Option<ObjectId>,
    /// The first object that names it now, and whether that one is well.
    before: Option<(ObjectId, bool)>,
}

impl Needed {
    /// The first object that names it, of those to come before those of now.
    fn object(&self) -> Option<&ObjectId> {
        self.next
            .as_ref()
            .or(self.before.as_ref().map(|(object, _)| object))
    }
}

/// Asks for each image of the steps once, but for those of hosts of which every image is waived.
pub(super) async fn look_up(
    plan: &Plan,
    comparison: &Comparison,
    paths: &[ImagePath],
    (registries, waivers): (&RegistryOptions, &[Waiver]),
) -> ImageCheck {
    let needed = needed(&plan.steps, comparison, paths);
    if needed.is_empty() {
        return ImageCheck::default();
    }
    let options = registries.clone().with_patience(PATIENCE);
    let waived = waived_hosts(needed.keys(), waivers, &options);
    let is_waived = |reference: &&String| waived.contains(&options.host(reference));
    let (unasked, asked): (Vec<&String>, Vec<&String>) = needed.keys().partition(is_waived);
    let asked: Vec<String> = asked.into_iter().cloned().collect();

    // Beside the preflight, not before it.
    let answers = match open_registries(&options, &asked).await {
        Ok(registries) => {
            let registries = &registries;
            let ask = |reference: String| async move {
                let presence = registries.presence(&reference).await;
                (reference, presence)
            };
            let asking = stream::iter(asked).map(ask).buffered(CONCURRENCY);
            asking.collect().await
        }
        Err(why) => unknown(asked, &why),
    };
    let mut check = image_findings(&needed, answers);
    check.findings.extend(not_looked_up(&unasked, &needed, waivers));
    check
}

/// Hosts of which every image is waived: whatever they say, it refuses nothing.
fn waived_hosts<'r>(
    references: impl Iterator<Item = &'r String>,
    waivers: &[Waiver],
    options: &RegistryOptions,
) -> BTreeSet<Option<String>> {
    let mut hosts: BTreeMap<Option<String>, bool> = BTreeMap::new();
    for reference in references {
        let are_waived = hosts.entry(options.host(reference)).or_insert(true);
        *are_waived &= image_waivers(waivers).any(|item| item.is_none_or(|item| item == reference));
    }
    hosts
        .into_iter()
        .filter(|(_, are_waived)| *are_waived)
        .map(|(host, _)| host)
        .collect()
}

/// What the waivers of this check name: one image, or all of them.
fn image_waivers(waivers: &[Waiver]) -> impl Iterator<Item = Option<&String>> {
    let of_images = |waiver: &&Waiver| waiver.check == Check::Images.name();
    waivers
        .iter()
        .filter(of_images)
        .map(|waiver| waiver.item.as_ref())
}

/// What is given up with images that nobody was asked for. A waiver that names one answers its finding; all of them are one note.
fn not_looked_up(
    references: &[&String],
    needed: &BTreeMap<String, Needed>,
    waivers: &[Waiver],
) -> Vec<PreflightFinding> {
    if references.is_empty() {
        return Vec::new();
    }
    if image_waivers(waivers).any(|item| item.is_none()) {
        let message = format!("{} not looked up: waived", counted(references.len(), "image"));
        return vec![note(Vec::new(), message)];
    }
    let finding = |reference: &&String| PreflightFinding {
        subject: Some((*reference).clone()),
        severity: Severity::Error,
        ..note(
            objects([*reference], needed),
            format!("{reference} was not looked up"),
        )
    };
    references.iter().map(finding).collect()
}

/// As unknown as where no registry answers.
fn unknown(references: Vec<String>, why: &Unknown) -> Vec<(String, Presence)> {
    let answer = |reference| (reference, Presence::Unknown(why.clone()));
    references.into_iter().map(answer).collect()
}

/// The objects that name images.
fn objects<'r>(
    references: impl IntoIterator<Item = &'r String>,
    needed: &BTreeMap<String, Needed>,
) -> Vec<ObjectId> {
    let objects = references
        .into_iter()
        .filter_map(|reference| needed.get(reference)?.object());
    // Several images of one object are one object.
    let objects: BTreeSet<&ObjectId> = objects.collect();
    objects.into_iter().cloned().collect()
}

fn note(objects: Vec<ObjectId>, message: String) -> PreflightFinding {
    PreflightFinding {
        objects,
        ..plan::note(Check::Images, None, message)
    }
}

fn needed(steps: &[PlanStep], comparison: &Comparison, paths: &[ImagePath]) -> BTreeMap<String, Needed> {
    let mut needed: BTreeMap<String, Needed> = BTreeMap::new();
    let live: HashMap<ObjectId, &Object> = comparison
        .objects
        .iter()
        .filter_map(|one| Some((one.id(), one.live.object()?)))
        .collect();
    for step in steps {
        let id = step.target.id();
        // What undoes it has to run when everything else has failed.
        let undo = match &step.undo {
            Undo::Run { job } => Some((
                ObjectId {
                    name: job.name().into(),
                    ..id.clone()
                },
                job.as_ref(),
            )),
            _ => None,
        };
        for (id, object) in step
            .action
            .object()
            .map(|object| (id.clone(), object))
            .into_iter()
            .chain(undo)
        {
            for image in images(object, paths) {
                needed
                    .entry(image.reference)
                    .or_default()
                    .next
                    .get_or_insert_with(|| id.clone());
            }
        }
        let Some(live) = live.get(&id) else { continue };
        for image in images(live, paths) {
            let before = &mut needed.entry(image.reference).or_default().before;
            before.get_or_insert_with(|| (id.clone(), is_up(live)));
        }
    }
    needed
}

/// Whether the pods of its template as it is now are ready: what is down, or stands half-way, cannot be brought back well.
fn is_up(live: &Object) -> bool {
    let count = |field: &str| {
        live.at(field)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or_default()
    };
    let (all, updated, ready) = match live.kind() {
        "DaemonSet" => ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady"),
        "ReplicaSet" => ("replicas", "replicas", "readyReplicas"),
        _ => ("replicas", "updatedReplicas", "readyReplicas"),
    };
    let [all, updated, ready] = [all, updated, ready].map(|field| count(&format!("/status/{field}")));
    ready > 0 && updated == all && ready >= all
}

fn image_findings(needed: &BTreeMap<String, Needed>, answers: Vec<(String, Presence)>) -> ImageCheck {
    let mut check = ImageCheck::default();
    let mut unknown: BTreeMap<Unknown, Vec<String>> = BTreeMap::new();
    for (reference, presence) in answers {
        match presence {
            Presence::There => drop(check.seen.insert(reference)),
            Presence::Unknown(why) => unknown.entry(why).or_default().push(reference),
            Presence::Absent => {
                if let Some(needed) = needed.get(&reference) {
                    check.findings.push(absent(&reference, needed));
                }
            }
        }
    }
    // One cause is one finding, however many images it keeps from being looked up.
    let notes = unknown.into_iter().map(|(why, references)| {
        let named = list_first(references.iter(), MOST_NAMED, ", ");
        note(
            objects(&references, needed),
            format!("not looked up: {named}: {why}"),
        )
    });
    check.findings.extend(notes);
    check
}

fn absent(reference: &str, needed: &Needed) -> PreflightFinding {
    let (object, message, severity) = match needed {
        Needed { next: Some(id), .. } => (
            Some(id),
            format!("{reference} does not exist in its registry"),
            Severity::Error,
        ),
        Needed { before, .. } => {
            let is_up = before.as_ref().is_some_and(|(_, is_up)| *is_up);
            let message = if is_up {
                format!(
                    "{reference}, which the live object uses, no longer exists in its registry: after a revert no node could pull it"
                )
            } else {
                format!(
                    "{reference}, which the live pod template uses, does not exist in its registry: a revert would restore it"
                )
            };
            (
                before.as_ref().map(|(id, _)| id),
                message,
                if is_up { Severity::Error } else { Severity::Note },
            )
        }
    };
    let hint = "push the image again, unless the nodes have it".to_owned();
    PreflightFinding {
        subject: Some(reference.to_owned()),
        severity,
        ..plan::refuse(Check::Images, object, message, Some(hint))
    }
}

#[cfg(test)]
mod tests;
