//! A real admission webhook: what it denies is found before anything is touched.

use super::support::{ReleaseFile, config, contents, deployment, promote};
use crate::harness::{Run, TestCluster, Webhook};
use rstest::rstest;
use serde_json::{Value, json};

#[test]
fn what_a_webhook_denies_refuses_the_promotion_with_its_words_and_changes_nothing() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let hook = Webhook::denying(&namespace, ("", "configmaps"), |review| {
        review
            .pointer("/request/object/data/forbidden")
            .map(|_| "no forbidden keys here".into())
    });
    let probe = config("probe", json!({"forbidden": "x"})).to_string();
    hook.wait(|| {
        namespace
            .kubectl()
            .args(["create", "--dry-run=server", "-f", "-"])
            .run_with(&probe)
            .code
            != Some(0)
    });
    let bad = vec![
        config("fine", json!({"a": "1"})),
        config("bad", json!({"forbidden": "x"})),
    ];
    let before = contents(&namespace);
    let ran = promote(&namespace, &ReleaseFile::new("shop", "1", bad), &["-y"]).exits(2);
    assert!(ran.stderr.contains("error [admission]"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("no forbidden keys here") && ran.stderr.contains("/bad"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("/fine:"), "{}", ran.stderr);
    assert_eq!(contents(&namespace), before);
    let good = vec![config("fine", json!({"a": "1"}))];
    promote(&namespace, &ReleaseFile::new("shop", "2", good), &["-y"]).exits(0);
}

/// Of the same value, in the forms in which a webhook may quote it.
const VALUE: &str = "correct-horse-battery";
const ENCODED: &str = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5";

#[rstest]
#[case::in_the_preflight(false, 2)]
#[case::at_the_write(true, 3)]
fn a_denial_that_quotes_a_secret_shows_its_value_nowhere(#[case] only_real: bool, #[case] exit: i32) {
    let namespace = TestCluster::get().namespace_named("t-quote");
    fn quoted(review: &Value) -> Option<String> {
        let value = review.pointer("/request/object/data/password")?.as_str()?;
        Some(format!("value {value} is too weak; I read {VALUE}"))
    }
    let why: fn(&Value) -> Option<String> = if only_real {
        |review| {
            if review["request"]["dryRun"] == true {
                None
            } else {
                quoted(review)
            }
        }
    } else {
        quoted
    };
    let hook = Webhook::denying(&namespace, ("", "secrets"), why);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": ENCODED}});
    let mut probe = secret.clone();
    probe["metadata"]["name"] = "probe".into();
    let flags: &[&str] = if only_real { &[] } else { &["--dry-run=server"] };
    hook.wait(|| {
        let denied = namespace
            .kubectl()
            .args(["create", "-f", "-"])
            .args(flags)
            .run_with(&probe.to_string());
        denied.stderr.contains("too weak")
    });

    let release = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"})), secret]);
    let mut shown = String::new();
    let formats: [&[&str]; 2] = [&[], &["-o", "json"]];
    for more in formats {
        let ran = promote(&namespace, &release, &[&["-y"], more].concat());
        assert_eq!(ran.code, Some(exit), "{}{}", ran.stdout, ran.stderr);
        shown += &(ran.stdout + &ran.stderr);
        TestCluster::get()
            .delivery()
            .args(["revert", "shop", "-y", "-n", namespace.name()])
            .run();
    }
    assert!(
        shown.contains("too weak"),
        "what the webhook says is shown: {shown}"
    );
    let history = ["history", "shop", "-n", namespace.name(), "-o", "json"];
    shown += &TestCluster::get().delivery().args(history).run().stdout;
    shown += &namespace
        .kubectl()
        .args(["get", "configmaps", "-o", "json"])
        .run()
        .stdout;
    assert!(
        !shown.contains(VALUE) && !shown.contains(&ENCODED[..24]),
        "{shown}"
    );
}

#[test]
fn a_denial_of_pods_whose_secret_may_not_be_read_is_withheld() {
    let namespace = TestCluster::get().namespace_named("t-quote");
    let literal = format!("--from-literal=password={VALUE}");
    namespace
        .kubectl()
        .args(["create", "secret", "generic", "db", &literal])
        .run()
        .ok();
    let mut web = deployment("web", "registry.example/app:1");
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "db"}}]);
    namespace
        .kubectl()
        .args(["apply", "--server-side", "-f", "-"])
        .run_with(&web.to_string())
        .ok();
    let hook = Webhook::denying(&namespace, ("apps", "deployments"), |review| {
        (review["request"]["kind"]["kind"] == "Deployment").then(|| format!("no {VALUE} here"))
    });
    web["spec"]["replicas"] = 2.into();
    let probe = web.to_string();
    let apply = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
    hook.wait(|| {
        namespace
            .kubectl()
            .args(apply)
            .run_with(&probe)
            .stderr
            .contains("no correct-horse")
    });

    let all = ["get", "list", "watch", "create", "patch", "update"];
    let user = namespace
        .user("writer")
        .with_role("view")
        .may(&all, "apps", &["deployments"])
        .ready();
    for format in ["text", "json", "markdown", "html", "junit"] {
        let mut diff = TestCluster::get().delivery();
        diff.env("KUBECONFIG", user.kubeconfig()).args([
            "diff",
            "-n",
            namespace.name(),
            "-o",
            format,
            "-f",
            "-",
        ]);
        let ran = diff.run_with(&probe);
        let shown = ran.stdout.clone() + &ran.stderr;
        assert!(
            shown.contains("it may hold values of Secret db"),
            "{format}: {ran:?}"
        );
        assert!(!shown.contains(VALUE), "{format}: {ran:?}");
    }
}

/// A webhook's pod that is being replaced, and a registration that the server has not seen change yet, look like this.
#[test]
fn a_webhook_that_answers_a_little_later_is_asked_again_by_a_promotion_and_by_its_revert() {
    let namespace = TestCluster::get().namespace_named("t-lapse");
    let hook = Webhook::lapsing(&namespace, ("", "serviceaccounts"));
    let account = |value: &str| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "labels": {"value": value}}});
    let probe =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "probe"}}).to_string();
    hook.wait(|| {
        let asked = namespace.kubectl().args(["create", "-f", "-"]).run_with(&probe);
        asked.stderr.contains("failed calling webhook")
    });

    promote(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![account("1")]),
        &["-y"],
    )
    .exits(0);
    promote(
        &namespace,
        &ReleaseFile::new("shop", "2", vec![account("2")]),
        &["-y"],
    )
    .exits(0);
    let value = || {
        namespace
            .get("", "ServiceAccount", "web")
            .unwrap()
            .text("/metadata/labels/value")
            .to_owned()
    };
    assert_eq!(value(), "2");
    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-y", "-n", namespace.name()])
        .run()
        .exits(0);
    assert_eq!(value(), "1");
}
