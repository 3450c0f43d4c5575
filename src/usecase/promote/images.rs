//! Whether the registries still have what a promotion needs: the images to come, and those that a rollback brings back.

use crate::model::check::{Check, path_in_item};
use crate::model::finding::Comparison;
use crate::model::image::Presence;
use crate::model::k8s::images::images;
use crate::model::phrase::{counted, list_first};
use crate::model::plan::{Plan, PlanStep, PreflightFinding, Severity, Undo, Waiver};
use crate::model::release::ImagePath;
use crate::model::start::StartCause;
use crate::model::unknown::Unknown;
use crate::model::{Object, ObjectId};
use crate::plan;
use crate::registry::RegistryOptions;
use crate::usecase::images::look_up_images;
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
    /// Of objects as they are now, the images that their registries do not have.
    pub gone: BTreeMap<ObjectId, Vec<StartCause>>,
}

/// Who needs an image.
#[derive(Default)]
struct Needed {
    /// The first object to come that names it.
    next: Option<ObjectId>,
    /// The objects that name it now.
    before: Vec<ObjectId>,
}

impl Needed {
    /// The first object that names it, of those to come before those of now.
    fn object(&self) -> Option<&ObjectId> {
        self.next.as_ref().or(self.before.first())
    }

    /// Whether a rollback alone needs it.
    fn is_for_rollback(&self) -> bool {
        self.next.is_none() && !self.before.is_empty()
    }

    /// Whether what is found of it refuses nothing: its waiver names the image, or all objects that go back to it.
    fn is_waived(&self, reference: &str, waivers: &[Waiver], home: &str) -> bool {
        let names = |waiver: &Waiver, id: &ObjectId| {
            waiver
                .item
                .as_ref()
                .is_none_or(|item| path_in_item(item, id, home) == Some(""))
        };
        if self.is_for_rollback() {
            let mut objects = self.before.iter();
            return objects.all(|id| waivers_of(Check::Rollback, waivers).any(|waiver| names(waiver, id)));
        }
        let mut items = waivers_of(Check::Images, waivers).map(|waiver| waiver.item.as_deref());
        items.any(|item| item.is_none_or(|item| item == reference))
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
    let waived = waived_hosts(&needed, (waivers, &plan.namespace), registries);
    let is_waived = |reference: &&String| waived.contains(&registries.host(reference));
    let (unasked, asked): (Vec<&String>, Vec<&String>) = needed.keys().partition(is_waived);
    let asked: Vec<String> = asked.into_iter().cloned().collect();

    let answers = look_up_images(asked, registries).await;
    let mut check = image_findings(&needed, answers);
    check.findings.extend(not_looked_up(&unasked, &needed, waivers));
    check
}

/// Hosts of which every image is waived: whatever they say, it refuses nothing.
fn waived_hosts(
    needed: &BTreeMap<String, Needed>,
    (waivers, home): (&[Waiver], &str),
    options: &RegistryOptions,
) -> BTreeSet<Option<String>> {
    let mut hosts: BTreeMap<Option<String>, bool> = BTreeMap::new();
    for (reference, needed) in needed {
        let are_waived = hosts.entry(options.host(reference)).or_insert(true);
        *are_waived &= needed.is_waived(reference, waivers, home);
    }
    hosts
        .into_iter()
        .filter(|(_, are_waived)| *are_waived)
        .map(|(host, _)| host)
        .collect()
}

fn waivers_of(check: Check, waivers: &[Waiver]) -> impl Iterator<Item = &Waiver> {
    waivers.iter().filter(move |waiver| waiver.check == check.name())
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
    if waivers_of(Check::Images, waivers).any(|waiver| waiver.item.is_none()) {
        let message = format!("{} not looked up: waived", counted(references.len(), "image"));
        return vec![note(Vec::new(), message)];
    }
    let finding = |reference: &&String| {
        let message = format!("{reference} was not looked up");
        let for_rollback = needed.get(*reference).filter(|needed| needed.is_for_rollback());
        if let Some(needed) = for_rollback {
            return PreflightFinding {
                objects: needed.before.clone(),
                ..plan::refuse(Check::Rollback, None, message, None)
            };
        }
        PreflightFinding {
            subject: Some((*reference).clone()),
            severity: Severity::Error,
            ..note(objects([*reference], needed), message)
        }
    };
    references.iter().map(finding).collect()
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
            // Two containers of one object are one object.
            if before.last() != Some(&id) {
                before.push(id.clone());
            }
        }
    }
    needed
}

fn image_findings(needed: &BTreeMap<String, Needed>, answers: Vec<(String, Presence)>) -> ImageCheck {
    let mut check = ImageCheck::default();
    let mut unknown: BTreeMap<Unknown, Vec<String>> = BTreeMap::new();
    for (reference, presence) in answers {
        match presence {
            Presence::There => drop(check.seen.insert(reference)),
            Presence::Unknown(why) => unknown.entry(why).or_default().push(reference),
            Presence::Absent => match needed.get(&reference) {
                Some(needed) if needed.is_for_rollback() => {
                    for id in &needed.before {
                        let reference = reference.clone();
                        let gone = check.gone.entry(id.clone()).or_default();
                        gone.push(StartCause::ImageAbsent { reference });
                    }
                }
                needed => {
                    let object = needed.and_then(Needed::object);
                    check.findings.push(absent(&reference, object));
                }
            },
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

fn absent(reference: &str, object: Option<&ObjectId>) -> PreflightFinding {
    let message = format!("{reference} does not exist in its registry");
    let hint = "push the image again, unless the nodes have it".to_owned();
    PreflightFinding {
        subject: Some(reference.to_owned()),
        ..plan::refuse(Check::Images, object, message, Some(hint))
    }
}

#[cfg(test)]
mod tests;
