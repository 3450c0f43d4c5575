//! Where objects hold pods, and where pods hold images.
//!
//! Each image has the path at which it is pinned, and the container under which a pod reports it. Kinds that
//! are not built in hold pods in ways of their own: of these only the image paths are read that a release
//! records.

use crate::model::finding::ContainerRole;
use crate::model::k8s::kinds::Gvk;
use crate::model::object::Object;
use crate::model::path::{FieldPath, Step};
use crate::model::release::ImagePath;
use serde_json::Value;

/// The path of the pod's spec in a built-in kind that holds one.
pub fn pod_spec_path(gvk: &Gvk) -> Option<&'static [&'static str]> {
    match (&*gvk.group, &*gvk.kind) {
        ("", "Pod") => Some(&["spec"]),
        ("", "PodTemplate") => Some(&["template", "spec"]),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
        | ("batch", "Job") => Some(&["spec", "template", "spec"]),
        ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        // What custom kinds hold is told by image paths alone.
        _ => None,
    }
}

/// The pod's spec of an object, where its kind holds one.
pub fn pod_spec(object: &Object) -> Option<&Value> {
    pod_spec_path(&object.gvk())?
        .iter()
        .try_fold(object.value(), |value, step| value.get(*step))
}

/// One image that an object names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUse {
    /// Where, with keyed list items.
    pub path: FieldPath,
    /// The container's or the volume's name; the path's last field for custom kinds.
    pub container: String,
    /// The container's role; none for image volumes and custom kinds.
    pub role: Option<ContainerRole>,
    /// The reference as written.
    pub reference: String,
}

/// Lists of a pod's spec whose items name an image directly.
// In the order in which a pod starts them; the last ones are added by hand.
const CONTAINER_LISTS: [(&str, ContainerRole); 3] = [
    ("initContainers", ContainerRole::Init),
    ("containers", ContainerRole::Main),
    ("ephemeralContainers", ContainerRole::Ephemeral),
];

/// Every image that an object names, in the order of the fields' roles; custom kinds by the given paths.
pub fn images(object: &Object, custom: &[ImagePath]) -> Vec<ImageUse> {
    let gvk = object.gvk();
    let mut found = Vec::new();

    if let (Some(steps), Some(spec)) = (pod_spec_path(&gvk), pod_spec(object)) {
        let root = FieldPath::from_steps(steps.iter().map(|step| Step::Field((*step).to_owned())).collect());
        for (list, role) in CONTAINER_LISTS {
            for item in items(spec, list) {
                collect(&mut found, &root.field(list), item, &["image"], Some(role));
            }
        }
        // An image volume names its image one field deeper.
        for volume in items(spec, "volumes") {
            collect(
                &mut found,
                &root.field("volumes"),
                volume,
                &["image", "reference"],
                None,
            );
        }
    }

    for path in custom
        .iter()
        .filter(|path| path.group == gvk.group && path.kind == gvk.kind)
    {
        let steps: Vec<&str> = path.path.split('/').filter(|step| !step.is_empty()).collect();
        collect_custom(&mut found, object.value(), &FieldPath::root(), &steps);
    }

    found
}

fn items<'v>(spec: &'v Value, list: &str) -> &'v [Value] {
    spec.get(list)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn collect(
    found: &mut Vec<ImageUse>,
    list: &FieldPath,
    item: &Value,
    fields: &[&str],
    role: Option<ContainerRole>,
) {
    let reference = fields
        .iter()
        .try_fold(item, |value, field| value.get(*field))
        .and_then(Value::as_str);
    // Without a name it has no address; the server takes no such container.
    let (Some(reference), Some(name)) = (reference, item.get("name")) else {
        return;
    };

    let keyed = list.with(Step::key([("name", name)]));
    found.push(ImageUse {
        path: fields.iter().fold(keyed, |path, field| path.field(field)),
        container: name.as_str().unwrap_or_default().to_owned(),
        role,
        reference: reference.to_owned(),
    });
}

fn collect_custom(found: &mut Vec<ImageUse>, value: &Value, path: &FieldPath, steps: &[&str]) {
    match (steps, value) {
        ([], Value::String(reference)) => found.push(ImageUse {
            path: path.clone(),
            container: path.steps().last().map(ToString::to_string).unwrap_or_default(),
            role: None,
            reference: reference.clone(),
        }),
        // By place: the key of a custom kind's list is not known here.
        (["[*]", rest @ ..], Value::Array(list)) => {
            for (index, item) in list.iter().enumerate() {
                collect_custom(found, item, &path.with(Step::Index(index)), rest);
            }
        }
        // A map of named parts: each may hold an image.
        (["[*]" | "*", rest @ ..], Value::Object(map)) => {
            for (key, item) in map {
                collect_custom(found, item, &path.field(key), rest);
            }
        }
        ([field, rest @ ..], Value::Object(map)) => {
            if let Some(item) = map.get(*field) {
                collect_custom(found, item, &path.field(field), rest);
            }
        }
        // An optional part that this object does not have.
        _ => {}
    }
}

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

    fn with_spec(kind: (&str, &str), spec: &Value) -> Object {
        Object::new(json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "a"}, "spec": spec}))
            .unwrap()
    }

    #[test]
    fn images_are_found_in_every_list_and_in_volumes() {
        let spec = json!({"template": {"spec": {
            "initContainers": [{"name": "i", "image": "init:1"}],
            "containers": [{"name": "web", "image": "web:1"}, {"name": "bare"}],
            "volumes": [{"name": "models", "image": {"reference": "models:1"}}, {"name": "tmp", "emptyDir": {}}],
        }}});

        let found = images(&with_spec(("apps/v1", "Deployment"), &spec), &[]);
        let listed: Vec<_> = found
            .iter()
            .map(|image| (image.path.to_string(), image.reference.as_str()))
            .collect();
        assert_eq!(
            listed,
            [
                (
                    "/spec/template/spec/initContainers/[name=i]/image".to_owned(),
                    "init:1"
                ),
                (
                    "/spec/template/spec/containers/[name=web]/image".to_owned(),
                    "web:1"
                ),
                (
                    "/spec/template/spec/volumes/[name=models]/image/reference".to_owned(),
                    "models:1"
                ),
            ]
        );
    }

    #[test]
    fn a_cron_job_holds_its_pod_deeper() {
        let spec = json!({"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "x"}]}}}}});
        assert_eq!(images(&with_spec(("batch/v1", "CronJob"), &spec), &[]).len(), 1);
    }

    #[test]
    fn a_custom_kind_is_read_by_the_given_paths() {
        let object = with_spec(
            ("acme.io/v1", "Cluster"),
            &json!({"workers": [{"image": "w:1"}, {"image": "w:2"}]}),
        );
        let path = ImagePath {
            group: "acme.io".into(),
            kind: "Cluster".into(),
            path: "/spec/workers/[*]/image".into(),
        };

        let found = images(&object, &[path]);
        assert_eq!(
            found
                .iter()
                .map(|image| image.reference.as_str())
                .collect::<Vec<_>>(),
            ["w:1", "w:2"]
        );
        assert!(found.iter().all(|image| image.path.get(object.value()).is_some()));
    }

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
