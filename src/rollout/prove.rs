//! Whether what runs is what was tested: each container's image ID against the digests of the release.
//!
//! A tag in a pod's spec proves nothing, for it moves, and a node may hold an old image under it: what the
//! node reports decides (`model/running.rs`). There are three answers and not two. A container that no node
//! has reported, and a digest of which no registry was asked yet, are unknown and never wrong;
//! `monitor/proving.rs` asks and looks again. Containers that are not in the template were added by
//! admission, and need the environment's word.

use super::judge::current_pods;
use super::outside::not_waited;
use super::policy::Policy;
use super::subject::{MonitoredObject, RolloutContext};
use crate::model::Object;
use crate::model::environment::Injected;
use crate::model::finding::ContainerRole;
use crate::model::glob::matches;
use crate::model::image::ImageReference;
use crate::model::k8s::pod::{ContainerFacts, PodFacts};
use crate::model::release::RecordedImage;
use crate::model::running::{ImageFacts, ImageTrees, Runs};
use crate::model::verdict::{Cause, CauseKind};
use serde_json::Value;

/// What is known of the images that an object's pods run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Containers that run a tested image.
    pub proved: u32,
    /// Containers that run something else, or were added by nobody knows whom.
    pub wrong: Vec<Cause>,
    /// Containers whose image no node has reported yet.
    pub unknown: Vec<String>,
    /// References, as nodes report them, that only a registry can tell from the tested ones.
    pub unfamiliar: Vec<String>,
    /// Why the pods themselves are not known.
    pub unread: Option<String>,
    /// What is not of the release and is allowed: what admission added and the environment expects, and images that
    /// the preflight let through; one sentence each.
    pub expected: Vec<String>,
}

/// What is known of the images that the pods of the object's new revision run.
pub fn prove(
    subject: &MonitoredObject,
    surroundings: &RolloutContext<'_>,
    policy: &Policy,
    (tested, trees): (&[RecordedImage], &ImageTrees),
    injected: &[Injected],
) -> Proof {
    // A Job may take itself away once it is complete.
    // Only where its collection is read is it known to be absent.
    if surroundings.unreadable.is_none()
        && surroundings.object.is_none()
        && subject.target.resource.kind == "Job"
    {
        return Proof::default();
    }

    let is_awaited = not_waited(subject, surroundings.object, policy).is_none();
    let pods = match current_pods(subject, surroundings, policy) {
        Ok(pods) => pods,
        // Nothing waits for it: that its pods are not known is no gap then.
        Err(_) if !is_awaited => return Proof::default(),
        Err(why) => {
            return Proof {
                unread: Some(why),
                ..Proof::default()
            };
        }
    };

    let facts = ImageFacts {
        tested,
        trees,
        before: &subject.baseline.ran,
    };
    let mut proof = prove_pods(&pods, surroundings.object, &facts, injected);

    // What runs has to be the right image all the same; only what does not run yet is let go.
    if !is_awaited {
        proof.unknown.clear();
    }
    // Each replica gives the same sentence.
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
        // Whoever debugs a pod brings an image of their own.
        let lasting = pod
            .containers
            .iter()
            .filter(|one| one.role != ContainerRole::Ephemeral);

        for container in lasting {
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

fn prove_container(pod: &PodFacts, container: &ContainerFacts, facts: &ImageFacts<'_>, proof: &mut Proof) {
    let where_ = format!("container {} of pod {}", container.name, pod.name);
    let Some(running) = container.digest() else {
        return proof.unknown.push(where_);
    };

    // A pinned reference names one image of the release.
    let pinned = container.pin();
    let is_named = |one: &&RecordedImage| match &pinned {
        Some(digest) => one.is(digest),
        None => one.reference == container.image,
    };

    let named: Vec<_> = facts.tested.iter().filter(is_named).collect();
    let Some(first) = named.first() else {
        // Under another name (an environment's mirror) what runs is tested all the same.
        if facts.tested.iter().any(|one| one.is(&running)) {
            proof.proved += 1;
        } else {
            // The preflight let it through: a difference rule or a waiver allows an image that nobody tested.
            proof.expected.push(format!(
                "container {} runs {} ({}), which is not in the release",
                container.name,
                container.image,
                running.short()
            ));
        }
        return;
    };

    let found: Vec<Runs> = named.iter().map(|one| facts.runs(pod, container, one)).collect();
    // A digest may be part of several recorded images: one that fits is enough.
    if found.contains(&Runs::Tested) {
        proof.proved += 1;
    } else if !facts.trees.knows(&running) && container.reported().is_some() {
        // Not wrong yet: another index may hold the very same image, and a registry can tell.
        proof.unfamiliar.extend(container.reported());
        proof.unknown.push(where_);
    } else if found.contains(&Runs::NotRestarted) {
        proof
            .unknown
            .push(format!("{where_}, whose image was changed in place"));
    } else {
        let message = format!(
            "{where_} runs image {}, and {} was tested as {}",
            running.short(),
            first.reference,
            first.digest.short()
        );
        proof.wrong.push(wrong(pod, container, message));
    }
}

fn check_injected(pod: &PodFacts, container: &ContainerFacts, injected: &[Injected], proof: &mut Proof) {
    let name = match container.image.parse::<ImageReference>() {
        Ok(image) => image.name(),
        Err(_) => container.image.clone(),
    };

    match injected.iter().find(|rule| matches(&rule.image, &name)) {
        Some(rule) => {
            proof.expected.push(format!(
                "admission added container {} ({name}): {}",
                container.name, rule.reason
            ));
        }
        None => {
            let message = format!(
                "container {} of pod {} ({}) is not in the template: nobody tested it (the environment's injected allows what admission adds)",
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
mod tests {
    use super::*;
    use crate::model::image::Platform;
    use crate::model::k8s::kinds::built_in;
    use crate::model::release::PlatformDigests;
    use crate::model::{Sha256Digest, Target};
    use jiff::Timestamp;
    use serde_json::json;

    fn digest(text: &str) -> Sha256Digest {
        Sha256Digest::of(text.as_bytes())
    }

    fn tested() -> RecordedImage {
        RecordedImage {
            reference: "r.example/web:1".into(),
            digest: digest("index"),
            origin: None,
            platforms: vec![PlatformDigests {
                platform: Platform("linux/amd64".into()),
                manifest: digest("manifest"),
                config: digest("config"),
            }],
        }
    }

    /// The registry knows neither of them.
    fn trees() -> ImageTrees {
        let mut trees = ImageTrees::default();
        for name in ["other", "stale"] {
            trees.insert(digest(name), Vec::new());
        }
        trees
    }

    /// The proof of a pod whose containers report these image IDs; `web` is in the template.
    fn proof(containers: &[(&str, &str, String)], injected: &[Injected]) -> Proof {
        let specs: Vec<_> = containers
            .iter()
            .map(|(name, image, _)| json!({"name": name, "image": image}))
            .collect();
        let statuses: Vec<_> = containers
            .iter()
            .map(|(name, _, id)| json!({"name": name, "imageID": id}))
            .collect();

        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop", "uid": "p",
            "ownerReferences": [{"uid": "s", "kind": "ReplicaSet", "name": "web", "controller": true}]},
            "spec": {"containers": specs}, "status": {"containerStatuses": statuses}});
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web", "namespace": "shop", "uid": "s"},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "web"}]}}}});

        let (pod, set) = (
            PodFacts::reduce(&Object::new(pod).unwrap()),
            Object::new(set).unwrap(),
        );
        let target = Target::new(&built_in("apps", "ReplicaSet").unwrap(), Some("shop"), "web");
        let subject = MonitoredObject::new(target, &set, Timestamp::UNIX_EPOCH);

        let surroundings = RolloutContext {
            object: Some(&set),
            pods: vec![&pod],
            ..RolloutContext::default()
        };

        prove(
            &subject,
            &surroundings,
            &Policy::default(),
            (&[tested()], &trees()),
            injected,
        )
    }

    #[test]
    fn every_digest_under_which_a_node_may_report_the_image_proves_it() {
        // Runtimes differ in what they report, and an image that was loaded by hand has no name.
        for what in ["index", "manifest", "config"] {
            for form in ["r.example/web@", "docker-pullable://r.example/web@", ""] {
                let proof = proof(
                    &[("web", "r.example/web:1", format!("{form}{}", digest(what)))],
                    &[],
                );
                assert_eq!((proof.proved, proof.wrong.len()), (1, 0), "{form}{what}");
            }
        }
    }

    #[test]
    fn a_moved_tag_is_wrong_and_names_both_digests() {
        let proof = proof(
            &[(
                "web",
                "r.example/web:1",
                format!("r.example/web@{}", digest("other")),
            )],
            &[],
        );

        let message = &proof.wrong[0].message;
        assert!(
            message.contains(digest("other").short()) && message.contains(digest("index").short()),
            "{message}"
        );
    }

    #[test]
    fn an_image_that_is_not_in_the_release_is_said_and_another_one_under_a_pinned_name_is_wrong() {
        let other = format!("r.example/debug@{}", digest("debug"));
        assert_eq!(proof(&[("web", &other, other.clone())], &[]).expected.len(), 1);

        let pinned = format!("r.example/web@{}", digest("index"));
        let stale = format!("r.example/web@{}", digest("stale"));
        // It has not started: its pin says nothing yet.
        assert_eq!(proof(&[("web", &pinned, stale)], &[]).wrong.len(), 1);
    }

    #[test]
    fn an_image_that_no_node_has_reported_is_unknown_and_not_proved() {
        // Its spec names the tested image, and that alone proves nothing.
        let proof = proof(&[("web", "r.example/web:1", String::new())], &[]);
        assert_eq!((proof.proved, proof.unknown.len()), (0, 1));
    }

    #[test]
    fn a_sidecar_that_admission_added_needs_the_environments_word() {
        // Its image ID is not reported yet: what is not in the template is wrong whatever it runs.
        let mesh = ("mesh", "docker.io/istio/proxyv2:1.30", String::new());
        assert_eq!(proof(std::slice::from_ref(&mesh), &[]).wrong.len(), 1);

        let rule = Injected {
            image: "*/istio/proxyv2".into(),
            reason: "service mesh".into(),
        };
        let allowed = proof(&[mesh], &[rule]);
        assert!(
            allowed.wrong.is_empty() && allowed.expected[0].contains("service mesh"),
            "{allowed:?}"
        );
    }
}
