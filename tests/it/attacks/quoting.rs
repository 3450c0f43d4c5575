//! An admission webhook, or who talks through one, quotes what is sent to it: no output, history or ConfigMap shows a value.

use super::traces::assert_no_trace;
use crate::harness::{Namespace, Run, TestCluster, Webhook};
use crate::promote::support::{ReleaseFile, config, promote};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rstest::rstest;
use serde_json::{Value, json};

/// Alone, and inside a file of variables.
const VALUE: &str = "pa'ss/w0rd \"canary\" 42-long";
const INNER: &str = "inner-canary-1234567890";

fn secret() -> Value {
    let file = format!("# of the shop\nUSER=shop\nexport TOKEN=\"{INNER}\"\n");
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "stringData": {"password": VALUE, "shop.env": file}})
}

/// All that a webhook could make of the values.
fn quoted(review: &Value) -> Option<String> {
    let data = |key: &str| {
        let text = review.pointer(&format!("/request/object/data/{key}"))?.as_str()?;
        Some((
            text.to_owned(),
            String::from_utf8(STANDARD.decode(text).ok()?).ok()?,
        ))
    };
    let ((encoded, plain), (file, _)) = (data("password")?, data("shop.env")?);
    let url: String = plain.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let forms = [
        encoded,
        file,
        plain.clone(),
        INNER.to_owned(),
        STANDARD.encode(INNER),
        STANDARD.encode(format!("shop:{plain}")),
        STANDARD.encode(format!("a{plain}b")),
        format!("Authorization: Basic {}", STANDARD.encode(format!("ab{INNER}"))),
        serde_json::to_string(&plain).unwrap(),
        serde_json::to_string(&json!({"quoted": plain}).to_string()).unwrap(),
        plain.replace('\'', r"'\''"),
        url,
        format!("{}...", &plain[..20]),
    ];
    Some(format!("too weak: {}", forms.join(" | ")))
}

fn assert_no_value(text: &str, place: &str) {
    assert_no_trace(VALUE, text, place);
    assert_no_trace(INNER, text, place);
}

fn shown_by(namespace: &Namespace, command: &[&str]) -> String {
    let ran = TestCluster::get()
        .delivery()
        .args(command)
        .args(["-n", namespace.name()])
        .run();
    ran.stdout + &ran.stderr
}

#[rstest]
#[case::of_the_dry_run(false)]
#[case::of_the_write(true)]
fn a_denial_that_quotes_a_secret_in_any_form_shows_it_nowhere(#[case] only_real: bool) {
    let namespace = TestCluster::get().namespace_named("t-quotes");
    let why: fn(&Value) -> Option<String> = if only_real {
        |review| (review["request"]["dryRun"] != true).then(|| quoted(review))?
    } else {
        quoted
    };
    let hook = Webhook::denying(&namespace, ("", "secrets"), why);
    let mut probe = secret();
    probe["metadata"]["name"] = "probe".into();
    let flags: &[&str] = if only_real { &[] } else { &["--dry-run=server"] };
    hook.wait(|| {
        let denied = namespace
            .kubectl()
            .args(["create", "-f", "-"])
            .args(flags)
            .run_with(&probe.to_string());
        denied.stderr.contains("too weak")
    });

    let release = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"})), secret()]);
    let flags: [&[&str]; 5] = [
        &["-y"],
        &["-y", "-o", "json"],
        &["--dry-run=server"],
        &["--dry-run=server", "-o", "json"],
        &["-y", "-v", "8"],
    ];
    let mut denials = 0;
    for flags in flags {
        let ran = promote(&namespace, &release, flags);
        assert!(matches!(ran.code, Some(0 | 2 | 3)), "{ran:?}");
        let shown = ran.stdout + &ran.stderr;
        denials += usize::from(shown.contains("too weak: <Secret db/password>"));
        assert_no_value(&shown, &format!("promote {flags:?}"));
    }
    assert!(denials >= 3, "what the webhook says besides is shown");

    let file = release.path().display().to_string();
    let commands: [&[&str]; 6] = [
        &["diff", &file],
        &["diff", &file, "-o", "json"],
        &["history", "shop"],
        &["history", "shop", "-o", "json"],
        &["status", "shop"],
        &["status", "shop", "-o", "json"],
    ];
    for command in commands {
        let shown = shown_by(&namespace, command);
        assert_no_value(&shown, &format!("{command:?}"));
    }
    let retained = namespace
        .kubectl()
        .args(["get", "configmaps", "-o", "json"])
        .run()
        .ok();
    assert_no_value(&retained, "a ConfigMap");
}

#[test]
fn a_denial_that_quotes_what_this_tool_keeps_in_a_secret_does_not_show_it() {
    let namespace = TestCluster::get().namespace_named("t-quotes");
    let hook = Webhook::denying(&namespace, ("", "secrets"), |review| {
        let object = review.pointer("/request/object")?;
        let part = object["data"].as_object()?.values().next()?.as_str()?;
        (object["type"] == "kubectl-delivery.io/preimage")
            .then(|| format!("a kept Secret: {part} is too much"))
    });
    let probe = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "probe"},
        "type": "kubectl-delivery.io/preimage", "data": {"part": "YQ=="}});
    hook.wait(|| {
        let create = ["create", "--dry-run=server", "-f", "-"];
        namespace
            .kubectl()
            .args(create)
            .run_with(&probe.to_string())
            .stderr
            .contains("too much")
    });
    let release = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"})), secret()]);
    for flags in [&["-y"][..], &["-y", "-o", "json"]] {
        let ran = promote(&namespace, &release, flags);
        let shown = ran.stdout + &ran.stderr;
        assert!(shown.contains("a kept Secret: <Secret delivery-shop"), "{shown}");
        assert!(
            shown.contains("> is too much"),
            "nothing of the value is left: {shown}"
        );
    }
}
