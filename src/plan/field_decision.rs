//! Whose fields a promotion may change: a decision for each differing field.
//!
//! A field's place comes before its owner's name: what a rule of the environment expects, an autoscaler scales or a
//! controller writes there stays, whoever claims to have written it. Else the class of the owner decides, and the class is
//! a label: a controller's name protects nothing, it is one more tool. A person's change needs `--overwrite`, and
//! another tool's fields `--adopt`, so that neither word takes more than it says.

use super::policy::PlanPolicy;
use crate::model::Object;
use crate::model::finding::{ChangeKind, FieldChange, FieldManager, ManagerClass};
use crate::model::k8s::writers::is_controllers;

/// What is done about one differing field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The apply changes or removes it.
    Apply,
    /// It must go and others own it: it becomes ours first.
    TakeOver,
    /// It stays as it is: it is somebody's to decide.
    Leave,
    /// A person set it, and `--overwrite` is not given.
    Person(FieldManager),
    /// Another tool set it, and it is not adopted.
    Tool(FieldManager),
}

/// Decides about a field of `live`. `autoscaled` says that an autoscaler owns the object's `replicas`.
pub(super) fn decide_field(
    live: &Object,
    change: &FieldChange,
    autoscaled: bool,
    policy: &PlanPolicy,
) -> Decision {
    // Nothing of a Pod can be taken away in place.
    let is_unknown = change.kind == ChangeKind::AddedOriginUnknown && live.kind() == "Pod";
    // A difference that the environment declares is as it should be.
    if change.expected_by.is_some() || is_unknown {
        return Decision::Leave;
    }

    let is_scaled = autoscaled && change.path.to_string() == "/spec/replicas";
    if is_scaled || is_controllers(live, &change.path) {
        return Decision::Leave;
    }

    // An apply takes away only what our own entry holds: what others added becomes ours first.
    let added = matches!(change.kind, ChangeKind::Added | ChangeKind::AddedOriginUnknown);
    let take = if added {
        Decision::TakeOver
    } else {
        Decision::Apply
    };

    let Some(owner) = &change.owner else { return take };
    match owner.class {
        ManagerClass::Ours | ManagerClass::Unknown => take,
        // Named as a manager, a person's tool is adopted like any other.
        ManagerClass::Manual if policy.overwrite || policy.adopts(&owner.manager) => take,
        ManagerClass::Manual => Decision::Person(owner.clone()),
        // Through its subresource, which writes nothing but replicas; desired leaves them open.
        ManagerClass::Autoscaler if added => Decision::Leave,
        // `--overwrite` speaks of people alone: a tool would set the field again.
        _ if policy.adopts(&owner.manager) => take,
        // A controller outside of its known places as well: anybody can take its name.
        _ => Decision::Tool(owner.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeKind::{Added, AddedOriginUnknown, Changed};
    use super::ManagerClass::{Autoscaler, Controller, Manual, OtherTool, Ours};
    use super::*;
    use crate::model::finding::Operation;
    use serde_json::json;

    fn change(path: &str, kind: ChangeKind, class: ManagerClass, manager: &str) -> FieldChange {
        let owner = FieldManager {
            manager: manager.into(),
            operation: Operation::Update,
            subresource: String::new(),
            time: None,
            class,
        };
        FieldChange {
            path: path.parse().unwrap(),
            kind,
            live: Some(json!(1)),
            desired: Some(json!(2)),
            owner: Some(owner),
            expected_by: None,
            rule_note: None,
        }
    }

    fn decision(change: &FieldChange, autoscaled: bool, policy: &PlanPolicy) -> &'static str {
        let webhooks = json!([{"name": "a", "clientConfig": {"service": {"name": "a"}}}]);
        let live = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "a"}, "webhooks": webhooks});

        match decide_field(&Object::new(live).unwrap(), change, autoscaled, policy) {
            Decision::Apply => "apply",
            Decision::TakeOver => "take over",
            Decision::Leave => "leave",
            Decision::Person(_) => "person",
            Decision::Tool(_) => "tool",
        }
    }

    fn overwrite() -> PlanPolicy {
        PlanPolicy {
            overwrite: true,
            ..PlanPolicy::default()
        }
    }

    #[test]
    fn a_field_is_decided_by_who_set_it() {
        let adopt = PlanPolicy {
            adopt: ["helm".to_owned()].into(),
            ..PlanPolicy::default()
        };
        let (none, overwrite) = (PlanPolicy::default(), overwrite());

        for (kind, class, manager, policy, expected) in [
            (Changed, Manual, "kubectl-edit", &none, "person"),
            (Changed, Manual, "kubectl-edit", &overwrite, "apply"),
            // Overwritten as well: what a person added becomes ours first, or the apply could not take it away.
            (Added, Manual, "kubectl-edit", &overwrite, "take over"),
            // `--overwrite` is not for tools, and `--adopt` is for the one that it names.
            (Changed, OtherTool, "helm", &overwrite, "tool"),
            (Added, OtherTool, "helm", &adopt, "take over"),
            // Its name alone makes it no controller's field.
            (Changed, Controller, "kube-controller-manager", &none, "tool"),
            (Added, Controller, "kube-controller-manager", &none, "tool"),
        ] {
            let change = change("/spec/template/x", kind, class, manager);
            assert_eq!(decision(&change, false, policy), expected, "{change:?}");
        }

        // Nobody's field: nobody is asked, and it becomes ours to be taken away.
        let mut nobodys = change("/spec/paused", AddedOriginUnknown, OtherTool, "");
        nobodys.owner = None;
        assert_eq!(decision(&nobodys, false, &none), "take over");
    }

    #[test]
    fn a_fields_place_comes_before_who_set_it() {
        let replicas = |kind, class, manager| change("/spec/replicas", kind, class, manager);
        let none = PlanPolicy::default();

        // The autoscaler scales it, whoever wrote the value last; without one the release's number counts.
        let by_person = replicas(Changed, Manual, "kubectl");
        assert_eq!(decision(&by_person, true, &none), "leave");
        let by_us = replicas(Changed, Ours, "kubectl-delivery");
        assert_eq!(decision(&by_us, false, &none), "apply");

        // Written through the scale subresource.
        let scaled = replicas(Added, Autoscaler, "kube-controller-manager");
        assert_eq!(decision(&scaled, false, &none), "leave");

        // Certificate authorities are injected there, by whatever name.
        let injected = change(
            "/webhooks/[name=a]/clientConfig/caBundle",
            Changed,
            OtherTool,
            "x",
        );
        assert_eq!(decision(&injected, false, &none), "leave");
    }
}
