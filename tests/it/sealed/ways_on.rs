//! One flipped byte does not leave production half-way for ever.

use super::*;
use crate::harness::{Act, KillProxy, TestCluster};

fn altered() -> App {
    let app = promoted();
    app.promote("2", &version("2")).run().exits(0);
    rewrite(&app, "delivery-app-journal", |object| {
        object["data"]["message"] = "flipped".into();
    });
    app
}

#[test]
fn what_was_altered_is_accepted_by_a_person_alone() {
    let app = altered();
    let ran = state(&app, "accept").run().exits(2);
    assert!(ran.stderr.contains("without a terminal"), "{}", ran.stderr);
    let ran = answered(&state(&app, "accept"), "yes");
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    let ran = answered(&state(&app, "accept"), NAME);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("app 2") && ran.stdout.contains("with the label of the release"),
        "{}",
        ran.stdout
    );
    app.revert().run().exits(0);
    assert_eq!(value_of(&app), "1");
    app.promote("3", &version("3")).run().exits(0);
}

#[test]
fn a_state_whose_key_or_seal_is_lost_is_accepted() {
    for gone in ["secret/delivery-app-key", "secret/delivery-app-seal"] {
        let app = promoted();
        app.promote("2", &version("2")).run().exits(0);
        app.kubectl(&["delete", gone]);
        let ran = answered(&state(&app, "accept"), NAME);
        assert_eq!(ran.code, Some(0), "{gone}: {}", ran.stdout);
        app.revert().run().exits(0);
        assert_eq!(value_of(&app), "1");
    }
}

#[test]
fn a_state_without_seal_and_key_is_taken_over_by_accept_alone() {
    let app = promoted();
    app.kubectl(&["delete", "secret", "delivery-app-key", "delivery-app-seal"]);
    let ran = app.promote("2", &version("2")).run().exits(2);
    assert!(
        ran.stderr.contains("is not sealed") && ran.stderr.contains("state accept"),
        "{}",
        ran.stderr
    );
    let status = command(&app, &["status"]).run().exits(0);
    assert!(status.stdout.contains("not verified"), "{}", status.stdout);
    assert_eq!(answered(&state(&app, "accept"), NAME).code, Some(0));
    app.promote("2", &version("2")).run().exits(0);
}

/// As a backup brings it back: all objects, in a namespace of the same name and another uid.
#[test]
fn a_namespace_that_was_restored_under_another_uid_is_accepted() {
    let app = promoted();
    app.promote("2", &version("2")).run().exits(0);
    let name = app.namespace.name();
    let retained = app.kubectl(&["get", "configmaps,secrets", "-o", "json", "--show-managed-fields"]);
    let mut retained: Value = serde_json::from_str(&retained).unwrap();
    retained["items"]
        .as_array_mut()
        .unwrap()
        .retain(|object| object["metadata"]["name"] != "kube-root-ca.crt");
    for object in retained["items"].as_array_mut().unwrap() {
        for field in ["uid", "resourceVersion", "creationTimestamp"] {
            object["metadata"].as_object_mut().unwrap().shift_remove(field);
        }
    }
    app.kubectl(&["delete", "namespace", name, "--wait"]);
    app.kubectl(&["create", "namespace", name]);
    assert_eq!(app.kubectl_with(&["create"], &retained).code, Some(0));

    let ran = app.promote("3", &version("3")).run().exits(2);
    assert!(
        ran.stderr.contains("belongs to another namespace"),
        "{}",
        ran.stderr
    );
    let ran = answered(&state(&app, "accept"), NAME);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    state(&app, "verify").run().exits(0);
    // Whoever restores the objects owns their fields.
    app.promote("3", &version("3"))
        .args(["--adopt", "kubectl-create"])
        .run()
        .exits(0);
    assert_eq!(value_of(&app), "3");
}

#[test]
fn a_promotion_starts_from_the_file_where_the_state_is_discarded() {
    let app = altered();
    app.promote("3", &version("3"))
        .arg("--discard-state")
        .run()
        .exits(0);
    assert_eq!(value_of(&app), "3");
    assert_eq!(
        (app.status()["verified"].clone(), app.status()["version"].clone()),
        (json!(true), json!("3"))
    );
    app.promote("4", &version("4")).run().exits(0);
}

#[test]
fn a_first_promotion_killed_at_its_first_writes_is_begun_again() {
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    for n in 1..=8 {
        for act in [Act::KillBefore, Act::KillAfter] {
            let app = App::new();
            proxy.forget();
            proxy.at_write(n, act);
            let ran = proxy.run(&mut app.promote("1", &version("1")));
            assert_eq!(ran.code, None, "write {n}: {}", ran.stderr);
            let again = app.promote("1", &version("1")).run();
            assert_eq!(
                again.code,
                Some(0),
                "killed at write {n} ({act:?}): {}",
                again.stderr
            );
            assert_eq!(value_of(&app), "1");
            state(&app, "verify").run().exits(0);
        }
    }
}
