//! A revert to what was broken before succeeds at once: it is as broken as before.

use crate::execute::app::{App, workload};
use crate::harness::Run;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Applies a Deployment as CI does, and waits until it stands half-way: the old pod serves, the new one has no node.
fn half_rolled(app: &App) -> Value {
    let apply = ["apply", "--server-side", "--field-manager=ci"];
    let mut web = workload("Deployment", "web", '1', None);
    web["spec"]["replicas"] = 1.into();
    app.kubectl_with(&apply, &web).exits(0);
    app.kubectl(&["rollout", "status", "deployment/web", "--timeout=30s"]);
    let mut stuck = web.clone();
    stuck["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "10000"}});
    app.kubectl_with(&apply, &stuck).exits(0);
    let start = Instant::now();
    loop {
        let live = app.namespace.get("apps", "Deployment", "web").unwrap();
        let count = |field: &str| {
            live.at(&format!("/status/{field}"))
                .and_then(Value::as_u64)
                .unwrap_or(0)
        };
        if count("replicas") == 2 && count("updatedReplicas") == 1 && count("readyReplicas") == 1 {
            return web;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "never half-way: {}",
            live.value()["status"]
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_revert_to_a_rollout_that_stood_half_way_succeeds_at_once() {
    let app = App::new();
    let mut web = half_rolled(&app);
    web["spec"]["template"]["spec"]["containers"][0]["image"] = crate::execute::app::image('2').into();
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1m"}});
    app.promote("1", &[web]).args(["--adopt", "ci"]).run().exits(0);
    let start = Instant::now();
    let ran = app.revert().run().exits(0);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "waited {:?}:\n{}",
        start.elapsed(),
        ran.stderr
    );
    let outcome = ran
        .stderr
        .lines()
        .any(|line| line.contains("web") && line.contains("not ready before"));
    assert!(
        outcome,
        "nothing said of what is as unhealthy as before:\n{}",
        ran.stderr
    );
    let live = app.namespace.get("apps", "Deployment", "web").unwrap();
    assert_eq!(
        live.at("/spec/template/spec/containers/0/resources/requests/cpu"),
        Some(&json!("10k"))
    );
}
