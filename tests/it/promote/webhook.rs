//! A real admission webhook: what it denies is found before anything is touched.

use super::support::{ReleaseFile, config, contents, promote};
use crate::harness::{Run, TestCluster, Webhook};
use serde_json::json;

#[test]
fn what_a_webhook_denies_refuses_the_promotion_with_its_words_and_changes_nothing() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let hook = Webhook::denying(&namespace, ("", "configmaps"), |review| {
        review.pointer("/request/object/data/forbidden").map(|_| "no forbidden keys here".into())
    });
    let probe = config("probe", json!({"forbidden": "x"})).to_string();
    hook.wait(|| {
        namespace.kubectl().args(["create", "--dry-run=server", "-f", "-"]).run_with(&probe).code != Some(0)
    });
    let bad = vec![config("fine", json!({"a": "1"})), config("bad", json!({"forbidden": "x"}))];
    let before = contents(&namespace);
    let ran = promote(&namespace, &ReleaseFile::new("shop", "1", bad), &["-y"]).exits(2);
    assert!(ran.stderr.contains("refused [admission]"), "{}", ran.stderr);
    assert!(ran.stderr.contains("no forbidden keys here") && ran.stderr.contains("/bad"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("/fine:"), "{}", ran.stderr);
    assert_eq!(contents(&namespace), before);
    let good = vec![config("fine", json!({"a": "1"}))];
    promote(&namespace, &ReleaseFile::new("shop", "2", good), &["-y"]).exits(0);
}
