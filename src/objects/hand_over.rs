//! New managedFields for an object that another manager goes on with: every entry of ours becomes that manager's.
//!
//! Status is written by controllers alone, so that an entry of ours is always one of the object itself. What is named to be
//! dropped leaves the entries together with its value.

use super::fields_v1::{leaves, take, union};
use crate::model::k8s::entries::{ENTRY_KEY, ensure_any_entry, is_our_entry};
use crate::model::{FieldPath, Object};
use serde_json::Value;

/// The entries of `live` with ours given to `manager`, without the fields of `dropped`; none where none is ours.
pub fn hand_over(live: &Object, manager: &str, dropped: &[FieldPath]) -> Option<Vec<Value>> {
    let entries = live.managed_fields().iter().cloned();
    let (ours, mut entries): (Vec<Value>, Vec<Value>) = entries.partition(is_our_entry);
    if ours.is_empty() {
        return None;
    }

    for mut entry in ours {
        entry["manager"] = manager.into();
        for path in dropped {
            take(&mut entry["fieldsV1"], path);
        }
        if leaves(&entry["fieldsV1"]).is_empty() {
            continue;
        }

        // The server keeps one entry for each key: two of them would be rejected.
        let key = |entry: &Value| ENTRY_KEY.map(|field| entry.get(field).cloned());
        match entries.iter_mut().find(|other| key(other) == key(&entry)) {
            Some(other) => union(&mut other["fieldsV1"], &entry["fieldsV1"]),
            None => entries.push(entry),
        }
    }
    ensure_any_entry(&mut entries);
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::super::take_over::tests::{entry, live};
    use super::*;
    use crate::model::names::FIELD_MANAGER;
    use serde_json::json;

    const LABEL: &str = "/metadata/labels/applyset.kubernetes.io~1part-of";

    fn handed_over(entries: &Value) -> Option<Vec<Value>> {
        hand_over(&live(entries), "helm", &[LABEL.parse().unwrap()])
    }

    #[test]
    fn our_entries_become_the_managers_without_what_is_dropped() {
        let ours = json!({"f:metadata": {"f:labels": {"f:app": {}, "f:applyset.kubernetes.io/part-of": {}}}, "f:spec": {"f:replicas": {}}});
        let theirs = entry("kubectl-edit", "Update", &json!({"f:spec": {"f:paused": {}}}));

        let entries = handed_over(&json!([entry(FIELD_MANAGER, "Apply", &ours), theirs])).unwrap();

        let expected = json!({"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:replicas": {}}});
        assert_eq!(entries, [theirs, entry("helm", "Apply", &expected)]);
    }

    #[test]
    fn an_entry_that_the_manager_has_already_takes_ours_in() {
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        let paused = json!({"f:spec": {"f:paused": {}}});

        let entries = handed_over(&json!([
            entry("helm", "Apply", &paused),
            entry(FIELD_MANAGER, "Apply", &replicas)
        ]));

        let both = json!({"f:spec": {"f:paused": {}, "f:replicas": {}}});
        assert_eq!(entries.unwrap(), [entry("helm", "Apply", &both)]);
    }

    #[test]
    fn where_nothing_is_ours_nothing_is_written_and_an_entry_of_the_label_alone_leaves_nobody() {
        let theirs = entry("helm", "Apply", &json!({"f:spec": {"f:replicas": {}}}));
        assert_eq!(handed_over(&json!([theirs])), None);

        let label = json!({"f:metadata": {"f:labels": {"f:applyset.kubernetes.io/part-of": {}}}});
        let entries = handed_over(&json!([entry(FIELD_MANAGER, "Apply", &label)]));
        assert_eq!(entries.unwrap(), [json!({})]);
    }
}
