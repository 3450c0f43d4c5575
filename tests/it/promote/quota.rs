//! Quotas: what the pods of a promotion use more than those that they replace.

use crate::execute::app::{App, map, workload};
use crate::harness::{Run, until};
use rstest::rstest;
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
    let message =
        "exceeded quota: requested: requests.cpu=450m, used: requests.cpu=900m, limited: requests.cpu=1200m";
    assert!(ran.stderr.contains(message), "{}", ran.stderr);
}

#[test]
fn a_quota_that_the_release_brings_counts_all_of_the_releases_own_objects() {
    let app = App::new();
    let quota = |hard: Value| json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "new"}, "spec": {"hard": hard}});
    let web = |replicas: u32| {
        let mut web = workload("Deployment", "web", '1', None);
        web["spec"]["replicas"] = replicas.into();
        web["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
        web
    };
    for (hard, message) in [
        (json!({"pods": "3"}), "requested: pods=4, limited: pods=3"),
        (
            json!({"requests.cpu": "350m"}),
            "requested: requests.cpu=400m, limited: requests.cpu=350m",
        ),
        (
            json!({"count/deployments.apps": "0"}),
            "requested: count/deployments.apps=1",
        ),
    ] {
        let ran = app.promote("1", &[quota(hard), web(4)]).run().exits(2);
        assert!(
            ran.stderr.contains("error [quota]") && ran.stderr.contains(message),
            "{message}: {ran:?}"
        );
        assert!(app.namespace.get("", "ResourceQuota", "new").is_none());
    }
    // What runs already and does not change counts too.
    app.promote("2", &[web(4)]).run().exits(0);
    let ran = app
        .promote("3", &[quota(json!({"pods": "2"})), web(4)])
        .run()
        .exits(2);
    assert!(
        ran.stderr.contains("requested: pods=4, limited: pods=2"),
        "{ran:?}"
    );
    let ran = app
        .promote("4", &[quota(json!({"pods": "9"})), web(4)])
        .run()
        .exits(0);
    assert!(
        ran.stderr.contains("[quota]") && ran.stderr.contains("not checked for other objects"),
        "{ran:?}"
    );
}

#[rstest]
#[case::the_key_in_the_cluster(false, 3)]
#[case::the_key_outside(true, 2)]
fn a_quota_with_just_the_room_that_a_first_promotion_takes_is_enough(
    #[case] is_outside: bool,
    #[case] secrets: usize,
) {
    let app = App::new();
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "A".repeat(43) + "=").unwrap();
    let promote = || {
        let mut command = app.promote("1", &[map("settings", json!({"a": "1"}))]);
        if is_outside {
            command.arg("--state-key").arg(key.path());
        }
        command.run()
    };
    app.namespace
        .quota(json!({"count/secrets": (secrets - 1).to_string()}));
    let ran = promote().exits(2);
    assert!(ran.stderr.contains("count/secrets"), "{ran:?}");
    app.namespace.quota(json!({"count/secrets": secrets.to_string()}));
    let is_seen = || {
        let quota = app.namespace.get("", "ResourceQuota", "small").unwrap();
        quota.text("/status/hard/count~1secrets") == secrets.to_string()
    };
    assert!(until(60, is_seen), "the quota is never looked at");
    promote().exits(0);
}

#[test]
fn a_quota_with_just_the_room_that_a_promotion_takes_for_itself_is_enough() {
    let app = App::new();
    let settings = |value: &str| [map("settings", json!({"a": value}))];
    app.promote("1", &settings("1")).run().exits(0);
    let count = |kind: &str| app.kubectl(&["get", kind, "-o", "name"]).lines().count();
    let (maps, secrets) = (count("configmaps"), count("secrets"));
    // The copy of the release and the journal of the promotion before; pre-images; the lock.
    let hard = |maps: usize, secrets: usize, leases: usize| {
        json!({"configmaps": maps.to_string(), "secrets": secrets.to_string(),
            "count/leases.coordination.k8s.io": leases.to_string()})
    };
    app.namespace.quota(hard(maps + 1, secrets, 0));
    let ran = app.promote("2", &settings("2")).run().exits(2);
    for resource in ["configmaps", "secrets", "leases"] {
        assert!(ran.stderr.contains(resource), "{resource}: {ran:?}");
    }
    let wide = hard(maps + 2, secrets + 1, 1);
    let patch = json!({"spec": {"hard": wide}}).to_string();
    app.kubectl(&["patch", "resourcequota", "small", "--type=merge", "-p", &patch]);
    let is_seen = || {
        app.namespace
            .get("", "ResourceQuota", "small")
            .unwrap()
            .at("/status/hard")
            == Some(&wide)
    };
    assert!(until(60, is_seen), "the quota is never looked at");
    app.promote("2", &settings("2")).run().exits(0);
}
