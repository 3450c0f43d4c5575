//! A webhook that does not answer is in the way of no release that mends it.

use super::repairs::{Gone, lines_starting_with};
use crate::execute::app::{App, map, workload};
use crate::harness::{Run, unique, until};
use serde_json::{Value, json};

#[test]
fn a_webhook_that_does_not_answer_is_in_the_way_of_nothing_but_what_it_has_to_admit() {
    let app = App::new();
    let unique = unique();
    let group = format!("{unique}.example");
    let (crd, hook) = (format!("gadgets.{group}"), format!("hook-{unique}"));
    let _gone = Gone(vec![
        format!("validatingwebhookconfiguration/{hook}"),
        format!("customresourcedefinition/{crd}"),
    ]);
    let objects = |size: u32, digit: char, other: &str| {
        vec![
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": crd},
                "spec": {"group": group, "scope": "Namespaced", "names": {"kind": "Gadget", "plural": "gadgets"},
                    "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}}}]}}),
            json!({"apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"size": size}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "hook"},
                "spec": {"selector": {"app": "hook"}, "ports": [{"port": 443}]}}),
            workload("Deployment", "hook", digit, None),
            map("other", json!({"a": other})),
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": hook},
                "webhooks": [{"name": format!("hook.{group}"), "sideEffects": "None", "admissionReviewVersions": ["v1"],
                    "timeoutSeconds": 2, "failurePolicy": "Fail",
                    "clientConfig": {"service": {"namespace": app.namespace.name(), "name": "hook"}},
                    "rules": [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["gadgets"]}]}]}),
        ]
    };
    app.promote("1", &objects(1, '1', "1")).run().exits(0);
    // The gadget does not change.
    let ran = app.promote("2", &objects(1, '1', "2")).run().exits(0);
    let note = "not checked by a dry run, predicted in sync";
    assert!(
        lines_starting_with(&ran.stderr, "note [dry-run]")
            .iter()
            .any(|line| line.contains(note)),
        "{}",
        ran.stderr
    );
    // It does, and nothing brings the webhook back.
    let ran = app.promote("3", &objects(3, '1', "2")).run().exits(2);
    let refused = lines_starting_with(&ran.stderr, "error [");
    let named = format!("no response from webhook hook.{group}");
    assert!(
        refused.len() == 1 && refused[0].contains(&named),
        "{}",
        ran.stderr
    );
    // The release that repairs the webhook, alone and together with what needs it.
    app.promote("4", &objects(1, '2', "2")).run().exits(0);
    let ran = app
        .promote("5", &objects(5, '3', "2"))
        .arg("--dry-run=server")
        .run()
        .exits(0);
    assert!(
        ran.stderr
            .contains(&format!("{named}, which this promotion changes")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_definition_whose_converting_webhook_does_not_answer_is_in_the_way_of_no_release_that_mends_it() {
    let app = App::new();
    let group = format!("g{}.example", unique());
    let name = format!("widgets.{group}");
    let _gone = Gone(vec![format!("crd/{name}")]);
    let version = |version: &str, storage: bool| {
        json!({"name": version, "served": true, "storage": storage, "schema": {"openAPIV3Schema":
            {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}}})
    };
    let definition = |conversion: Value| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
                "versions": [version("v1", true), version("v1beta1", false)], "conversion": conversion}})
    };
    let webhook = json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": app.namespace.name(), "name": "convert"}}}});
    app.kubectl_with(&["create"], &definition(webhook.clone()))
        .exits(0);
    app.kubectl(&[
        "wait",
        "--for=condition=Established",
        &format!("crd/{name}"),
        "--timeout=30s",
    ]);
    let widget = json!({"apiVersion": format!("{group}/v1beta1"), "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}});
    assert!(until(20, || app
        .kubectl_with(&["create", "--dry-run=server"], &widget)
        .stderr
        .contains("webhook")));

    let ran = app.promote("1", std::slice::from_ref(&widget)).run().exits(2);
    assert!(
        ran.stderr.contains("no response from") && ran.stderr.contains("v1beta1"),
        "{ran:?}"
    );
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "convert"},
        "spec": {"selector": {"app": "convert"}, "ports": [{"port": 443}]}});
    let mended = [
        service,
        workload("Deployment", "convert", '1', None),
        widget.clone(),
    ];
    let ran = app.promote("2", &mended).arg("--dry-run=server").run().exits(0);
    assert!(ran.stderr.contains("which this promotion changes"), "{ran:?}");
    let none = [definition(json!({"strategy": "None"})), widget.clone()];
    let ran = app
        .promote("3", &none)
        .args(["--adopt", "kubectl-create"])
        .run()
        .exits(0);
    assert!(
        ran.stderr
            .contains("this promotion changes the CustomResourceDefinition first"),
        "{ran:?}"
    );
    assert_eq!(
        app.kubectl(&[
            "get",
            &format!("widgets.v1beta1.{group}"),
            "w",
            "-o",
            "jsonpath={.spec.size}"
        ]),
        "1"
    );

    // What is there and cannot be read is left as it is, said so, and promoted by the next one.
    let as_ours = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=kubectl-delivery",
    ];
    app.kubectl_with(&as_ours, &definition(webhook)).exits(0);
    let get = [
        "get",
        &format!("widgets.v1beta1.{group}"),
        "w",
        "-o",
        "jsonpath={.spec.size}",
    ];
    let is_read = || app.namespace.kubectl().args(get).run().code == Some(0);
    assert!(until(20, || !is_read()));
    let mut larger = widget;
    larger["spec"]["size"] = 2.into();
    let ran = app.promote("4", std::slice::from_ref(&larger)).run().exits(2);
    assert!(
        ran.stderr.contains("error [unreadable]"),
        "nothing mends it: {ran:?}"
    );
    let none = [definition(json!({"strategy": "None"})), larger];
    let ran = app.promote("5", &none).run().exits(0);
    assert!(
        ran.stderr
            .contains("not checked and not changed: no response from conversion webhook for"),
        "{ran:?}"
    );
    app.promote("5", &none).run().exits(0);
    assert_eq!(app.kubectl(&get), "2");
}
