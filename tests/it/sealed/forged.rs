//! Somebody with the role `edit` reads the key, and forges whatever it vouches for.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubectl_delivery::model::bundle::{compress, decompress, pack};
use kubectl_delivery::model::seal::{FORMAT_VERSION, Role, Seal, Sealed, seal_of};
use kubectl_delivery::model::state_key::StateKey;

/// Rewrites the journal so that its next revert would bring back a RoleBinding, seals it with the key of the cluster, and is
/// the user who does it.
fn forge(app: &App) {
    let user = app.namespace.user("mallory").with_role("edit").ready();
    let config = user.kubeconfig();
    let kubectl = || {
        let mut command = app.namespace.kubectl();
        command.arg("--kubeconfig").arg(&config);
        command
    };
    let get = |kind: &str, name: &str| -> Value {
        serde_json::from_str(&kubectl().args(["get", kind, name, "-o", "json"]).run().ok()).unwrap()
    };
    let text = |secret: &Value, key: &str| {
        String::from_utf8(STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap()).unwrap()
    };
    let key = StateKey::parse(&text(&get("secret", "delivery-app-key"), "key")).unwrap();
    let uid = get("namespace", app.namespace.name())["metadata"]["uid"].as_str().unwrap().to_owned();
    let bound = key.bind(&uid, NAME);
    let mut head = get("configmap", "delivery-app-journal");
    let bytes = STANDARD.decode(head["binaryData"]["journal"].as_str().unwrap()).unwrap();
    let mut journal: Value = serde_json::from_slice(&decompress(&bytes).unwrap()).unwrap();
    // The pre-image, with a RoleBinding in the place of the ConfigMap.
    let bundle = journal["current"]["parts"][0].clone();
    let name = bundle["names"][0].as_str().unwrap();
    let part = get("secret", name);
    let part = STANDARD.decode(part["data"]["part"].as_str().unwrap()).unwrap();
    let mut parts: Value = serde_json::from_slice(&decompress(&part).unwrap()).unwrap();
    let target = json!({"resource": {"group": "rbac.authorization.k8s.io", "version": "v1", "kind": "RoleBinding",
        "plural": "rolebindings", "namespaced": true}, "namespace": app.namespace.name(), "name": "mallory-admin"});
    let step = &mut parts["steps"][0];
    step["step"]["target"] = target.clone();
    step["step"]["undo"] = json!({"type": "createAgain"});
    step["before"] = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "mallory-admin", "namespace": app.namespace.name()},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "mallory", "namespace": app.namespace.name()}]});
    let packed = pack(&parts, &bound).unwrap();
    let forged = format!("delivery-app-before-{}-0", packed.parts[0].0);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubectl-delivery.io/preimage",
        "metadata": {"name": forged, "labels": {"kubectl-delivery.io/release": NAME, "kubectl-delivery.io/role": "preimage"}},
        "data": {"part": STANDARD.encode(&packed.parts[0].1)}});
    kubectl().args(["create", "-f", "-"]).run_with(&secret.to_string()).exits(0);
    journal["current"]["parts"] = json!([{"secret": true, "namespace": app.namespace.name(), "names": [forged],
        "digest": serde_json::to_value(&packed.digest).unwrap()}]);
    journal["current"]["steps"][0]["target"] = target;
    let bytes = compress(&serde_json::to_vec(&journal).unwrap()).unwrap();
    head["binaryData"]["journal"] = STANDARD.encode(bytes).into();
    let inventory = get("configmap", "delivery-app");
    let current = Sealed::new(
        &bound,
        false,
        99,
        Some(seal_of(&bound, Role::Head, &head)),
        Some(seal_of(&bound, Role::Inventory, &inventory)),
    );
    let seal = Seal { format_version: FORMAT_VERSION, current, next: None };
    kubectl().args(["replace", "-f", "-"]).run_with(&head.to_string()).exits(0);
    let patch = json!({"data": {"seal": STANDARD.encode(serde_json::to_string(&seal).unwrap())}});
    kubectl().args(["patch", "secret", "delivery-app-seal", "-p", &patch.to_string()]).run().ok();
}

#[test]
fn the_role_edit_gains_no_rights_through_a_journal_that_it_forges() {
    let app = promoted();
    app.promote("2", &version("2")).run().exits(0);
    forge(&app);
    // With the key, the forgery is sealed.
    state(&app, "verify").run().exits(0);
    let ran = app.revert().run().exits(2);
    let asked = format!("RoleBinding/{}/mallory-admin", app.namespace.name());
    assert!(ran.stderr.contains("UNCONFIRMED") && ran.stderr.contains(&asked), "{}", ran.stderr);
    assert!(app.namespace.get("rbac.authorization.k8s.io", "RoleBinding", "mallory-admin").is_none());
    assert_eq!(value_of(&app), "2");
}
