//! What the pods of a test cluster ran, against what is being recorded.
//!
//! Evidence has to be whole: one container that ran something else, or of which no node speaks, is an error, and not
//! the rule with an exception. No pin is trusted here, unlike in `images`: only a reported digest is proof.

use super::images::{Running, owned_pods};
use crate::model::attestation::RanContainer;
use crate::model::k8s::images::images;
use crate::model::k8s::pod::{ContainerFacts, PodFacts};
use crate::model::release::RecordedImage;
use crate::model::{Object, ObjectId, Sha256Digest};
use std::collections::BTreeSet;

/// A workload as it is recorded, and as the test cluster holds it.
pub struct RanWorkload<'a> {
    /// As recorded.
    pub recorded: &'a Object,
    /// As it is.
    pub live: &'a Object,
}

/// What ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Containers that ran what is recorded.
    pub containers: Vec<RanContainer>,
    /// Containers that ran something else, or of which no node says what they ran; one sentence each.
    pub wrong: Vec<String>,
    /// What a person should know: workloads without pods, containers that are not in the release.
    pub notes: Vec<String>,
}

/// Looks at every pod of every workload, also at those that have ended: a Job's pods have.
pub fn ran(workloads: &[RanWorkload<'_>], running: &Running, recorded: &[RecordedImage]) -> Ran {
    let mut all = Ran::default();
    for workload in workloads {
        let pods = current_pods(workload.live, running);
        if pods.is_empty() {
            all.notes
                .push(format!("no pod of {} ran", workload.recorded.id()));
            continue;
        }

        // Images of volumes and of custom kinds run in no container of which a pod would report.
        let of_pods: Vec<_> = images(workload.recorded, &[])
            .into_iter()
            .filter(|one| one.role.is_some())
            .collect();

        for image in &of_pods {
            let found = recorded.iter().find(|one| one.reference == image.reference);
            let seen: Vec<&ContainerFacts> = containers(&pods)
                .filter(|one| Some(one.role) == image.role && one.name == image.container)
                .collect();

            let place = (workload.recorded.id(), image.container.clone());

            if let Some(found) = found.filter(|_| !seen.is_empty()) {
                one_container(place, found, &seen, &mut all);
            }
        }

        let is_known = |one: &ContainerFacts| {
            of_pods
                .iter()
                .any(|known| known.role == Some(one.role) && known.container == one.name)
        };

        let others: BTreeSet<&str> = containers(&pods)
            .filter(|one| !is_known(one))
            .map(|one| one.name.as_str())
            .collect();
        // A note: meshes add their containers in test clusters as well.
        for name in others {
            let id = workload.recorded.id();
            all.notes.push(format!(
                "container {name} of {id} ran in the test cluster and is not in the release"
            ));
        }
    }
    all
}

fn containers<'a>(pods: &'a [&'a PodFacts]) -> impl Iterator<Item = &'a ContainerFacts> {
    pods.iter().flat_map(|pod| &pod.containers)
}

fn one_container(
    (id, container): (ObjectId, String),
    recorded: &RecordedImage,
    seen: &[&ContainerFacts],
    all: &mut Ran,
) {
    let digests: BTreeSet<Sha256Digest> = seen.iter().filter_map(|one| one.digest()).collect();
    let silent = seen.iter().filter(|one| one.digest().is_none()).count();

    // Others may have reported the right digest: these pods could still run another.
    if silent > 0 {
        all.wrong.push(format!(
            "{id}, container {container}: image not reported by {silent} of {} pods",
            seen.len()
        ));
    }

    let others: Vec<&str> = digests
        .iter()
        .filter(|digest| !recorded.is(digest))
        .map(Sha256Digest::short)
        .collect();

    if !others.is_empty() {
        all.wrong.push(format!(
            "{id}, container {container}: runs {}; the release has {} at {}",
            others.join(", "),
            recorded.reference,
            recorded.digest.short()
        ));
    }

    if silent == 0 && others.is_empty() {
        let digests = digests.into_iter().collect();
        let pods = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        let image = recorded.reference.clone();
        all.containers.push(RanContainer {
            workload: id.to_string(),
            container,
            image,
            digests,
            pods,
        });
    }
}

/// The pods of the workload's present revision; those on their way out do not count.
fn current_pods<'r>(live: &Object, running: &'r Running) -> Vec<&'r PodFacts> {
    owned_pods(live, running)
        .filter(|(_, is_old)| !is_old)
        .map(|(pod, _)| pod)
        // Those that succeeded stay: a Job's pods have ended by the time it is recorded.
        .filter(|pod| !pod.deleting && pod.phase != "Failed")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::ownership::Owners;
    use serde_json::{Value, json};

    fn digest(text: &str) -> Sha256Digest {
        Sha256Digest::compute(text.as_bytes())
    }

    /// A Job whose pods' containers `work` report these digests, beside the other containers that are named.
    fn ran_job(reported: &[&str], others: &[&str]) -> Ran {
        let job = Object::new(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate", "uid": "j"},
            "spec": {"template": {"spec": {"containers": [{"name": "work", "image": "r.example/migrate:1"}]}}}}))
        .unwrap();

        let pod = |(n, id): (usize, &&str)| {
            let names: Vec<&str> = std::iter::once("work").chain(others.iter().copied()).collect();
            let specs: Vec<Value> = names
                .iter()
                .map(|name| json!({"name": name, "image": "x"}))
                .collect();
            let statuses: Vec<Value> = names
                .iter()
                .map(|name| json!({"name": name, "imageID": id}))
                .collect();

            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("p{n}"), "uid": format!("p{n}"),
                "ownerReferences": [{"kind": "Job", "name": "migrate", "uid": "j", "controller": true}]},
                "spec": {"containers": specs}, "status": {"phase": "Succeeded", "containerStatuses": statuses}});
            PodFacts::reduce(&Object::new(pod).unwrap())
        };

        let running = Running {
            pods: reported.iter().enumerate().map(pod).collect(),
            owners: Owners::default(),
        };

        let recorded = RecordedImage {
            reference: "r.example/migrate:1".into(),
            digest: digest("tested"),
            origin: None,
            platforms: Vec::new(),
        };
        ran(
            &[RanWorkload {
                recorded: &job,
                live: &job,
            }],
            &running,
            &[recorded],
        )
    }

    #[test]
    fn pods_that_have_ended_tell_what_they_ran() {
        let found = ran_job(
            &[&digest("tested").to_string(), &digest("tested").to_string()],
            &[],
        );
        assert_eq!(found.wrong, Vec::<String>::new());
        assert_eq!(
            (found.containers[0].pods, found.containers[0].digests.len()),
            (2, 1)
        );
    }

    #[test]
    fn one_pod_with_another_digest_is_enough_to_be_wrong() {
        let found = ran_job(
            &[&digest("tested").to_string(), &digest("other").to_string()],
            &[],
        );
        assert!(
            found.containers.is_empty() && found.wrong[0].contains(digest("other").short()),
            "{found:?}"
        );
    }

    #[test]
    fn a_container_that_no_node_speaks_of_is_not_taken_for_a_good_one() {
        let found = ran_job(&[""], &[]);
        assert!(
            found.containers.is_empty() && found.wrong[0].contains("image not reported by 1 of 1 pods"),
            "{found:?}"
        );
    }

    #[test]
    fn containers_beside_the_release_and_workloads_without_pods_are_notes() {
        let found = ran_job(&[&digest("tested").to_string()], &["mesh"]);
        assert!(
            found.wrong.is_empty() && found.notes[0].starts_with("container mesh of Job migrate"),
            "{found:?}"
        );
        assert_eq!(ran_job(&[], &[]).notes, ["no pod of Job migrate ran"]);
    }
}
