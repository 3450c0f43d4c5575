//! What stays in a history, and what goes.

use super::*;
use crate::model::Sha256Digest;
use crate::model::format::{FormatVersion, Rest};
use crate::model::release::PublicRelease;
use crate::model::verdict::{Cause, CauseKind};

fn entry(revision: u32, ending: HistoryOutcome) -> HistoryEntry {
    let digest = Sha256Digest::compute(&revision.to_le_bytes());
    let name = format!("r{revision}");
    HistoryEntry {
        format_version: FormatVersion::default(),
        rest: Rest::new(),
        revision,
        id: name.clone(),
        release: PublicRelease {
            name: "shop".into(),
            version: "1".into(),
            digest: digest.into(),
        },
        operation: Operation::Promote,
        cluster: None,
        actor: "me".into(),
        started_at: Timestamp::UNIX_EPOCH,
        ended_at: Timestamp::UNIX_EPOCH,
        ending,
        rollback: None,
        failure: None,
        message: String::new(),
        verification: None,
        waivers: Vec::new(),
        record: vec![PartBundle::named(&name, false)],
    }
}

#[test]
fn failed_promotions_do_not_push_what_is_promoted_out_of_the_history() {
    let mut history = vec![
        entry(1, HistoryOutcome::Promoted),
        entry(2, HistoryOutcome::Promoted),
    ];

    history.extend((3..9).map(|revision| entry(revision, HistoryOutcome::RolledBack)));
    let mut inventory = Inventory {
        history,
        ..Inventory::default()
    };

    let gone = trim(&mut inventory, 4);
    let left: Vec<u32> = inventory.history.iter().map(|entry| entry.revision).collect();
    // The second is what runs, though it is older than the four that are kept.
    assert_eq!(left, [2, 5, 6, 7, 8]);
    assert_eq!(inventory.promoted().map(|entry| entry.revision), Some(2));

    let gone: Vec<_> = gone.into_iter().flat_map(|bundle| bundle.names).collect();
    assert_eq!(gone, ["r1", "r3", "r4"]);
}

#[test]
fn what_was_deleted_is_not_promoted_and_stays_in_the_history_for_a_revert() {
    let deletion = HistoryEntry {
        operation: Operation::Delete,
        ..entry(2, HistoryOutcome::Deleted)
    };
    let mut inventory = Inventory {
        history: vec![entry(1, HistoryOutcome::Promoted), deletion],
        ..Inventory::default()
    };
    assert_eq!(inventory.promoted(), None);
    assert_eq!(inventory.deleted().map(|entry| entry.revision), Some(2));

    trim(&mut inventory, 1);
    assert_eq!(inventory.history.len(), 2);
    // Reverted, it has another ending.
    inventory.history[1].ending = HistoryOutcome::RolledBack;
    assert_eq!(inventory.promoted().map(|entry| entry.revision), Some(1));
    assert_eq!(inventory.deleted(), None);
}

#[test]
fn the_history_tells_the_start_of_a_long_cause() {
    let recorded_message = |message: &str| {
        let cause = Cause {
            kind: CauseKind::Refused,
            message: message.into(),
            pod: None,
            container: None,
            previous_logs: false,
        };
        truncate_cause(Failure { object: None, cause }).cause.message
    };

    assert_eq!(recorded_message("it exits"), "it exits");
    // Characters are counted, and none is cut in two.
    assert_eq!(recorded_message(&"é".repeat(1001)), "é".repeat(1000) + "…");
}
