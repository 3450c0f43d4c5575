//! What is known about fields that hold images in kinds that are not built in, and about kinds that only speak of images.
//!
//! An image of these tables is rewritten to its digest when it is promoted. So a field stands here only where its
//! operator starts a container from the whole reference; one that an operator takes apart is for the user to name.

use crate::model::k8s::kinds::{Gvk, built_in};
use crate::model::k8s::pod_spec::CONTAINER_LISTS;

/// Group, kind and path of fields of their own, beside everything that has the shape of a container.
const OPERATOR_FIELDS: &[(&str, &str, &str)] = &[
    ("monitoring.coreos.com", "Prometheus", "/spec/image"),
    ("monitoring.coreos.com", "Prometheus", "/spec/thanos/image"),
    ("monitoring.coreos.com", "PrometheusAgent", "/spec/image"),
    ("monitoring.coreos.com", "Alertmanager", "/spec/image"),
    ("monitoring.coreos.com", "ThanosRuler", "/spec/image"),
    ("sparkoperator.k8s.io", "SparkApplication", "/spec/image"),
    ("sparkoperator.k8s.io", "SparkApplication", "/spec/driver/image"),
    ("sparkoperator.k8s.io", "SparkApplication", "/spec/executor/image"),
    (
        "sparkoperator.k8s.io",
        "ScheduledSparkApplication",
        "/spec/template/image",
    ),
    (
        "sparkoperator.k8s.io",
        "ScheduledSparkApplication",
        "/spec/template/driver/image",
    ),
    (
        "sparkoperator.k8s.io",
        "ScheduledSparkApplication",
        "/spec/template/executor/image",
    ),
    ("postgresql.cnpg.io", "Cluster", "/spec/imageName"),
    ("postgresql.cnpg.io", "ImageCatalog", "/spec/images/[*]/image"),
    (
        "postgresql.cnpg.io",
        "ClusterImageCatalog",
        "/spec/images/[*]/image",
    ),
];

/// Groups whose objects name images that others run: they scan, update or judge them, and a digest in place of a tag or of
/// a pattern would change what they say. Every kind of them, and of the groups below them.
const SPEAKING_GROUPS: &[&str] = &[
    // Flux, Argo CD's image updater, scanners.
    "image.toolkit.fluxcd.io",
    "argocd-image-updater.argoproj.io",
    "aquasecurity.github.io",
    // Policies.
    "kyverno.io",
    "gatekeeper.sh",
    "policy.sigstore.dev",
    "policies.kubewarden.io",
    // Images of machines, which no container runtime knows.
    "infrastructure.cluster.x-k8s.io",
];

/// Maps of which a container is made, by the field that holds them; so are all whose name ends in `Container`.
const CONTAINER_FIELDS: &[&str] = &["container", "sidecar", "script", "stepTemplate"];

/// Lists of containers besides those of a pod. Containers of all of these may have no name (Knative, Tekton); of other
/// lists an item needs one.
const OTHER_CONTAINER_LISTS: &[&str] = &["steps", "sidecars"];

/// Fields below which nothing is an image, whatever it looks like: texts for tools, and shapes of what could be written.
const NO_IMAGES_BELOW: &[&str] = &[
    "metadata",
    "annotations",
    "labels",
    "schema",
    "openAPIV3Schema",
    "jsonSchema",
    "encryptedData",
    // A block device, whose image is a disk.
    "rbd",
];

/// The paths of a kind's fields that its operator starts containers from.
pub(super) fn operator_fields(gvk: &Gvk) -> impl Iterator<Item = &'static str> {
    OPERATOR_FIELDS
        .iter()
        .filter(|(group, kind, _)| *group == gvk.group && *kind == gvk.kind)
        .map(|(.., path)| *path)
}

/// Whether what looks like an image in objects of this kind may be one: not in a built-in kind, whose pods are known, nor
/// where only something is said of images.
pub fn may_run_images(gvk: &Gvk) -> bool {
    let is_below = |group: &&str| {
        let rest = gvk.group.strip_suffix(*group);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };

    // A custom resource's group is a domain.
    let is_custom = gvk.group.contains('.') && built_in(&gvk.group, &gvk.kind).is_none();
    is_custom && !SPEAKING_GROUPS.iter().any(is_below)
}

/// Whether a map in this field is a container.
pub(super) fn is_container_field(field: &str) -> bool {
    CONTAINER_FIELDS.contains(&field) || field.ends_with("Container")
}

/// Whether every item of a list in this field is a container.
pub(super) fn is_container_list(field: &str) -> bool {
    CONTAINER_LISTS.iter().any(|(list, _)| *list == field) || OTHER_CONTAINER_LISTS.contains(&field)
}

/// Whether a field and all below it hold no images.
pub fn is_without_images(field: &str) -> bool {
    NO_IMAGES_BELOW.contains(&field)
}
