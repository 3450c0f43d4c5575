//! Which kinds admission can change or refuse: what webhooks and policies of a cluster are registered for.
//!
//! Where nothing is registered for a kind's updates, what an apply does can be proved without asking. What is
//! registered may still not match: then the server is asked once too often, and nothing wrong is proved.

use super::{Object, ResourceType};
use serde_json::Value;
use std::collections::BTreeSet;

/// What is registered for updates. Coarse on purpose: selectors and conditions are taken for met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    // By plural alone: a rule of another group only costs one more question.
    resources: BTreeSet<String>,
    /// Those of them that may be changed, and not only refused.
    changed: BTreeSet<String>,
    // What cannot be read may be registered for any kind.
    is_unknown: bool,
}

impl Admission {
    /// Nothing could be read: anything may be touched.
    pub fn unknown() -> Self {
        Self {
            is_unknown: true,
            ..Self::default()
        }
    }

    /// Learns from a webhook configuration or a policy.
    pub fn learn(&mut self, object: &Object) {
        // A configuration holds webhooks, a policy its own rules: one of the two is there.
        let webhooks = object
            .at("/webhooks")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();

        let of_webhooks = webhooks.filter_map(|webhook| webhook.get("rules"));
        let of_policy = object.at("/spec/matchConstraints/resourceRules");

        for rule in of_webhooks.chain(of_policy).filter_map(Value::as_array).flatten() {
            let texts = |field: &str| -> Vec<&str> {
                rule[field]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect()
            };

            // A creation is never proved.
            if texts("operations")
                .iter()
                .any(|operation| matches!(*operation, "UPDATE" | "*"))
            {
                let named: Vec<String> = texts("resources").into_iter().map(String::from).collect();
                // The others refuse, and change nothing.
                if object.kind().starts_with("Mutating") {
                    self.changed.extend(named.iter().cloned());
                }
                self.resources.extend(named);
            }
        }
    }

    /// Whether an update of an object of this kind may be changed or refused.
    pub fn may_touch(&self, kind: &ResourceType) -> bool {
        self.is_unknown || is_named(&self.resources, kind)
    }

    /// Whether an update of an object of this kind may be changed.
    pub fn may_change(&self, kind: &ResourceType) -> bool {
        self.is_unknown || is_named(&self.changed, kind)
    }
}

fn is_named(resources: &BTreeSet<String>, kind: &ResourceType) -> bool {
    // `deployments/*` means the object itself too: the server takes it for a subresource without a name.
    let with_all = format!("{}/*", kind.plural);
    // Those of a subresource do not see the object's own updates.
    ["*", "*/*", kind.plural.as_str(), with_all.as_str()]
        .iter()
        .any(|name| resources.contains(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;
    use serde_json::json;

    #[test]
    fn what_is_registered_for_updates_may_touch_its_kinds() {
        let deployments = built_in("apps", "Deployment").unwrap();
        let services = built_in("", "Service").unwrap();

        let learn = |rules: Value| {
            let mut admission = Admission::default();
            let webhook = json!({"apiVersion": "x/v1", "kind": "W", "metadata": {"name": "w"}, "webhooks": [{"rules": rules}]});
            admission.learn(&Object::new(webhook).unwrap());
            (admission.may_touch(&deployments), admission.may_touch(&services))
        };

        assert_eq!(
            learn(json!([{"operations": ["UPDATE"], "resources": ["deployments"]}])),
            (true, false)
        );
        assert_eq!(
            learn(json!([{"operations": ["CREATE"], "resources": ["*"]}])),
            (false, false)
        );
        assert_eq!(
            learn(json!([{"operations": ["*"], "resources": ["*"]}])),
            (true, true)
        );
        assert_eq!(
            learn(json!([{"operations": ["*"], "resources": ["deployments/scale"]}])),
            (false, false)
        );
        assert_eq!(
            learn(json!([{"operations": ["*"], "resources": ["*/scale"]}])),
            (false, false)
        );
        assert_eq!(
            learn(json!([{"operations": ["*"], "resources": ["deployments/*"]}])),
            (true, false)
        );

        assert!(Admission::unknown().may_touch(&services) && Admission::unknown().may_change(&services));

        // A policy has its rules in another place.
        let mut policy = Admission::default();
        let rule = json!({"operations": ["UPDATE"], "resources": ["services"]});
        let object = json!({"apiVersion": "x/v1", "kind": "P", "metadata": {"name": "p"},
            "spec": {"matchConstraints": {"resourceRules": [rule]}}});

        policy.learn(&Object::new(object.clone()).unwrap());
        assert!(
            !policy.may_change(&services),
            "a policy of another kind only refuses"
        );
        let mut object = object;
        object["kind"] = json!("MutatingAdmissionPolicy");
        policy.learn(&Object::new(object).unwrap());
        assert!(policy.may_change(&services));
        assert!(policy.may_touch(&services) && !policy.may_touch(&deployments));
    }
}
