//! Whether what runs is what was tested: each container's image ID against the digests of the release.
//!
//! A tag in a pod's spec proves nothing, for it moves, and a node may hold an old image under it: what the
//! node reports decides (`model/running.rs`). There are three answers and not two. A container that no node
//! has reported, and a digest of which no registry was asked yet, are unknown and never wrong;
//! `monitor/proving.rs` asks and looks again. Containers that are not in the template of a built-in kind were added
//! by admission, and need the environment's word; those that an operator adds to its pods are listed.
//!
//! Where nothing runs, nothing is proved: an object that wants pods is waited for, and of any other it is told why
//! it has none (`demand.rs`).

mod proof;

use super::assess::current_pods;
use super::demand::PodDemand;
use super::outside::not_waited;
use super::policy::RolloutPolicy;
use super::subject::{MonitoredObject, RolloutContext};
use super::workload_images::{WorkloadImages, WorkloadPods, is_lasting, means};
use crate::model::Object;
use crate::model::environment::Injected;
use crate::model::glob::matches;
use crate::model::image::image_name;
use crate::model::k8s::pod::{ContainerFacts, PodFacts};
use crate::model::release::RecordedImage;
use crate::model::running::{ImageFacts, ImageTrees, Runs};
use crate::model::verdict::{Cause, CauseKind};
pub use proof::Proof;
use serde_json::Value;

/// What was tested, and what else may run.
#[derive(Clone, Copy, Debug)]
pub struct TestedImages<'a> {
    /// The release's images.
    pub images: &'a [RecordedImage],
    /// What registries said.
    pub trees: &'a ImageTrees,
    /// Containers that admission may add.
    pub injected: &'a [Injected],
}

impl<'a> TestedImages<'a> {
    /// With what ran before the promotion.
    fn facts(self, subject: &'a MonitoredObject) -> ImageFacts<'a> {
        ImageFacts {
            tested: self.images,
            trees: self.trees,
            before: &subject.baseline.ran,
        }
    }
}

/// What is known of the images that the pods of the object's new revision run.
pub fn prove(
    subject: &MonitoredObject,
    surroundings: &RolloutContext<'_>,
    policy: &RolloutPolicy,
    tested: TestedImages<'_>,
) -> Proof {
    // A Job may take itself away once it is complete.
    // Only where its collection is read is it known to be absent.
    if surroundings.unreadable.is_none()
        && surroundings.object.is_none()
        && subject.target.resource.kind == "Job"
    {
        return without_pods(PodDemand::departed(), None);
    }

    let not_waited = not_waited(subject, surroundings.object, policy);
    let pods = match current_pods(subject, surroundings, policy) {
        Ok(pods) => pods,
        Err(why) => {
            // Nothing waits for it: that its pods are not known is no gap then.
            let unread = not_waited.is_none().then_some(why);
            return Proof {
                unread,
                doubt: not_waited,
                ..Proof::default()
            };
        }
    };
    if pods.is_empty() {
        let demand = surroundings
            .object
            .map_or_else(PodDemand::departed, PodDemand::new);
        return without_pods(demand, not_waited);
    }

    let facts = tested.facts(subject);
    let mut proof = prove_pods(&pods, surroundings.object, &facts, tested.injected);

    // What runs has to be the right image all the same; only what does not run yet is let go.
    let is_open = !proof.unknown.is_empty() || !proof.unresolved.is_empty();
    if let Some(not_waited) = not_waited.filter(|_| is_open) {
        proof.drop_unknown(not_waited);
    }
    tidy(proof)
}

/// What is known of the images of an object whose pods are found by the chains of their owners.
pub fn prove_chained(
    subject: &MonitoredObject,
    object: &Object,
    policy: &RolloutPolicy,
    tested: TestedImages<'_>,
    (workload, pods): (&WorkloadImages, &WorkloadPods<'_>),
) -> Proof {
    let facts = tested.facts(subject);
    let mut proof = Proof {
        unread: pods.unread.first().cloned(),
        doubt: pods.doubts.first().cloned(),
        ..Proof::default()
    };
    let mut not_started = None;
    for pod in &pods.current {
        for container in pod.containers.iter().filter(is_lasting) {
            if container.has_started() {
                prove_named(pod, container, workload, &facts, &mut proof);
            } else {
                not_started = Some(format!("pod {} has not started", pod.name));
            }
        }
    }

    // A CronJob's Jobs keep the template of their time.
    if subject.target.resource.kind == "CronJob" {
        proof.outdated.clear();
        proof.replaced.clear();
    }
    let not_waited = not_waited(subject, Some(object), policy);
    let is_empty = proof.is_settled() && proof.verified.is_empty() && proof.wrong.is_empty();
    // What cannot be read may be what is missed.
    if is_empty && proof.doubt.is_none() {
        let rest = match (PodDemand::new(object), not_started) {
            (PodDemand::Wanted(_), Some(why)) => without_pods(PodDemand::Wanted(why), not_waited.clone()),
            (_, Some(why)) => without_pods(PodDemand::Unknown(why), None),
            (demand, None) if pods.current.is_empty() => without_pods(demand, not_waited.clone()),
            // It runs some, and none of them is what it names.
            (_, None) => Proof::default(),
        };
        (proof.awaited, proof.idle, proof.doubt) = (rest.awaited, rest.idle, rest.doubt);
    }

    if let Some(not_waited) = not_waited {
        let is_open = !proof.unknown.is_empty() || !proof.unresolved.is_empty() || !proof.outdated.is_empty();
        // Nothing waits for it: that a pod's owner is not known is no gap then.
        proof.doubt = proof.doubt.or(proof.unread.take());
        proof.outdated.clear();
        if is_open {
            proof.drop_unknown(not_waited);
        }
    }
    tidy(proof)
}

/// Of an object without pods.
fn without_pods(demand: PodDemand, not_waited: Option<String>) -> Proof {
    let mut proof = Proof::default();
    match demand {
        PodDemand::Wanted(_) if not_waited.is_some() => proof.doubt = not_waited,
        PodDemand::Wanted(what) => proof.awaited = Some(what),
        PodDemand::NotNow(why) => proof.idle = Some(why),
        PodDemand::Unknown(why) => proof.doubt = Some(why),
    }
    proof
}

/// Each replica gives the same sentence.
fn tidy(mut proof: Proof) -> Proof {
    proof.expected.sort();
    proof.expected.dedup();
    proof
}

/// What is known of each container of these pods.
fn prove_pods(
    pods: &[&PodFacts],
    object: Option<&Object>,
    facts: &ImageFacts<'_>,
    injected: &[Injected],
) -> Proof {
    let mut proof = Proof::default();
    let template = object.and_then(names_of_template);

    for pod in pods {
        for container in pod.containers.iter().filter(is_lasting) {
            // A bare pod has no template: what admission added to it cannot be told from what was applied.
            let is_ours = template
                .as_ref()
                .is_none_or(|names| names.contains(&container.name.as_str()));

            if is_ours {
                prove_container(pod, container, facts, &mut proof);
            } else {
                check_injected(pod, container, injected, &mut proof);
            }
        }
    }
    proof
}

/// Names of the containers that the object's template holds; none where it has no template.
fn names_of_template(object: &Object) -> Option<Vec<&str>> {
    let spec = object.at("/spec/template/spec")?;
    let lists = [spec.get("containers"), spec.get("initContainers")]
        .into_iter()
        .flatten();
    let all = lists.filter_map(Value::as_array).flatten();
    Some(all.filter_map(|one| one.get("name")?.as_str()).collect())
}

/// A container of a pod of a built-in kind: what its own reference names, it should run.
fn prove_container(pod: &PodFacts, container: &ContainerFacts, facts: &ImageFacts<'_>, proof: &mut Proof) {
    let Some(running) = container.digest() else {
        return proof.unknown.push(place(pod, container));
    };

    let named: Vec<_> = facts
        .tested
        .iter()
        .filter(|one| means(&container.image, one))
        .collect();
    match named.first() {
        Some(_) => hold_against(pod, container, (&named[..], true), facts, proof),
        // Under another name (an environment's mirror) what runs is tested all the same.
        None => match facts.tested.iter().find(|one| one.is(&running)) {
            Some(image) => proof.add_verified(image, pod),
            // The preflight let it through: a difference rule or a waiver allows an image that nobody tested.
            None => proof.expected.push(not_of_release(container)),
        },
    }
}

/// A container of a pod of any other kind: what the desired object names, it should run.
fn prove_named(
    pod: &PodFacts,
    container: &ContainerFacts,
    workload: &WorkloadImages,
    facts: &ImageFacts<'_>,
    proof: &mut Proof,
) {
    let named = workload.images_of(container, facts.tested);
    if named.is_empty() {
        let running = container.digest();
        let is_its = |one: &&&RecordedImage| running.as_ref().is_some_and(|digest| one.is(digest));
        match workload.tested(facts.tested).iter().find(is_its) {
            Some(image) => proof.add_verified(image, pod),
            None => proof.expected.push(not_of_release(container)),
        }
    } else if container.digest().is_some() {
        // Another reference is of an earlier spec: its controller may not have come to the new one.
        let is_current = named.iter().any(|image| means(&container.image, image));
        hold_against(pod, container, (&named, is_current), facts, proof);
    } else {
        proof.unknown.push(place(pod, container));
    }
}

/// What a container runs, against the images that it may be. `is_current` says whether its own reference means them.
fn hold_against(
    pod: &PodFacts,
    container: &ContainerFacts,
    (named, is_current): (&[&RecordedImage], bool),
    facts: &ImageFacts<'_>,
    proof: &mut Proof,
) {
    let (Some(first), Some(running)) = (named.first(), container.digest()) else {
        return;
    };

    // A digest may be part of several recorded images: one that fits is enough.
    let found: Vec<Runs> = named.iter().map(|one| facts.runs(pod, container, one)).collect();
    let fits = found.iter().position(|one| *one == Runs::Tested);
    if let Some(image) = fits.and_then(|at| named.get(at)) {
        return proof.add_verified(image, pod);
    }

    let place = place(pod, container);
    if !facts.trees.knows(&running) && container.reported().is_some() {
        // Not wrong yet: another index may hold the very same image, and a registry can tell.
        proof.unfamiliar.extend(container.reported());
        proof.unknown.push(place);
    } else if found.contains(&Runs::NotRestarted) {
        proof
            .unknown
            .push(format!("{place} not restarted with its new image"));
    } else if let Some(why) = facts.unknown(container) {
        proof.unresolved.push(format!("{place}: {why}"));
    } else {
        let message = format!(
            "{place} runs {}; the release has {} at {}",
            running.short(),
            first.reference,
            first.digest.short()
        );
        proof.replaced.insert(first.reference.clone(), message.clone());
        let wrong = wrong(pod, container, message);
        if is_current {
            proof.wrong.push(wrong);
        } else {
            proof.outdated.push(wrong);
        }
    }
}

fn place(pod: &PodFacts, container: &ContainerFacts) -> String {
    format!("container {} of pod {}", container.name, pod.name)
}

fn not_of_release(container: &ContainerFacts) -> String {
    let digest = container.digest();
    let running = digest.map_or_else(String::new, |digest| format!(" ({})", digest.short()));
    format!(
        "container {} runs {}{running}, which is not in the release",
        container.name, container.image
    )
}

fn check_injected(pod: &PodFacts, container: &ContainerFacts, injected: &[Injected], proof: &mut Proof) {
    let name = image_name(&container.image);

    match injected.iter().find(|rule| matches(&rule.image, &name)) {
        Some(rule) => {
            proof.expected.push(format!(
                "admission added container {} ({name}): {}",
                container.name, rule.reason
            ));
        }
        None => {
            let message = format!(
                "container {} of pod {} ({}) is not in the pod template; if admission adds it, declare it under spec.injected",
                container.name, pod.name, container.image
            );
            proof.wrong.push(wrong(pod, container, message));
        }
    }
}

fn wrong(pod: &PodFacts, container: &ContainerFacts, message: String) -> Cause {
    Cause {
        kind: CauseKind::WrongImage,
        message,
        pod: Some(pod.name.clone()),
        container: Some(container.name.clone()),
        previous_logs: false,
    }
}

#[cfg(test)]
mod chained_tests;
#[cfg(test)]
mod tests;
