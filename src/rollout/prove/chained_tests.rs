//! Pods of a custom kind, found by the chains of their owners.

use super::super::verify::verify;
use super::*;
use crate::model::k8s::ownership::{OwnerFacts, Owners};
use crate::model::release::ImagePath;
use crate::model::verification::VerificationState;
use crate::model::{ResourceType, Sha256Digest, Target};
use jiff::Timestamp;
use serde_json::json;

const IMAGE: &str = "r.example/web:1";

fn digest(text: &str) -> Sha256Digest {
    Sha256Digest::compute(text.as_bytes())
}

/// A pod of the set `s`, with what its container `name` is with_revision to run, and what the node reports.
struct TestPod {
    revision: &'static str,
    name: &'static str,
    image: String,
    runs: &'static str,
    phase: &'static str,
    /// What somebody debugs it with.
    debugger: Option<&'static str>,
}

fn pod(runs: &'static str) -> TestPod {
    TestPod {
        revision: "new",
        name: "web",
        image: IMAGE.into(),
        runs,
        phase: "Running",
        debugger: None,
    }
}

impl TestPod {
    fn facts(&self, at: usize) -> PodFacts {
        let name = format!("web-{at}");
        let (id, state) = match self.runs {
            "" => (String::new(), json!({"waiting": {}})),
            runs => (format!("r.example/web@{}", digest(runs)), json!({"running": {}})),
        };
        let status = json!({"name": self.name, "imageID": id, "state": state});
        let debuggers = self.debugger.map(|_| json!({"name": "debug", "image": IMAGE}));
        let debuggers: Vec<Value> = debuggers.into_iter().collect();
        let debugging = self.debugger.iter().map(|runs| {
            json!({"name": "debug", "imageID": format!("r.example/web@{}", digest(runs)), "state": {"running": {}}})
        });
        let debugging: Vec<Value> = debugging.collect();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": name,
            "labels": {"rollouts-pod-template-hash": self.revision}, "generation": 1,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "uid": "s", "name": "s", "controller": true}]},
            "spec": {"containers": [{"name": self.name, "image": self.image}], "ephemeralContainers": debuggers},
            "status": {"phase": self.phase, "containerStatuses": [status], "ephemeralContainerStatuses": debugging}});
        let mut facts = PodFacts::reduce(&Object::new(pod).unwrap());
        facts.deleting = self.phase == "Terminating";
        facts
    }
}

fn rollout(spec: Value, status: &Value) -> Object {
    let mut spec = spec;
    spec["template"] = json!({"spec": {"containers": [{"name": "web", "image": IMAGE}]}});
    Object::new(json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "shop", "uid": "w"}, "spec": spec, "status": status}))
    .unwrap()
}

/// The images that an object names.
fn workload(object: &Object) -> WorkloadImages {
    let gvk = object.gvk();
    let resource = ResourceType {
        plural: format!("{}s", gvk.kind.to_lowercase()),
        group: gvk.group,
        version: gvk.version,
        kind: gvk.kind,
        namespaced: true,
    };
    let target = Target::new(&resource, Some("shop"), "web");
    let path = ImagePath {
        group: "argoproj.io".into(),
        kind: "Rollout".into(),
        path: "/spec/template/spec/containers/[*]/image".into(),
        ignored: false,
    };
    WorkloadImages::find(&target, object, &[path]).unwrap()
}

/// What is known of the pods of a rollout, and what is said of its image.
fn proof(object: &Object, pods: &[TestPod], set: OwnerFacts) -> (Proof, VerificationState) {
    let workload = workload(object);
    let mut owners = Owners::default();
    owners.insert("s", set);
    let facts: Vec<PodFacts> = pods.iter().enumerate().map(|(at, pod)| pod.facts(at)).collect();
    let pods = WorkloadPods::select(object, &workload, facts.iter(), &owners);

    let images = [RecordedImage {
        reference: IMAGE.into(),
        digest: digest("tested"),
        origin: None,
        platforms: Vec::new(),
    }];
    let mut trees = ImageTrees::default();
    trees.insert(digest("other"), Ok(Vec::new()));
    let tested = TestedImages {
        images: &images,
        trees: &trees,
        injected: &[],
    };

    let subject = MonitoredObject::new(workload.target.clone(), object, Timestamp::UNIX_EPOCH);
    let proof = prove_chained(
        &subject,
        object,
        &RolloutPolicy::default(),
        tested,
        (&workload, &pods),
    );
    let state = verify(&workload, &images, &proof).images[0].state.clone();
    (proof, state)
}

fn by_rollout() -> OwnerFacts {
    OwnerFacts::Live {
        controller: crate::model::k8s::controller::Controller::from_object(
            &json!({"metadata": {"ownerReferences": [
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "w", "controller": true}]}}),
        ),
        revision: String::new(),
    }
}

fn wanted() -> Object {
    rollout(json!({"replicas": 2}), &json!({}))
}

#[test]
fn every_running_pod_has_to_run_what_was_tested() {
    let (_, state) = proof(&wanted(), &[pod("tested"), pod("tested")], by_rollout());
    assert_eq!(
        state,
        VerificationState::Verified {
            containers: 2,
            pods: 2
        }
    );

    let (found, state) = proof(&wanted(), &[pod("tested"), pod("other")], by_rollout());
    assert_eq!((found.wrong.len(), found.outdated.len()), (1, 0));
    assert!(
        matches!(&state, VerificationState::Wrong { message } if message.contains(digest("other").short())),
        "{state:?}"
    );

    // What has ended or is being deleted does not run.
    for phase in ["Failed", "Terminating"] {
        let gone = TestPod {
            phase,
            ..pod("other")
        };
        let (_, state) = proof(&wanted(), &[pod("tested"), gone], by_rollout());
        assert_eq!(
            state,
            VerificationState::Verified {
                containers: 1,
                pods: 1
            },
            "{phase}"
        );
    }
}

#[test]
fn pods_of_another_revision_do_not_count_where_the_kind_tells_its_own() {
    let canary = || {
        let old = TestPod {
            revision: "old",
            ..pod("other")
        };
        [old, pod("tested")]
    };
    let with_revision = rollout(json!({"replicas": 2}), &json!({"currentPodHash": "new"}));
    let (_, state) = proof(&with_revision, &canary(), by_rollout());
    assert_eq!(
        state,
        VerificationState::Verified {
            containers: 1,
            pods: 1
        }
    );

    let (found, _) = proof(&wanted(), &canary(), by_rollout());
    assert_eq!(found.wrong.len(), 1, "without a revision all of them count");
}

#[test]
fn what_the_object_does_not_name_is_listed_and_no_error() {
    let reloader = TestPod {
        name: "reloader",
        image: "r.example/reloader:3".into(),
        ..pod("reloader")
    };
    let (found, state) = proof(&wanted(), &[reloader], by_rollout());
    assert!(found.wrong.is_empty() && found.is_settled(), "{found:?}");
    assert_eq!(
        found.expected,
        [format!(
            "container reloader runs r.example/reloader:3 ({}), which is not in the release",
            digest("reloader").short()
        )]
    );
    let message = format!("no container of its pods runs {IMAGE}");
    assert_eq!(state, VerificationState::Unknown { message });
}

#[test]
fn pods_that_are_wanted_are_waited_for_and_others_are_told() {
    let awaited = |object: &Object, pods: &[TestPod]| proof(object, pods, by_rollout()).0.awaited;
    assert_eq!(awaited(&wanted(), &[]).as_deref(), Some("0 of 2 pods exist"));
    assert_eq!(
        awaited(&wanted(), &[pod("")]).as_deref(),
        Some("pod web-0 has not started")
    );
    assert_eq!(awaited(&wanted(), &[pod("tested"), pod("")]), None);

    let state = |object: &Object| proof(object, &[], by_rollout()).1;
    assert_eq!(
        state(&rollout(json!({"replicas": 0}), &json!({}))),
        VerificationState::NotRunning {
            message: "is scaled to 0 replicas".into()
        }
    );
    assert_eq!(
        awaited(&rollout(json!({}), &json!({})), &[]).as_deref(),
        Some("no pod exists")
    );
}

#[test]
fn an_owner_that_cannot_be_read_leaves_only_pods_in_doubt_that_may_be_its_own() {
    let unreadable = || OwnerFacts::Unreadable {
        cause: "forbidden".into(),
        is_transient: false,
    };
    let (found, state) = proof(&wanted(), &[pod("tested")], unreadable());
    assert!(found.is_settled(), "{found:?}");
    let message = "cannot read ReplicaSet s, an owner of pod web-0: forbidden".into();
    assert_eq!(state, VerificationState::Unknown { message });

    let another = TestPod {
        name: "db",
        image: "r.example/db:1".into(),
        ..pod("db")
    };
    let (found, _) = proof(&wanted(), &[another], unreadable());
    assert_eq!(found.awaited.as_deref(), Some("0 of 2 pods exist"));
}

#[test]
fn pods_of_an_earlier_reference_may_still_be_replaced_but_those_of_a_cron_job_stay_as_they_were() {
    let earlier = || TestPod {
        image: "r.example/web:0".into(),
        ..pod("other")
    };
    let (found, state) = proof(&wanted(), &[earlier()], by_rollout());
    assert_eq!((found.wrong.len(), found.outdated.len()), (0, 1), "{found:?}");
    assert!(matches!(state, VerificationState::Wrong { .. }), "{state:?}");

    let template = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": IMAGE}]}}}});
    let nightly = Object::new(json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "web", "namespace": "shop", "uid": "w"},
        "spec": {"schedule": "0 0 * * *", "jobTemplate": template}}))
    .unwrap();
    let (found, state) = proof(&nightly, &[earlier()], by_rollout());
    assert!(found.wrong.is_empty() && found.outdated.is_empty(), "{found:?}");
    let message = format!("no container of its pods runs {IMAGE}");
    assert_eq!(state, VerificationState::Unknown { message });
}

#[test]
fn what_somebody_debugs_a_pod_with_is_not_held_against_the_release() {
    let debugged = TestPod {
        debugger: Some("other"),
        ..pod("tested")
    };
    let (found, state) = proof(&wanted(), &[debugged], by_rollout());
    assert_eq!(found.wrong, []);
    let verified = VerificationState::Verified {
        containers: 1,
        pods: 1,
    };
    assert_eq!(state, verified);
}

#[test]
fn an_owner_that_may_yet_be_read_is_waited_for() {
    let unread = OwnerFacts::Unreadable {
        cause: "503".into(),
        is_transient: true,
    };
    let (found, _) = proof(&wanted(), &[pod("tested")], unread);
    assert_eq!((found.is_settled(), found.doubt), (false, None));
    let cause = "cannot read ReplicaSet s, an owner of pod web-0: 503";
    assert_eq!(found.unread.as_deref(), Some(cause));
}

#[test]
fn templates_that_share_a_containers_name_do_not_share_its_image() {
    let (leader, worker) = ("r.example/leader:1", "r.example/worker:1");
    let template = |image: &str| json!({"spec": {"containers": [{"name": "web", "image": image}]}});
    let mut object = wanted();
    object.value_mut()["spec"]["template"] = template(leader);
    object.value_mut()["spec"]["workerTemplate"] = template(worker);
    let workload = workload(&object);

    let image = |reference: &str| RecordedImage {
        reference: reference.into(),
        digest: digest(reference),
        origin: None,
        platforms: Vec::new(),
    };
    let tested = [image(leader), image(worker)];
    let named = |image: &str, runs: &'static str| {
        let facts = TestPod {
            image: image.into(),
            ..pod(runs)
        }
        .facts(0);
        let found = workload.images_of(&facts.containers[0], &tested).into_iter();
        found.map(|image| image.reference.as_str()).collect::<Vec<_>>()
    };

    assert_eq!(named(leader, "other"), [leader]);
    assert_eq!(named(worker, "other"), [worker]);
    assert_eq!(
        named("r.example/worker:2", "other"),
        [worker],
        "by its repository"
    );
    assert_eq!(
        named("r.example/other:1", "other"),
        [leader, worker],
        "either is meant"
    );
}
