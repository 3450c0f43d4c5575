//! Whether the registries still have what a promotion needs: the images to come, and those that a revert brings back.

use crate::model::check::Check;
use crate::model::finding::Comparison;
use crate::model::k8s::images::images;
use crate::model::plan::{Plan, PlanStep, PreflightFinding, Severity, Undo};
use crate::model::release::ImagePath;
use crate::model::unknown::Unknown;
use crate::model::{Object, ObjectId};
use crate::registry::{Presence, Registries, RegistryOptions};
use futures::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// A registry that takes longer is not waited for: it has not said no.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many images are asked for at a time.
const CONCURRENCY: usize = 8;

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
    next: Option<crate::model::ObjectId>,
    /// The first object that names it now, and whether that one is well.
    before: Option<(crate::model::ObjectId, bool)>,
}

/// Asks for each image of the steps once.
pub(super) async fn look_up(plan: &Plan, comparison: &Comparison, paths: &[ImagePath]) -> ImageCheck {
    let needed = needed(&plan.steps, comparison, paths);
    if needed.is_empty() {
        return ImageCheck::default();
    }
    let references: Vec<String> = needed.keys().cloned().collect();
    // Reads the machine's certificates, and knocks at loopback registries: beside the preflight, not before it.
    let named = references.clone();
    let made = tokio::task::spawn_blocking(move || Registries::new(&RegistryOptions::default(), &named));
    let Ok(registries) = made.await else {
        return image_findings(&needed, unasked(references));
    };
    let registries = &registries;
    let ask = |reference: String| async move {
        let asked = tokio::time::timeout(PATIENCE, registries.presence(&reference)).await;
        let silent = |_| {
            Presence::Unknown(Unknown::new(format_args!(
                "no answer within {} s",
                PATIENCE.as_secs()
            )))
        };
        (reference, asked.unwrap_or_else(silent))
    };
    let answers: Vec<_> = stream::iter(references)
        .map(ask)
        .buffered(CONCURRENCY)
        .collect()
        .await;
    image_findings(&needed, answers)
}

/// As unknown as where no registry answers.
fn unasked(references: Vec<String>) -> Vec<(String, Presence)> {
    let why = Unknown::new("no client for registries could be made");
    let answer = |reference| (reference, Presence::Unknown(why.clone()));
    references.into_iter().map(answer).collect()
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
    check
        .findings
        .extend(unknown.into_iter().map(|(why, references)| PreflightFinding {
            check: Check::Images,
            objects: Vec::new(),
            paths: Vec::new(),
            subject: None,
            message: format!("not looked up: {}: {why}", references.join(", ")),
            hint: None,
            severity: Severity::Note,
        }));
    check
}

fn absent(reference: &str, needed: &Needed) -> PreflightFinding {
    let (object, message, severity) = match needed {
        Needed { next: Some(id), .. } => (
            Some(id),
            format!("the registry says that it has no {reference}"),
            Severity::Refuse,
        ),
        Needed { before, .. } => {
            let is_up = before.as_ref().is_some_and(|(_, is_up)| *is_up);
            let message = if is_up {
                format!(
                    "{reference}, which is there now, is gone from its registry: after a revert no node could pull it"
                )
            } else {
                format!(
                    "its registry has no {reference}, which its template names now: a revert goes back to that"
                )
            };
            (
                before.as_ref().map(|(id, _)| id),
                message,
                if is_up { Severity::Refuse } else { Severity::Note },
            )
        }
    };
    PreflightFinding {
        check: Check::Images,
        objects: object.cloned().into_iter().collect(),
        paths: Vec::new(),
        subject: Some(reference.to_owned()),
        message,
        hint: Some("push it again, unless the nodes hold it".into()),
        severity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;
    use crate::model::plan::{Action, Expect};
    use crate::model::{StepId, Target, WaveIndex};

    fn web() -> ObjectId {
        ObjectId::new("apps", "Deployment", Some("shop"), "web")
    }

    #[test]
    fn only_a_clear_no_refuses_and_for_what_is_down_already_not_even_that() {
        let next = || Needed {
            next: Some(web()),
            before: None,
        };
        let before = |is_up| Needed {
            next: None,
            before: Some((web(), is_up)),
        };
        let needed = BTreeMap::from([
            ("r/next:1".to_owned(), next()),
            ("r/silent:1".to_owned(), next()),
            ("r/up:1".to_owned(), before(true)),
            ("r/down:1".to_owned(), before(false)),
            ("r/there:1".to_owned(), next()),
        ]);
        let answer = |reference: &str| match reference {
            "r/there:1" => Presence::There,
            "r/silent:1" => Presence::Unknown(Unknown::new("no route")),
            _ => Presence::Absent,
        };
        let check = image_findings(
            &needed,
            needed.keys().map(|one| (one.clone(), answer(one))).collect(),
        );
        let refused: Vec<&str> = check
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Refuse)
            .map(|finding| finding.message.as_str())
            .collect();
        assert_eq!(refused.len(), 2, "{refused:?}");
        assert!(
            refused[0].contains("r/next:1") && refused[1].contains("r/up:1"),
            "{refused:?}"
        );
        assert_eq!(check.seen, BTreeSet::from(["r/there:1".to_owned()]));
        assert!(
            check
                .findings
                .iter()
                .any(|finding| finding.message.contains("r/silent:1: no route"))
        );
    }

    #[test]
    fn images_that_nobody_could_be_asked_for_are_named_as_not_looked_up() {
        let references = || vec!["r/a:1".to_owned(), "r/b:1".to_owned()];
        let needed = references().into_iter().map(|one| (one, Needed::default()));
        let check = image_findings(&needed.collect(), unasked(references()));
        assert_eq!(check.findings.len(), 1);
        assert_eq!(check.findings[0].severity, Severity::Note);
        let message = "not looked up: r/a:1, r/b:1: no client for registries could be made";
        assert_eq!(check.findings[0].message, message);
        assert_eq!(check.seen, BTreeSet::new());
    }

    #[test]
    fn the_image_of_the_job_that_undoes_an_irreversible_one_is_looked_for_too() {
        let job = |name: &str, image: &str| {
            Object::new(
                serde_json::json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
                "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}),
            )
            .unwrap()
        };
        let step = PlanStep {
            id: StepId::new(0),
            wave: WaveIndex::new(0),
            target: Target::new(&built_in("batch", "Job").unwrap(), Some("shop"), "migrate"),
            action: Action::Create {
                object: job("migrate", "r/forward:1"),
            },
            expect: Expect::Absent,
            undo: Undo::Run {
                job: Box::new(job("migrate-back", "r/back:1")),
            },
            why: String::new(),
            changes: Vec::new(),
            stamps: Vec::new(),
        };
        let needed = needed(&[step], &Comparison::default(), &[]);
        let by: Vec<_> = needed
            .iter()
            .map(|(image, by)| (&**image, &*by.next.as_ref().unwrap().name))
            .collect();
        assert_eq!(by, [("r/back:1", "migrate-back"), ("r/forward:1", "migrate")]);
    }
}
