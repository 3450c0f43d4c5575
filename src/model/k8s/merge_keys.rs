//! Lists whose items kustomize merges by a key, and lists that it replaces: those of pods that are so in every version of it.
//!
//! kustomize takes the keys from the API's schema as it was when it was built (`x-kubernetes-patch-merge-key`). What is not
//! here is changed by operations, which need no schema. Custom kinds have none.

use super::kinds::Gvk;
use super::pod_spec::{CONTAINER_LISTS, pod_spec_path};

/// How kustomize merges a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListMerge {
    /// Item by item, told apart by this field.
    ByKey(&'static str),
    /// As one value.
    Replaced,
}

/// How kustomize merges the list at a place of a kind: its fields from the root, and `[]` for an item of a list. None where
/// that is not certain.
pub fn list_merge(gvk: &Gvk, place: &[&str]) -> Option<ListMerge> {
    let in_pod = place.strip_prefix(pod_spec_path(gvk)?)?;
    let is_containers = |list: &str| CONTAINER_LISTS.iter().any(|(name, _)| *name == list);

    match in_pod {
        ["volumes"] => Some(ListMerge::ByKey("name")),
        [list] if is_containers(list) => Some(ListMerge::ByKey("name")),
        [list, "[]", "env"] if is_containers(list) => Some(ListMerge::ByKey("name")),
        [list, "[]", "volumeMounts"] if is_containers(list) => Some(ListMerge::ByKey("mountPath")),
        [list, "[]", "command" | "args"] if is_containers(list) => Some(ListMerge::Replaced),
        _ => None,
    }
}

/// The keys by which kustomize may merge a list that a field of this name holds, in some kind and version.
pub fn known_keys(list: &str) -> &'static [&'static str] {
    match list {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets"
        | "resourceClaims"
        | "schedulingGates" => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "ports" => &["containerPort", "port"],
        "hostAliases" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        "apps/v1",
        "Deployment",
        "spec template spec containers",
        Some(ListMerge::ByKey("name"))
    )]
    #[case(
        "batch/v1",
        "CronJob",
        "spec jobTemplate spec template spec initContainers [] env",
        Some(ListMerge::ByKey("name"))
    )]
    #[case(
        "v1",
        "Pod",
        "spec containers [] volumeMounts",
        Some(ListMerge::ByKey("mountPath"))
    )]
    #[case("v1", "Pod", "spec containers [] args", Some(ListMerge::Replaced))]
    #[case("v1", "Pod", "spec containers [] ports", None)]
    #[case("example.com/v1", "Deployment", "spec template spec containers", None)]
    fn the_lists_of_a_pod_are_merged_by_a_key_and_others_are_left_to_operations(
        #[case] version: &str,
        #[case] kind: &str,
        #[case] place: &str,
        #[case] expected: Option<ListMerge>,
    ) {
        let place: Vec<&str> = place.split(' ').collect();
        assert_eq!(list_merge(&Gvk::new(version, kind), &place), expected);
    }
}
