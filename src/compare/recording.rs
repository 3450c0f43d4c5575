//! What a release is made of: the objects without Secrets, their images, and what they need and do not hold.
//!
//! The same objects give the same release, byte for byte: everything that is gathered is ordered, by first use or by
//! name. Values of Secrets are dropped, and only the names of their keys are kept: a release lies in repositories and
//! registries.

use crate::model::k8s::images::images;
use crate::model::k8s::pod_references::references;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::names::API_VERSION;
use crate::model::release::{
    ImagePath, RecordedImage, Release, ReleaseMetadata, ReleaseSpec, Requirement, Source,
};
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// One image of the manifests, and who uses it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededImage {
    /// As written.
    pub reference: String,
    /// `Deployment web, container web`, or the field: `Prometheus shop, /spec/image`.
    pub used_by: String,
}

/// Every image of the objects, each once, in the order of first use.
pub fn needed_images(objects: &[Object], paths: &[ImagePath]) -> Vec<NeededImage> {
    let mut seen = BTreeSet::new();
    let mut needed = Vec::new();
    for object in objects {
        for image in images(object, paths) {
            if seen.insert(image.reference.clone()) {
                // The first user stands for all: a person needs one place to look.
                let used_by = match image.role {
                    Some(_) => format!("{}, container {}", object.id(), image.container),
                    None => format!("{}, {}", object.id(), image.path),
                };
                needed.push(NeededImage {
                    reference: image.reference,
                    used_by,
                });
            }
        }
    }
    needed
}

/// Puts a release together, of objects without a server's fields. Secrets become requirements: their values never enter it.
pub fn record(
    metadata: ReleaseMetadata,
    source: Option<Source>,
    objects: Vec<Object>,
    images: Vec<RecordedImage>,
    image_paths: Vec<ImagePath>,
) -> Release {
    // First: of a Secret that is taken out, its requirement is all that stays.
    let requires = requirements(&objects);
    let objects = objects.into_iter().filter(|object| !object.is_secret()).collect();

    Release {
        api_version: API_VERSION.into(),
        kind: "Release".into(),
        metadata,
        spec: ReleaseSpec {
            source,
            images,
            image_paths,
            objects,
            requires,
        },
    }
}

/// What the objects need and do not hold, ordered by kind, namespace and name. Secrets among them are needs too.
pub fn requirements(objects: &[Object]) -> Vec<Requirement> {
    let types: BTreeMap<_, _> = objects
        .iter()
        .filter(|object| object.is_secret())
        .map(|secret| ((secret.namespace(), secret.name()), secret.text("/type")))
        .collect();

    // The type is known only of a Secret that is among the objects; of others only what is read of them.
    let typed = |need: RequirementUse| {
        let mut requirement = need.requirement;
        let place = (requirement.namespace.as_deref(), requirement.name.as_str());
        let found = types
            .get(&place)
            .filter(|text| requirement.kind == "Secret" && !text.is_empty());
        requirement.type_ = found.map(|text| (*text).to_owned());
        requirement
    };
    needs(objects, false).into_iter().map(typed).collect()
}

/// Something that objects need, and who needs it.
#[derive(Clone, Debug)]
pub(super) struct RequirementUse {
    pub requirement: Requirement,
    pub by: Vec<ObjectId>,
}

/// Needs, ordered by kind, namespace and name. `with_secrets`: Secrets among the objects are held by them.
pub(super) fn needs(objects: &[Object], with_secrets: bool) -> Vec<RequirementUse> {
    let held: HashSet<ObjectId> = objects
        .iter()
        .filter(|object| with_secrets || !object.is_secret())
        .map(Object::id)
        .collect();

    let mut needs = Needs {
        held,
        produced: produced(objects),
        found: BTreeMap::new(),
    };
    for object in objects {
        let namespace = object.namespace();
        for reference in pod_spec(object).map(references).unwrap_or_default() {
            needs.add(
                object,
                (reference.kind, namespace, &reference.name),
                reference.key.as_deref(),
                reference.optional,
            );
        }

        for (kind, name, keys) in other_needs(object) {
            // Cluster-scoped: under a namespace it would be held or found by nobody.
            let scope = if kind == "StorageClass" { None } else { namespace };
            needs.add(object, (kind, scope, &name), None, false);
            keys.iter()
                .for_each(|key| needs.add(object, (kind, scope, &name), Some(key), false));
        }

        // All its keys, also those that no object reads: the application may read them through the API.
        if object.is_secret() && !with_secrets {
            needs.add(object, ("Secret", namespace, object.name()), None, false);
            for key in object
                .at("/data")
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(|data| data.keys())
            {
                needs.add(object, ("Secret", namespace, object.name()), Some(key), false);
            }
        }
    }

    let sorted = |mut need: RequirementUse| {
        need.requirement.keys.sort();
        need.requirement.keys.dedup();
        // One object may need several keys: its entries follow each other.
        need.by.dedup();
        need
    };
    needs.found.into_values().map(sorted).collect()
}

struct Needs {
    held: HashSet<ObjectId>,
    produced: BTreeMap<(Option<String>, String), String>,
    found: BTreeMap<(String, Option<String>, String), RequirementUse>,
}

impl Needs {
    fn add(&mut self, by: &Object, what: (&str, Option<&str>, &str), key: Option<&str>, optional: bool) {
        let (kind, namespace, name) = what;
        // The API's way to say none: `storageClassName: ""` is a volume without a class.
        if name.is_empty() {
            return;
        }

        let group = if kind == "StorageClass" {
            "storage.k8s.io"
        } else {
            ""
        };

        if self.held.contains(&ObjectId::new(group, kind, namespace, name)) {
            return;
        }

        let place = (namespace.map(str::to_owned), name.to_owned());
        let produced_by = self.produced.get(&place).filter(|_| kind == "Secret").cloned();
        let slot = (kind.to_owned(), place.0, place.1);

        let need = self.found.entry(slot).or_insert_with(|| RequirementUse {
            requirement: Requirement {
                kind: kind.into(),
                namespace: namespace.map(Into::into),
                name: name.into(),
                type_: None,
                keys: Vec::new(),
                produced_by,
                // Until one of its users cannot do without.
                optional: true,
            },
            by: Vec::new(),
        });

        need.requirement.optional &= optional;
        need.requirement.keys.extend(key.map(str::to_owned));
        need.by.push(by.id());
    }
}

/// Needs that are not a pod's.
fn other_needs(object: &Object) -> Vec<(&'static str, String, &'static [&'static str])> {
    let texts = |pointer: &str, field: &str| -> Vec<String> {
        let list = object
            .at(pointer)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        list.iter()
            .filter_map(|item| item.get(field)?.as_str().map(str::to_owned))
            .collect()
    };

    match object.kind() {
        // The keys that a Secret of the type `kubernetes.io/tls` has by the API's validation.
        "Ingress" => texts("/spec/tls", "secretName")
            .into_iter()
            .map(|name| ("Secret", name, &["tls.crt", "tls.key"][..]))
            .collect(),
        // Without a class the name is empty, which counts as no need.
        "PersistentVolumeClaim" => {
            vec![(
                "StorageClass",
                object.text("/spec/storageClassName").to_owned(),
                &[][..],
            )]
        }
        "StatefulSet" => {
            let templates = object
                .at("/spec/volumeClaimTemplates")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            // A template without a class gets the cluster's default one, whatever that is called.
            let class = |template: &Value| {
                template
                    .pointer("/spec/storageClassName")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            templates
                .iter()
                .filter_map(class)
                .map(|name| ("StorageClass", name, &[][..]))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Secrets that objects of the release produce: namespace and name → `Kind/name` of the producer.
fn produced(objects: &[Object]) -> BTreeMap<(Option<String>, String), String> {
    let mut produced = BTreeMap::new();
    for object in objects {
        let group = object.gvk().group;
        let own = object.name();
        // Without a name of its own the Secret is called like its producer; a Certificate has to name one.
        let named = |pointer: &str| {
            Some(object.text(pointer))
                .filter(|name| !name.is_empty())
                .unwrap_or(own)
        };

        let secret = match (group.as_str(), object.kind()) {
            ("external-secrets.io", "ExternalSecret") => named("/spec/target/name"),
            ("bitnami.com", "SealedSecret") => named("/spec/template/metadata/name"),
            ("cert-manager.io", "Certificate") => object.text("/spec/secretName"),
            _ => continue,
        };

        let place = (object.namespace().map(str::to_owned), secret.to_owned());
        produced.insert(place, format!("{}/{own}", object.kind()));
    }
    produced
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Object {
        Object::new(value).unwrap()
    }

    fn pod(spec: &Value) -> Object {
        object(
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": spec}),
        )
    }

    #[test]
    fn a_secret_becomes_a_requirement_and_its_values_stay_out() {
        let secret = object(
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "db", "namespace": "n"}, "data": {"password": "aHVudGVyMg=="}}),
        );
        let reader = pod(
            &json!({"containers": [{"name": "c", "image": "x:1", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]}]}),
        );

        let metadata = ReleaseMetadata {
            name: "shop".into(),
            version: "1".into(),
        };
        let release = record(metadata, None, vec![secret, reader], vec![], vec![]);
        assert_eq!(release.spec.objects.len(), 1);
        assert_eq!(release.spec.requires.len(), 1);

        let need = &release.spec.requires[0];
        assert_eq!(
            (need.type_.as_deref(), &need.keys[..]),
            (Some("Opaque"), &["password".to_owned()][..])
        );

        assert!(!serde_json::to_string(&release).unwrap().contains("aHVudGVyMg"));
    }

    #[test]
    fn what_the_release_holds_is_not_required_and_what_it_produces_is_awaited() {
        let map = object(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "n"}}),
        );
        let external = object(
            json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "e", "namespace": "n"}, "spec": {"target": {"name": "db"}}}),
        );
        let reader = pod(
            &json!({"containers": [{"name": "c", "envFrom": [{"configMapRef": {"name": "m"}}, {"secretRef": {"name": "db"}}, {"configMapRef": {"name": "maybe", "optional": true}}]}]}),
        );

        let found = requirements(&[map, external, reader]);

        let descriptions: Vec<_> = found
            .iter()
            .map(|need| {
                (
                    need.kind.as_str(),
                    need.name.as_str(),
                    need.produced_by.as_deref(),
                    need.optional,
                )
            })
            .collect();
        assert_eq!(
            descriptions,
            [
                ("ConfigMap", "maybe", None, true),
                ("Secret", "db", Some("ExternalSecret/e"), false)
            ]
        );
    }

    #[test]
    fn an_image_is_needed_once_and_by_its_first_user() {
        let one = pod(
            &json!({"containers": [{"name": "c", "image": "x:1"}], "initContainers": [{"name": "i", "image": "y:1"}]}),
        );
        let two = pod(&json!({"containers": [{"name": "d", "image": "x:1"}]}));

        // Init containers run before the others, and are named first.
        let descriptions: Vec<_> = needed_images(&[one, two], &[])
            .into_iter()
            .map(|image| image.reference)
            .collect();
        assert_eq!(descriptions, ["y:1", "x:1"]);
    }

    #[test]
    fn an_empty_name_needs_nothing() {
        let claims = object(
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"}, "spec": {
                "volumeClaimTemplates": [{"spec": {"storageClassName": ""}}],
                "template": {"spec": {"serviceAccountName": "", "imagePullSecrets": [{"name": ""}], "containers": [
                    {"name": "c", "image": "x", "envFrom": [{"configMapRef": {"name": ""}}]}]}}}}),
        );

        let ingress = object(
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"}, "spec": {"tls": [{"secretName": ""}]}}),
        );

        assert_eq!(requirements(&[claims, ingress]), []);
    }
}
