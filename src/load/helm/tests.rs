//! What Helm stores, and what others may have put in its place.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write;

const PLACE: HelmPlace<'static> = HelmPlace {
    name: "web",
    namespace: "shop",
    revision: 3,
};

const MANIFEST: &str = "---
# Source: web/templates/config.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: config
  labels: {tier: a, tier: b}
---
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: correct-horse-battery}
---
apiVersion: v1
kind: Pod
metadata: {generateName: try-}
";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    STANDARD.encode(gzip(bytes)).into_bytes()
}

fn stored() -> Value {
    json!({
        "name": "web", "version": 3, "namespace": "shop",
        "info": {"status": "deployed", "notes": "password: hunter2", "first_deployed": ""},
        "chart": {"metadata": {"name": "web", "version": "1.2.3"}, "values": {"password": "hunter2"}, "templates": null},
        "config": {"password": "hunter2"},
        "hooks": [{"name": "migrate", "manifest": "password: hunter2"}],
        "manifest": MANIFEST,
    })
}

fn with(pointer: &str, value: Value) -> Vec<u8> {
    let mut stored = stored();
    *stored.pointer_mut(pointer).unwrap() = value;
    packed(stored.to_string().as_bytes())
}

fn read(payload: &[u8]) -> Result<HelmRelease, HelmError> {
    helm_release(payload, PLACE)
}

#[test]
fn a_revision_is_its_manifest_with_what_helm_adds_and_nothing_of_its_values() {
    let release = read(&packed(stored().to_string().as_bytes())).unwrap();

    assert_eq!(
        release.revision.to_string(),
        "Helm release web revision 3 (chart web-1.2.3, deployed)"
    );
    assert_eq!((release.hooks, release.unnamed), (1, 1));
    let [config, secret] = &release.objects[..] else {
        panic!("{:?}", release.objects);
    };
    // Helm's reader takes the last of two.
    assert_eq!(config.label("tier"), Some("b"));
    assert_eq!(config.label("app.kubernetes.io/managed-by"), Some("Helm"));
    assert_eq!(secret.annotation("meta.helm.sh/release-name"), Some("web"));
    assert_eq!(secret.annotation("meta.helm.sh/release-namespace"), Some("shop"));
    assert_eq!(
        secret.text("/data/password"),
        STANDARD.encode("correct-horse-battery")
    );
    assert!(!format!("{release:?}").contains("hunter2"));
}

#[test]
fn a_release_that_is_stored_plain_or_without_what_is_optional_is_read() {
    let plain = STANDARD.encode(stored().to_string());
    assert_eq!(read(plain.as_bytes()).unwrap().objects.len(), 2);

    let bare = packed(br#"{"name": "web", "version": 3, "chart": null}"#);
    let bare = read(&bare).unwrap();
    assert_eq!(
        bare.revision.to_string(),
        "Helm release web revision 3 (chart unknown-unknown, unknown)"
    );
    assert!(bare.objects.is_empty());
}

/// Stands in whatever is no release: no error shows it.
const SECRET: &str = "hunter2";

fn assert_refused(payload: &[u8], expected: &str) {
    let error = read(payload).unwrap_err().to_string();
    assert_eq!(error, expected);
    assert!(!error.contains(SECRET), "{error}");
}

#[test]
fn what_is_not_encoded_as_helm_does_is_named_and_not_shown() {
    let whole = stored().to_string();
    let mut broken = gzip(whole.as_bytes());
    let end = broken.len();
    // The checksum.
    broken[end - 6] ^= 0xff;

    for (payload, expected) in [
        (SECRET.as_bytes().to_vec(), "its release is not base64"),
        (vec![0xff, 0xfe], "its release is not base64"),
        (STANDARD.encode(&broken).into(), "its release is not valid gzip"),
        (
            STANDARD.encode(&broken[..end / 2]).into(),
            "its release is not valid gzip",
        ),
        (Vec::new(), "holds no release"),
        (packed(b""), "its release is not valid JSON"),
        (packed(SECRET.as_bytes()), "its release is not valid JSON"),
        (
            packed(&whole.as_bytes()[..whole.len() / 2]),
            "its release is not valid JSON",
        ),
        (
            packed(format!("{whole} {SECRET}").as_bytes()),
            "its release is not valid JSON",
        ),
    ] {
        assert_refused(&payload, expected);
    }
}

#[test]
fn what_is_another_release_or_none_is_named_and_not_shown() {
    let shape = "its release is not one of Helm: a field is missing or has another type";
    let other = "its release is another one than its name says";
    for (payload, expected) in [
        (packed(b"[\"hunter2\"]"), shape),
        (packed(b"{\"name\": \"web\"}"), shape),
        (with("/version", SECRET.into()), shape),
        (with("/manifest", json!([SECRET])), shape),
        (with("/version", 4.into()), other),
        (with("/name", SECRET.into()), other),
        (with("/namespace", SECRET.into()), other),
    ] {
        assert_refused(&payload, expected);
    }
}

#[test]
fn a_manifest_of_something_else_is_named_by_its_place_and_not_shown() {
    let config = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}";
    for (manifest, expected) in [
        (
            "kind: A\nmetadata: [hunter2",
            "its manifest is not valid YAML (line 2, column 11)",
        ),
        (
            "a: !!int hunter2",
            "its manifest is not valid YAML (line 1, column 10)",
        ),
        (
            SECRET,
            "its manifest, document 1: expected a Kubernetes object, found no apiVersion",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 668}",
            "its manifest, document 1: metadata.name is not text",
        ),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {key: hunter2!}",
            "its manifest: Secret a: /data/key is not base64; plain text belongs to stringData",
        ),
        (
            &format!("{config}\n---\n{config}"),
            "its manifest defines ConfigMap a twice",
        ),
    ] {
        assert_refused(&with("/manifest", manifest.into()), expected);
    }
}

#[test]
fn what_unpacks_to_more_than_any_release_is_refused_before_it_is_unpacked() {
    // A value that is passed over, one that is read, and blanks behind the end.
    let zeros = "0".repeat(33 << 20);
    let large = |text: String| packed(text.as_bytes());
    for payload in [
        large(format!(r#"{{"name": "web", "version": 3, "config": "{zeros}"}}"#)),
        large(format!(
            r#"{{"name": "web", "version": 3, "manifest": "{zeros}"}}"#
        )),
        large(format!("{}{}", stored(), " ".repeat(33 << 20))),
    ] {
        assert!(payload.len() < 100_000, "{}", payload.len());
        assert_eq!(read(&payload).unwrap_err(), HelmError::TooLarge { limit: 32 });
    }
}

#[test]
fn deep_nesting_in_what_is_passed_over_and_in_the_manifest_ends_with_an_error_or_is_read() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let values = format!(r#"{{"name": "web", "version": 3, "config": {deep}}}"#);
    assert!(read(&packed(values.as_bytes())).is_ok());
    let error = read(&with("/manifest", deep.into())).unwrap_err();
    assert!(matches!(error, HelmError::NotYaml { .. }), "{error}");
}

#[test]
fn names_of_any_length_are_cut_where_they_are_shown() {
    let release = read(&with("/chart/metadata/version", "1".repeat(1_000_000).into())).unwrap();
    assert!(release.revision.to_string().len() < 200);
}
