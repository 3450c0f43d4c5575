//! What pods read of other objects: Secrets, ConfigMaps, claims and ServiceAccounts.

use super::pod_spec::{CONTAINER_LISTS, items};
use serde_json::Value;

/// Names and namespaces of other objects that pods read: `Kind`, the name, and the key where one is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodReference {
    /// `Secret`, `ConfigMap`, `PersistentVolumeClaim` or `ServiceAccount`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The key that is read; none for the whole object.
    pub key: Option<String>,
    /// Whether its absence is allowed.
    pub optional: bool,
    /// Whether pods read it once, at their start (environment variables), and never again.
    pub at_start: bool,
}

/// Every object that a pod's spec refers to.
pub fn references(spec: &Value) -> Vec<PodReference> {
    let mut found = Vec::new();

    for (list, _) in CONTAINER_LISTS {
        for container in items(spec, list) {
            for variable in items(container, "env") {
                let from = variable.get("valueFrom");
                for (field, kind) in [("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")] {
                    refer(
                        &mut found,
                        kind,
                        from.and_then(|from| from.get(field)),
                        "name",
                        true,
                    );
                }
            }
            for source in items(container, "envFrom") {
                refer(&mut found, "Secret", source.get("secretRef"), "name", true);
                refer(&mut found, "ConfigMap", source.get("configMapRef"), "name", true);
            }
        }
    }

    for volume in items(spec, "volumes") {
        volume_references(&mut found, volume);
    }

    for secret in items(spec, "imagePullSecrets") {
        refer(&mut found, "Secret", Some(secret), "name", false);
    }

    // Each namespace comes with `default`: it is not missed, and an empty name means it.
    if let Some(name) = spec
        .get("serviceAccountName")
        .and_then(Value::as_str)
        .filter(|name| !matches!(*name, "" | "default"))
    {
        found.push(PodReference {
            kind: "ServiceAccount",
            name: name.into(),
            key: None,
            optional: false,
            at_start: false,
        });
    }

    // An empty name is none.
    found.retain(|reference| !reference.name.is_empty());
    found
}

fn volume_references(found: &mut Vec<PodReference>, volume: &Value) {
    refer(
        found,
        "PersistentVolumeClaim",
        volume.get("persistentVolumeClaim"),
        "claimName",
        false,
    );

    let projected = volume
        .get("projected")
        .map(|projected| items(projected, "sources"))
        .unwrap_or_default();
    // The sources of a projected volume have the shape of volumes.
    for source in std::iter::once(volume).chain(projected) {
        // A volume says `secretName`, a source of a projected one `name`.
        for (field, kind, name) in [
            ("secret", "Secret", "secretName"),
            ("secret", "Secret", "name"),
            ("configMap", "ConfigMap", "name"),
        ] {
            let Some(source) = source.get(field) else { continue };
            // Without items no key is needed by name.
            if items(source, "items").is_empty() {
                refer(found, kind, Some(source), name, false);
            }
            for item in items(source, "items") {
                let Some(name) = source.get(name).and_then(Value::as_str) else {
                    continue;
                };
                found.push(PodReference {
                    kind,
                    name: name.into(),
                    key: item.get("key").and_then(Value::as_str).map(Into::into),
                    optional: source.get("optional").and_then(Value::as_bool).unwrap_or(false),
                    at_start: false,
                });
            }
        }
    }
}

fn refer(
    found: &mut Vec<PodReference>,
    kind: &'static str,
    source: Option<&Value>,
    field: &str,
    at_start: bool,
) {
    let Some(source) = source else { return };
    let Some(name) = source.get(field).and_then(Value::as_str) else {
        return;
    };
    found.push(PodReference {
        kind,
        name: name.into(),
        key: source.get("key").and_then(Value::as_str).map(Into::into),
        optional: source.get("optional").and_then(Value::as_bool).unwrap_or(false),
        at_start,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_of_a_pod_say_the_key_and_whether_it_may_be_missing() {
        let spec = json!({
            "serviceAccountName": "shop", "imagePullSecrets": [{"name": "pull"}],
            "containers": [{"name": "c", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
                "envFrom": [{"configMapRef": {"name": "shop", "optional": true}}]}],
            "volumes": [{"name": "v", "secret": {"secretName": "tls", "items": [{"key": "tls.crt", "path": "c"}]}},
                {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}],
        });

        let listed: Vec<_> = references(&spec)
            .into_iter()
            .map(|r| (r.kind, r.name, r.key, r.optional, r.at_start))
            .collect();

        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            listed,
            [
                ("Secret", "db".to_owned(), some("password"), false, true),
                ("ConfigMap", "shop".to_owned(), None, true, true),
                ("Secret", "tls".to_owned(), some("tls.crt"), false, false),
                ("PersistentVolumeClaim", "data".to_owned(), None, false, false),
                ("Secret", "pull".to_owned(), None, false, false),
                ("ServiceAccount", "shop".to_owned(), None, false, false),
            ]
        );
    }
}
