//! New managedFields for an object: other managers' fields that become ours, and fields of ours that we let go.
//!
//! A server-side apply removes only what its own entry owns and its body lacks. What others own and must go is
//! moved into our entry first; what is somebody else's to decide is taken out of it first.
//!
//! The entries that come out are written ahead of the apply, in a request that changes no value. Taking comes before
//! letting go: a path of an adopted manager may be one to leave alone. Status is never taken, and no path is
//! translated between versions of a kind: only the server could do that.

use super::fields_v1::{holds, is_bare, leaves, set_of, take, union};
use crate::model::k8s::entries::{ensure_any_entry, is_our_apply_entry, is_status_entry};
use crate::model::names::FIELD_MANAGER;
use crate::model::{FieldPath, Object};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Which ownership changes.
#[derive(Debug, Default)]
pub struct Change<'a> {
    /// Managers whose whole entries become ours.
    pub managers: BTreeSet<&'a str>,
    /// Paths that become ours, whoever owns them: others, or nobody.
    pub paths: Vec<FieldPath>,
    /// Paths that we let go of, and that stay as they are.
    pub release: Vec<FieldPath>,
    /// Paths that stay with their managers, although these are adopted.
    pub retained: Vec<FieldPath>,
}

/// What a change of ownership comes to.
#[derive(Debug, PartialEq)]
pub struct TakenOver {
    /// The new managedFields.
    pub entries: Vec<Value>,
    /// The paths that became ours: those that the body lacks will go with the apply.
    pub taken: Vec<FieldPath>,
}

/// An entry that cannot be moved: it speaks another version of the kind.
#[derive(Debug, PartialEq)]
pub struct OtherVersion {
    /// The other manager.
    pub manager: String,
    /// Its version.
    pub api_version: String,
}

/// Computes the new managedFields; none where nothing changes.
pub fn take_over(live: &Object, change: &Change<'_>) -> Result<Option<TakenOver>, OtherVersion> {
    if change.managers.is_empty() && change.paths.is_empty() && change.release.is_empty() {
        return Ok(None);
    }

    let entries = live.managed_fields().iter().cloned();
    let (mut ours, others): (Vec<Value>, Vec<Value>) = entries.partition(is_our_apply_entry);
    let ours = ours.pop();

    let mut taking = Taking {
        version: ours.as_ref().map(|entry| entry["apiVersion"].clone()),
        taken: json!({}),
        retained: Vec::new(),
    };
    // Ahead of what nobody owns: a path that is found in another's entry is not added a second time.
    for entry in others {
        taking.take_from(entry, change)?;
    }
    let mut fields = ours.as_ref().map_or(json!({}), |entry| entry["fieldsV1"].clone());
    taking.add_unowned(&fields, &change.paths);

    union(&mut fields, &taking.taken);
    // Last: what was adopted a moment ago may be among it.
    let release = change.release.iter();
    let released = release.filter(|path| take(&mut fields, path).is_some()).count();

    let taken = leaves(&taking.taken);
    if released == 0 && taken.is_empty() {
        return Ok(None);
    }

    let mut entries = taking.retained;
    if !leaves(&fields).is_empty() {
        let mut entry = ours.unwrap_or_else(|| json!({"manager": FIELD_MANAGER, "operation": "Apply"}));
        entry["apiVersion"] = taking.version.unwrap_or_else(|| live.api_version().into());
        entry["fieldsType"] = "FieldsV1".into();
        entry["fieldsV1"] = fields;
        entries.insert(0, entry);
    }
    ensure_any_entry(&mut entries);

    Ok(Some(TakenOver { entries, taken }))
}

/// What is taken from others, entry by entry.
struct Taking {
    /// The version that our entry will speak; none until an entry has said one.
    version: Option<Value>,
    /// The set of what becomes ours.
    taken: Value,
    /// The others' entries, with what is left in them.
    retained: Vec<Value>,
}

impl Taking {
    /// Takes out of another's entry what becomes ours.
    fn take_from(&mut self, mut entry: Value, change: &Change<'_>) -> Result<(), OtherVersion> {
        let taken = part_to_take(&mut entry, change);

        if !leaves(&taken).is_empty() {
            let speaks = entry["apiVersion"].clone();
            // One entry speaks one version: paths of another would name other fields, or none.
            if *self.version.get_or_insert_with(|| speaks.clone()) != speaks {
                return Err(OtherVersion {
                    manager: entry["manager"].as_str().unwrap_or_default().into(),
                    api_version: speaks.as_str().unwrap_or_default().into(),
                });
            }
            union(&mut self.taken, &taken);
        }

        if !leaves(&entry["fieldsV1"]).is_empty() {
            self.retained.push(entry);
        }
        Ok(())
    }

    /// Adds paths that are nobody's, such as defaults: without an owner no apply would ever take them away.
    fn add_unowned(&mut self, ours: &Value, paths: &[FieldPath]) {
        for path in paths {
            if !holds(ours, path) && !holds(&self.taken, path) {
                union(&mut self.taken, &set_of(path));
            }
        }
    }
}

/// Cuts out of another's entry what becomes ours.
fn part_to_take(entry: &mut Value, change: &Change<'_>) -> Value {
    // No apply of ours sends status: what an adopted manager owns of it stays its own.
    if is_status_entry(entry) {
        return json!({});
    }

    let manager = entry["manager"].as_str().unwrap_or_default();
    let is_adopted = change.managers.contains(manager);
    let fields = &mut entry["fieldsV1"];
    let mut taken = json!({});
    if is_adopted {
        std::mem::swap(&mut taken, fields);
        for path in &change.retained {
            if let Some(part) = take(&mut taken, path) {
                union(fields, &part);
            }
            // A map of which nothing else is taken is nothing to take either.
            let emptied = path.parent().filter(|parent| is_bare(&taken, parent));
            if let Some(part) = emptied.and_then(|parent| take(&mut taken, &parent)) {
                union(fields, &part);
            }
        }
        return taken;
    }

    for path in &change.paths {
        if let Some(part) = take(fields, path) {
            union(&mut taken, &part);
        }
    }
    taken
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn live(entries: &Value) -> Object {
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "managedFields": entries}}))
        .unwrap()
    }

    pub fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    #[test]
    fn an_adopted_managers_entry_becomes_ours_and_no_other_entry_changes() {
        let edit = entry("kubectl-edit", "Update", &json!({"f:spec": {"f:paused": {}}}));
        let live = live(&json!([
            entry(
                "kubectl-client-side-apply",
                "Update",
                &json!({"f:spec": {"f:replicas": {}}})
            ),
            edit
        ]));

        let change = Change {
            managers: ["kubectl-client-side-apply"].into(),
            ..Change::default()
        };

        let result = take_over(&live, &change).unwrap().unwrap();
        assert_eq!(
            result.entries,
            [
                entry(FIELD_MANAGER, "Apply", &json!({"f:spec": {"f:replicas": {}}})),
                edit
            ]
        );
        assert_eq!(result.taken, [path("/spec/replicas")]);
    }

    #[test]
    fn what_is_kept_stays_with_a_manager_that_is_adopted() {
        let annotations = json!({".": {}, "f:revision": {}, "f:note": {}});
        let theirs = |annotations: &Value| {
            entry(
                "rollouts-controller",
                "Update",
                &json!({"f:metadata": {"f:annotations": annotations}}),
            )
        };
        let live = live(&json!([theirs(&annotations)]));
        let change = |retained: &[&str]| Change {
            managers: ["rollouts-controller"].into(),
            retained: retained.iter().map(|retained| path(retained)).collect(),
            ..Change::default()
        };

        let (revision, note) = ("/metadata/annotations/revision", "/metadata/annotations/note");
        let result = take_over(&live, &change(&[revision])).unwrap().unwrap();
        assert_eq!(result.entries[1], theirs(&json!({"f:revision": {}})));
        assert_eq!(result.taken, [path(note)]);

        // With nothing else to take there is nothing to write.
        let all = take_over(&live, &change(&[revision, note])).unwrap();
        assert_eq!(all, None);
    }

    #[test]
    fn one_path_of_a_persons_entry_is_taken_and_the_rest_stays() {
        let live = live(&json!([
            entry(FIELD_MANAGER, "Apply", &json!({"f:spec": {"f:replicas": {}}})),
            entry(
                "kubectl-edit",
                "Update",
                &json!({"f:spec": {"f:paused": {}, "f:minReadySeconds": {}}})
            )
        ]));
        let change = Change {
            // The person's other field is left to the person: only the path that was asked for moves.
            paths: vec![path("/spec/paused")],
            ..Change::default()
        };

        let result = take_over(&live, &change).unwrap().unwrap();
        let expected = [
            entry(
                FIELD_MANAGER,
                "Apply",
                &json!({"f:spec": {"f:replicas": {}, "f:paused": {}}}),
            ),
            entry(
                "kubectl-edit",
                "Update",
                &json!({"f:spec": {"f:minReadySeconds": {}}}),
            ),
        ];
        assert_eq!(result.entries, expected);
    }

    #[test]
    fn a_path_that_nobody_owns_becomes_ours_and_one_that_is_ours_already_is_no_change() {
        let ours = entry(
            FIELD_MANAGER,
            "Apply",
            &json!({"f:spec": {"f:strategy": {"f:type": {}}}}),
        );
        let live = live(&json!([ours]));
        let change = |text: &str| Change {
            paths: vec![path(text)],
            ..Change::default()
        };

        // A default of the server's: in our entry, the next apply can take it away.
        let result = take_over(&live, &change("/spec/strategy/rollingUpdate"))
            .unwrap()
            .unwrap();
        let both = json!({"f:spec": {"f:strategy": {"f:type": {}, "f:rollingUpdate": {}}}});
        assert_eq!(result.entries, [entry(FIELD_MANAGER, "Apply", &both)]);

        assert_eq!(take_over(&live, &change("/spec/strategy/type")), Ok(None));
    }

    #[test]
    fn a_released_path_leaves_our_entry_also_where_it_was_just_adopted() {
        let live = live(&json!([entry(
            "helm",
            "Update",
            &json!({"f:spec": {"f:replicas": {}, "f:paused": {}}})
        )]));
        let change = Change {
            managers: ["helm"].into(),
            // An autoscaler's: adopted with the rest of the tool's entry, and let go of at once.
            release: vec![path("/spec/replicas")],
            ..Change::default()
        };

        let result = take_over(&live, &change).unwrap().unwrap();
        assert_eq!(
            result.entries,
            [entry(
                FIELD_MANAGER,
                "Apply",
                &json!({"f:spec": {"f:paused": {}}})
            )]
        );
    }

    #[test]
    fn the_ownership_of_status_is_never_taken_and_nothing_to_take_is_no_change() {
        let mut status = entry("helm", "Update", &json!({"f:status": {"f:x": {}}}));
        status["subresource"] = "status".into();
        let live = live(&json!([status]));
        let change = Change {
            managers: ["helm"].into(),
            ..Change::default()
        };

        assert_eq!(take_over(&live, &change), Ok(None));
    }

    #[test]
    fn an_entry_in_another_version_of_the_kind_is_refused_by_name() {
        let mut old = entry("helm", "Update", &json!({"f:spec": {"f:replicas": {}}}));
        old["apiVersion"] = "extensions/v1beta1".into();
        let live = live(&json!([
            entry(FIELD_MANAGER, "Apply", &json!({"f:spec": {"f:paused": {}}})),
            old
        ]));
        let change = Change {
            managers: ["helm"].into(),
            ..Change::default()
        };

        // Taken as it is, it would be read as a field of the newer version.
        let error = take_over(&live, &change).unwrap_err();
        assert_eq!(
            (&*error.manager, &*error.api_version),
            ("helm", "extensions/v1beta1")
        );
    }
}
