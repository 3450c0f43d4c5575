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
        actor: "me".into(),
        started_at: Timestamp::UNIX_EPOCH,
        ended_at: Timestamp::UNIX_EPOCH,
        ending,
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

    history.extend((3..9).map(|revision| entry(revision, HistoryOutcome::Reverted)));
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
