//! Users who may not read everything: what they cannot read is unknown, and never in sync.

use super::stream::{Watching, is_about};
use crate::screens::stage::{Stage, config};
use serde_json::json;

fn role() -> serde_json::Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]})
}

#[test]
fn what_may_not_be_read_is_unknown_and_the_rest_is_watched() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), role()]);
    // The role `view` reads no roles.
    let user = stage.namespace.user("watcher").with_role("view").ready();
    let mut command = stage.command("watch -o json --mode readonly");
    let watching = Watching::spawn(command.env("KUBECONFIG", user.kubeconfig()));

    let unknown = watching.wait_for("driftOpened", is_about("Role reader unknown"));
    assert!(
        unknown["message"].as_str().unwrap().contains("forbidden"),
        "{unknown}"
    );
    let failed = watching.wait_for("watchFailed", |_| true);
    assert_eq!(failed["reason"], "forbidden", "{failed}");

    stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"USD"}}"#);
    watching.wait_for("driftOpened", is_about("ConfigMap settings /data/currency"));
    let (code, events) = watching.interrupt();
    assert_eq!((code, &events.last().unwrap()["unknown"]), (Some(2), &json!(1)));
}

#[test]
fn a_requirement_that_may_not_be_read_is_no_error_and_the_last_line_names_it() {
    let stage = Stage::new();
    stage.kubectl("create secret generic db --from-literal=password=first-planted-value");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "stringData": {"password": "first-planted-value"}});
    stage.promoted("1.4.1", &[config("settings", "EUR"), secret]);
    // The role `view` reads no Secrets.
    let user = stage.namespace.user("watcher").with_role("view").ready();
    let mut command = stage.command("watch -o json --mode readonly");
    let watching = Watching::spawn(command.env("KUBECONFIG", user.kubeconfig()));
    watching.wait_for("releaseAdded", |_| true);
    watching.settle();

    let (code, events) = watching.interrupt();
    let end = events.last().unwrap();
    assert_eq!(end["message"], "1 release in sync (not checked: 1 requirement)");
    assert_eq!(
        (code, &end["unknown"], &end["notChecked"]),
        (Some(0), &json!(0), &json!(1))
    );
}
