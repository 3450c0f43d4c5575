//! Verdicts on objects that a real control plane and a real kubelet produced (`tests/fixtures/rollout`): one file a
//! case, with what was there and what must be said of it.

use jiff::{SignedDuration, Timestamp};
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use kubectl_delivery::testing::model::k8s::pod::PodFacts;
use kubectl_delivery::testing::model::occurrence::Occurrence;
use kubectl_delivery::testing::model::verdict::Health;
use kubectl_delivery::testing::model::{Object, Target};
use kubectl_delivery::testing::rollout::{
    Assessment, Baseline, Memory, MonitoredObject, RolloutContext, RolloutPolicy, assess,
};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Case {
    case: String,
    expect: Expect,
    object: Object,
    owned: Vec<Object>,
    pods: Vec<Object>,
    events: Vec<Object>,
    others: Vec<Object>,
}

#[derive(Deserialize)]
struct Expect {
    state: String,
    says: String,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rollout");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |file: &Path| {
        serde_json::from_slice(&std::fs::read(file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.iter().map(|file| read(file)).collect()
}

fn case(name: &str) -> Case {
    cases()
        .into_iter()
        .find(|case| case.case == name)
        .unwrap_or_else(|| panic!("no case {name}"))
}

/// Judges it when it was found so, and again `later` seconds after that.
fn judged(case: &Case, baseline: Option<Baseline>, generation: i64, later: i64) -> Assessment {
    let gvk = case.object.gvk();
    let kind = built_in(&gvk.group, &gvk.kind).unwrap();
    let target = Target::new(&kind, case.object.namespace(), case.object.name());
    let started: Timestamp = case.object.text("/metadata/creationTimestamp").parse().unwrap();
    let mut subject = MonitoredObject::new(target, &case.object, started);
    subject.generation = generation;
    subject.baseline = baseline.unwrap_or_default();
    let pods: Vec<PodFacts> = case.pods.iter().map(PodFacts::reduce).collect();
    let occurrences: Vec<Occurrence> = case.events.iter().map(Occurrence::reduce).collect();
    let surroundings = RolloutContext {
        object: Some(&case.object),
        owned: case.owned.iter().collect(),
        pods: pods.iter().collect(),
        occurrences: occurrences.iter().collect(),
        others: case.others.iter().collect(),
        ..RolloutContext::default()
    };
    let mut memory = Memory::default();
    let now = started + SignedDuration::from_secs(60);
    assess(
        &subject,
        &surroundings,
        &RolloutPolicy::default(),
        &mut memory,
        now,
    );
    assess(
        &subject,
        &surroundings,
        &RolloutPolicy::default(),
        &mut memory,
        now + SignedDuration::from_secs(later),
    )
}

fn state_and_message(verdict: &Health) -> (&'static str, &str) {
    match verdict {
        Health::Progressing { message, .. } => ("waiting", message),
        Health::Ready { message } => ("done", message.as_deref().unwrap_or_default()),
        Health::Failed { cause } => ("failed", &cause.message),
        Health::Unknown { message } => ("unknown", message),
    }
}

#[test]
fn every_recorded_rollout_gets_its_verdict() {
    let cases = cases();
    assert!(cases.len() > 40, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let judgement = judged(case, None, case.object.generation(), 100);
        let (state, text) = state_and_message(&judgement.verdict);
        if state != case.expect.state || !text.contains(&case.expect.says) {
            wrong.push(format!(
                "{}: expected {} {:?}, found {state} {text:?}",
                case.case, case.expect.state, case.expect.says
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_status_that_is_older_than_our_write_says_nothing_whatever_it_says() {
    for case in cases().iter().filter(|case| case.object.generation() > 0) {
        let judgement = judged(case, None, case.object.generation() + 1, 100);
        assert!(
            matches!(judgement.verdict, Health::Progressing { .. }),
            "{}: {judgement:?}",
            case.case
        );
    }
}

#[test]
fn exits_of_before_are_not_counted_and_the_deadline_decides() {
    let case = case("real crash loop");
    let pods: Vec<PodFacts> = case.pods.iter().map(PodFacts::reduce).collect();
    let before = Baseline::from_context(
        &RolloutContext {
            pods: pods.iter().collect(),
            ..RolloutContext::default()
        },
        None,
    );
    assert!(
        before.broken.iter().any(|what| what.contains("web")),
        "{before:?}"
    );
    let waiting = judged(&case, Some(before.clone()), case.object.generation(), 100);
    assert!(
        matches!(waiting.verdict, Health::Progressing { .. }),
        "{waiting:?}"
    );
    let late = judged(&case, Some(before), case.object.generation(), 700);
    let (state, text) = state_and_message(&late.verdict);
    assert_eq!(state, "failed");
    assert!(
        text.starts_with("no progress for 10m (progressDeadlineSeconds: 600)"),
        "{text}"
    );
}

#[test]
fn one_bad_pod_beside_a_good_one_waits_for_the_deadline() {
    let mut bad = case("deployment image not found");
    let good = case("deployment good");
    let owner = bad.pods[0].at("/metadata/ownerReferences").unwrap().clone();
    let mut pod = good.pods[0].clone();
    pod.value_mut()["metadata"]["ownerReferences"] = owner;
    bad.pods[1] = pod;
    let judgement = judged(&bad, None, bad.object.generation(), 100);
    assert!(
        matches!(judgement.verdict, Health::Progressing { .. }),
        "{judgement:?}"
    );
    let late = judged(&bad, None, bad.object.generation(), 700);
    let (state, text) = state_and_message(&late.verdict);
    assert!(state == "failed" && text.contains("cannot pull"), "{text}");
}

#[test]
fn an_image_that_the_preflight_saw_gets_a_grace() {
    let case = case("real image not found");
    let image = case.pods[0].text("/spec/containers/0/image").to_owned();
    let gvk = case.object.gvk();
    let target = Target::new(
        &built_in(&gvk.group, &gvk.kind).unwrap(),
        case.object.namespace(),
        case.object.name(),
    );
    let now: Timestamp = case.object.text("/metadata/creationTimestamp").parse().unwrap();
    let subject = MonitoredObject::new(target, &case.object, now).with_seen_images([image]);
    let pods: Vec<PodFacts> = case.pods.iter().map(PodFacts::reduce).collect();
    let view = RolloutContext {
        object: Some(&case.object),
        owned: case.owned.iter().collect(),
        pods: pods.iter().collect(),
        ..RolloutContext::default()
    };
    let mut memory = Memory::default();
    let mut at = |seconds| {
        assess(
            &subject,
            &view,
            &RolloutPolicy::default(),
            &mut memory,
            now + SignedDuration::from_secs(seconds),
        )
        .verdict
    };
    assert!(matches!(at(0), Health::Progressing { .. }));
    assert!(matches!(at(29), Health::Progressing { .. }));
    let verdict = at(30);
    assert!(
        state_and_message(&verdict)
            .1
            .contains("where it existed before the promotion"),
        "{verdict:?}"
    );
}

#[test]
fn a_stuck_stateful_set_names_the_pod_that_must_be_deleted() {
    let case = case("statefulset stuck on an old broken pod");
    let judgement = judged(&case, None, case.object.generation(), 2);
    assert_eq!(judgement.stuck_pods.len(), 1, "{judgement:?}");
    assert_eq!(judgement.stuck_pods[0].pod, "web-1");
}

#[test]
fn what_is_remembered_can_be_written_down_and_read_again() {
    let case = case("deployment never ready");
    let judgement = judged(&case, None, case.object.generation(), 5);
    assert!(judgement.deadline.is_some_and(|deadline| deadline.seconds == 600));
    let memory = Memory {
        started: Some(Timestamp::UNIX_EPOCH),
        ..Memory::default()
    };
    let text = serde_json::to_string(&memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
}
