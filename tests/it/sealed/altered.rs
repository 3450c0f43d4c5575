//! Altered state stops whatever would write, and is never taken for a first promotion.

use super::*;

/// Whatever writes or believes what is kept ends with 2 and says what does not fit; nothing is changed.
fn is_refused(app: &App, why: &str) {
    let before = value_of(app);
    let mut promote = app.promote("2", &version("2"));
    for (name, command) in [
        ("promote", &mut promote),
        ("revert", &mut app.revert()),
        ("--to-revision", app.revert().args(["--to-revision", "1"])),
        ("resume", &mut command(app, &["promote", "--resume", NAME])),
        ("diff", &mut command(app, &["diff"])),
        ("status", &mut command(app, &["status"])),
        ("history", &mut command(app, &["history"])),
        ("verify", &mut state(app, "verify")),
    ] {
        let ran = command.run();
        assert_eq!(ran.code, Some(2), "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stderr.contains(why),
            "{name} does not say {why}: {}",
            ran.stderr
        );
    }
    assert_eq!(value_of(app), before);
}

#[test]
fn a_journal_that_was_rewritten_stops_every_command() {
    let app = promoted();
    rewrite(&app, "delivery-app-journal", |object| {
        object["data"]["message"] = "nothing to see".into();
    });
    is_refused(&app, "its journal was changed");
}

#[test]
fn an_older_journal_put_in_its_place_is_known() {
    let app = promoted();
    let old = app
        .namespace
        .get("", "ConfigMap", "delivery-app-journal")
        .unwrap()
        .value()
        .clone();
    app.promote("2", &version("2")).run().exits(0);
    rewrite(&app, "delivery-app-journal", |object| {
        object["data"] = old["data"].clone();
        object["binaryData"] = old["binaryData"].clone();
    });
    is_refused(&app, "its journal was changed");
}

#[test]
fn an_inventory_that_was_rewritten_stops_every_command() {
    let app = promoted();
    rewrite(&app, "delivery-app", |object| {
        let members = object["data"]["members"].as_str().unwrap().to_owned();
        object["data"]["members"] = format!("{members}v1 namespaces Namespace - kube-system\n").into();
    });
    is_refused(&app, "its inventory was changed");
}

#[test]
fn state_that_is_gone_is_no_first_promotion() {
    for (gone, why) in [
        (&["configmap/delivery-app-journal"][..], "its journal was deleted"),
        (
            &["configmap/delivery-app-journal", "configmap/delivery-app"][..],
            "its journal was deleted",
        ),
        (&["secret/delivery-app-seal"][..], "its seal was deleted"),
        (
            &[
                "secret/delivery-app-seal",
                "configmap/delivery-app-journal",
                "configmap/delivery-app",
            ][..],
            "its seal was deleted",
        ),
        (&["secret/delivery-app-key"][..], "was deleted"),
    ] {
        let app = promoted();
        app.kubectl(&[&["delete"], gone].concat());
        let ran = app.promote("2", &version("2")).run().exits(2);
        assert!(
            ran.stderr.contains("was altered") && ran.stderr.contains(why),
            "{gone:?}: {}",
            ran.stderr
        );
        assert_eq!(value_of(&app), "1");
    }
}

#[test]
fn a_record_that_was_rewritten_is_neither_compared_with_nor_promoted_again() {
    let app = promoted();
    app.promote("2", &version("2")).run().exits(0);
    let listed = app.kubectl(&[
        "get",
        "configmaps",
        "-l",
        "kubectl-delivery.io/role=record",
        "-o",
        "name",
    ]);
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|name| name.strip_prefix("configmap/"))
        .collect();
    let of = |revision: &str| *names.iter().find(|name| name.contains(revision)).unwrap();
    let other = app.namespace.get("", "ConfigMap", of("-r1-")).unwrap().value()["binaryData"].clone();
    rewrite(&app, of("-r2-"), |object| object["binaryData"] = other.clone());
    let say = |when: &str| {
        for mut command in [command(&app, &["diff"]), state(&app, "verify")] {
            let ran = command.run();
            assert_eq!(ran.code, Some(2), "{when}: {}{}", ran.stdout, ran.stderr);
        }
        let ran = app.revert().args(["--to-revision", "2"]).run();
        assert_eq!(ran.code, Some(2), "{when}: {}", ran.stderr);
        assert_eq!(value_of(&app), "2");
    };
    say("changed");
    app.kubectl(&["delete", "configmap", of("-r2-")]);
    say("gone");
}

#[test]
fn a_journal_that_cannot_be_read_is_altered_and_not_accepted() {
    let app = promoted();
    rewrite(&app, "delivery-app-journal", |object| {
        object["binaryData"]["journal"] = "AAAA".into();
    });
    is_refused(&app, "its journal was changed");
    let ran = answered(&state(&app, "accept"), NAME);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("cannot be accepted") && ran.stdout.contains("--discard-state"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_a_later_version_sealed_is_read_and_never_written_over() {
    use base64::Engine;
    let app = promoted();
    let seal = app.namespace.get("", "Secret", "delivery-app-seal").unwrap();
    let text = base64::engine::general_purpose::STANDARD
        .decode(seal.text("/data/seal"))
        .unwrap();
    let mut newer: Value = serde_json::from_slice(&text).unwrap();
    newer["formatVersion"] = 2.into();
    newer["quorum"] = json!(["another", "way", "to", "seal"]);
    let newer = base64::engine::general_purpose::STANDARD.encode(newer.to_string());
    app.kubectl(&[
        "patch",
        "secret",
        "delivery-app-seal",
        "-p",
        &json!({"data": {"seal": newer}}).to_string(),
    ]);

    let why = "format version 2, which only a later kubectl-delivery writes";
    let status = command(&app, &["status"]).run().exits(0);
    assert!(
        status.stdout.contains("promoted by") && status.stdout.contains(why),
        "{}",
        status.stdout
    );
    let diff = command(&app, &["diff"]).run().exits(0);
    assert!(
        format!("{}{}", diff.stdout, diff.stderr).contains(why),
        "{}{}",
        diff.stdout,
        diff.stderr
    );
    command(&app, &["status", "--require-verified"]).run().exits(2);
    for mut command in [
        app.promote("2", &version("2")),
        app.revert(),
        state(&app, "accept"),
        state(&app, "rotate"),
    ] {
        let ran = command.run().exits(2);
        assert!(
            ran.stderr.contains(why) && ran.stderr.contains("nothing was changed"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(value_of(&app), "1");
}

#[test]
fn whoever_may_not_read_the_key_is_told_that_nothing_is_verified() {
    let app = promoted();
    let user = app.namespace.user("viewer").with_role("view").ready();
    let config = user.kubeconfig();
    let config = config.to_str().unwrap();
    for arguments in [&["status"][..], &["history"], &["diff", "--mode=readonly"]] {
        let ran = command(&app, arguments)
            .args(["--kubeconfig", config])
            .run()
            .exits(0);
        let message = format!("{}{}", ran.stdout, ran.stderr);
        assert!(message.contains("not verified"), "{arguments:?}: {message}");
        let strict = command(&app, arguments)
            .args(["--kubeconfig", config, "--require-verified"])
            .run()
            .exits(2);
        assert!(
            strict.stderr.contains("not verified"),
            "{arguments:?}: {}",
            strict.stderr
        );
    }
    let json = command(&app, &["status", "-o", "json"])
        .args(["--kubeconfig", config])
        .run()
        .exits(0)
        .json();
    assert_eq!(json[0]["verified"], false);
    assert_eq!(app.status()["verified"], true);
    command(&app, &["status", "--require-verified"]).run().exits(0);
}
