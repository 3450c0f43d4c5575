//! Where nothing runs, nothing is verified: it is said why.

use super::shop::{IMAGE, Shop};
use crate::harness::{Ran, Run};
use serde_json::{Value, json};

fn template(restart: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"restartPolicy": restart, "containers": [{"name": "main", "image": IMAGE}]}})
}

fn cron_job(suspend: bool) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 3 30 2 *", "suspend": suspend, "jobTemplate": {"spec": {"template": template("Never")}}}})
}

fn promote(shop: &Shop, objects: &[Value]) -> Ran {
    shop.command("promote --yes -o json", objects).run().exits(0)
}

/// The lines of a run, as JSON.
fn events(ran: &Ran) -> Vec<Value> {
    let lines = ran.stdout.lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_cron_job_that_never_ran_is_not_verified_and_every_command_says_so() {
    let shop = Shop::new();
    let outcome = promote(&shop, &[cron_job(false)]);
    let why = format!(
        "0 of 1 images verified; 1 not running (CronJob {}/nightly has not run yet)",
        shop.namespace
    );

    let all = events(&outcome);
    let finished = all.last().unwrap();
    assert_eq!(
        finished["message"],
        format!("promoted shop 1.4.2 as revision 1: {why}")
    );
    let verification = all.iter().find(|event| event["event"] == "verification").unwrap();
    assert_eq!(
        verification["images"],
        json!([{"reference": IMAGE, "state": "notRunning", "message": "has not run yet",
            "object": {"group": "batch", "kind": "CronJob", "namespace": shop.namespace.name(), "name": "nightly"}}])
    );
    let summary = json!({"images": 1, "verified": 0, "pods": 0, "wrong": 0, "notRunning": 1, "unknown": 0, "message": why});
    assert_eq!(verification["summary"], summary);

    assert_eq!(shop.history()[0]["verification"], summary);
    let status = shop.status();
    assert_eq!(status["verification"], summary);
    assert!(
        status["message"].as_str().unwrap().ends_with(&format!("; {why}")),
        "{status}"
    );

    let waited = shop
        .command("wait --timeout 20s", &[cron_job(false)])
        .run()
        .exits(0);
    assert!(
        waited
            .stderr
            .contains(&format!("shop 1.4.2 is running: 1 object in sync, {why}\n")),
        "{}",
        waited.stderr
    );
}

#[test]
fn what_is_suspended_or_scaled_to_nothing_is_told_as_such() {
    let shop = Shop::new();
    let message = |objects: &[Value]| {
        let waited = shop
            .command("promote --yes --allow-prune", objects)
            .run()
            .exits(0);
        let mut lines = waited.stderr.lines();
        let last = lines.find_map(|line| line.split_once("promoted shop")?.1.split_once(": "));
        let (_, images) = last.unwrap_or_else(|| panic!("{}", waited.stderr));
        images.to_owned()
    };

    let namespace = shop.namespace.name();
    assert_eq!(
        message(&[cron_job(true)]),
        format!("0 of 1 images verified; 1 not running (CronJob {namespace}/nightly is suspended)")
    );

    let deployment = |replicas: u32| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template("Always")}})
    };
    assert_eq!(
        message(&[deployment(0)]),
        format!("0 of 1 images verified; 1 not running (Deployment {namespace}/web is scaled to 0 replicas)")
    );

    let workload = json!({"apiVersion": format!("{}/v1", shop.group), "kind": "Rollout", "metadata": {"name": "web"},
        "spec": {"template": template("Always")}});
    assert_eq!(
        message(&[workload]),
        format!(
            "0 of 1 images verified; 1 unknown (Rollout {namespace}/web: has no pods; whether it should have some is unknown)"
        )
    );
}

#[test]
fn a_job_that_is_done_and_gone_is_not_verified() {
    let shop = Shop::new();
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "seed"},
        "spec": {"ttlSecondsAfterFinished": 0, "template": template("Never")}});

    let waited = shop.command("wait --timeout 20s", &[job]).run().exits(0);
    let what = format!(
        "0 of 1 images verified; 1 not running (Job {}/seed does not exist: completed and was cleaned up, or never applied)\n",
        shop.namespace
    );
    assert!(waited.stderr.contains(&what), "{}", waited.stderr);
}
