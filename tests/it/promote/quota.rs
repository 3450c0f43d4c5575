//! Quotas: what the pods of a promotion use more than those that they replace.

use crate::execute::app::{App, workload};
use crate::harness::Run;
use serde_json::{Value, json};

/// A namespace in which a container that asks for nothing gets 100m.
fn app_with_defaults() -> App {
    let app = App::new();
    let limit = json!({"type": "Container", "defaultRequest": {"cpu": "100m"}, "default": {"cpu": "200m"}});
    app.namespace.apply(json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "defaults"}, "spec": {"limits": [limit]}}));
    app
}

fn nine(digit: char) -> Value {
    let mut web = workload("Deployment", "web", digit, None);
    web["spec"]["replicas"] = 9.into();
    web
}

#[test]
fn what_a_limit_range_adds_to_old_and_new_pods_alike_is_no_growth() {
    let app = app_with_defaults();
    app.promote("1", &[nine('1')]).run().exits(0);
    // 900m are used; three pods more are there for a while.
    app.namespace.quota(json!({"requests.cpu": "1200m"}));
    app.promote("2", &[nine('2')]).run().exits(0);
    let mut more = nine('3');
    more["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "150m"}});
    let ran = app.promote("3", &[more]).run().exits(2);
    let said = "expected room for 450m more requests.cpu, found 900m of 1200m used";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}
