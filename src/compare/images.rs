//! What the pods' containers really run, against what was tested.
//!
//! By container, over all pods of a workload: what nodes report decides, and the text of a pod's spec only as far as
//! `model/running.rs` lets it. What counts are the pods of the present revision; those of an old one are told beside. A
//! digest that no node has reported yet is unknown, and neither good nor bad.

use super::rules::matches_glob;
use crate::model::environment::Injected;
use crate::model::finding::{ContainerRole, ImageFinding, ImageState, RunningImage};
use crate::model::image::ImageReference;
use crate::model::k8s::pod::{Controller, PodFacts};
use crate::model::k8s::pod_spec::images;
use crate::model::release::RecordedImage;
use crate::model::running::{ImageFacts, ImageTrees, Runs};
use crate::model::{Object, ObjectId, Sha256Digest};
use std::collections::{BTreeMap, BTreeSet};

/// A workload as desired, and as the cluster holds it.
pub struct RunningWorkload<'a> {
    /// As desired, pinned.
    pub desired: &'a Object,
    /// As it is.
    pub live: &'a Object,
}

/// What runs beside workloads: the pods of their namespaces, and the ReplicaSets between.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Pods.
    pub pods: Vec<PodFacts>,
    /// ReplicaSets: uid → who controls it, and its revision annotation.
    pub between: BTreeMap<String, (Option<Controller>, String)>,
}

/// One finding for each container of each workload's pods.
pub fn running_images(
    workloads: &[RunningWorkload<'_>],
    running: &Running,
    (tested, trees): (&[RecordedImage], &ImageTrees),
    injected: &[Injected],
) -> Vec<ImageFinding> {
    // Nothing is known of the time before: a pin counts only in pods that were never changed.
    let before = BTreeMap::new();
    let facts = ImageFacts {
        tested,
        trees,
        before: &before,
    };

    workloads
        .iter()
        .flat_map(|workload| of_workload(workload, running, &facts, injected))
        .collect()
}

/// A workload's pods, each with whether it is of an old revision.
pub fn pods_of<'r>(live: &Object, running: &'r Running) -> Vec<(&'r PodFacts, bool)> {
    let uid = live.uid();
    // A Deployment's pods belong to ReplicaSets, which carry the revision; a
    // StatefulSet's carry it themselves.
    let current = live
        .annotation("deployment.kubernetes.io/revision")
        .unwrap_or_default();
    // Only the status of a StatefulSet tells it: a DaemonSet's pods are never taken for old ones.
    let update = live.text("/status/updateRevision");

    running
        .pods
        .iter()
        .filter_map(|pod| {
            // A bare Pod is its own workload.
            if pod.uid == uid {
                return Some((pod, false));
            }

            let controller = pod.controller.as_ref()?;
            if controller.uid == uid {
                let is_old =
                    !update.is_empty() && pod.revision.as_deref().is_some_and(|revision| revision != update);
                return Some((pod, is_old));
            }

            let (owner, revision) = running.between.get(&controller.uid)?;
            let is_ours = owner.as_ref().is_some_and(|owner| owner.uid == uid);
            is_ours.then_some((pod, !current.is_empty() && revision != current))
        })
        // What has ended runs nothing: an evicted pod may stay for days, with the image of then.
        .filter(|(pod, _)| pod.phase != "Succeeded" && pod.phase != "Failed")
        .collect()
}

fn of_workload(
    workload: &RunningWorkload<'_>,
    running: &Running,
    facts: &ImageFacts<'_>,
    injected: &[Injected],
) -> Vec<ImageFinding> {
    let pods = pods_of(workload.live, running);

    let wanted: BTreeMap<(ContainerRole, String), String> = images(workload.desired, &[])
        .into_iter()
        // Volumes with an image have no role: pods report no digest of them.
        .filter_map(|image| Some(((image.role?, image.container), image.reference)))
        .collect();

    let seen: BTreeSet<(ContainerRole, String)> = pods
        .iter()
        .flat_map(|(pod, _)| &pod.containers)
        .map(|container| (container.role, container.name.clone()))
        .collect();

    // Without pods there is nothing that runs, and nothing to say.
    if pods.is_empty() {
        return Vec::new();
    }

    // Both sides: admission adds containers that nobody wrote, and some pods may lack one that is wanted.
    let all: BTreeSet<_> = wanted.keys().cloned().chain(seen).collect();
    let finding = |(role, container): (ContainerRole, String)| {
        let reference = wanted.get(&(role, container.clone())).map(String::as_str);
        one_container(
            &workload.live.id(),
            role,
            &container,
            reference,
            &pods,
            facts,
            injected,
        )
    };
    all.into_iter().map(finding).collect()
}

fn one_container(
    workload: &ObjectId,
    role: ContainerRole,
    container: &str,
    wanted: Option<&str>,
    pods: &[(&PodFacts, bool)],
    facts: &ImageFacts<'_>,
    injected: &[Injected],
) -> ImageFinding {
    let recorded = wanted.and_then(|reference| recorded(reference, facts.tested));
    let (mut known, mut good, mut unresolved) = (0, 0, 0);
    // By revision too: what a pod on its way out runs is told apart.
    let mut groups: BTreeMap<(bool, Option<Sha256Digest>), Vec<String>> = BTreeMap::new();
    let mut written = String::new();

    for (pod, is_old) in pods {
        if let Some(found) = pod
            .containers
            .iter()
            .find(|one| one.role == role && one.name == container)
        {
            let runs = recorded.map(|image| facts.runs(pod, found, image));
            let is_unresolved = recorded.is_some_and(|image| facts.is_unresolved(pod, found, image));

            // Only pods of the present revision count, and of them those whose digest says anything.
            unresolved += usize::from(!is_old && is_unresolved);
            let counts = !is_old && !is_unresolved && found.digest().is_some();
            known += usize::from(counts);
            good += usize::from(counts && runs == Some(Runs::Tested));

            groups
                .entry((*is_old, found.digest()))
                .or_default()
                .push(pod.name.clone());

            written.clone_from(&found.image);
        }
    }

    let running: Vec<RunningImage> = groups
        .into_iter()
        .map(|((old_revision, digest), pods)| RunningImage {
            digest,
            pods,
            old_revision,
        })
        .collect();

    let is_partly_known = unresolved > 0
        || running
            .iter()
            .any(|one| !one.old_revision && one.digest.is_none());
    let is_same_name = wanted.is_some_and(|wanted| name_of(wanted) == name_of(&written));

    let state = match (wanted, recorded, known) {
        (None, ..) if role == ContainerRole::Ephemeral => ImageState::UntestedSidecar,
        (None, ..) => ImageState::UntestedSidecar,
        // Before any judgment: without one digest that counts there is nothing to judge.
        (_, _, 0) => ImageState::Unknown,
        // Desired names an image that the release does not hold.
        (Some(_), None, _) => ImageState::OtherImage,
        // The rest may turn out to be another image: a match is said of all pods or not at all.
        (_, _, all) if good == all && is_partly_known => ImageState::Unknown,
        (_, _, all) if good == all => ImageState::Match,
        (_, _, _) if good > 0 => ImageState::Mixed,
        _ if is_same_name => ImageState::TagMoved,
        _ => ImageState::OtherImage,
    };

    let name = name_of(&written);
    let allowed = injected
        .iter()
        .find(|rule| matches_glob(&rule.image, &name))
        .map(|rule| rule.reason.clone());
    ImageFinding {
        workload: workload.clone(),
        container: container.to_owned(),
        role,
        tested: recorded.map(|image| image.digest.clone()),
        reference: recorded.map_or(written, |image| image.reference.clone()),
        state,
        running,
        // The environment's list is of what admission adds: it excuses no container that the release names.
        allowed: allowed.filter(|_| state == ImageState::UntestedSidecar),
    }
}

/// The recorded image that a pinned reference means.
fn recorded<'t>(reference: &str, tested: &'t [RecordedImage]) -> Option<&'t RecordedImage> {
    // Desired is pinned: without a digest it is an image that the release does not hold.
    let digest = reference.parse::<ImageReference>().ok()?.digest?;
    tested.iter().find(|image| image.is(&digest))
}

fn name_of(reference: &str) -> String {
    reference
        .parse::<ImageReference>()
        .map_or_else(|_| reference.to_owned(), |image| image.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::image::Platform;
    use crate::model::release::PlatformDigests;
    use serde_json::{Value, json};

    fn digest(text: &str) -> Sha256Digest {
        Sha256Digest::of(text.as_bytes())
    }

    fn tested() -> Vec<RecordedImage> {
        let platforms = vec![PlatformDigests {
            platform: Platform("linux/amd64".into()),
            manifest: digest("manifest"),
            config: digest("config"),
        }];
        vec![RecordedImage {
            reference: "a.example/web:1".into(),
            digest: digest("index"),
            origin: None,
            platforms,
        }]
    }

    fn object(kind: &str, value: Value) -> Object {
        let mut value = value;
        value["apiVersion"] = if kind == "Pod" {
            "v1".into()
        } else {
            "apps/v1".into()
        };
        value["kind"] = kind.into();
        Object::new(value).unwrap()
    }

    fn pod(name: &str, image_ids: &[(&str, &str)]) -> PodFacts {
        let spec: Vec<Value> = image_ids
            .iter()
            .map(|(container, _)| json!({"name": container, "image": "a.example/web:1"}))
            .collect();
        let statuses: Vec<Value> = image_ids.iter().map(|(container, id)| json!({"name": container, "imageID": id, "image": "x", "ready": true, "restartCount": 0, "state": {"running": {}}})).collect();
        PodFacts::reduce(&object(
            "Pod",
            json!({"metadata": {"name": name, "namespace": "n", "uid": name, "ownerReferences": [{"kind": "StatefulSet", "name": "s", "uid": "u", "controller": true}]},
            "spec": {"containers": spec}, "status": {"phase": "Running", "containerStatuses": statuses}}),
        ))
    }

    fn states(pods: Vec<PodFacts>) -> Vec<(String, ImageState)> {
        findings(pods)
            .into_iter()
            .map(|found| (found.container, found.state))
            .collect()
    }

    fn findings(pods: Vec<PodFacts>) -> Vec<ImageFinding> {
        let desired = object(
            "StatefulSet",
            json!({"metadata": {"name": "s", "namespace": "n", "uid": "u"}, "status": {"updateRevision": "new"}, "spec": {"template": {"spec": {"containers": [{"name": "web", "image": format!("a.example/web@{}", digest("index"))}]}}}}),
        );
        let running = Running {
            pods,
            between: BTreeMap::new(),
        };
        running_images(
            &[RunningWorkload {
                desired: &desired,
                live: &desired,
            }],
            &running,
            (&tested(), &ImageTrees::default()),
            &[],
        )
    }

    fn at(name: &str) -> String {
        format!("a.example/web@{}", digest(name))
    }

    #[test]
    fn index_manifest_and_configuration_digests_are_all_the_tested_image() {
        // Runtimes differ in which of the three they report.
        for id in [at("index"), at("manifest"), digest("config").to_string()] {
            assert_eq!(
                states(vec![pod("p", &[("web", &id)])]),
                [("web".to_owned(), ImageState::Match)],
                "{id}"
            );
        }
    }

    #[test]
    fn a_pod_of_an_old_revision_is_told_as_such_and_does_not_count() {
        // During a rollout both revisions have pods.
        let of = |name: &str, revision: &str, image: &str| PodFacts {
            revision: Some(revision.into()),
            ..pod(name, &[("web", &at(image))])
        };

        let found = findings(vec![of("p", "new", "index"), of("q", "old", "other")]);
        assert_eq!(found[0].state, ImageState::Match);
        let old: Vec<_> = found[0].running.iter().filter(|one| one.old_revision).collect();
        assert!(
            old.len() == 1 && old[0].pods == ["q"] && old[0].digest == Some(digest("other")),
            "{found:?}"
        );
    }

    #[test]
    fn a_pod_changed_in_place_whose_image_no_registry_tells_of_is_unknown_and_not_moved() {
        let changed = |reported: &str| {
            let mut pod = pod("p", &[("web", &at(reported))]);
            // Changed in place: the container that reports may still be the one of before.
            pod.generation = 2;
            pod.containers[0].image = at("index");
            pod
        };
        let state = |pods: Vec<PodFacts>, trees: ImageTrees| {
            let desired = object(
                "StatefulSet",
                json!({"metadata": {"name": "s", "namespace": "n", "uid": "u"},
                "spec": {"template": {"spec": {"containers": [{"name": "web", "image": at("index")}]}}}}),
            );
            let workloads = [RunningWorkload {
                desired: &desired,
                live: &desired,
            }];
            let running = Running {
                pods,
                between: BTreeMap::new(),
            };
            running_images(&workloads, &running, (&tested(), &trees), &[])[0].state
        };

        // A registry that was asked and holds nothing says as little as one that was not.
        let mut silent = ImageTrees::default();
        silent.insert(digest("new"), Vec::new());

        let mut other = ImageTrees::default();
        let (manifest, config) = (digest("m"), digest("c"));
        other.insert(
            digest("new"),
            vec![PlatformDigests {
                platform: Platform("linux/amd64".into()),
                manifest,
                config,
            }],
        );
        assert_eq!(
            state(vec![changed("new")], ImageTrees::default()),
            ImageState::Unknown
        );
        assert_eq!(state(vec![changed("new")], silent.clone()), ImageState::Unknown);
        assert_eq!(
            state(vec![changed("new"), changed("index")], silent),
            ImageState::Unknown
        );

        assert_eq!(state(vec![changed("new")], other), ImageState::TagMoved);

        // A tag is no pin: what the node reports is all there is.
        let mut by_tag = changed("new");
        by_tag.containers[0].image = "a.example/web:1".into();
        assert_eq!(state(vec![by_tag], ImageTrees::default()), ImageState::TagMoved);
    }

    #[test]
    fn a_moved_tag_a_mixture_a_sidecar_and_the_unknown_are_told_apart() {
        assert_eq!(
            states(vec![pod("p", &[("web", &at("other"))])])[0].1,
            ImageState::TagMoved
        );
        assert_eq!(
            states(vec![
                pod("p", &[("web", &at("index"))]),
                pod("q", &[("web", &at("other"))])
            ])[0]
                .1,
            ImageState::Mixed
        );
        assert_eq!(states(vec![pod("p", &[("web", "")])])[0].1, ImageState::Unknown);

        // The good half is no proof for the silent one.
        let half = vec![pod("p", &[("web", &at("index"))]), pod("q", &[("web", "")])];
        assert_eq!(states(half)[0].1, ImageState::Unknown);

        // Admission added the container: nobody wrote it into a manifest.
        let with_sidecar = states(vec![pod("p", &[("web", &at("index")), ("proxy", &at("proxy"))])]);
        assert_eq!(
            with_sidecar,
            [
                ("proxy".to_owned(), ImageState::UntestedSidecar),
                ("web".to_owned(), ImageState::Match)
            ]
        );

        assert_eq!(states(Vec::new()), []);
    }
}
