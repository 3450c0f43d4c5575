//! A field has one address, whoever names it.

use crate::execute::app::App;
use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};

#[test]
fn diff_and_revert_name_a_port_by_the_same_path() {
    let app = App::new();
    let service = |target: u32| -> Vec<Value> {
        vec![json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
            "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": target}]}})]
    };
    app.promote("1", &service(8080)).run().exits(0);
    app.promote("2", &service(8081)).run().exits(0);
    let patch = r#"[{"op":"replace","path":"/spec/ports/0/targetPort","value":9999}]"#;
    app.kubectl(&["patch", "service", "web", "--type=json", "-p", patch]);
    let path = "/spec/ports/[port=80,protocol=TCP]/targetPort";
    let mut diff = TestCluster::get().delivery();
    let ran = diff.args(["diff", "-n", app.namespace.name()]).run().exits(1);
    assert!(ran.stdout.contains(path), "{}", ran.stdout);
    let ran = app.revert().run().exits(0);
    assert!(ran.stderr.contains(path), "{}", ran.stderr);
    assert!(!ran.stderr.contains("[name=http]"), "{}", ran.stderr);
}
