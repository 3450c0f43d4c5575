//! Leaves that take any text: what the server's validation says of them is known, and nothing else follows from them.
//!
//! A closed list, by kind and place. A leaf that is not on it is the server's to judge.
//!
//! Left out is whatever a rule of the API could refuse, default, count or resolve, and what another field follows
//! from. A place that is missing here costs a request; one that should not be here would prove what is not so.

use crate::model::path::Step;
use crate::model::{FieldPath, Object, secret_data};
use serde_json::Value;

/// Bytes of all texts of an object, well below every limit of the server (256 KiB of annotations, 1 MiB of data).
const SMALL: usize = 128 << 10;

/// Whether the leaf at `path` of `live` can become `wanted` without a word from the server.
pub(super) fn accepts(live: &Object, path: &FieldPath, held: &Value, wanted: &Value) -> bool {
    let names: Vec<&str> = path.steps().iter().map(name).collect();

    match (held, wanted) {
        (Value::String(_), Value::String(text)) => takes_text(live, &names, text),
        // The words of a command are one value. Empty lists, which the server drops, do not come here.
        (Value::Array(_), Value::Array(words)) => {
            let is_command = |names: &[&str]| {
                matches!(
                    names,
                    ["spec", "containers" | "initContainers", ITEM, "args" | "command"]
                )
            };
            in_template(live, &names).is_some_and(is_command) && words.iter().all(Value::is_string)
        }
        _ => false,
    }
}

/// Whether an object is far from every limit of its size.
pub(super) fn is_small(object: &Value) -> bool {
    fn texts(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(texts).sum(),
            Value::Object(map) => map.iter().map(|(key, value)| key.len() + texts(value)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }
    texts(object) <= SMALL
}

const ITEM: &str = "[]";

fn name(step: &Step) -> &str {
    match step {
        Step::Field(name) => name,
        Step::Key(_) | Step::Value(_) | Step::Index(_) => ITEM,
    }
}

fn takes_text(live: &Object, names: &[&str], text: &str) -> bool {
    match names {
        ["metadata", "annotations", key] => has_plain_metadata(live) && is_plain(key),
        ["metadata", "labels", key] => has_plain_metadata(live) && is_plain(key) && is_label(text),
        ["data", _] => takes_data(live, text),
        _ => match in_template(live, names) {
            Some(["metadata", "annotations", key]) => is_plain(key),
            Some(["spec", "containers" | "initContainers", ITEM, "image"]) => is_image(live, text),
            // An empty value is left out of the object.
            Some(
                [
                    "spec",
                    "containers" | "initContainers",
                    ITEM,
                    "env",
                    ITEM,
                    "value",
                ],
            ) => !text.is_empty(),
            _ => false,
        },
    }
}

/// Kinds whose metadata only the general rules speak of. Not roles: whoever changes one must hold what it grants. Not
/// claims: a LimitRange holds each update of one to its limits.
fn has_plain_metadata(live: &Object) -> bool {
    let gvk = live.gvk();
    matches!(
        (&*gvk.group, &*gvk.kind),
        ("", "ConfigMap" | "Secret" | "Service" | "ServiceAccount")
            | ("apps", "Deployment" | "StatefulSet" | "DaemonSet")
            | ("batch", "CronJob")
            | ("networking.k8s.io", "Ingress" | "NetworkPolicy")
            | ("policy", "PodDisruptionBudget")
    )
}

/// A Secret of a type may be held to what the type says of its content.
fn takes_data(live: &Object, text: &str) -> bool {
    let gvk = live.gvk();
    let is_immutable = live.at("/immutable") == Some(&Value::Bool(true));

    match &*gvk.kind {
        _ if !gvk.group.is_empty() || is_immutable => false,
        "ConfigMap" => true,
        // Another form of the same bytes would come back as the canonical one, and differ from what was sent.
        "Secret" => live.text("/type") == "Opaque" && is_canonical(text),
        _ => false,
    }
}

/// The path below the pod template of a workload whose template can change. Not of a DaemonSet: the server counts its
/// templates in an annotation.
fn in_template<'n>(live: &Object, names: &'n [&'n str]) -> Option<&'n [&'n str]> {
    let gvk = live.gvk();
    match (&*gvk.group, &*gvk.kind) {
        // Not of a Job: its template never changes.
        ("apps", "Deployment" | "StatefulSet") => names.strip_prefix(&["spec", "template"]),
        ("batch", "CronJob") => names.strip_prefix(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// Keys of Kubernetes' own may have rules of their own, apart from the recommended labels. `deprecated.` begins what the
/// server converts to fields of an older version (`deprecated.daemonset.template.generation`).
fn is_plain(key: &str) -> bool {
    if key.starts_with("deprecated.") {
        return false;
    }

    let Some((domain, _)) = key.split_once('/') else {
        return true;
    };

    let is_of =
        |owner: &str| domain == owner || domain.strip_suffix(owner).is_some_and(|sub| sub.ends_with('.'));
    domain == "app.kubernetes.io" || !(is_of("kubernetes.io") || is_of("k8s.io"))
}

fn is_label(text: &str) -> bool {
    let is_end = |c: char| c.is_ascii_alphanumeric();
    let is_inner = |c: char| is_end(c) || matches!(c, '-' | '_' | '.');

    text.len() <= 63
        && text.chars().all(is_inner)
        && (text.is_empty() || text.starts_with(is_end) && text.ends_with(is_end))
}

/// Base64 as the server gives it back.
fn is_canonical(text: &str) -> bool {
    secret_data::decode(text).is_some_and(|bytes| secret_data::encode(&bytes) == text)
}

/// A reference with a repository's path: some servers (OpenShift's) resolve short names, or those they are told to.
fn is_image(live: &Object, text: &str) -> bool {
    let is_resolved = |annotations: &Value| {
        annotations
            .as_object()
            .is_some_and(|map| map.keys().any(|key| key.contains("openshift.io")))
    };

    let is_told = ["/metadata/annotations", "/spec/template/metadata/annotations"]
        .iter()
        .any(|pointer| live.at(pointer).is_some_and(is_resolved));

    // Validation refuses white space around an image.
    text.contains('/') && !text.contains(char::is_whitespace) && !is_told
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn takes_at(live: Value, path: &str, wanted: &Value) -> bool {
        let live = Object::new(live).unwrap();
        let path: FieldPath = path.parse().unwrap();
        let held = path.get(live.value()).unwrap().clone();
        accepts(&live, &path, &held, wanted)
    }

    fn deployment() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"app.kubernetes.io/version": "1"}, "annotations": {"example.com/a": "x", "kubernetes.io/change-cause": "x"}},
            "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "web"}, "annotations": {"container.apparmor.security.beta.kubernetes.io/web": "x"}},
                "spec": {"serviceAccountName": "a", "containers": [{"name": "web", "image": "r.example/web:1", "args": ["a"], "imagePullPolicy": "Always",
                    "env": [{"name": "A", "value": "1"}], "resources": {"limits": {"cpu": "1"}}}]}}}})
    }

    const CONTAINER: &str = "/spec/template/spec/containers/[name=web]";

    #[rstest]
    #[case::annotation("/metadata/annotations/example.com~1a", &json!(""), true)]
    #[case::kubernetes_own("/metadata/annotations/kubernetes.io~1change-cause", &json!("y"), false)]
    #[case::label("/metadata/labels/app.kubernetes.io~1version", &json!("2.0_a"), true)]
    #[case::no_label("/metadata/labels/app.kubernetes.io~1version", &json!("2 "), false)]
    #[case::long_label("/metadata/labels/app.kubernetes.io~1version", &json!("a".repeat(64)), false)]
    #[case::replicas("/spec/replicas", &json!(2), false)]
    // The selector has to match the labels of the template.
    #[case::label_of_pods("/spec/template/metadata/labels/app", &json!("other"), false)]
    #[case::apparmor("/spec/template/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1web", &json!("y"), false)]
    #[case::account("/spec/template/spec/serviceAccountName", &json!("b"), false)]
    #[case::image("CONTAINER/image", &json!("r.example/web:2"), true)]
    #[case::no_image("CONTAINER/image", &json!(""), false)]
    #[case::short_image("CONTAINER/image", &json!("web:2"), false)]
    #[case::image_with_a_blank("CONTAINER/image", &json!("r.example/web:2 "), false)]
    // One of three words: the server refuses any other.
    #[case::policy("CONTAINER/imagePullPolicy", &json!("Sometimes"), false)]
    #[case::value("CONTAINER/env/[name=A]/value", &json!("2"), true)]
    #[case::empty_value("CONTAINER/env/[name=A]/value", &json!(""), false)]
    #[case::number("CONTAINER/env/[name=A]/value", &json!(2), false)]
    #[case::words("CONTAINER/args", &json!(["a", "b"]), true)]
    #[case::numbers("CONTAINER/args", &json!([1]), false)]
    // A quantity comes back in the server's own form, and is held against the request.
    #[case::limit("CONTAINER/resources/limits/cpu", &json!("2"), false)]
    fn leaves_of_a_workload(#[case] path: &str, #[case] wanted: &Value, #[case] expected: bool) {
        assert_eq!(
            takes_at(deployment(), &path.replace("CONTAINER", CONTAINER), wanted),
            expected
        );
    }

    #[rstest]
    #[case::map("ConfigMap", "note", true)]
    #[case::claim("PersistentVolumeClaim", "note", false)]
    #[case::converted("ConfigMap", "deprecated.daemonset.template.generation", false)]
    fn annotations(#[case] kind: &str, #[case] key: &str, #[case] expected: bool) {
        let live =
            json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "annotations": {key: "x"}}});
        assert_eq!(
            takes_at(live, &format!("/metadata/annotations/{key}"), &json!("y")),
            expected
        );
    }

    #[test]
    fn an_image_that_openshift_may_resolve_is_the_servers() {
        let mut live = deployment();
        live["metadata"]["annotations"]["alpha.image.policy.openshift.io/resolve-names"] = "*".into();

        assert!(!takes_at(
            live,
            &format!("{CONTAINER}/image"),
            &json!("r.example/web:2")
        ));
    }

    #[rstest]
    #[case::data("ConfigMap", &json!({}), "1", true)]
    #[case::immutable("ConfigMap", &json!({"immutable": true}), "1", false)]
    #[case::opaque("Secret", &json!({"type": "Opaque"}), "MQ==", true)]
    #[case::no_base64("Secret", &json!({"type": "Opaque"}), "1", false)]
    #[case::unusual_base64("Secret", &json!({"type": "Opaque"}), "MR==", false)]
    #[case::certificate("Secret", &json!({"type": "kubernetes.io/tls"}), "MQ==", false)]
    #[case::of_another_kind("Thing", &json!({}), "1", false)]
    fn data(#[case] kind: &str, #[case] fields: &Value, #[case] wanted: &str, #[case] expected: bool) {
        let mut live =
            json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "data": {"k": "eA=="}});
        live.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        assert_eq!(takes_at(live, "/data/k", &json!(wanted)), expected);
    }

    #[test]
    fn a_large_object_is_the_servers() {
        assert!(is_small(&json!({"data": {"a": "x".repeat(100 << 10)}})));

        // Neither text alone is too long.
        assert!(!is_small(
            &json!({"data": {"a": "x".repeat(100 << 10), "b": ["x".repeat(29 << 10)]}})
        ));
    }
}
