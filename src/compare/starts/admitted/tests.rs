use super::*;
use crate::compare::{start_images, would_not_start};
use crate::model::Object;
use crate::model::finding::{ContainerRole, ImageFinding, ImageState, RunningImage};
use crate::model::start::{StartTime, Starts};
use crate::model::unknown::Unknown;
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn web(container: &Value) -> Object {
    let mut container = container.clone();
    container["name"] = "web".into();
    Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": [container]}}}}))
    .unwrap()
}

fn workload(object: &Object) -> StartingWorkload<'_> {
    StartingWorkload {
        id: object.id(),
        object,
        spec: object.at("/spec/template/spec").unwrap(),
        when: StartTime::Now,
    }
}

fn refused(code: u16, message: &str) -> DryRunResult {
    DryRunResult::Refused {
        code,
        message: message.into(),
        fields: Vec::new(),
        webhook: None,
        only_as_change: false,
    }
}

#[rstest]
#[case::accepted(DryRunResult::Accepted(None), 0, 0)]
#[case::pod_security(
    refused(
        403,
        r#"pods "web-" is forbidden: violates PodSecurity "baseline:latest": host namespaces"#
    ),
    1,
    0
)]
// It is summed, with the pod that runs taken out.
#[case::quota(refused(403, r#"pods "web-" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2"#), 0, 0)]
// What no sum tells: the quota counts what the pod leaves open.
#[case::uncountable(
    refused(
        403,
        r#"pods "web-" is forbidden: failed quota: small: must specify cpu for: web"#
    ),
    1,
    0
)]
#[case::not_asked(DryRunResult::Unknown { why: Unknown::new("missing permission to create pods"), missing: None }, 0, 1)]
fn what_the_server_says_of_a_pod_is_a_cause_unless_a_quota_is_full(
    #[case] answer: DryRunResult,
    #[case] findings: usize,
    #[case] unknown: usize,
) {
    let object = web(&json!({"image": "web:1"}));
    let facts = StartFacts {
        pods: BTreeMap::from([(object.id(), answer)]),
        ..StartFacts::default()
    };
    let starts = would_not_start(&[workload(&object)], &facts);
    assert_eq!(
        (starts.findings.len(), starts.unknown.len()),
        (findings, unknown),
        "{starts:?}"
    );
}

/// What comes of the answers of registries.
fn looked_up(object: &Object, running: &[ImageFinding], presence: &[(&str, Presence)]) -> Starts {
    let workloads = [workload(object)];
    let presence = presence
        .iter()
        .map(|(reference, answer)| ((*reference).to_owned(), answer.clone()));
    let facts = StartFacts {
        images: start_images(&workloads, running),
        presence: presence.collect(),
        ..StartFacts::default()
    };
    would_not_start(&workloads, &facts)
}

fn absent_images(starts: &Starts) -> Vec<String> {
    let causes = starts.findings.iter().flat_map(|finding| &finding.causes);
    causes.map(ToString::to_string).collect()
}

#[rstest]
#[case::there(Presence::There, 0, 0)]
#[case::gone(Presence::Absent, 1, 0)]
#[case::silent(Presence::Unknown(Unknown::new("no answer")), 0, 1)]
fn only_a_clear_no_of_a_registry_is_a_cause(
    #[case] answer: Presence,
    #[case] findings: usize,
    #[case] unknown: usize,
) {
    let reference = format!("r.example/web@sha256:{}", "1".repeat(64));
    let object = web(&json!({"image": reference}));
    let starts = looked_up(&object, &[], &[(&reference, answer)]);
    assert_eq!((starts.findings.len(), starts.unknown.len()), (findings, unknown));
}

#[test]
fn an_image_that_a_node_has_to_have_is_not_looked_up() {
    let object = web(&json!({"image": "r.example/web:1", "imagePullPolicy": "Never"}));
    assert_eq!(start_images(&[workload(&object)], &[]), []);
}

#[test]
fn a_tag_is_named_by_the_digest_that_runs_and_one_that_has_moved_is_a_note() {
    let object = web(&json!({"image": "r.example/web:1"}));
    let digest = format!("sha256:{}", "2".repeat(64));
    let by_digest = format!("r.example/web@{digest}");
    let running = ImageFinding {
        workload: object.id(),
        container: "web".into(),
        role: ContainerRole::Main,
        tested: None,
        reference: "r.example/web:1".into(),
        written: "r.example/web:1".into(),
        promoted: None,
        state: ImageState::OtherImage,
        cause: None,
        running: vec![RunningImage {
            digest: Some(digest.parse().unwrap()),
            pods: vec!["web-1".into()],
            old_revision: false,
        }],
        allowed: None,
    };
    let running = [running];

    let gone = looked_up(
        &object,
        &running,
        &[
            ("r.example/web:1", Presence::Absent),
            (&by_digest, Presence::Absent),
        ],
    );
    let message = format!("image {by_digest} is gone from its registry; a node without it could not pull it");
    assert_eq!(absent_images(&gone), [message]);

    let moved = looked_up(
        &object,
        &running,
        &[
            ("r.example/web:1", Presence::There),
            (&by_digest, Presence::Absent),
        ],
    );
    assert_eq!((moved.findings.len(), moved.notes.len()), (0, 1));
}
