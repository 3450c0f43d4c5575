//! What a run leaves behind, told as data: what is promoted then, and what was restored, deleted and found ready.

use super::*;
use crate::model::inventory::HistoryEntry;
use crate::model::journal::RollbackReason;
use crate::model::run_end::{CurrentRelease, RollbackResult};

const STATUS: &str = "to see what is running: kubectl delivery status shop -n shop";

/// The promotion before this one.
fn promoted_before() -> HistoryEntry {
    HistoryEntry {
        rest: serde_json::Map::new(),
        format_version: crate::model::format::FormatVersion::default(),
        revision: 1,
        id: "p0".into(),
        release: PublicRelease {
            version: "1".into(),
            ..release()
        },
        operation: Operation::Promote,
        actor: "me".into(),
        started_at: now(),
        ended_at: now(),
        ending: HistoryOutcome::Promoted,
        rollback: None,
        failure: None,
        message: String::new(),
        cluster: None,
        verification: None,
        waivers: Vec::new(),
        record: Vec::new(),
    }
}

fn shop_1() -> CurrentRelease {
    CurrentRelease::Promoted {
        release: (&promoted_before().release).into(),
        revision: 1,
    }
}

/// A workload before the promotion, of which so many of two pods were ready.
fn web(ready: u32) -> Object {
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "generation": 1}, "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": ready}});
    Object::new(web).unwrap()
}

/// A promotion that creates a ConfigMap and changes a workload.
fn with_a_workload(before: Object) -> Machine {
    let (id, mut changed) = part(1, 1, ("ConfigMap", "web"), apply("web"), Some(before));
    changed.step.target = Target::new(&built_in("apps", "Deployment").unwrap(), Some("shop"), "web");
    let created = part(0, 0, ("ConfigMap", "a"), create("a"), None);
    let mut machine = machine_of(BTreeMap::from([created, (id, changed)]), BTreeSet::new());
    machine.inventory.history.push(promoted_before());
    machine
}

/// Up to the failure of the workload, whose restored state is then found so, and to the end.
fn failed_and(mut machine: Machine, restored: Input, remains: Vec<Remain>) -> RunReport {
    let mut inputs = to_first_wave();
    inputs.extend([
        ready(),
        Input::Written,
        Input::Answered(StepId::new(1), done("web")),
        Input::Judged(Err(failure())),
        Input::Written,
        restored_undo(),
        restored,
        undone(0),
        Input::Reread(remains),
        Input::Written,
        Input::Written,
        Input::Written,
    ]);
    ended(&mut machine, inputs)
}

/// The workload is what it was.
fn restored_undo() -> Input {
    Input::Undone(StepId::new(1), UndoState::done("abc", Vec::new()))
}

fn ended(machine: &mut Machine, inputs: Vec<Input>) -> RunReport {
    let effects: Vec<Effect> = inputs
        .into_iter()
        .flat_map(|input| machine.next(input, now()))
        .collect();
    Machine::is_over(&effects).unwrap().0
}

#[test]
fn the_release_before_is_ready_where_each_restored_workload_was_waited_for() {
    for (before, restored, is_ready) in [
        (web(2), ready(), true),
        // It was not ready before: nobody has waited for it.
        (web(1), ready(), false),
    ] {
        let report = failed_and(with_a_workload(before), restored, Vec::new());
        assert_eq!(report.outcome, End::RolledBack);
        assert_eq!(report.message, "promotion of shop 2 failed: it exits");
        assert_eq!(report.after.current, shop_1());
        assert_eq!(
            report.after.rollback.unwrap(),
            RollbackResult {
                restored: 1,
                deleted: 1,
                ready: is_ready,
                ..RollbackResult::default()
            }
        );
        assert_eq!(report.hints, [STATUS]);
    }
}

#[test]
fn what_was_ready_before_and_is_not_now_makes_the_rollback_incomplete() {
    let object = ObjectId::new("apps", "Deployment", Some("shop"), "web");
    let failure = Failure::new(Some(object), CauseKind::Stalled, "1 of 2 pods ready".into());
    let restored = Input::Judged(Err(Box::new(failure)));

    let report = failed_and(with_a_workload(web(2)), restored, Vec::new());
    assert_eq!(report.outcome, End::RollbackIncomplete);
    assert_eq!(report.message, "promotion of shop 2 failed: it exits");
    let rollback = report.after.rollback.unwrap();
    assert!(!rollback.ready);
    assert_eq!(
        rollback.not_ready.unwrap(),
        "Deployment shop/web was ready before and is not now: 1 of 2 pods ready"
    );
}

#[test]
fn what_is_found_not_as_it_was_is_named_with_what_to_type() {
    let claim = ObjectId::new("", "PersistentVolumeClaim", Some("shop"), "data-db-0");
    let hint = "kubectl delete persistentvolumeclaim/data-db-0 -n shop".to_owned();
    let stays = Remain {
        object: claim,
        message: "stays".into(),
        hint: Some(hint.clone()),
    };

    let report = failed_and(with_a_workload(web(2)), ready(), vec![stays]);
    assert_eq!(
        report.after.rollback.unwrap().differences,
        ["PersistentVolumeClaim shop/data-db-0 stays"]
    );
    assert_eq!(report.hints, [hint.as_str(), STATUS]);
}

#[test]
fn after_a_first_promotion_that_is_rolled_back_none_is_promoted_and_the_history_has_it() {
    let mut machine = machine();
    let mut inputs = to_first_wave();
    inputs.extend([Input::Judged(Err(failure())), Input::Written, undone(0), reread()]);
    inputs.extend([Input::Written, Input::Written, Input::Written]);

    let report = ended(&mut machine, inputs);
    assert_eq!(report.after.current, CurrentRelease::None);
    let rollback = report.after.rollback.unwrap();
    assert_eq!(
        (rollback.restored, rollback.deleted, rollback.ready),
        (0, 1, false)
    );
    let history = "to see past promotions: kubectl delivery history shop -n shop";
    assert_eq!(report.hints, [history]);
}

#[test]
fn what_a_user_asked_for_is_a_revert_and_what_a_run_does_by_itself_a_rollback() {
    let begin = |why: RollbackReason| {
        let mut machine = machine();
        let mut inputs = to_first_wave();
        inputs.push(Input::Judged(Err(failure())));
        course(&mut machine, inputs);
        machine.head.current.reverting.as_mut().unwrap().why = why;
        machine
    };

    for (why, outcome, phase, message) in [
        (
            RollbackReason::Asked,
            End::Reverted,
            Phase::Revert,
            "reverted shop 2",
        ),
        (
            RollbackReason::Interrupted,
            End::InterruptedRolledBack,
            Phase::Rollback,
            "promotion of shop 2 interrupted",
        ),
        (
            RollbackReason::Failed,
            End::RolledBack,
            Phase::Rollback,
            "promotion of shop 2 failed: it exits",
        ),
    ] {
        let mut machine = begin(why);
        assert_eq!(machine.phase(), Some(phase));
        let inputs = vec![
            Input::Written,
            undone(0),
            reread(),
            Input::Written,
            Input::Written,
            Input::Written,
        ];
        let report = ended(&mut machine, inputs);
        assert_eq!((report.outcome, report.message.as_str()), (outcome, message));
    }
}

#[test]
fn a_run_that_stops_half_way_says_what_is_unfinished_and_how_to_go_on() {
    let mut machine = with_a_workload(web(2));
    course(&mut machine, to_first_wave());
    let report = ended(&mut machine, vec![Input::Interrupted(Interrupt::Leave)]);

    assert_eq!(report.outcome, End::Unfinished);
    assert_eq!(
        report.message,
        "aborted by a second Ctrl-C; the promotion of shop 2 is unfinished"
    );
    assert_eq!(report.after.current, shop_1());
    assert_eq!(
        report.hints,
        [
            "to resume it: kubectl delivery promote --resume shop -n shop",
            "to revert it: kubectl delivery revert shop -n shop"
        ]
    );

    // A rollback is never turned forward again.
    let mut machine = with_a_workload(web(2));
    let mut inputs = to_first_wave();
    inputs.push(Input::Judged(Err(failure())));
    course(&mut machine, inputs);
    let report = ended(
        &mut machine,
        vec![Input::CannotContinue("the lock is lost".into())],
    );
    assert_eq!(
        report.message,
        "the lock is lost; the rollback of shop 2 is unfinished"
    );
    assert_eq!(
        report.hints,
        ["to resume it: kubectl delivery revert shop -n shop"]
    );
}
