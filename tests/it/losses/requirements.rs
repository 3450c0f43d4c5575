//! What a release requires must be there though no object refers to it: applications read it through the API.

use crate::execute::app::{App, map};
use crate::harness::{Ran, Run, TestCluster};
use serde_json::{Value, json};

fn objects() -> Vec<Value> {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app-config"}, "type": "Opaque",
        "stringData": {"token": "abc"}});
    vec![secret, map("app", json!({"a": "b"}))]
}

fn diff(app: &App, release: &std::path::Path) -> Ran {
    let mut diff = TestCluster::get().delivery();
    diff.arg("diff")
        .arg(release)
        .args(["-n", app.namespace.name()])
        .run()
}

#[test]
fn a_secret_that_no_object_refers_to_is_demanded_with_its_keys() {
    let app = App::new();
    let ran = app.promote("1", &objects()).run().exits(2);
    assert!(
        ran.stderr.contains("error [requirements] Secret") && ran.stderr.contains("app-config"),
        "{}",
        ran.stderr
    );
    assert!(
        app.namespace.get("", "ConfigMap", "app").is_none(),
        "nothing was changed"
    );

    app.kubectl(&[
        "create",
        "secret",
        "generic",
        "app-config",
        "--from-literal=other=x",
    ]);
    let ran = app.promote("1", &objects()).run().exits(2);
    assert!(
        ran.stderr.contains("token"),
        "the missing key is named: {}",
        ran.stderr
    );

    app.kubectl(&["delete", "secret", "app-config"]);
    app.kubectl(&[
        "create",
        "secret",
        "generic",
        "app-config",
        "--from-literal=token=x",
    ]);
    app.promote("1", &objects()).run().exits(0);
    let release = app.release("1", &objects());
    diff(&app, &release).exits(0);

    app.kubectl(&["delete", "secret", "app-config"]);
    let ran = diff(&app, &release).exits(1);
    assert!(
        ran.stdout.contains("app-config: does not exist"),
        "{}",
        ran.stdout
    );
}
