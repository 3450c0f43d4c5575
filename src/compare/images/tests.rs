//! Pods as nodes report them, against what was tested.

use super::*;
use crate::model::Sha256Digest;
use crate::model::image::Platform;
use crate::model::k8s::controller::Controller;
use crate::model::k8s::ownership::OwnerFacts;
use crate::model::release::PlatformDigests;
use serde_json::{Value, json};

fn digest(text: &str) -> Sha256Digest {
    Sha256Digest::compute(text.as_bytes())
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
            owners: Owners::default(),
        };
        running_images(&workloads, &running, (&tested(), &trees), &[], &[])[0].state
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
            ("proxy".to_owned(), ImageState::UntestedSidecar),
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

/// A custom object `d` with this spec.
fn custom(spec: &Value) -> Object {
    Object::new(json!({"apiVersion": "example.org/v1", "kind": "Database",
        "metadata": {"name": "db", "namespace": "n", "uid": "d"}, "spec": spec}))
    .unwrap()
}

/// What is found of a custom object's pods, whose StatefulSet is what is known of it.
fn custom_findings(
    object: &Object,
    tested: &[RecordedImage],
    pods: Vec<PodFacts>,
    set: OwnerFacts,
) -> Vec<ImageFinding> {
    let path = ImagePath {
        group: "example.org".into(),
        kind: "Database".into(),
        path: "/spec/image".into(),
        ignored: false,
    };
    let mut owners = Owners::default();
    owners.insert("u", set);
    let workload = RunningWorkload {
        desired: object,
        live: object,
    };
    let running = Running { pods, owners };
    running_images(
        &[workload],
        &running,
        (tested, &ImageTrees::default()),
        &[],
        &[path],
    )
}

fn owned_set() -> OwnerFacts {
    let reference = json!({"apiVersion": "example.org/v1", "kind": "Database", "name": "db", "uid": "d", "controller": true});
    OwnerFacts::Live {
        controller: Controller::from_object(&json!({"metadata": {"ownerReferences": [reference]}})),
        revision: String::new(),
    }
}

#[test]
fn pods_of_a_custom_kind_are_found_by_their_owners_and_what_its_operator_adds_is_listed() {
    let object = custom(&json!({"image": at("index")}));
    let found = |pods, set| custom_findings(&object, &tested(), pods, set);

    // The operator has named its container itself.
    let matching = found(vec![pod("p", &[("postgres", &at("manifest"))])], owned_set());
    assert_eq!((matching.len(), matching[0].state), (1, ImageState::Match));

    let moved = found(vec![pod("p", &[("postgres", &at("other"))])], owned_set());
    assert_eq!(moved[0].state, ImageState::TagMoved);

    let mut added = pod("p", &[("reloader", &at("reloader"))]);
    added.containers[0].image = "a.example/reloader:3".into();
    let listed = found(vec![added], owned_set());
    assert_eq!(listed[0].state, ImageState::UntestedSidecar);
    assert_eq!(listed[0].allowed.as_deref(), Some("not in the release"));
}

#[test]
fn pods_of_a_custom_kind_whose_owner_cannot_be_read_are_unknown_with_the_cause() {
    let object = custom(&json!({"image": at("index")}));
    let found = |pods, set| custom_findings(&object, &tested(), pods, set);
    let unreadable = || OwnerFacts::Unreadable {
        cause: "forbidden".into(),
        is_transient: false,
    };
    let postgres = |runs: &str| pod("p", &[("postgres", &at(runs))]);

    // Whatever it runs: nobody knows whether it is the database's.
    for runs in ["index", "other"] {
        let unread = found(vec![postgres(runs)], unreadable());
        assert_eq!(
            (unread.len(), unread[0].state),
            (1, ImageState::Unknown),
            "{runs}"
        );
        assert_eq!(
            unread[0].cause.as_deref(),
            Some("cannot read StatefulSet s, an owner of pod p: forbidden")
        );
        assert_eq!(unread[0].running[0].digest, Some(digest(runs)));
    }

    let mut another = postgres("other");
    another.containers[0].image = "a.example/other:1".into();
    assert_eq!(
        found(vec![another], unreadable()),
        [],
        "it names no image of the database"
    );
    assert_eq!(found(vec![postgres("other")], OwnerFacts::Gone), []);
}

#[test]
fn templates_that_share_a_containers_name_have_a_row_each() {
    let image = |name: &str| RecordedImage {
        reference: format!("a.example/{name}:1"),
        digest: digest(name),
        origin: None,
        platforms: Vec::new(),
    };
    let tested = [image("leader"), image("worker")];
    let pinned = |name: &str| format!("a.example/{name}@{}", digest(name));
    let template =
        |name: &str| json!({"template": {"spec": {"containers": [{"name": "main", "image": pinned(name)}]}}});
    let object = custom(&json!({"jobs": [template("leader"), template("worker")]}));

    let running = |name: &str, written: &str, runs: &str| {
        let mut pod = pod(name, &[("main", &format!("a.example/x@{}", digest(runs)))]);
        pod.containers[0].image = written.into();
        pod
    };
    let rows = |pods: Vec<PodFacts>| -> Vec<(String, ImageState)> {
        let found = custom_findings(&object, &tested, pods, owned_set()).into_iter();
        found.map(|one| (one.reference, one.state)).collect()
    };
    let row = |reference: &str, state| (reference.to_owned(), state);
    let (leader, worker) = (pinned("leader"), pinned("worker"));

    let right = vec![running("l", &leader, "leader"), running("w", &worker, "worker")];
    assert_eq!(
        rows(right),
        [
            row("a.example/leader:1", ImageState::Match),
            row("a.example/worker:1", ImageState::Match)
        ]
    );

    // The worker's pod runs what only the leader may.
    let wrong = vec![running("l", &leader, "leader"), running("w", &worker, "leader")];
    assert_eq!(
        rows(wrong),
        [
            row("a.example/leader:1", ImageState::Match),
            row("a.example/worker:1", ImageState::OtherImage)
        ]
    );

    // Neither template's: it is no row of either.
    let other = vec![
        running("l", &leader, "leader"),
        running("w", &worker, "worker"),
        running("x", "a.example/third:1", "third"),
    ];
    assert_eq!(
        rows(other),
        [
            row("a.example/third:1", ImageState::OtherImage),
            row("a.example/leader:1", ImageState::Match),
            row("a.example/worker:1", ImageState::Match)
        ]
    );

    // From a mirror: what runs tells which it is.
    let mirrored = vec![
        running("l", "mirror.example/a:1", "leader"),
        running("w", &worker, "worker"),
    ];
    assert_eq!(
        rows(mirrored),
        [
            row("a.example/leader:1", ImageState::Match),
            row("a.example/worker:1", ImageState::Match)
        ]
    );
}
