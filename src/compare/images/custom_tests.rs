//! Pods of custom kinds, found by the chains of their owners.

use super::tests::{at, digest, pod, tested};
use super::*;
use crate::model::k8s::controller::Controller;
use crate::model::k8s::ownership::OwnerFacts;
use serde_json::{Value, json};

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

fn end(pod: &mut PodFacts) {
    pod.phase = "Failed".into();
}

fn delete(pod: &mut PodFacts) {
    pod.deleting = true;
}

#[test]
fn pods_that_have_ended_or_are_being_deleted_run_nothing() {
    let object = custom(&json!({"image": at("index")}));
    for change in [end, delete] {
        let mut gone = pod("q", &[("postgres", &at("other"))]);
        change(&mut gone);
        let pods = vec![pod("p", &[("postgres", &at("index"))]), gone];
        let found = custom_findings(&object, &tested(), pods, owned_set());
        assert_eq!((found.len(), found[0].state), (1, ImageState::Match));
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
    assert_eq!(listed[0].state, ImageState::UnexpectedContainer);
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

    // What does not run is of no interest, whoever owns it.
    for change in [end, delete] {
        let mut gone = postgres("other");
        change(&mut gone);
        assert_eq!(found(vec![gone], unreadable()), []);
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

/// What is found, by reference, of two templates `leader` and `worker` that both have a container `main`. Each pod has the
/// image that its spec names and what it runs.
fn find_by_template(pods: &[(&str, &str)]) -> Vec<(String, ImageState)> {
    let image = |name: &str| RecordedImage {
        reference: format!("a.example/{name}:1"),
        digest: digest(name),
        origin: None,
        platforms: Vec::new(),
    };
    let template =
        |name: &str| json!({"template": {"spec": {"containers": [{"name": "main", "image": pinned(name)}]}}});
    let object = custom(&json!({"jobs": [template("leader"), template("worker")]}));

    let running = |(at, (written, runs)): (usize, &(&str, &str))| {
        let reported = format!("a.example/x@{}", digest(runs));
        let mut pod = pod(&format!("p{at}"), &[("main", &reported)]);
        pod.containers[0].image = (*written).to_owned();
        pod
    };
    let pods = pods.iter().enumerate().map(running).collect();
    let tested = [image("leader"), image("worker")];
    let found = custom_findings(&object, &tested, pods, owned_set()).into_iter();
    found.map(|one| (one.reference, one.state)).collect()
}

fn pinned(name: &str) -> String {
    format!("a.example/{name}@{}", digest(name))
}

#[test]
fn templates_that_share_a_containers_name_have_a_row_each() {
    let row = |name: &str, state| (format!("a.example/{name}:1"), state);
    let (leader, worker) = (&*pinned("leader"), &*pinned("worker"));
    let both = [row("leader", ImageState::Match), row("worker", ImageState::Match)];
    assert_eq!(find_by_template(&[(leader, "leader"), (worker, "worker")]), both);

    // The worker's pod runs what only the leader may.
    assert_eq!(
        find_by_template(&[(leader, "leader"), (worker, "leader")]),
        [
            row("leader", ImageState::Match),
            row("worker", ImageState::OtherImage)
        ]
    );

    // It names neither template's image: it is in the row of neither.
    let third = ("a.example/third:1", "third");
    assert_eq!(
        find_by_template(&[(leader, "leader"), (worker, "worker"), third]),
        [&[row("third", ImageState::OtherImage)], &both[..]].concat()
    );

    // From a mirror: what runs tells which it is.
    let mirrored = ("mirror.example/a:1", "leader");
    assert_eq!(find_by_template(&[mirrored, (worker, "worker")]), both);
}
