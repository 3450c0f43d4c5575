//! How kustomize finds the manifest of an object. It matches texts as regular expressions, each as a whole.
//!
//! A manifest need not name its namespace, so that one is only selected by where the name alone does not tell objects apart. A
//! generated ConfigMap gets the hash in its name after all patches: it is found with and without.

use super::super::pair::without_hash;
use crate::model::finding::ObjectComparison;
use crate::model::patch::ManifestSelector;
use crate::model::{Object, ObjectId};

/// Where kustomize takes a manifest to be that names no namespace.
const NO_NAMESPACE: &str = "default";
/// The core group, which has no name: no expression matches any group.
const CORE: &str = "^$";

/// The objects of desired, by which ambiguous names are known.
pub(super) struct Selectors {
    desired: Vec<ObjectId>,
    home: String,
}

impl Selectors {
    pub fn new(objects: &[ObjectComparison], home: &str) -> Self {
        let desired = objects.iter().filter(|object| object.desired.is_some());
        Self {
            desired: desired.map(ObjectComparison::id).collect(),
            home: home.to_owned(),
        }
    }

    /// The selector of one of them.
    pub fn select(&self, object: &Object) -> ManifestSelector {
        let (id, gvk) = (object.id(), object.gvk());
        let is_core_in_doubt = gvk.group.is_empty()
            && self.is_any(|other| other.kind == id.kind && other.name == id.name && !other.group.is_empty());

        ManifestSelector {
            // No two groups differ where one has a dot: they are read better without a backslash.
            group: if is_core_in_doubt {
                CORE.to_owned()
            } else {
                gvk.group
            },
            version: gvk.version,
            kind: gvk.kind,
            name: name(&id),
            namespace: self.namespace(&id),
        }
    }

    fn is_any(&self, is_it: impl Fn(&ObjectId) -> bool) -> bool {
        self.desired.iter().any(is_it)
    }

    fn namespace(&self, id: &ObjectId) -> Option<String> {
        let is_namesake = |other: &ObjectId| {
            (&other.group, &other.kind, &other.name) == (&id.group, &id.kind, &id.name)
                && other.namespace != id.namespace
        };
        let namespace = id.namespace.as_deref().filter(|_| self.is_any(is_namesake))?;

        let is_in_default = |other: &ObjectId| other.namespace.as_deref() == Some(NO_NAMESPACE);
        let is_default_taken = self.is_any(|other| is_namesake(other) && is_in_default(other));
        let may_be_unnamed = namespace == self.home && namespace != NO_NAMESPACE && !is_default_taken;
        Some(if may_be_unnamed {
            format!("({}|{NO_NAMESPACE})", quote(namespace))
        } else {
            quote(namespace)
        })
    }
}

/// Whether the name ends in a hash of the content, as kustomize's generators write it.
pub(super) fn is_generated(id: &ObjectId) -> bool {
    without_hash(id) != id.name
}

fn name(id: &ObjectId) -> String {
    let stem = without_hash(id);
    match id.name.strip_prefix(stem) {
        Some(hash) if !hash.is_empty() => format!("{}({})?", quote(stem), quote(hash)),
        _ => quote(&id.name),
    }
}

/// A text as an expression that matches nothing else.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn select(object: (&str, &str, &str, &str), others: &[(&str, &str, &str, &str)]) -> ManifestSelector {
        let id = |(group, kind, namespace, name): (&str, &str, &str, &str)| {
            ObjectId::new(group, kind, Some(namespace), name)
        };
        let selectors = Selectors {
            desired: others.iter().copied().chain([object]).map(id).collect(),
            home: "shop".into(),
        };
        let (group, kind, namespace, name) = object;
        let version = if group.is_empty() {
            "v1".into()
        } else {
            format!("{group}/v1")
        };
        let object =
            json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
        selectors.select(&Object::new(object).unwrap())
    }

    #[test]
    fn a_name_is_matched_as_it_is_and_a_generated_one_with_and_without_its_hash() {
        let name = |kind: &str, name: &str| select(("", kind, "shop", name), &[]).name;
        assert_eq!(name("Service", "a.b"), "a\\.b");
        assert_eq!(name("ConfigMap", "shop-gc9b58gmbc"), "shop(-gc9b58gmbc)?");
        assert_eq!(name("Service", "shop-gc9b58gmbc"), "shop-gc9b58gmbc");
    }

    #[test]
    fn a_namespace_is_named_only_where_the_name_does_not_tell() {
        let service = ("", "Service", "shop", "web");
        assert_eq!(
            select(service, &[("", "ConfigMap", "infra", "web")]).namespace,
            None
        );

        // The manifest of the release namespace may name none, and kustomize then takes it to be in `default`.
        let twin = ("", "Service", "infra", "web");
        assert_eq!(
            select(service, &[twin]).namespace.as_deref(),
            Some("(shop|default)")
        );
        assert_eq!(select(twin, &[service]).namespace.as_deref(), Some("infra"));
        let in_default = ("", "Service", "default", "web");
        assert_eq!(select(service, &[in_default]).namespace.as_deref(), Some("shop"));
    }

    #[test]
    fn the_core_group_is_named_where_a_custom_kind_is_called_alike() {
        let service = ("", "Service", "shop", "web");
        assert_eq!(select(service, &[]).group, "");
        let custom = ("serving.knative.dev", "Service", "shop", "web");
        assert_eq!(select(service, &[custom]).group, "^$");
        assert_eq!(select(custom, &[service]).group, "serving.knative.dev");
    }
}
