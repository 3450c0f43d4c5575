//! Scenarios of hooks: what runs this time, what need not be there, and what is deleted once it has run.

use super::{changed, clean, facts, live_mut, plan, refusals, same};
use crate::model::finding::{ChangeKind, Comparison, ManagerClass, ObjectComparison, ObjectStatus};
use crate::model::names::{APPLYSET_PART_OF_LABEL, FIELD_MANAGER, HELM_RELEASE_ANNOTATION};
use crate::model::plan::{Action, Expect, Undo};
use crate::model::snapshot::{Absence, Observed};
use crate::plan::{Facts, Past, PlanPolicy, Planned, draft};
use serde_json::{Value, json};

fn job(name: &str, annotations: &Value) -> ObjectComparison {
    same(
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "annotations": annotations}, "spec": {}}),
    )
}

#[test]
fn hooks_run_before_and_after_the_workloads_whenever_something_changes() {
    let mut comparison = clean();
    comparison
        .objects
        .push(job("check", &json!({"helm.sh/hook": "test"})));
    comparison.objects.push(job(
        "second",
        &json!({"helm.sh/hook": "pre-upgrade", "helm.sh/hook-weight": "2"}),
    ));
    comparison.objects.push(job(
        "first",
        &json!({"helm.sh/hook": "pre-upgrade", "helm.sh/hook-weight": "-1"}),
    ));

    // They are there, and no release asks for another run.
    assert!(
        plan(&comparison).plan.steps.is_empty(),
        "with nothing to change no hook runs"
    );

    let image = "/spec/template/spec/containers/[name=web]/image";
    changed(
        &mut comparison.objects[1],
        image,
        ChangeKind::Changed,
        ManagerClass::Ours,
        FIELD_MANAGER,
    );

    let planned = plan(&comparison);
    // The first wave is the ConfigMap's, which does not change and has a place all the same.
    let names: Vec<_> = planned
        .plan
        .steps
        .iter()
        .map(|step| (step.wave.get(), &*step.target.name))
        .collect();

    assert_eq!(names, [(1, "first"), (2, "second"), (3, "web"), (4, "check")]);
}

#[test]
fn the_job_that_undoes_an_irreversible_one_waits_in_its_undo() {
    let mut comparison = clean();
    let annotations = json!({"kubectl-delivery.io/irreversible": "true", "kubectl-delivery.io/undo": "back"});
    // Neither is there: a promotion applies the one, and keeps the other in its undo.
    for mut job in [job("migrate", &annotations), job("back", &json!({}))] {
        job.live = Observed::Absent(Absence::Object);
        job.status = ObjectStatus::Missing(Absence::Object);
        comparison.objects.push(job);
    }

    let planned = plan(&comparison);
    assert_eq!(planned.plan.steps.len(), 1);
    assert!(matches!(&planned.plan.steps[0].undo, Undo::Run { job } if job.name() == "back"));

    // An undo that the release does not hold would be missed by the revert that needs it.
    comparison.objects.pop();
    assert_eq!(refusals(&plan(&comparison)), ["hooks"]);
}

/// Takes an object out of the cluster.
fn gone(mut object: ObjectComparison) -> ObjectComparison {
    object.live = Observed::Absent(Absence::Object);
    object.status = ObjectStatus::Missing(Absence::Object);
    object
}

fn with(objects: impl IntoIterator<Item = ObjectComparison>) -> Comparison {
    let mut comparison = clean();
    comparison.objects.extend(objects);
    comparison
}

/// The same, and the workload's image changes.
fn with_change(objects: impl IntoIterator<Item = ObjectComparison>) -> Comparison {
    let mut comparison = with(objects);
    let image = "/spec/template/spec/containers/[name=web]/image";
    changed(
        &mut comparison.objects[1],
        image,
        ChangeKind::Changed,
        ManagerClass::Ours,
        FIELD_MANAGER,
    );
    comparison
}

fn after(past: Past, comparison: &Comparison) -> Planned {
    draft(comparison, &PlanPolicy::default(), &Facts { past, ..facts() })
}

fn later() -> Past {
    Past {
        has_promoted: true,
        ..Past::default()
    }
}

fn steps(planned: &Planned) -> Vec<&str> {
    planned.plan.steps.iter().map(|step| &*step.target.name).collect()
}

fn notes(planned: &Planned) -> String {
    planned
        .findings
        .iter()
        .map(|finding| format!("{finding:?}\n"))
        .collect()
}

fn helm(name: &str, hook: &str) -> ObjectComparison {
    job(name, &json!({"helm.sh/hook": hook}))
}

#[test]
fn helms_hooks_of_installation_run_at_the_first_promotion_and_those_of_upgrades_later() {
    let hooks = || {
        [
            ("install", "pre-install"),
            ("upgrade", "post-upgrade"),
            ("both", "pre-install,pre-upgrade"),
            ("test", "test"),
        ]
        .map(|(name, hook)| gone(helm(name, hook)))
    };

    let first = after(Past::default(), &with_change(hooks()));
    assert_eq!(steps(&first), ["both", "install", "web", "test"]);
    assert!(
        notes(&first).contains("a hook of later promotions"),
        "{}",
        notes(&first)
    );

    let next = after(later(), &with_change(hooks()));
    assert_eq!(steps(&next), ["both", "web", "test", "upgrade"]);
    assert!(
        notes(&next).contains("a hook of the first promotion"),
        "{}",
        notes(&next)
    );

    // What Helm has installed is installed.
    let mut adopted = with_change(hooks());
    live_mut(&mut adopted.objects[0])["metadata"]["annotations"] = json!({HELM_RELEASE_ANNOTATION: "shop"});
    assert_eq!(steps(&after(Past::default(), &adopted)), steps(&next));
}

#[test]
fn what_waits_for_a_hook_that_does_not_run_this_time_does_not_wait() {
    let mut comparison = with_change([
        gone(helm("install", "pre-install")),
        gone(helm("remove", "pre-delete")),
    ]);

    let mut wait_for = |name: &str| {
        let web = comparison.objects[1].desired.as_mut().unwrap().value_mut();
        web["metadata"]["annotations"] = json!({"kubectl-delivery.io/after": name});
        after(later(), &comparison)
    };

    let planned = wait_for("Job/install");
    assert_eq!((steps(&planned), refusals(&planned)), (vec!["web"], vec![]));
    assert_eq!(
        // No promotion runs it: what waits for it would wait for ever.
        refusals(&wait_for("Job/remove")),
        ["order"],
        "that one never runs"
    );
}

#[test]
fn our_own_hooks_run_in_every_promotion() {
    let ours = || {
        // Helm's word beside it says nothing: ours wins.
        [gone(job(
            "ours",
            &json!({"kubectl-delivery.io/hook": "pre", "helm.sh/hook": "pre-install"}),
        ))]
    };
    for past in [Past::default(), later()] {
        assert_eq!(steps(&after(past, &with_change(ours()))), ["ours", "web"]);
    }
}

#[test]
fn a_hook_that_does_not_run_this_time_stays_a_member_where_it_is_there() {
    let planned = after(
        later(),
        &with_change([helm("ran-once", "pre-install"), gone(helm("gone", "pre-install"))]),
    );
    // What an earlier promotion ran is there and ours; what never ran is no member.
    let members: Vec<_> = planned.plan.members.iter().map(|target| &*target.name).collect();
    assert_eq!(members, ["config", "web", "ran-once"]);
    assert_eq!(steps(&planned), ["web"]);
}

#[test]
fn the_absence_of_a_hook_of_what_is_promoted_changes_nothing_by_itself() {
    let promoted = || Past {
        has_promoted: true,
        is_promoted: true,
        recorded: Vec::new(),
    };

    let hooks = || {
        [
            gone(job("check", &json!({"kubectl-delivery.io/hook": "verify"}))),
            helm("first", "pre-upgrade"),
        ]
    };
    // As after a revert, which runs no finished hook again: nothing changes, so nothing runs.
    let planned = after(promoted(), &with(hooks()));
    assert_eq!(steps(&planned), [""; 0]);
    assert_eq!(planned.plan.members.len(), 3, "what is not there is no member");

    assert_eq!(
        steps(&after(promoted(), &with_change(hooks()))),
        ["first", "web", "check"]
    );

    // In another release it is to be there.
    assert_eq!(steps(&after(later(), &with(hooks()))), ["first", "check"]);
}

#[test]
fn a_job_that_has_run_as_it_is_and_went_by_itself_is_not_run_again() {
    let seed = |seconds: u32| {
        let spec = json!({"ttlSecondsAfterFinished": seconds});
        let value =
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "seed"}, "spec": spec});
        gone(same(value))
    };

    let past = || Past {
        recorded: vec![seed(60).desired.unwrap()],
        ..later()
    };

    let planned = after(past(), &with_change([seed(60), gone(helm("check", "test"))]));
    assert_eq!(steps(&planned), ["web", "check"]);
    assert!(
        notes(&planned).contains("completed and was cleaned up; skipped"),
        "{}",
        notes(&planned)
    );
    // Alone, its absence is no change: no hook runs for it.
    assert_eq!(steps(&after(past(), &with([seed(60)]))), [""; 0]);
    // A spec that differs is another Job: that one has not run.
    assert_eq!(
        steps(&after(past(), &with([seed(90)]))),
        ["seed"],
        "another one has not run"
    );

    // Neither is one that is just going.
    let mut going = seed(60);
    let mut live = going.desired.clone().unwrap();
    live.value_mut()["metadata"]["deletionTimestamp"] = "2026-11-28T12:00:00Z".into();
    going.desired.as_mut().unwrap().value_mut()["metadata"]["labels"] =
        json!({APPLYSET_PART_OF_LABEL: "applyset-1"});

    going.live = Observed::Present(live);
    going.status = ObjectStatus::BeingDeleted {
        finalizers: vec!["foregroundDeletion".into()],
    };
    assert_eq!(steps(&after(past(), &with([going]))), [""; 0]);

    assert_eq!(
        steps(&after(later(), &with([seed(60)]))),
        ["seed"],
        "nor has one that was never promoted"
    );
}

#[test]
fn a_hook_that_goes_once_it_has_succeeded_is_deleted_after_the_commit() {
    let annotations = json!({"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "hook-succeeded"});

    let planned = after(later(), &with_change([gone(job("check", &annotations))]));
    let [deleted] = &planned.plan.prune[..] else {
        panic!("{:?}", planned.plan.prune)
    };
    // After the two steps before the commit, with a number that none of them has.
    assert_eq!((deleted.id.get(), &*deleted.target.name), (2, "check"));
    assert!(matches!(deleted.action, Action::Delete { .. }));
    assert_eq!(
        (&deleted.expect, &deleted.undo),
        (&Expect::Made { uid: None }, &Undo::Delete)
    );
    // As a member it would be missed from the commit on.
    assert!(planned.plan.members.iter().all(|member| member.name != "check"));

    let done = Past {
        is_promoted: true,
        recorded: vec![job("check", &annotations).desired.unwrap()],
        ..later()
    };

    // Promoted as it is, its absence brings back neither the hook nor its deletion.
    let planned = after(done, &with([gone(job("check", &annotations))]));
    assert!(planned.plan.steps.is_empty() && planned.plan.prune.is_empty());
}

#[test]
fn what_has_ended_is_pruned_for_good_and_what_runs_comes_back_with_a_revert() {
    let extra = |name: &str, status: Value| {
        let mut object = job(name, &json!({}));
        live_mut(&mut object)["status"] = status;
        object.desired = None;
        object.status = ObjectStatus::Extra;
        object
    };

    let complete = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    let comparison = with([extra("done", complete), extra("running", json!({"active": 1}))]);
    let allow = PlanPolicy {
        allow_prune: true,
        ..PlanPolicy::default()
    };

    let planned = draft(&comparison, &allow, &facts());
    let undone: Vec<_> = planned
        .plan
        .prune
        .iter()
        .map(|step| (&*step.target.name, &step.undo))
        .collect();
    // To create the first one again would run it a second time.
    assert_eq!(undone, [("done", &Undo::Delete), ("running", &Undo::CreateAgain)]);
}

#[test]
fn annotations_that_mean_nothing_are_refused_with_what_to_write_instead() {
    let planned = plan(&with([job(
        "migrate",
        &json!({"kubectl-delivery.io/irreversible": "yes"}),
    )]));

    assert_eq!(refusals(&planned), ["hooks"]);
    assert_eq!(
        planned.findings[0].hints.first().map(String::as_str),
        Some("set kubectl-delivery.io/irreversible: \"true\"")
    );

    let own = json!({"kubectl-delivery.io/irreversible": "true", "kubectl-delivery.io/undo": "migrate"});
    assert_eq!(refusals(&plan(&with([job("migrate", &own)]))), ["hooks"]);
}

#[test]
fn a_hook_that_waits_for_a_workload_is_said_to_run_after_workloads() {
    let annotations =
        json!({"kubectl-delivery.io/hook": "pre", "kubectl-delivery.io/after": "Deployment/web"});

    let planned = plan(&with_change([job("migrate", &annotations)]));
    assert_eq!(steps(&planned), ["web", "migrate"]);
    assert!(
        notes(&planned).contains("run after workloads have started"),
        "{}",
        notes(&planned)
    );

    // What comes early anyway delays nothing: there is nothing to tell.
    let early = json!({"kubectl-delivery.io/hook": "pre", "kubectl-delivery.io/after": "ConfigMap/config"});
    let planned = plan(&with_change([job("migrate", &early)]));
    assert!(planned.findings.is_empty(), "{}", notes(&planned));
}
