//! Where the built-in kinds hold pods, and what these name as images.

use crate::model::finding::ContainerRole;
use crate::model::k8s::kinds::Gvk;
use crate::model::object::Object;
use crate::model::path::{FieldPath, Step};
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
        // Custom kinds hold pods in ways of their own.
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
    /// The container's or the volume's name; the path's last field where a field of its own holds the image.
    pub container: String,
    /// The role of the container under which a pod reports it; none for image volumes and for fields that an operator
    /// reads.
    pub role: Option<ContainerRole>,
    /// The reference as written.
    pub reference: String,
}

/// Lists of a pod's spec whose items name an image directly.
// In the order in which a pod starts them; the last ones are added by hand.
pub const CONTAINER_LISTS: [(&str, ContainerRole); 3] = [
    ("initContainers", ContainerRole::Init),
    ("containers", ContainerRole::Main),
    ("ephemeralContainers", ContainerRole::Ephemeral),
];

/// Every image of a built-in kind's pod, in the order of the fields' roles; none of any other kind.
pub(super) fn pod_images(object: &Object) -> Vec<ImageUse> {
    let mut found = Vec::new();
    let (Some(steps), Some(spec)) = (pod_spec_path(&object.gvk()), pod_spec(object)) else {
        return found;
    };

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
    found
}

/// The items of a list; none where there is no such list.
pub(super) fn items<'v>(spec: &'v Value, list: &str) -> &'v [Value] {
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
