//! The differing fields of one object where its target is not at hand: what an apply would change, and what others added
//! beside desired.
//!
//! An apply keeps what others own, so that its answer does not tell what they added: that is read from their entries.
//! Of what nobody owns only a fresh object can tell. The order matters: a place that was found once, or one above it,
//! is not told again under another kind.

use super::drift::desired_holds;
use super::respelled::{is_empty_resources, is_respelled};
use super::unowned::unexplained;
use super::walk::{Differing, differing, is_skipped};
use crate::model::finding::{Aside, AsideReason, ChangeKind, FieldChange, FieldManager};
use crate::model::k8s::allocation::is_allocated;
use crate::model::k8s::defaults::{is_label_of_template, is_taken_label};
use crate::model::k8s::marks::installer_of;
use crate::model::k8s::writers::is_controllers;
use crate::model::path::Step;
use crate::model::snapshot::Fresh;
use crate::model::{FieldPath, Object};
use crate::objects::{Owners, is_our_apply};
use serde_json::Value;

/// Differences between live and what an apply of desired would leave, and what others set beside desired; the second part
/// is told as no drift.
pub fn changes(
    desired: &Object,
    live: &Object,
    predicted: &Object,
    fresh: &Fresh,
) -> (Vec<FieldChange>, Vec<Aside>) {
    let mut walk = FieldWalk {
        owners: &Owners::from_object(live),
        desired,
        live,
        found: Vec::new(),
        asides: Vec::new(),
    };

    for Differing {
        path,
        live: value,
        other,
    } in differing(live, predicted)
        .into_iter()
        .filter(|one| !is_respelled(one))
    {
        let is_held = desired_holds(desired, walk.owners, &path);
        let is_filled_in = || value.is_none() && is_label_of_template(predicted, &path);
        if !is_held && (is_controllers(live, &path) || is_allocated(live, &path) || is_filled_in()) {
            continue;
        }

        // Changed, whoever set it: the apply itself would give the field another value.
        let owner = walk.owners.owner(&path).cloned();
        let kind = ChangeKind::Changed;
        walk.found.push(FieldChange {
            path,
            kind,
            live: value,
            desired: other,
            owner,
            expected_by: None,
            rule_note: None,
        });
    }

    walk.added(predicted, fresh);
    // Without the question each default that is in no table would be told as somebody's.
    if !matches!(fresh, Fresh::NotAsked) {
        walk.add_unknown_origin(predicted, fresh);
    }

    (walk.found, walk.asides)
}

struct FieldWalk<'a> {
    owners: &'a Owners<'a>,
    desired: &'a Object,
    live: &'a Object,
    found: Vec<FieldChange>,
    asides: Vec<Aside>,
}

impl FieldWalk<'_> {
    /// What others set, desired does not hold, and an apply would leave.
    fn added(&mut self, predicted: &Object, fresh: &Fresh) {
        for (owner, fields) in self.owners.fields_of(|owner| !is_our_apply(owner)) {
            for leaf in fields {
                // A place that is no content takes all below it along: its leaves
                // are not on the list of such places.
                let skipped = (1..=leaf.steps().len()).any(|end| is_skipped(&up_to(&leaf, end)))
                    || is_controllers(self.live, &leaf)
                    || is_allocated(self.live, &leaf)
                    || is_taken_label(self.desired, self.live, &leaf);
                // An entry may name what is gone from live; what the apply takes away
                // is among the differences already.
                let value = leaf.get(self.live.value()).filter(|value| !value.is_null());
                if skipped
                    || value.is_none_or(|value| is_empty_resources(&leaf, value))
                    || leaf.get(predicted.value()).is_none()
                    || desired_holds(self.desired, self.owners, &leaf)
                {
                    continue;
                }

                // What the server gives every such object is no difference, whoever wrote it down.
                if fresh
                    .object()
                    .is_some_and(|fresh| leaf.get(fresh.value()) == value)
                {
                    continue;
                }

                if let Some(installer) = installer_of(&leaf, value, Some(&owner.manager)) {
                    self.asides.push(Aside {
                        path: leaf,
                        reason: AsideReason::Mark { installer },
                    });
                    continue;
                }

                self.add(&leaf, ChangeKind::Added, Some(owner));
            }
        }
    }

    /// What nobody owns and a fresh object would not hold: injected by admission that is gone, or set by a client whose
    /// traces are.
    fn add_unknown_origin(&mut self, predicted: &Object, fresh: &Fresh) {
        for leaf in unexplained(self.live) {
            let value = leaf.get(self.live.value());
            // Some writers are known by the list item and not by its leaves: a token's volume is one.
            let is_kept =
                leaf.get(predicted.value()).is_some() && !desired_holds(self.desired, self.owners, &leaf);
            if !is_kept || value.is_none_or(Value::is_null) || is_controllers(self.live, &self.item_of(&leaf))
            {
                continue;
            }

            match fresh {
                Fresh::Object(fresh) if leaf.get(fresh.value()) == value => {}
                // Unknown is neither drift nor the same: it is told, and no promotion touches it.
                Fresh::Unknown(why) => {
                    self.asides.push(Aside {
                        path: leaf,
                        reason: AsideReason::Unknown(why.clone()),
                    });
                }
                // `NotAsked` does not come here.
                Fresh::Object(_) | Fresh::NotAsked => self.add(&leaf, ChangeKind::AddedOriginUnknown, None),
            }
        }
    }

    /// Adds what desired does not hold: the whole list item where it lacks that, and what is not found already. `by` is
    /// whose entry it was found in.
    fn add(&mut self, leaf: &FieldPath, kind: ChangeKind, by: Option<&FieldManager>) {
        let path = self.item_of(leaf);
        if self.found.iter().any(|known| path.starts_with(&known.path)) {
            return;
        }

        // Of a whole item several may own parts: who is named is decided as for a field.
        self.found.push(FieldChange {
            live: path.get(self.live.value()).cloned(),
            kind,
            desired: None,
            owner: by.map(|by| self.owners.owner(&path).unwrap_or(by).clone()),
            expected_by: None,
            rule_note: None,
            path,
        });
    }

    /// The list item that desired does not hold, where that is why it does not hold the field; else the field.
    fn item_of(&self, leaf: &FieldPath) -> FieldPath {
        (1..=leaf.steps().len())
            .filter(|end| matches!(leaf.steps()[end - 1], Step::Key(_) | Step::Value(_)))
            .map(|end| up_to(leaf, end))
            .find(|item| !desired_holds(self.desired, self.owners, item))
            .unwrap_or_else(|| leaf.clone())
    }
}

fn up_to(path: &FieldPath, end: usize) -> FieldPath {
    FieldPath::from_steps(path.steps()[..end].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::FIELD_MANAGER;
    use serde_json::json;

    fn object(spec: &Value, entries: &[(&str, &str, Value)]) -> Object {
        let entry = |(manager, operation, fields): &(&str, &str, Value)| json!({"manager": manager, "operation": operation, "fieldsV1": {"f:spec": fields}});
        let entries: Vec<_> = entries.iter().map(entry).collect();
        Object::new(json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "managedFields": entries}, "spec": spec}))
            .unwrap()
    }

    fn found(desired: &Object, live: &Object, fresh: &Fresh) -> Vec<(String, ChangeKind, String)> {
        found_beside(desired, live, live, fresh)
    }

    fn found_beside(
        desired: &Object,
        live: &Object,
        predicted: &Object,
        fresh: &Fresh,
    ) -> Vec<(String, ChangeKind, String)> {
        let owner = |change: &FieldChange| {
            change
                .owner
                .as_ref()
                .map(|owner| owner.manager.clone())
                .unwrap_or_default()
        };
        changes(desired, live, predicted, fresh)
            .0
            .iter()
            .map(|change| (change.path.to_string(), change.kind, owner(change)))
            .collect()
    }

    fn containers(names: &[(&str, &str)]) -> Value {
        let items: Vec<_> = names
            .iter()
            .map(|(name, image)| json!({"name": name, "image": image}))
            .collect();
        json!({"containers": items})
    }

    fn owned(names: &[&str]) -> Value {
        let item = |name: &&str| {
            (
                format!("k:{{\"name\":\"{name}\"}}"),
                json!({".": {}, "f:name": {}, "f:image": {}}),
            )
        };
        let items: serde_json::Map<_, _> = names.iter().map(item).collect();
        json!({"f:containers": items})
    }

    #[test]
    fn an_image_is_found_by_its_containers_name_with_who_set_it() {
        let edit = (
            "kubectl-edit",
            "Update",
            json!({"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}),
        );
        let live = object(&containers(&[("web", "1"), ("log", "1")]), &[edit]);

        let ours = (FIELD_MANAGER, "Apply", owned(&["web", "log"]));
        let predicted = object(&containers(&[("web", "2"), ("log", "1")]), &[ours]);

        let expected = (
            "/spec/containers/[name=web]/image".to_owned(),
            ChangeKind::Changed,
            "kubectl-edit".to_owned(),
        );
        assert_eq!(
            found_beside(&predicted, &live, &predicted, &Fresh::NotAsked),
            [expected]
        );
    }

    #[test]
    fn a_container_that_somebody_added_is_found_although_an_apply_would_keep_it() {
        let spec = containers(&[("web", "1"), ("spy", "1")]);
        let ours = (FIELD_MANAGER, "Apply", owned(&["web"]));
        let theirs = ("kubectl-patch", "Update", owned(&["spy"]));
        let live = object(&spec, &[ours, theirs]);

        let expected = (
            "/spec/containers/[name=spy]".to_owned(),
            ChangeKind::Added,
            "kubectl-patch".to_owned(),
        );

        // The answer to an apply is live itself: another manager's container stays in it.
        let desired = object(&containers(&[("web", "1")]), &[]);
        assert_eq!(found(&desired, &live, &Fresh::NotAsked), [expected]);
    }

    #[test]
    fn a_default_that_a_tool_wrote_down_is_no_difference() {
        let theirs = ("helm", "Update", json!({"f:policy": {}, "f:empty": {}}));
        let live = object(&json!({"policy": "Always", "empty": {}}), &[theirs]);
        let desired = object(&json!({}), &[]);

        assert_eq!(found(&desired, &live, &Fresh::NotAsked).len(), 2);

        // A tool that sends whole objects owns the defaults in them: a fresh object has them as well.
        let fresh = Fresh::Object(Box::new(object(&json!({"policy": "Always", "empty": {}}), &[])));
        assert_eq!(found(&desired, &live, &fresh), []);
    }

    #[test]
    fn a_list_in_another_order_is_one_difference_of_the_whole() {
        let ours = [(FIELD_MANAGER, "Apply", owned(&["a", "b"]))];
        let live = object(&containers(&[("a", "1"), ("b", "1")]), &ours);
        let predicted = object(&containers(&[("b", "1"), ("a", "1")]), &ours);

        let paths: Vec<_> = found_beside(&predicted, &live, &predicted, &Fresh::NotAsked)
            .into_iter()
            .map(|(path, ..)| path)
            .collect();
        assert_eq!(paths, ["/spec/containers"]);
    }
}
