//! How plans are laid out: folded and unfolded, and without values of Secrets.

use super::*;
use crate::model::finding::{Certainty, FieldManager, ManagerClass, ObjectStatus, Operation};
use crate::model::k8s::kinds::built_in;
use crate::model::plan::{Expect, Undo};
use crate::model::snapshot::Observed;
use crate::model::{StepId, Target, WaveIndex};
use serde_json::{Value, json};

fn object(kind: &str, name: &str, data: &Value) -> Object {
    Object::new(
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"},
        "data": data}),
    )
    .unwrap()
}

/// A step that changes `/data/a` of an object.
fn update(live: &Object, expected: &Object) -> (PlanStep, ObjectComparison) {
    let resource = built_in("", live.kind()).unwrap();
    let target = Target::new(&resource, Some("shop"), live.name());
    let step = PlanStep {
        id: StepId::new(0),
        wave: WaveIndex::new(0),
        target: target.clone(),
        action: Action::Apply {
            object: expected.clone(),
            take_over: None,
            expected: Box::new(expected.clone()),
        },
        expect: Expect::Absent,
        undo: Undo::Restore,
        why: "/data/a changes".into(),
        changes: vec!["/data/a".parse().unwrap(), "/data/same".parse().unwrap()],
        stamps: Vec::new(),
    };
    let owner = FieldManager {
        manager: "kubectl-edit".into(),
        operation: Operation::Update,
        subresource: String::new(),
        time: Some("2026-11-23T06:00:00Z".parse().unwrap()),
        class: ManagerClass::Manual,
    };
    let compared = ObjectComparison {
        changes: vec![FieldChange {
            path: "/data/a".parse().unwrap(),
            kind: ChangeKind::Changed,
            live: None,
            desired: None,
            owner: Some(owner),
            expected_by: None,
            rule_note: None,
        }],
        ..ObjectComparison::new(
            target,
            None,
            Observed::Present(live.clone()),
            ObjectStatus::Changed,
            Certainty::DryRun,
        )
    };
    (step, compared)
}

fn view(count: usize, kind: &str) -> PlanView {
    let path: FieldPath = "/data/a".parse().unwrap();
    let step = |n: usize| {
        let name = format!("c{n}");
        let live = object(kind, &name, &json!({"a": "b2xk", "same": "x"}));
        let expected = object(kind, &name, &json!({"a": "bmV3", "same": "x"}));
        let mut redactor = Redactor::new([7; 32]);
        redactor.learn(&live);
        redactor.learn(&expected);

        let (step, compared) = update(&live, &expected);
        let planned = PlannedStep {
            id: step.id,
            wave: step.wave,
            object: step.target.id(),
            action: StepVerb::Update,
            reason: step.why.clone(),
            impact: None,
        };
        let manager = "kubectl-edit".to_owned();
        StepView::new(
            planned,
            &step,
            Some(&compared),
            [(&manager, vec![&path])],
            &redactor,
        )
    };
    PlanView {
        title: "promote shop 2 to namespace shop of context prod (https://k8s)".into(),
        steps: (0..count).map(step).collect(),
        rehearsals: Vec::new(),
        data_loss: Vec::new(),
        expected: Vec::new(),
        totals: format!("{count} to update, 12 in sync"),
        rollback: Some("possible".into()),
        now: "2026-11-23T06:03:00Z".parse().unwrap(),
    }
}

fn page(view: &PlanView, show_diff: bool) -> String {
    let style = PlanStyle {
        show_diff,
        ..PlanStyle::default()
    };
    let mut out = Vec::new();
    plan(view, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn each_field_of_a_step_stands_below_it_with_both_values_and_the_manager_that_loses_it() {
    assert_eq!(
        page(&view(1, "ConfigMap"), false),
        "promote shop 2 to namespace shop of context prod (https://k8s)
ACTION  OBJECT             REASON
update  ConfigMap shop/c0  /data/a changes
  /data/a  changed manually by kubectl-edit, 3m ago
    - b2xk
    + bmV3
  takes ownership of /data/a from kubectl-edit
1 to update, 12 in sync
rollback: possible
"
    );
}

#[test]
fn fields_of_more_than_twenty_objects_are_folded_until_they_are_asked_for() {
    let folded = "  (1 field; --show-diff shows them)\n";
    let count = |page: &str, text: &str| page.matches(text).count();

    let twenty = page(&view(20, "ConfigMap"), false);
    assert_eq!((count(&twenty, folded), count(&twenty, "+ bmV3")), (0, 20));

    let more = page(&view(21, "ConfigMap"), false);
    assert_eq!((count(&more, folded), count(&more, "+ bmV3")), (21, 0));
    // A line each: which manager decides no longer is not folded away.
    assert_eq!(count(&more, "takes ownership"), 21);

    let unfolded = page(&view(21, "ConfigMap"), true);
    assert_eq!((count(&unfolded, folded), count(&unfolded, "+ bmV3")), (0, 21));
}

#[test]
fn values_of_secrets_are_no_part_of_a_plan() {
    let page = page(&view(1, "Secret"), true);
    for secret in ["b2xk", "bmV3", "old", "new"] {
        assert!(!page.contains(secret), "{page}");
    }
    // A keyed hash stands for each: that they differ is seen.
    let hashes: Vec<&str> = page.lines().filter(|line| line.starts_with("    ")).collect();
    assert!(hashes.len() == 2 && hashes[0][6..] != hashes[1][6..], "{page}");
}
