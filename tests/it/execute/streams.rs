//! `-o json`: whole streams of real runs, from the first line to the last, whatever the end.

use super::app::{App, map, workload};
use crate::harness::{Ran, Run, Running};
use serde_json::{Value, json};

fn web(digit: char, play: Option<&str>) -> Value {
    workload("Deployment", "web", digit, play)
}

/// The events of a stream that is one: JSON on each line, times that never go back, one version, one end with the process's
/// exit code.
fn events(ran: &Ran) -> Vec<Value> {
    let events: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();

    let times: Vec<&str> = events.iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(times.iter().all(|time| time.len() == "2026-11-28T07:52:47.123Z".len()));
    let versions = events.iter().map(|event| event.get("schemaVersion"));
    let expected = std::iter::once(Some(json!(1)));
    assert!(versions.eq(expected
        .chain(std::iter::repeat_n(None, events.len() - 1))
        .collect::<Vec<_>>()
        .iter()
        .map(Option::as_ref)));

    let is_error = events[0]["event"] == "error";
    assert!(is_error || events[0]["event"] == "started", "{}", ran.stdout);
    let ends = events.iter().filter(|event| event["event"] == "finished");
    assert_eq!(ends.count(), 1, "{}", ran.stdout);
    let last = events.last().unwrap();
    assert_eq!(last["event"], "finished");
    assert_eq!(last["exitCode"].as_i64(), ran.code.map(i64::from), "{last}");
    events
}

fn end(ran: &Ran) -> Value {
    events(ran).pop().unwrap()
}

#[test]
fn a_stream_ends_with_the_exit_code_and_the_revision_that_is_promoted_then() {
    let app = App::new();
    let run = |version: &str, objects: &[Value]| app.promote(version, objects).args(["-o", "json"]).run();

    let first = run("1", &[map("config", json!({"v": "1"})), web('1', None)]);
    assert_eq!(events(&first)[0]["release"]["version"], "1");
    let promoted = end(&first);
    assert_eq!((&promoted["outcome"], &promoted["revision"]), (&json!("promoted"), &json!(1)));

    let idle = end(&run("1", &[map("config", json!({"v": "1"})), web('1', None)]));
    assert_eq!((&idle["outcome"], &idle["revision"]), (&json!("nothingToDo"), &json!(1)));

    let failed = run("2", &[map("config", json!({"v": "2"})), web('2', Some("crash-loop"))]);
    let rolled_back = end(&failed);
    assert_eq!(rolled_back["outcome"], "rolledBack");
    assert_eq!(
        (&rolled_back["release"], &rolled_back["revision"]),
        (&json!({"name": "app", "version": "1"}), &json!(1))
    );
    assert_eq!(
        rolled_back["rollback"],
        json!({"restored": 2, "deleted": 0, "notRestored": 0, "ready": true})
    );
    let health: Vec<Value> = events(&failed)
        .into_iter()
        .filter(|event| event["event"] == "rollout")
        .map(|event| event["health"].clone())
        .collect();
    assert!(health.contains(&json!("failed")) && health.contains(&json!("ready")), "{health:?}");

    let mut unready = web('3', None);
    unready["spec"]["template"]["spec"]["serviceAccountName"] = json!("none");
    let refused = run("3", &[unready]);
    let [.., error, last] = &events(&refused)[..] else {
        panic!("{}", refused.stdout)
    };
    assert_eq!(error["event"], "error");
    assert_eq!((&last["outcome"], &last["exitCode"]), (&json!("refused"), &json!(2)));
    assert_eq!(last["revision"], 1);
}

#[test]
fn a_revert_of_the_first_promotion_ends_its_stream_with_no_revision() {
    let app = App::new();
    app.promote("1", &[map("config", json!({"v": "1"}))]).run().exits(0);

    let last = end(&app.revert().args(["-o", "json"]).run().exits(0));
    assert_eq!((&last["outcome"], &last["message"]), (&json!("reverted"), &json!("reverted app 1")));
    let history = format!("to see past promotions: kubectl delivery history app -n {}", app.namespace.name());
    assert_eq!((&last["revision"], &last["hints"]), (&Value::Null, &json!([history])));
    assert_eq!(last["rollback"]["deleted"], 1);
}

#[test]
fn what_could_not_be_begun_ends_its_stream_with_an_error_and_what_to_type() {
    let app = App::new();
    let run = |words: &[&str]| {
        let mut command = app.delivery();
        command.args(words).args(["-n", app.namespace.name(), "-o", "json"]).run()
    };
    let missing = run(&["promote", "nothing.yaml", "-y"]);
    let resumed = run(&["promote", "app", "--resume"]);
    let reverted = app.revert().args(["-o", "json"]).run();
    let flags = app.revert().args(["--overwrite", "-o", "json"]).run();
    let waited = run(&["wait", "nothing.yaml"]);

    for ran in [missing, resumed, reverted, flags, waited] {
        let events = events(&ran);
        let [error, last] = &events[..] else {
            panic!("{}", ran.stdout)
        };
        assert_eq!(error["event"], "error", "{ran:?}");
        assert_eq!((&last["outcome"], &last["exitCode"]), (&json!("error"), &json!(1)));
        assert_eq!(last["message"], error["message"]);
        // Nobody has read what is promoted.
        assert_eq!(last.get("revision"), None);
    }
}

#[test]
fn an_interrupted_run_ends_its_stream_with_what_became_of_it() {
    let app = App::new();
    let mut promote = app.promote("1", &[web('1', Some("never-ready"))]);
    let running = Running::start(promote.args(["-o", "json"]));
    while app.namespace.get("apps", "Deployment", "web").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    running.process().signal("INT");

    let last = end(&running.wait().exits(130));
    assert_eq!(last["outcome"], "interruptedRolledBack");
    assert_eq!(last["message"], "promotion of app 1 interrupted");
    let history = format!("to see past promotions: kubectl delivery history app -n {}", app.namespace.name());
    assert_eq!((&last["revision"], &last["hints"]), (&Value::Null, &json!([history])));
}
