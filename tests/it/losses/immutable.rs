//! `immutable: true` that a promotion brings is undone by another object of the same content.

use crate::execute::app::{App, map, workload};
use crate::harness::Run;
use serde_json::{Value, json};

#[test]
fn a_map_and_a_secret_that_became_immutable_are_restored_by_a_rollback() {
    let app = App::new();
    let version = |value: &str, immutable: bool, play: Option<&str>| -> Vec<Value> {
        let mut settings = map("settings", json!({"a": value}));
        if immutable {
            settings["immutable"] = true.into();
        }
        vec![
            settings,
            workload("Deployment", "web", if immutable { '2' } else { '1' }, play),
        ]
    };
    app.promote("1", &version("1", false, None)).run().exits(0);
    let before = app.copy(&version("1", false, None));
    let new = version("2", true, Some("image-not-found"));
    let plan = app.promote("2", &new).arg("--dry-run=server").run().exits(0);
    assert!(
        plan.stdout.contains("new UID"),
        "the plan says how it is undone: {}",
        plan.stdout
    );
    let ran = app.promote("2", &new).run().exits(3);
    let settings = app.namespace.get("", "ConfigMap", "settings").expect(&ran.stderr);
    assert_eq!(
        (settings.text("/data/a"), settings.at("/immutable")),
        ("1", None),
        "{}",
        ran.stderr
    );
    app.copy(&version("1", false, None))
        .must_be(&before, "after the rollback");
    // It can be promoted again, and reverted by hand.
    app.promote("3", &version("3", true, None)).run().exits(0);
    app.revert().run().exits(0);
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "settings")
            .unwrap()
            .text("/data/a"),
        "1"
    );
}
