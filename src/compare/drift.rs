//! Live against its target: what the server would hold if only desired had ever been said.
//!
//! Everything that differs is drift, whoever set it, but for what controllers and installers write into objects of
//! others ([`crate::model::k8s::writers`]), what the server allocates, and what admission adds at creation alone.
//!
//! What desired names is never explained away. What it does not name is explained by its place first, then by a
//! tool's mark, and last by a fresh object, which is a request of its own. Stamps (what admission writes anew at each
//! request) only a second answer can tell: they are candidates here.

use super::respelled::is_respelled;
use super::walk::{Differing, differing};
use crate::model::finding::{Aside, AsideReason, ChangeKind, FieldChange, ManagerClass};
use crate::model::k8s::allocation::is_allocated;
use crate::model::k8s::defaults::{is_label_of_template, is_taken_label};
use crate::model::k8s::marks::installer_of;
use crate::model::k8s::writers::is_controllers;
use crate::model::path::Step;
use crate::model::snapshot::Fresh;
use crate::model::{FieldPath, Object};
use crate::objects::Owners;
use serde_json::Value;

/// What stands out of one object.
#[derive(Debug, Default)]
pub(super) struct Drift {
    pub changes: Vec<FieldChange>,
    /// Differences that are none, each with its reason.
    pub asides: Vec<Aside>,
}

/// Compares live with its target. `fresh` is the server's answer to a dry-run create under another name: it alone tells
/// what admission adds at creation, and it is asked for only where a field that nobody owns differs.
pub(super) fn drift(desired: &Object, live: &Object, target: &Object, fresh: &Fresh) -> Drift {
    let owners = Owners::from_object(live);
    let mut found = Drift::default();

    for one in differing(live, target) {
        if is_respelled(&one) {
            continue;
        }

        let is_held = desired_holds(desired, &owners, &one.path);
        let is_filled_in = || match one.live {
            Some(_) => is_taken_label(desired, live, &one.path),
            None => is_label_of_template(target, &one.path),
        };
        if !is_held && (is_no_content(live, &one.path) || is_filled_in())
            || is_kept_by_others(&owners, &one, is_held)
        {
            continue;
        }

        // Told, and no drift: who installed an object is not what was tested.
        let manager = owners.owner(&one.path).map(|owner| owner.manager.as_str());
        let installer = installer_of(&one.path, one.live.as_ref(), manager);
        if let Some(installer) = installer.filter(|_| !is_held) {
            found.asides.push(Aside {
                path: one.path,
                reason: AsideReason::Mark { installer },
            });
            continue;
        }

        let change = change(one, &owners, live, is_held);
        match unowned_without_twin(&change, is_held).then_some(fresh) {
            // Admission adds it at creation alone, so that the answer to a replacement does not hold it.
            Some(Fresh::Object(fresh)) if change.path.get(fresh.value()) == change.live.as_ref() => {}
            // Admission's or somebody's: without the answer it is taken for neither.
            Some(Fresh::Unknown(why)) => {
                let reason = AsideReason::Unknown(why.clone());
                found.asides.push(Aside {
                    path: change.path,
                    reason,
                });
            }
            _ => found.changes.push(change),
        }
    }

    found.changes.extend(headless(desired, live, &owners));
    found
}

/// Whether a field that differs can be settled only by a fresh object: nobody owns it, and desired does not hold it.
pub fn needs_fresh(desired: &Object, live: &Object, changes: &[FieldChange]) -> bool {
    let owners = Owners::from_object(live);
    changes.iter().any(|change| {
        // A field that live lacks is no addition that a fresh object could explain.
        unowned_without_twin(change, desired_holds(desired, &owners, &change.path)) && change.live.is_some()
    })
}

/// Fields that desired does not hold, whose value the target has, and that are not our entry's: such a one may be written
/// anew by admission at each request.
pub fn may_be_stamps(desired: &Object, live: &Object, changes: &[FieldChange]) -> Vec<FieldPath> {
    let owners = Owners::from_object(live);
    // A stamp is in every answer of the server's, and so in the target; what our entry names was applied.
    let is_one = |change: &&FieldChange| {
        change.desired.is_some()
            && !desired_holds(desired, &owners, &change.path)
            && !owners.is_member_of_ours(&change.path)
    };
    changes
        .iter()
        .filter(is_one)
        .map(|change| change.path.clone())
        .collect()
}

/// Whether desired holds the field: itself, something below it, or the atomic whole that it is a part of.
pub fn desired_holds(desired: &Object, owners: &Owners<'_>, path: &FieldPath) -> bool {
    let is_there = |path: &FieldPath| path.get(desired.value()).is_some_and(|value| !value.is_null());
    if is_there(path) {
        return true;
    }

    // A manager that owns a place and nothing below it owns the whole, unless it applied an empty map
    // or a null there: a union of the built-in API is never a whole.
    if is_twin(path) {
        return false;
    }
    let steps = path.steps();
    (1..steps.len())
        .map(|end| FieldPath::from_steps(steps[..end].to_vec()))
        .any(|whole| {
            let value = whole.get(desired.value());
            value.is_some_and(|value| !is_empty(value)) && owners.is_leaf(&whole)
        })
}

fn change(one: Differing, owners: &Owners<'_>, live: &Object, is_held: bool) -> FieldChange {
    let Differing {
        path,
        live: value,
        other,
    } = one;
    // Our own entry, where it names no field below an empty map, owns nothing there.
    let owner = owners
        .owner(&path)
        .filter(|owner| owner.class != ManagerClass::Ours || is_held || owners.is_member_of_ours(&path));

    let kind = match owner {
        _ if is_held => ChangeKind::Changed,
        // A release before held it: the apply takes it away, and nobody added it.
        Some(owner) if owner.class == ManagerClass::Ours => ChangeKind::Changed,
        Some(_) if path.get(live.value()).is_some() => ChangeKind::Added,
        None if other.is_none() => ChangeKind::AddedOriginUnknown,
        // Owned and gone from live, or in the target and nobody's: neither was added to live.
        _ => ChangeKind::Changed,
    };
    let owner = owner.cloned();
    FieldChange {
        path,
        kind,
        live: value,
        desired: other,
        owner,
        expected_by: None,
        rule_note: None,
    }
}

/// What the server or a controller writes into every such object.
fn is_no_content(live: &Object, path: &FieldPath) -> bool {
    is_controllers(live, path) || is_allocated(live, path)
}

/// Finalizers and owner references are lists that several clients keep: what others put there is theirs.
fn is_kept_by_others(owners: &Owners<'_>, one: &Differing, is_held: bool) -> bool {
    let is_shared = matches!(one.path.steps(), [Step::Field(metadata), Step::Field(list), ..]
        if metadata == "metadata" && matches!(list.as_str(), "finalizers" | "ownerReferences"));

    is_shared && one.other.is_none() && !is_held && !owners.is_member_of_ours(&one.path)
}

/// Twins and members of one-of unions of the built-in API: the server fills them in from their other half, and nobody ever
/// owns them.
fn is_twin(path: &FieldPath) -> bool {
    let fields: Vec<&str> = path
        .steps()
        .iter()
        .map(|step| match step {
            Step::Field(name) => name.as_str(),
            _ => "[]",
        })
        .collect();

    matches!(
        fields[..],
        [.., "spec", "serviceAccount" | "serviceAccountName"]
            // The strategy's type decides whether there is such a map.
            | ["spec", "strategy" | "updateStrategy", "rollingUpdate", ..]
            // A volume has one source, and gets an empty directory where it names none.
            | [.., "volumes", "[]", _]
            | [.., "volumes", "[]", _, _]
    )
}

fn unowned_without_twin(change: &FieldChange, is_held: bool) -> bool {
    !is_held && change.owner.is_none() && !is_twin(&change.path)
}

/// A Service that was headless stays so: the server keeps the address of an update that names none.
fn headless(desired: &Object, live: &Object, owners: &Owners<'_>) -> Option<FieldChange> {
    let path = FieldPath::root().field("spec").field("clusterIP");

    // The target keeps the address as well, so that the walk over both finds no difference.
    let gvk = live.gvk();
    let is_service = gvk.group.is_empty() && gvk.kind == "Service";
    let stays = is_service
        && live.text("/spec/clusterIP") == "None"
        && desired.text("/spec/clusterIP").is_empty()
        && desired.at("/spec/clusterIPs").is_none()
        && desired.text("/spec/type") != "ExternalName";

    stays.then(|| FieldChange {
        kind: ChangeKind::Changed,
        live: path.get(live.value()).cloned(),
        desired: None,
        owner: owners.owner(&path).cloned(),
        expected_by: None,
        rule_note: None,
        path,
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::FIELD_MANAGER;
    use crate::model::unknown::Unknown;
    use serde_json::json;

    fn object(spec: &Value, entries: &[(&str, &str, Value)]) -> Object {
        let entry = |(manager, operation, fields): &(&str, &str, Value)| json!({"manager": manager, "operation": operation, "fieldsV1": {"f:spec": fields}});
        let entries: Vec<_> = entries.iter().map(entry).collect();
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "managedFields": entries}, "spec": spec}))
        .unwrap()
    }

    fn found(desired: &Object, live: &Object, target: &Object, fresh: &Fresh) -> Vec<(String, ChangeKind)> {
        let drift = drift(desired, live, target, fresh);
        drift
            .changes
            .iter()
            .map(|change| (change.path.to_string(), change.kind))
            .collect()
    }

    #[test]
    fn a_field_below_a_map_that_desired_holds_empty_is_somebody_elses() {
        let ours = (FIELD_MANAGER, "Apply", json!({"f:securityContext": {}}));
        let theirs = (
            "kubectl-patch",
            "Update",
            json!({"f:securityContext": {"f:privileged": {}}}),
        );
        let desired = object(&json!({"securityContext": {}}), &[]);
        let live = object(
            &json!({"securityContext": {"privileged": true}}),
            &[ours.clone(), theirs],
        );

        // Our empty map does not make what somebody puts into it ours.
        let path = || "/spec/securityContext/privileged".to_owned();
        assert_eq!(
            found(&desired, &live, &desired, &Fresh::NotAsked),
            [(path(), ChangeKind::Added)]
        );

        let nobodys = object(&json!({"securityContext": {"privileged": true}}), &[ours]);
        let expected = (path(), ChangeKind::AddedOriginUnknown);
        assert_eq!(found(&desired, &nobodys, &desired, &Fresh::NotAsked), [expected]);
    }

    #[test]
    fn what_a_fresh_object_would_hold_too_is_no_drift_and_without_an_answer_it_is_unknown() {
        let desired = object(&json!({}), &[]);
        let live = object(&json!({"priorityClassName": "x"}), &[]);
        let path = "/spec/priorityClassName".to_owned();

        let unknown = [(path, ChangeKind::AddedOriginUnknown)];
        assert_eq!(found(&desired, &live, &desired, &Fresh::NotAsked), unknown);
        assert_eq!(
            found(&desired, &live, &desired, &Fresh::Object(Box::new(live.clone()))),
            []
        );
        assert_eq!(
            found(
                &desired,
                &live,
                &desired,
                &Fresh::Object(Box::new(desired.clone()))
            ),
            unknown
        );

        // No answer is no proof of either: it is told beside the changes.
        let why = Unknown::new("no right to create");
        let drift = drift(&desired, &live, &desired, &Fresh::Unknown(why));
        assert!(drift.changes.is_empty());
        assert_eq!(drift.asides.len(), 1);
    }

    #[test]
    fn a_twin_that_nobody_owns_is_drift_without_a_fresh_object() {
        let ours = (FIELD_MANAGER, "Apply", json!({"f:serviceAccountName": {}}));
        let desired = object(&json!({}), &[]);
        let live = object(
            &json!({"serviceAccountName": "a", "serviceAccount": "a"}),
            &[ours],
        );

        // The server fills the twin in from its other half: a fresh object has neither, and tells nothing.
        let changes = drift(&desired, &live, &desired, &Fresh::NotAsked).changes;
        assert!(!needs_fresh(&desired, &live, &changes));
        let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [ChangeKind::Changed, ChangeKind::AddedOriginUnknown]);
    }

    #[test]
    fn a_part_of_an_atomic_map_is_held_by_who_holds_the_map() {
        let ours = (FIELD_MANAGER, "Apply", json!({"f:selector": {}}));
        let desired = object(&json!({"selector": {"a": "b"}}), &[]);
        let live = object(&json!({"selector": {"a": "b", "c": "d"}}), &[ours]);

        // A selector is one value to the server: an addition changes what desired holds.
        let expected = ("/spec/selector/c".to_owned(), ChangeKind::Changed);
        assert_eq!(found(&desired, &live, &desired, &Fresh::NotAsked), [expected]);
    }

    #[test]
    fn what_differs_inside_an_atomic_list_is_told_where_it_lies() {
        let ours = (FIELD_MANAGER, "Apply", json!({"f:versions": {}}));
        let versions = |text: &str| json!({"versions": [{"name": "v1", "schema": {"description": text}}, {"name": "v2"}]});
        let desired = object(&versions("a"), &[]);
        let live = object(&versions("b"), &[ours]);

        let expected = (
            "/spec/versions/[name=v1]/schema/description".to_owned(),
            ChangeKind::Changed,
        );
        assert_eq!(found(&desired, &live, &desired, &Fresh::NotAsked), [expected]);
    }
}
