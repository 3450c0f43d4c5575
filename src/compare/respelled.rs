//! What says the same in another way: a controller that reads an object into its types and writes it back gives each container
//! a `resources`, and spells quantities as Kubernetes' own type does (argo-rollouts 1.10: `rollout/sync.go`).
//!
//! Of built-in kinds the server itself does so, on both sides. In a custom resource it keeps what was written.

use super::walk::Differing;
use crate::model::FieldPath;
use crate::model::k8s::pod_spec::CONTAINER_LISTS;
use crate::model::k8s::quantity::thousandths;
use crate::model::path::Step;
use serde_json::{Map, Value};

/// Whether both sides ask for the same resources of a container.
pub(super) fn is_respelled(one: &Differing) -> bool {
    let Some(below) = below_resources(&one.path) else {
        return false;
    };

    match (below, &one.live, &one.other) {
        ([], live, other) => is_empty_or_none(live.as_ref()) && is_empty_or_none(other.as_ref()),
        ([Step::Field(list), Step::Field(_)], Some(live), Some(other)) => {
            (list == "limits" || list == "requests")
                && thousandths(live).is_some_and(|live| thousandths(other) == Some(live))
        }
        _ => false,
    }
}

/// Whether the value at the place is a container's `resources` that asks for none.
pub(super) fn is_empty_resources(path: &FieldPath, value: &Value) -> bool {
    below_resources(path).is_some_and(<[Step]>::is_empty) && is_empty_or_none(Some(value))
}

/// The rest of the path, where it leads into the `resources` of a container.
fn below_resources(path: &FieldPath) -> Option<&[Step]> {
    let steps = path.steps();
    let field = |at: usize| match steps.get(at) {
        Some(Step::Field(name)) => Some(name.as_str()),
        _ => None,
    };
    let of_container = (0..steps.len()).find(|at| {
        field(*at).is_some_and(|name| CONTAINER_LISTS.iter().any(|(list, _)| *list == name))
            && field(at + 1).is_none()
            && field(at + 2) == Some("resources")
    })?;
    steps.get(of_container + 3..)
}

fn is_empty_or_none(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.as_object().is_some_and(Map::is_empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::an_empty_one("/spec/template/spec/containers/[name=web]/resources", json!({}), json!(null), true)]
    #[case::of_an_init_container("/spec/template/spec/initContainers/[name=web]/resources", json!(null), json!({}), true)]
    #[case::one_that_asks("/spec/template/spec/containers/[name=web]/resources", json!({"limits": {"cpu": "1"}}), json!(null), false)]
    #[case::no_map("/spec/template/spec/containers/[name=web]/resources", json!("none"), json!(null), false)]
    #[case::another_spelling("/spec/template/spec/containers/[name=web]/resources/limits/cpu", json!("1"), json!("1000m"), true)]
    #[case::another_number("/spec/template/spec/containers/[name=web]/resources/requests/memory", json!("1Gi"), json!("1G"), false)]
    #[case::no_quantities("/spec/template/spec/containers/[name=web]/resources/limits/cpu", json!("many"), json!("more"), false)]
    #[case::elsewhere("/spec/template/spec/containers/[name=web]/env/[name=CPU]/value", json!("1"), json!("1000m"), false)]
    #[case::nobodys_container("/spec/resources/limits/cpu", json!("1"), json!("1000m"), false)]
    fn only_another_spelling_of_the_same_resources_is_none(
        #[case] path: &str,
        #[case] live: Value,
        #[case] other: Value,
        #[case] is: bool,
    ) {
        let some = |value: Value| Some(value).filter(|value| !value.is_null());
        let one = Differing {
            path: path.parse().unwrap(),
            live: some(live),
            other: some(other),
        };

        assert_eq!(is_respelled(&one), is);
    }
}
