//! Pods as nodes report them, against what was tested.

use super::*;
use crate::model::Sha256Digest;
use crate::model::image::Platform;
use crate::model::release::PlatformDigests;
use serde_json::{Value, json};

pub(super) fn digest(text: &str) -> Sha256Digest {
    Sha256Digest::compute(text.as_bytes())
}

pub(super) fn tested() -> Vec<RecordedImage> {
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

pub(super) fn pod(name: &str, image_ids: &[(&str, &str)]) -> PodFacts {
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
        owners: Owners::default(),
    };
    running_images(
        &[RunningWorkload {
            desired: &desired,
            live: &desired,
        }],
        &running,
        (&tested(), &ImageTrees::default()),
        &[],
        &[],
    )
}

pub(super) fn at(name: &str) -> String {
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
            owners: Owners::default(),
        };
        running_images(&workloads, &running, (&tested(), &trees), &[], &[])[0].state
    };

    // A registry that was asked and holds nothing says as little as one that was not.
    let mut silent = ImageTrees::default();
    silent.insert(digest("new"), Ok(Vec::new()));

    let mut other = ImageTrees::default();
    let (manifest, config) = (digest("m"), digest("c"));
    other.insert(
        digest("new"),
        Ok(vec![PlatformDigests {
            platform: Platform("linux/amd64".into()),
            manifest,
            config,
        }]),
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

    // The pod names the tested digest, and no tag that could have moved.
    assert_eq!(state(vec![changed("new")], other), ImageState::OtherImage);

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
            ("proxy".to_owned(), ImageState::UnexpectedContainer),
            ("web".to_owned(), ImageState::Match)
        ]
    );

    assert_eq!(states(Vec::new()), []);
}

#[test]
fn a_tag_has_moved_only_where_the_tested_reference_tag_and_all_runs_another_digest() {
    let state = |written: &str| {
        let mut pod = pod("p", &[("web", &at("other"))]);
        pod.containers[0].image = written.into();
        states(vec![pod])[0].1
    };
    for (written, expected) in [
        ("a.example/web:1", ImageState::TagMoved),
        ("a.example/web:2", ImageState::OtherImage),
        ("a.example/web", ImageState::OtherImage),
        ("b.example/web:1", ImageState::OtherImage),
        (&at("other"), ImageState::OtherImage),
        (
            &format!("a.example/web:1@{}", digest("other")),
            ImageState::OtherImage,
        ),
    ] {
        assert_eq!(state(written), expected, "{written}");
    }
}

#[test]
fn a_different_image_is_the_promoted_releases_where_its_objects_name_it_for_that_container() {
    let promoted = PromotedRelease {
        name: "shop".into(),
        version: "1.4.1".into(),
        revision: 6,
    };
    let holding = |container: &str, image: &str| {
        let template = json!({"spec": {"containers": [{"name": container, "image": image}]}});
        object(
            "StatefulSet",
            json!({"metadata": {"name": "s", "namespace": "n"}, "spec": {"template": template}}),
        )
    };
    let named = |desired: Object| {
        let mut pod = pod("p", &[("web", &at("other"))]);
        pod.containers[0].image = at("other");
        let mut found = findings(vec![pod]);
        name_promoted_images(&mut found, &promoted, &[desired]);
        found[0].promoted.clone()
    };

    assert_eq!(named(holding("web", &at("other"))), Some(promoted.clone()));
    assert_eq!(
        named(holding("web", &at("third"))),
        None,
        "set by another client since"
    );
    assert_eq!(named(holding("init", &at("other"))), None);
}
