//! Containers as nodes report them, against what was tested.

use super::*;
use crate::model::image::Platform;
use crate::model::k8s::kinds::built_in;
use crate::model::release::PlatformDigests;
use crate::model::{Sha256Digest, Target};
use jiff::Timestamp;
use serde_json::json;

fn digest(text: &str) -> Sha256Digest {
    Sha256Digest::compute(text.as_bytes())
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
        trees.insert(digest(name), Ok(Vec::new()));
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
        &RolloutPolicy::default(),
        TestedImages {
            images: &[tested()],
            trees: &trees(),
            injected,
        },
    )
}

fn proved(proof: &Proof) -> u32 {
    proof.verified.values().map(|tally| tally.containers).sum()
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
            assert_eq!((proved(&proof), proof.wrong.len()), (1, 0), "{form}{what}");
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
    assert_eq!((proved(&proof), proof.unknown.len()), (0, 1));
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
