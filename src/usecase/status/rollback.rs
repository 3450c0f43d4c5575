//! Whether the last promotion could be rolled back: of one that is unfinished by its run, of one that is done by `revert`.

use crate::model::inventory::Inventory;
use crate::model::journal::{HistoryOutcome, Journal};
use crate::model::phrase::utc;
use crate::model::status::RollbackStatus;

/// What is known of it without a look at the cluster; none where nothing was promoted, or where it was rolled back.
pub(super) fn rollback_status(journal: Option<&Journal>, inventory: &Inventory) -> Option<RollbackStatus> {
    let journal = journal?;
    let is_current = inventory.promoted().is_some_and(|entry| entry.id == journal.id);
    let is_promoted = is_current && journal.ending.is_some_and(HistoryOutcome::is_promoted);
    if !journal.is_open() && !is_promoted {
        return None;
    }

    // Once it is closed, what its steps would be undone from lies in its parts, or nowhere.
    if is_promoted && journal.parts.is_empty() {
        let message = "not possible: its pre-images are not stored".to_owned();
        return Some(RollbackStatus {
            possible: false,
            message,
        });
    }
    let outlook = journal.rollback.as_ref();
    if let Some(outlook) = outlook.filter(|outlook| !outlook.possible || journal.is_open()) {
        let checked = utc(journal.started_at);
        return Some(RollbackStatus {
            possible: outlook.possible,
            message: format!("{outlook}; checked at {checked}"),
        });
    }
    let earlier = inventory.promoted_without(&journal.id);
    let message = match earlier {
        Some(entry) => format!("possible, to {}", entry.named()),
        None => "possible; no release is promoted afterwards".to_owned(),
    };
    Some(RollbackStatus {
        possible: true,
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn journal(ending: Option<&str>, parts: &Value, rollback: &Value) -> Journal {
        let phase = if ending.is_some() { "closed" } else { "applying" };
        let journal = json!({
            "id": "p2", "serial": 1, "revision": 2, "namespace": "shop", "phase": phase, "ending": ending,
            "release": {"name": "shop", "version": "1.4.2"}, "actor": "ci", "holder": "ci",
            "startedAt": "2026-11-28T08:00:00Z", "message": "", "parts": parts, "record": [], "steps": [],
            "rollback": rollback,
        });
        serde_json::from_value(journal).unwrap()
    }

    fn inventory(promoted: &[u32]) -> Inventory {
        let entry = |revision: &u32| {
            let entry = json!({"revision": revision, "id": format!("p{revision}"), "actor": "me", "ending": "promoted",
                "release": {"name": "shop", "version": format!("1.4.{revision}")},
                "startedAt": "2026-11-27T08:00:00Z", "endedAt": "2026-11-27T08:01:00Z"});
            serde_json::from_value(entry).unwrap()
        };
        Inventory {
            history: promoted.iter().map(entry).collect(),
            ..Inventory::default()
        }
    }

    fn lacking() -> Value {
        let web = json!({"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"});
        json!({"possible": false, "notStarting": [web]})
    }

    fn part() -> Value {
        let digest = format!("hmac-sha256:{}", "1".repeat(64));
        json!([{"secret": true, "namespace": "shop", "names": ["a"], "digest": digest}])
    }

    #[rstest]
    #[case::open(None, &json!([]), &json!({"possible": true}), &[1], Some("possible; checked at 2026-11-28T08:00:00Z"))]
    #[case::open_by_an_older_program(None, &json!([]), &Value::Null, &[1], Some("possible, to shop 1.4.1 (revision 1)"))]
    #[case::without_pre_images(Some("promoted"), &json!([]), &json!({"possible": true}), &[1, 2],
        Some("not possible: its pre-images are not stored"))]
    #[case::promoted(Some("promoted"), &part(), &json!({"possible": true}), &[1, 2], Some("possible, to shop 1.4.1 (revision 1)"))]
    #[case::first(Some("promoted"), &part(), &Value::Null, &[2], Some("possible; no release is promoted afterwards"))]
    #[case::lacking(Some("promoted"), &part(), &lacking(), &[1, 2],
        Some("not possible: Deployment shop/web could not start again; checked at 2026-11-28T08:00:00Z"))]
    #[case::rolled_back(Some("reverted"), &json!([]), &json!({"possible": true}), &[1], None)]
    fn it_is_told_by_the_journal(
        #[case] ending: Option<&str>,
        #[case] parts: &Value,
        #[case] rollback: &Value,
        #[case] promoted: &[u32],
        #[case] message: Option<&str>,
    ) {
        let journal = journal(ending, parts, rollback);
        let found = rollback_status(Some(&journal), &inventory(promoted));
        assert_eq!(found.map(|found| found.message).as_deref(), message);
    }
}
