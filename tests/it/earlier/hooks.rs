//! The earlier program is killed at a hook.

use super::by_earlier;
use crate::execute::app::{App, image, map};
use crate::harness::{Act, KillProxy, Run, TestCluster};
use serde_json::{Value, json};

fn version(version: &str) -> Vec<Value> {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "migrate", "annotations": {"kubectl-delivery.io/hook": "pre"}},
        "spec": {"template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "main", "image": image('1'), "env": [{"name": "TO", "value": version}]}]}}}});
    vec![map("config", json!({"v": version})), job]
}

/// What the last Job was to migrate to, if there is one, and what the application has.
fn state(app: &App) -> (Option<String>, String) {
    let job = app.namespace.get("batch", "Job", "migrate");
    let config = app.namespace.get("", "ConfigMap", "config").unwrap();
    let to = job.map(|job| {
        job.text("/spec/template/spec/containers/0/env/0/value")
            .to_owned()
    });
    (to, config.text("/data/v").to_owned())
}

#[test]
fn a_promotion_of_an_earlier_version_killed_at_its_hook_goes_on_and_back() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    by_earlier(&app.promote("0", &version("0"))).run().exits(0);

    // Before the Job is created, after it was, and behind it, at what it was to prepare.
    let mut number = 0;
    for (path, act) in [
        ("/jobs/migrate", Act::KillBefore),
        ("/jobs/migrate", Act::KillAfter),
        ("/configmaps/config", Act::KillBefore),
    ] {
        for goes_on in [true, false] {
            let (_, before) = state(&app);
            number += 1;
            let next = number.to_string();
            proxy.forget();
            proxy.at_write_to(path, act);
            let killed = proxy.run(&mut by_earlier(&app.promote(&next, &version(&next))));
            let when = format!("{path} {act:?}");
            assert_eq!(killed.code, None, "{when}: {}", killed.stderr);

            if goes_on {
                app.promote(&next, &version(&next)).run().exits(0);
                assert_eq!(state(&app), (Some(next.clone()), next), "{when}");
            } else {
                let ran = app.revert().run();
                assert!(matches!(ran.code, Some(0 | 3)), "{when}: {}", ran.stderr);
                assert_eq!(state(&app).1, before, "{when}");
            }
            assert!(app.status().get("unfinished").is_none(), "{when}");
        }
    }
}
