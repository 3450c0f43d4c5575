//! What is broken before a promotion is looked at before its first write: it is said, and not blamed on the release.

use crate::execute::app::{App, workload};
use crate::harness::Run;
use serde_json::Value;
use std::time::{Duration, Instant};

#[test]
fn what_was_broken_is_said_before_the_first_write_and_once() {
    let app = App::new();
    let broken = workload("Deployment", "web", '1', Some("crash-loop"));
    app.kubectl_with(&["apply"], &broken).exits(0);
    let start = Instant::now();
    let why = [
        "get",
        "pods",
        "-o",
        "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}",
    ];
    while !app.kubectl(&why).contains("CrashLoopBackOff") {
        assert!(start.elapsed() < Duration::from_secs(20), "no pod crashes");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut promote = app.promote("1", &[workload("Deployment", "web", '2', None)]);
    let ran = promote.args(["--adopt", "kubectl", "-o", "json"]).run().exits(0);
    let events: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let at = |wanted: &dyn Fn(&Value) -> bool| -> Vec<usize> {
        events
            .iter()
            .enumerate()
            .filter(|(_, event)| wanted(event))
            .map(|(at, _)| at)
            .collect()
    };
    let message = at(&|event| {
        event
            .to_string()
            .contains("was unhealthy before this promotion: pod web-")
    });
    let begun = at(&|event| event["phase"] == "journal");
    assert!(
        !message.is_empty() && message.len() <= 2,
        "expected one note a pod:\n{}",
        ran.stdout
    );
    assert!(
        message.last() < begun.first(),
        "said at {message:?}, written at {begun:?}:\n{}",
        ran.stdout
    );
}
