//! What a revert does not undo: a promotion that was rolled back already, and, without its number, the one before that.
//!
//! Pure. Whoever types `revert` after a failed promotion means that one. Its rollback has run by itself, and the next one
//! back is what runs in production: it is undone only where its number says that it is meant.

use super::ending::is_revert;
use super::not_begun::ExecuteError;
use crate::model::inventory::Inventory;
use crate::model::journal::{HistoryOutcome, Journal};

/// Whether a closed journal has anything left to be rolled back: all of it, or what its rollback did not get to.
pub(super) fn can_be_rolled_back(journal: &Journal) -> bool {
    journal.is_committed() || journal.ending == Some(HistoryOutcome::RollbackIncomplete)
}

/// Whether nothing of it is left to be rolled back: what was finished before it is next.
pub(super) fn is_over(journal: &Journal) -> bool {
    !journal.is_open() && !can_be_rolled_back(journal)
}

/// An error where nothing is to be reverted, or another revision than the one that was named. `earlier` is what was
/// promoted before `last` and can still be undone, where nothing of `last` is left to undo.
pub(super) fn check(
    last: &Journal,
    earlier: Option<&Journal>,
    undo_revision: Option<u32>,
    inventory: &Inventory,
) -> Result<(), ExecuteError> {
    let next_undone = if is_over(last) { earlier } else { Some(last) };
    let message = match (next_undone, undo_revision) {
        // The last promotion itself, or the rest of a rollback that is incomplete.
        (Some(journal), None) if !is_over(last) || is_repair(last) || !journal.is_committed() => {
            return Ok(());
        }
        (Some(journal), Some(revision)) if journal.revision == revision => return Ok(()),
        (Some(journal), Some(revision)) if !journal.is_committed() => format!(
            "cannot revert revision {revision}: the promotion of {} {} (revision {}) is unfinished, and is reverted first",
            journal.release.name, journal.release.version, journal.revision
        ),
        (None, Some(revision)) if promoted_revision(inventory) == Some(revision) => {
            format!("cannot revert revision {revision}: its pre-images are no longer stored")
        }
        (_, Some(revision)) => format!(
            "cannot revert revision {revision}: it is not the current revision; {}",
            promoted(inventory)
        ),
        (_, None) if is_repair(last) => {
            let promoted = promoted(inventory);
            format!(
                "nothing to revert: the pre-images of the last promotion are no longer stored; {promoted}"
            )
        }
        (_, None) => format!(
            "nothing to revert: the last {} of {} {} was already {}; {}",
            last.operation.noun(),
            last.release.name,
            last.release.version,
            if is_revert(last) {
                "reverted"
            } else {
                "rolled back"
            },
            promoted(inventory)
        ),
    };
    Err(ExecuteError::NothingToRevert {
        message,
        hints: ways_on(last, next_undone, inventory),
    })
}

/// Whether it repaired drift: a revert is of the promotion before it.
fn is_repair(journal: &Journal) -> bool {
    journal.ending == Some(HistoryOutcome::Repaired)
}

fn promoted_revision(inventory: &Inventory) -> Option<u32> {
    inventory.promoted().map(|entry| entry.revision)
}

fn promoted(inventory: &Inventory) -> String {
    let promoted = inventory.promoted();
    promoted.map_or_else(
        || "no release is promoted".into(),
        |entry| format!("{} is promoted", entry.named()),
    )
}

/// What to type instead.
fn ways_on(last: &Journal, next_undone: Option<&Journal>, inventory: &Inventory) -> Vec<String> {
    let (name, namespace) = (&last.release.name, &last.namespace);
    let revert = format!("kubectl delivery revert {name} -n {namespace}");
    match next_undone {
        Some(journal) if journal.is_committed() => {
            let revision = journal.revision;
            vec![format!(
                "to revert revision {revision} too: {revert} --undo-revision {revision}"
            )]
        }
        Some(_) => vec![revert],
        // Whatever the history has stored can be promoted again.
        None if inventory.history.iter().any(|entry| !entry.record.is_empty()) => {
            vec![format!(
                "to see the revisions for revert --to-revision: kubectl delivery history {name} -n {namespace}"
            )]
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn journal(revision: u32, ending: Option<&str>, why: Option<&str>) -> Journal {
        let reverting = why.map(|why| json!({"keepForeign": false, "why": why, "wasPromoted": false}));
        serde_json::from_value(json!({
            "id": format!("p{revision}"), "serial": 1, "namespace": "shop", "revision": revision, "actor": "jane",
            "release": {"name": "shop", "version": format!("1.4.{revision}")},
            "startedAt": "2026-11-23T06:00:00Z", "message": "", "holder": "",
            "phase": if ending.is_some() { "closed" } else { "applying" },
            "ending": ending, "reverting": reverting, "parts": [], "record": [], "steps": []}))
        .unwrap()
    }

    fn inventory(promoted: &[u32]) -> Inventory {
        let entry = |revision: &u32| -> Value {
            json!({"revision": revision, "id": format!("p{revision}"), "actor": "jane", "ending": "promoted",
                "release": {"name": "shop", "version": format!("1.4.{revision}")},
                "startedAt": "2026-11-23T06:00:00Z", "endedAt": "2026-11-23T06:00:00Z"})
        };
        Inventory {
            history: promoted
                .iter()
                .map(|one| serde_json::from_value(entry(one)).unwrap())
                .collect(),
            ..Inventory::default()
        }
    }

    fn refusal(last: &Journal, earlier: Option<&Journal>, named: Option<u32>, promoted: &[u32]) -> String {
        match check(last, earlier, named, &inventory(promoted)) {
            Ok(()) => "goes on".into(),
            Err(ExecuteError::NothingToRevert { message, hints }) => {
                format!("{message} | {}", hints.join(" | "))
            }
            Err(other) => panic!("{other}"),
        }
    }

    const UNDO: &str = "to revert revision 1 too: kubectl delivery revert shop -n shop --undo-revision 1";

    #[rstest]
    #[case::without_its_number(None, &format!("nothing to revert: the last promotion of shop 1.4.2 was already rolled back; shop 1.4.1 (revision 1) is promoted | {UNDO}"))]
    #[case::by_its_number(Some(1), "goes on")]
    #[case::by_the_number_of_the_failed_one(Some(2), &format!("cannot revert revision 2: it is not the current revision; shop 1.4.1 (revision 1) is promoted | {UNDO}"))]
    fn after_a_rollback_the_promotion_before_is_undone_by_its_number_alone(
        #[case] named: Option<u32>,
        #[case] expected: &str,
    ) {
        let last = journal(2, Some("reverted"), Some("failed"));
        let earlier = journal(1, Some("promoted"), None);
        assert_eq!(refusal(&last, Some(&earlier), named, &[1]), expected);
    }

    #[rstest]
    #[case::promoted(Some("promoted"), None, None, "goes on")]
    #[case::promoted_and_named(Some("promoted"), None, Some(2), "goes on")]
    #[case::unfinished(None, None, None, "goes on")]
    #[case::incomplete(Some("notFullyReverted"), Some("failed"), None, "goes on")]
    #[case::promoted_and_another_named(
        Some("promoted"),
        None,
        Some(1),
        "cannot revert revision 1: it is not the current revision; shop 1.4.2 (revision 2) is promoted | to revert revision 2 too: kubectl delivery revert shop -n shop --undo-revision 2"
    )]
    #[case::unfinished_and_another_named(
        None,
        None,
        Some(1),
        "cannot revert revision 1: the promotion of shop 1.4.2 (revision 2) is unfinished, and is reverted first | kubectl delivery revert shop -n shop"
    )]
    fn the_last_promotion_is_undone_without_a_number(
        #[case] ending: Option<&str>,
        #[case] why: Option<&str>,
        #[case] named: Option<u32>,
        #[case] expected: &str,
    ) {
        assert_eq!(refusal(&journal(2, ending, why), None, named, &[2]), expected);
    }

    #[test]
    fn after_a_repair_the_promotion_is_undone_that_it_repaired() {
        let repair = journal(1, Some("repaired"), None);
        let promoted = journal(1, Some("promoted"), None);
        assert_eq!(refusal(&repair, Some(&promoted), None, &[1]), "goes on");
        assert_eq!(refusal(&repair, Some(&promoted), Some(1), &[1]), "goes on");
        assert_eq!(
            refusal(&repair, None, None, &[1]),
            "nothing to revert: the pre-images of the last promotion are no longer stored; shop 1.4.1 (revision 1) is promoted | "
        );
    }

    #[test]
    fn where_nothing_can_be_undone_what_is_promoted_is_named() {
        let asked = journal(2, Some("reverted"), Some("asked"));
        assert_eq!(
            refusal(&asked, None, None, &[1]),
            "nothing to revert: the last promotion of shop 1.4.2 was already reverted; shop 1.4.1 (revision 1) is promoted | "
        );
        assert_eq!(
            refusal(&asked, None, Some(1), &[1]),
            "cannot revert revision 1: its pre-images are no longer stored | "
        );
        let failed = journal(1, Some("reverted"), Some("failed"));
        assert_eq!(
            refusal(&failed, None, None, &[]),
            "nothing to revert: the last promotion of shop 1.4.1 was already rolled back; no release is promoted | "
        );
    }
}
