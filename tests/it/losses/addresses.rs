//! A field has one address, whoever names it.

use crate::execute::app::App;
use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};

#[test]
fn diff_and_revert_name_a_port_by_the_same_path() {
    let app = App::new();
    let service = |target: u32| -> Vec<Value> {
        vec![
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
            "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": target}]}}),
        ]
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

#[test]
fn a_manifest_that_names_no_protocol_is_compared_at_the_address_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, target: u32| {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
            "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": target}]}});
        let path = folder.path().join(name);
        std::fs::write(&path, service.to_string()).unwrap();
        path
    };
    let app = App::new();
    let (tested, here) = (file("tested.json", 8080), file("here.json", 8081));
    let release = app.release(
        "1",
        &[serde_json::from_slice(&std::fs::read(tested).unwrap()).unwrap()],
    );
    let mut promote = TestCluster::get().delivery();
    promote
        .arg("promote")
        .arg(release)
        .arg("-f")
        .arg(here)
        .args(["-n", app.namespace.name(), "-y"]);
    let ran = promote.run().exits(2);
    let path = "/spec/ports/[port=80,protocol=TCP]/targetPort";
    assert!(
        ran.stderr.contains("error [untested]") && ran.stderr.contains(path),
        "{}",
        ran.stderr
    );
}
