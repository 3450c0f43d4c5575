//! Which pods a plan tries: one workload, one thing changed.

use super::*;
use crate::model::environment::TargetPattern;
use crate::model::finding::{Certainty, ObjectStatus, RequirementFinding, RequirementState};
use crate::model::k8s::kinds::well_known;
use crate::model::plan::{Severity, Undo};
use crate::model::rehearsal::RehearsalScope;
use crate::model::snapshot::{Absence, Observed};
use crate::model::{FieldPath, StepId, Target, WaveIndex};
use crate::plan::{Facts, PlanPolicy, draft};
use rstest::rstest;
use serde_json::json;

fn object(kind: &str, name: &str, image: &str, pod: &Value) -> Object {
    let mut spec = json!({"containers": [{"name": "main", "image": image}]});
    spec.as_object_mut()
        .unwrap()
        .extend(pod.as_object().unwrap().clone());
    Object::new(
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name, "team": "shop"}}, "spec": spec}}}),
    )
    .unwrap()
}

fn compared(desired: &Object, live: Option<&Object>) -> ObjectComparison {
    let resource = well_known(&desired.gvk()).unwrap();
    ObjectComparison::new(
        Target::new(&resource, Some("shop"), desired.name()),
        Some(desired.clone()),
        live.map_or(Observed::Absent(Absence::Object), |live| {
            Observed::Present(live.clone())
        }),
        ObjectStatus::Same,
        Certainty::Computed,
    )
}

fn step(one: &ObjectComparison) -> PlanStep {
    let object = one.desired.clone().unwrap();
    let action = match one.live.object() {
        Some(_) => Action::Apply {
            expected: Box::new(object.clone()),
            object,
            take_over: None,
        },
        None => Action::Create { object },
    };
    PlanStep {
        id: StepId::new(0),
        wave: WaveIndex::new(0),
        target: one.target.clone(),
        action,
        expect: crate::model::plan::Expect::Absent,
        undo: Undo::Restore,
        why: String::new(),
        changes: vec!["/spec".parse::<FieldPath>().unwrap()],
        stamps: Vec::new(),
    }
}

/// The plan of the promotion of these objects, each of which changes.
fn planned(comparison: &Comparison) -> Planned {
    let digest = crate::model::Sha256Digest::compute(b"2");
    let facts = Facts {
        id: "p1".into(),
        release: crate::model::release::PublicRelease {
            name: "shop".into(),
            version: "2".into(),
            digest: digest.into(),
        },
        namespace: "shop".into(),
        cluster: None,
        revision: 2,
        now: "2026-11-23T06:00:00Z".parse().unwrap(),
        actor: "jane".into(),
        autoscalers: Vec::new(),
        unreadable: Vec::new(),
        past: crate::plan::Past::default(),
    };
    let mut planned = draft(&Comparison::default(), &PlanPolicy::default(), &facts);
    planned.plan.steps = comparison.objects.iter().map(step).collect();
    planned
}

struct Tried {
    pods: Vec<String>,
    findings: Vec<(Severity, String)>,
}

fn tried(comparison: &Comparison, scope: RehearsalScope) -> Tried {
    let rules = [RehearseRule {
        target: TargetPattern {
            name: Some("web".into()),
            ..TargetPattern::default()
        },
        reason: "stateless".into(),
    }];
    let policy = RehearsalPolicy {
        request: RehearsalRequest {
            scope,
            runs_init: false,
        },
        rules: &rules,
    };
    let mut planned = planned(comparison);
    let facts = RehearsalFacts::from([("shop".to_owned(), NamespaceFacts::default())]);
    plan_rehearsals(&mut planned, comparison, &policy, &facts);
    let named = planned.plan.rehearsals.iter().map(PlannedRehearsal::named);
    let finding = |one: PreflightFinding| (one.severity, one.message);
    Tried {
        pods: named.collect(),
        findings: planned.findings.into_iter().map(finding).collect(),
    }
}

fn comparison(objects: &[(&Object, Option<&Object>)]) -> Comparison {
    Comparison {
        objects: objects
            .iter()
            .map(|(desired, live)| compared(desired, *live))
            .collect(),
        ..Comparison::default()
    }
}

const NOW: &str = "Deployment shop/web, current template";
const THEN: &str = "Deployment shop/web, new template";

#[rstest]
#[case::both(RehearsalScope::Both, &[NOW, THEN])]
#[case::current(RehearsalScope::Current, &[NOW])]
#[case::new(RehearsalScope::New, &[THEN])]
fn the_template_in_the_cluster_is_tried_before_the_new_one(
    #[case] scope: RehearsalScope,
    #[case] pods: &[&str],
) {
    let (live, desired) = (
        object("Deployment", "web", "web:1", &json!({})),
        object("Deployment", "web", "web:2", &json!({})),
    );
    let tried = tried(&comparison(&[(&desired, Some(&live))]), scope);
    assert_eq!(
        (tried.pods, tried.findings),
        (pods.iter().map(|pod| (*pod).to_owned()).collect(), vec![])
    );
}

#[test]
fn a_template_that_stays_as_it_is_is_tried_once() {
    let web = object("Deployment", "web", "web:1", &json!({}));
    let tried = tried(&comparison(&[(&web, Some(&web))]), RehearsalScope::Both);
    assert_eq!((tried.pods, tried.findings), (vec![NOW.to_owned()], vec![]));
}

#[test]
fn a_new_workload_has_no_template_that_runs() {
    let web = object("Deployment", "web", "web:1", &json!({}));
    let tried = tried(&comparison(&[(&web, None)]), RehearsalScope::Both);
    let note = "current template not rehearsed: it does not exist yet".to_owned();
    assert_eq!(
        (tried.pods, tried.findings),
        (vec![THEN.to_owned()], vec![(Severity::Note, note)])
    );
}

fn reading(kind: &str) -> Value {
    match kind {
        "ServiceAccount" => json!({"serviceAccountName": "x"}),
        kind => json!({"volumes": [{"name": "v", "configMap": {"name": "x"}, "is": kind}]}),
    }
}

#[rstest]
#[case::created(
    "ConfigMap",
    false,
    "new template not rehearsed: ConfigMap shop/x is created by this promotion"
)]
#[case::changed(
    "ConfigMap",
    true,
    "new template not rehearsed: ConfigMap shop/x is changed by this promotion"
)]
#[case::its_account(
    "ServiceAccount",
    true,
    "new template not rehearsed: ServiceAccount shop/x is changed by this promotion"
)]
fn a_new_template_that_reads_what_changes_is_left_out(
    #[case] kind: &str,
    #[case] is_there: bool,
    #[case] note: &str,
) {
    let read = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "shop"}});
    let read = Object::new(read).unwrap();
    let (live, desired) = (
        object("Deployment", "web", "web:1", &reading(kind)),
        object("Deployment", "web", "web:2", &reading(kind)),
    );
    let both = comparison(&[(&desired, Some(&live)), (&read, is_there.then_some(&read))]);
    let tried = tried(&both, RehearsalScope::Both);
    assert_eq!(
        (tried.pods, tried.findings),
        (vec![NOW.to_owned()], vec![(Severity::Note, note.to_owned())])
    );
}

#[test]
fn a_new_template_that_misses_something_is_left_out() {
    let (live, desired) = (
        object("Deployment", "web", "web:1", &json!({})),
        object("Deployment", "web", "web:2", &reading("ConfigMap")),
    );
    let mut comparison = comparison(&[(&desired, Some(&live))]);
    comparison.requirements.push(RequirementFinding {
        object: ObjectId::new("", "ConfigMap", Some("shop"), "x"),
        keys: Vec::new(),
        needed_by: Vec::new(),
        state: RequirementState::Missing,
    });
    let tried = tried(&comparison, RehearsalScope::New);
    assert_eq!(tried.pods, [""; 0]);
    let note = "new template not rehearsed: ConfigMap shop/x is not there as it is needed".to_owned();
    assert_eq!(tried.findings, [(Severity::Note, note)]);
}

#[test]
fn what_must_not_run_twice_refuses_and_has_no_pods() {
    let (live, desired) = (
        object("Deployment", "web", "web:1", &json!({"hostNetwork": true})),
        object("Deployment", "web", "web:2", &json!({"hostNetwork": true})),
    );
    let tried = tried(&comparison(&[(&desired, Some(&live))]), RehearsalScope::Both);
    let refusal = "cannot be rehearsed: its pods share the node's namespaces (hostNetwork)".to_owned();
    assert_eq!(
        (tried.pods, tried.findings),
        (vec![], vec![(Severity::Error, refusal)])
    );
}

#[test]
fn where_nothing_is_allowed_it_is_refused_and_where_nothing_of_that_changes_it_is_noted() {
    let worker = object("Deployment", "worker", "web:1", &json!({}));
    let found = tried(&comparison(&[(&worker, Some(&worker))]), RehearsalScope::Both);
    assert_eq!((found.pods.len(), found.findings[0].0), (0, Severity::Error));
    assert!(found.findings[0].1.starts_with("no workload may be rehearsed"));

    let web = object("Deployment", "web", "web:1", &json!({}));
    let comparison = comparison(&[(&web, Some(&web))]);
    let policy = RehearsalPolicy {
        request: RehearsalRequest {
            scope: RehearsalScope::Both,
            runs_init: false,
        },
        rules: &[RehearseRule {
            target: TargetPattern::default(),
            reason: "all of them".into(),
        }],
    };
    let mut idle = planned(&Comparison::default());
    plan_rehearsals(&mut idle, &comparison, &policy, &RehearsalFacts::new());
    assert_eq!(
        idle.findings[0].message,
        "no rehearsal: no workload that may be rehearsed changes"
    );
    assert_eq!(idle.findings[0].severity, Severity::Note);
}

#[test]
fn the_pod_has_no_owner_a_deadline_a_mark_and_no_label_by_which_its_workload_selects() {
    let web = object(
        "Deployment",
        "web",
        "web:2",
        &json!({"activeDeadlineSeconds": 5000}),
    );
    let comparison = comparison(&[(&web, Some(&web))]);
    let plan = planned(&comparison).plan;
    let tried = pod::plan(
        &plan,
        &web.id(),
        TemplateVersion::New,
        &web,
        &NamespaceFacts::default(),
    )
    .unwrap();
    let pod = &tried.pod;
    assert_eq!(pod.at("/metadata/labels"), Some(&json!({"team": "shop"})));
    assert_eq!(
        pod.annotation("kubectl-delivery.io/rehearsal"),
        Some("p1-rehearsal")
    );
    assert_eq!(pod.at("/spec/activeDeadlineSeconds"), Some(&json!(660)));
    assert!(pod.at("/metadata/ownerReferences").is_none());
    assert!(pod.name().starts_with("web-rehearsal-") && pod.name() == tried.target.name);
    assert_eq!(tried.timeout_seconds, 600);
}
