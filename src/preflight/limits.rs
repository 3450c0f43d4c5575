//! LimitRanges that a promotion brings or changes: they are in force before its workloads, so that their defaults decide
//! what its pods ask for, and no pod that was tried has them.
//!
//! One that is created can be worked out here, for its defaults fill in what nobody says. One that is changed cannot: the
//! pods that were tried carry its old defaults, and nothing tells these from what the manifest says.

use crate::model::plan::{Action, Plan, PlanStep};
use crate::model::{Object, ObjectId};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The LimitRanges of a plan in one namespace.
pub(super) struct LimitRanges<'a> {
    created: Vec<&'a Object>,
    /// One that is changed: what it makes of pods is not known before.
    pub changed: Option<ObjectId>,
}

impl<'a> LimitRanges<'a> {
    pub(super) fn from_plan(plan: &'a Plan, namespace: &str) -> Self {
        let mut found = Self {
            created: Vec::new(),
            changed: None,
        };
        let is_one = |step: &&PlanStep| {
            let resource = &step.target.resource;
            step.target.namespace.as_deref() == Some(namespace)
                && resource.group.is_empty()
                && resource.kind == "LimitRange"
        };

        for step in plan.steps.iter().filter(is_one) {
            match &step.action {
                Action::Create { object } => found.created.push(object),
                // Its own labels change nothing of what it makes of pods.
                _ if step
                    .changes
                    .iter()
                    .all(|path| path.to_string().starts_with("/metadata/")) => {}
                _ => found.changed = Some(step.target.id()),
            }
        }

        found
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self {
            created: Vec::new(),
            changed: None,
        }
    }

    /// A pod's spec with the defaults of those that are created, where it says nothing itself.
    pub(super) fn with_defaults<'s>(&self, spec: &'s Value) -> Cow<'s, Value> {
        // Mostly there is none, and the spec need not be copied.
        if self.created.is_empty() {
            return Cow::Borrowed(spec);
        }

        let mut spec = spec.clone();
        let limits = self
            .created
            .iter()
            .filter_map(|range| range.at("/spec/limits")?.as_array())
            .flatten();

        // Of other types it bounds whole pods and claims, and has no defaults for them.
        for limit in limits.filter(|limit| limit["type"] == "Container") {
            for list in ["containers", "initContainers"] {
                let containers = spec
                    .get_mut(list)
                    .and_then(Value::as_array_mut)
                    .into_iter()
                    .flatten();
                containers.for_each(|container| fill(container, limit));
            }
        }

        Cow::Owned(spec)
    }
}

/// As the server does: a default limit is the greatest that may be, a default request the default limit or else the least.
fn fill(container: &mut Value, limit: &Value) {
    let Some(container) = container.as_object_mut() else {
        return;
    };

    let limits = |name: &str| {
        limit["default"]
            .get(name)
            .or_else(|| limit["max"].get(name))
            .cloned()
    };
    let requests = |name: &str| {
        limit["defaultRequest"]
            .get(name)
            .cloned()
            .or_else(|| limits(name))
            .or_else(|| limit["min"].get(name).cloned())
    };
    let names: Vec<String> = ["default", "max", "defaultRequest", "min"]
        .iter()
        .filter_map(|part| limit[*part].as_object())
        .flat_map(|map| map.keys().cloned())
        .collect();

    for name in names {
        // What is limited and asks for nothing asks for its limit.
        let own_limit = container
            .get("resources")
            .and_then(|own| own["limits"].get(&name))
            .cloned();
        let request = own_limit.or_else(|| requests(&name));
        let mut resources = map_in(container, "resources");
        for (part, value) in [("requests", request), ("limits", limits(&name))] {
            let Some(value) = value else { continue };
            if let Some(amounts) = resources.as_deref_mut().and_then(|all| map_in(all, part)) {
                // What the container says itself is never replaced.
                amounts.entry(&name).or_insert(value);
            }
        }
    }
}

/// The map in a field; made where nothing is there, none where something else is.
fn map_in<'m>(map: &'m mut Map<String, Value>, field: &str) -> Option<&'m mut Map<String, Value>> {
    let below = map.entry(field).or_insert(Value::Null);
    if below.is_null() {
        *below = Value::Object(Map::new());
    }
    below.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::both(&json!({"defaultRequest": {"cpu": "1"}, "default": {"cpu": "2"}}), &json!({}), &json!({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}))]
    #[case::a_limit_alone(&json!({"default": {"cpu": "2"}}), &json!({}), &json!({"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}))]
    #[case::the_greatest(&json!({"max": {"cpu": "3"}}), &json!({}), &json!({"requests": {"cpu": "3"}, "limits": {"cpu": "3"}}))]
    #[case::the_least(&json!({"min": {"cpu": "1"}}), &json!({}), &json!({"requests": {"cpu": "1"}}))]
    #[case::its_own(&json!({"defaultRequest": {"cpu": "1"}}), &json!({"limits": {"cpu": "5"}}), &json!({"limits": {"cpu": "5"}, "requests": {"cpu": "5"}}))]
    fn what_a_container_leaves_out_is_filled_in(
        #[case] limit: &Value,
        #[case] own: &Value,
        #[case] expected: &Value,
    ) {
        let mut container = json!({"name": "a", "resources": own});
        fill(&mut container, limit);
        assert_eq!(&container["resources"], expected);
    }
}
