//! What pods ask for, in thousandths, as quotas count it.
//!
//! A pod is counted for the most that it takes at any time: all its containers, or the init container that needs more. What
//! a manifest writes in other words is one amount, so that amounts are compared and never texts.

use super::quantity::thousandths;
use serde_json::Value;
use std::collections::BTreeMap;

/// Amounts in thousandths, by resource.
pub type Usage = BTreeMap<String, i128>;

/// What one pod uses: the sum of its containers, or what it takes to start where that is more.
pub fn pod_usage(spec: &Value) -> Usage {
    let mut running = Usage::new();
    let containers = |list: &str| spec[list].as_array().map(Vec::as_slice).unwrap_or_default();
    for container in containers("containers") {
        add(&mut running, &container_usage(container));
    }

    let (mut sidecars, mut starting) = (Usage::new(), Usage::new());
    for container in containers("initContainers") {
        let own = container_usage(container);
        if container["restartPolicy"] == "Always" {
            // It runs on beside the others.
            add(&mut sidecars, &own);
            add(&mut running, &own);
            continue;
        }
        // They run one after the other, each beside the sidecars that were started before it.
        let mut running = sidecars.clone();
        add(&mut running, &own);
        greater(&mut starting, &running);
    }

    greater(&mut running, &starting);
    // What is asked for the pod as a whole goes before what its containers ask for.
    running.extend(container_usage(spec));

    let overhead = spec["overhead"].as_object().into_iter().flatten();
    for (name, amount) in overhead {
        let amount = thousandths(amount).unwrap_or_default();
        *running.entry(name.clone()).or_default() += amount;
        // Where there is no limit, the overhead sets none.
        if let Some(limit) = running.get_mut(&format!("limits.{name}")) {
            *limit += amount;
        }
    }

    running.insert("pods".into(), 1000);
    running
}

/// Whether pods of two templates ask for the same, container by container: what admission adds to one it adds to the
/// other.
pub fn is_same(one: &Value, other: &Value) -> bool {
    let asked = |spec: &Value| -> Vec<(String, bool, Usage)> {
        let lists = ["containers", "initContainers"].iter();
        let mut all: Vec<_> = lists
            .flat_map(|list| spec[*list].as_array().into_iter().flatten())
            .map(|container| {
                let name = container["name"].as_str().unwrap_or_default().to_owned();
                (
                    name,
                    container["restartPolicy"] == "Always",
                    container_usage(container),
                )
            })
            .collect();
        // The order of containers is no request.
        all.sort();
        all
    };

    // Admission takes the overhead from the class.
    let fields = ["overhead", "runtimeClassName"];
    asked(one) == asked(other)
        && container_usage(one) == container_usage(other)
        && fields.iter().all(|field| one[*field] == other[*field])
}

/// How a resource of a quota is named in a [`Usage`].
pub fn usage_key(resource: &str) -> &str {
    // An object is one under `count/` and under its bare name, and so is what a container requests.
    let key = resource.strip_prefix("count/").unwrap_or(resource);
    // Claims are charged under the whole name, as `requests.storage`.
    key.strip_prefix("requests.")
        .filter(|resource| *resource != "storage")
        .unwrap_or(key)
}

/// What one container asks for; where it has a limit and asks for nothing, the limit.
fn container_usage(container: &Value) -> Usage {
    let mut usage = Usage::new();
    let of = |part: &str| container["resources"][part].as_object().into_iter().flatten();
    // Limits first: a request, where there is one, takes the place of what they stand for.
    for (name, amount) in of("limits") {
        let amount = thousandths(amount).unwrap_or_default();
        usage.insert(format!("limits.{name}"), amount);
        usage.insert(name.clone(), amount);
    }
    for (name, amount) in of("requests") {
        usage.insert(name.clone(), thousandths(amount).unwrap_or_default());
    }
    usage
}

fn add(sum: &mut Usage, more: &Usage) {
    for (name, amount) in more {
        *sum.entry(name.clone()).or_default() += amount;
    }
}

fn greater(one: &mut Usage, other: &Usage) {
    for (name, amount) in other {
        let known = one.entry(name.clone()).or_default();
        *known = (*known).max(*amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn container(requests: &Value) -> Value {
        json!({"name": "a", "resources": {"requests": requests}})
    }

    #[rstest]
    #[case::sum(&json!({"containers": [container(&json!({"cpu": "100m"})), container(&json!({"cpu": "200m"}))]}), 300)]
    #[case::init(&json!({"containers": [container(&json!({"cpu": "100m"}))], "initContainers": [container(&json!({"cpu": "1"}))]}), 1000)]
    #[case::sidecar(&json!({"containers": [container(&json!({"cpu": "100m"}))], "initContainers":
        [{"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}}, container(&json!({"cpu": "120m"}))]}), 170)]
    #[case::limit(&json!({"containers": [{"name": "a", "resources": {"limits": {"cpu": "2"}}}]}), 2000)]
    #[case::whole_pod(&json!({"resources": {"requests": {"cpu": "3"}}, "containers": [container(&json!({"cpu": "1"}))]}), 3000)]
    #[case::overhead(&json!({"overhead": {"cpu": "250m"}, "containers": [container(&json!({"cpu": "1"}))]}), 1250)]
    fn a_pod_uses_what_the_server_counts(#[case] spec: &Value, #[case] cpu: i128) {
        let usage = pod_usage(spec);
        assert_eq!((usage["pods"], usage["cpu"]), (1000, cpu));
    }

    #[rstest]
    #[case::another_way_to_write_it(&json!([container(&json!({"cpu": "1000m"}))]), true)]
    #[case::more(&json!([container(&json!({"cpu": "2"}))]), false)]
    #[case::one_more(&json!([container(&json!({"cpu": "1"})), container(&json!({}))]), false)]
    fn templates_ask_for_the_same(#[case] containers: &Value, #[case] same: bool) {
        let old = json!({"containers": [container(&json!({"cpu": "1"}))]});
        assert_eq!(is_same(&json!({"containers": containers}), &old), same);
    }
}
