//! What changed lately, and whose hand it was, as far as managedFields remember.
//!
//! A look back without a release: nothing is judged and nothing is asked. Times are the server's, to the second.

use crate::model::finding::{ManagerFields, RecentChange};
use crate::model::{FieldPath, Object};
use crate::objects::Owners;
use jiff::Timestamp;

/// The hands that wrote to an object since then, the latest first; none where nobody did. A field that was removed
/// leaves no trace, and a manager's time is that of its last change. The server notes no time of writes through `scale`:
/// such a hand may be of any time, and is told as such.
pub fn touched(live: &Object, since: Timestamp) -> Option<RecentChange> {
    let created = live.text("/metadata/creationTimestamp").parse::<Timestamp>().ok();
    let is_lately = |time: &Option<Timestamp>| time.is_none_or(|time| time >= since);

    let owners = Owners::from_object(live);
    let mut managers: Vec<ManagerFields> = owners
        .fields_of(|owner| is_lately(&owner.time))
        .map(|(owner, mut fields)| {
            fields.sort_by_key(FieldPath::to_string);
            ManagerFields {
                owner: owner.clone(),
                fields,
            }
        })
        .collect();
    // The latest first; a hand whose time nobody knows comes last.
    managers.sort_by_key(|manager| std::cmp::Reverse(manager.owner.time));

    let created = created.filter(|time| *time >= since);
    (created.is_some() || !managers.is_empty()).then(|| RecentChange {
        object: live.id(),
        created,
        managers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_was_written_lately_is_told_the_latest_first() {
        let entry = |manager: &str, time: &str, field: &str| json!({"manager": manager, "operation": "Update", "time": time, "fieldsV1": {"f:spec": {field: {}}}});
        let live = Object::new(json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a",
            "creationTimestamp": "2026-11-01T00:00:00Z", "managedFields": [
                entry("helm", "2026-11-01T00:00:00Z", "f:old"),
                entry("kubectl-edit", "2026-11-23T10:00:00Z", "f:a"),
                entry("kubectl-scale", "2026-11-23T11:00:00Z", "f:replicas")]}}))
        .unwrap();

        let found = touched(&live, "2026-11-23T09:00:00Z".parse().unwrap()).unwrap();
        let managers: Vec<_> = found
            .managers
            .iter()
            .map(|manager| manager.owner.manager.as_str())
            .collect();
        assert_eq!(
            (managers, found.created),
            (vec!["kubectl-scale", "kubectl-edit"], None)
        );
        assert_eq!(found.managers[0].fields[0].to_string(), "/spec/replicas");

        let late = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(touched(&live, late), None);

        // A write through `scale` may have been at any time, and so also lately.
        let mut scaled = live.clone();
        scaled.value_mut()["metadata"]["managedFields"][2]["time"] = serde_json::Value::Null;
        assert_eq!(
            touched(&scaled, late).unwrap().managers[0].owner.time,
            None,
            "a time that nobody knows"
        );
    }
}
