//! Sizes: whatever becomes of a promotion that was begun, its head and its inventory can be written.

use super::*;
use crate::model::format::{FormatVersion, Rest};
use crate::model::journal::HistoryOutcome;
use crate::model::k8s::kinds::built_in;
use crate::model::release::PublicRelease;
use crate::model::{Object, Operation, StepId, Uid, WaveIndex};
use crate::observe::release_state::{parse_head, parse_inventory};
use jiff::Timestamp;
use proptest::prelude::*;

fn hash(of: &str) -> String {
    Sha256Digest::compute(of.as_bytes()).hex().to_owned()
}

fn release() -> PublicRelease {
    PublicRelease {
        name: "shop".into(),
        version: "2".into(),
        digest: Sha256Digest::compute(b"2").into(),
    }
}

/// A target with a name as generators make them.
fn target(n: usize) -> Target {
    let name = format!("shop-component-{n}-{}", &hash(&n.to_string())[..10]);
    Target::new(&built_in("", "ConfigMap").unwrap(), Some("shop"), &name)
}

fn bundle(name: &str) -> PartBundle {
    PartBundle::named(name, false)
}

fn head(steps: usize) -> Head {
    let step = |n: usize| StepProgress {
        id: StepId::new(u32::try_from(n).unwrap()),
        target: target(n),
        verb: if n.is_multiple_of(2) { "create" } else { "update" }.into(),
        wave: WaveIndex::new(1),
        prune: false,
        state: StepState::Pending,
        ready: false,
        undo: UndoState::Pending,
    };
    let current = Journal {
        rest: serde_json::Map::new(),
        format_version: crate::model::format::FormatVersion::default(),
        id: "p1".into(),
        serial: 1,
        release: release(),
        operation: Operation::Promote,
        namespace: "shop".into(),
        revision: 2,
        actor: "me".into(),
        started_at: Timestamp::UNIX_EPOCH,
        ended_at: None,
        phase: JournalPhase::Applying,
        ending: None,
        message: "a wave is being applied".into(),
        holder: "me".into(),
        failure: None,
        reverting: None,
        parts: vec![bundle("before")],
        record: vec![bundle("record")],
        forget: Vec::new(),
        moves_from: Vec::new(),
        rehearsal: Vec::new(),
        rollback: None,
        steps: (0..steps).map(step).collect(),
    };
    let previous = Previous {
        bundle: Some(bundle("last")),
        parts: vec![bundle("older")],
        journal: None,
    };
    Head::new(current, Some(previous))
}

/// States by number, with texts as long as a server's may be.
fn put_in_state(step: &mut StepProgress, state: usize) {
    // Hashes, as of real names and uids: what repeats itself would be compressed to nothing.
    let long = |what: &str| format!("{what} {} ", hash(&step.target.name)).repeat(8);

    let uid = hash(&format!("uid {}", step.target.name));
    let uid = [&uid[..8], &uid[8..12], &uid[12..16], &uid[16..20], &uid[20..32]].join("-");
    let after = hash(&format!("after {}", step.target.name));
    let is_new = step.verb == "create";
    let done = StepState::done(is_new.then(|| Uid::parse(&uid)).flatten(), &after);
    let undone = |notes: Vec<String>| UndoState::done(&hash(&step.target.name), notes);

    let (state, undo) = match state {
        0 => (StepState::Pending, UndoState::Pending),
        1 => (StepState::Intended, UndoState::Pending),
        2 => (StepState::NotDone { why: long("refused") }, UndoState::Pending),
        3 => (done, UndoState::Pending),
        4 => (done, undone(Vec::new())),
        5 => (done, undone(vec!["it has a new uid".into(), long("kept")])),
        _ => (
            done,
            UndoState::Left {
                why: long("refused"),
                by_hand: vec![long("kubectl"); 2],
            },
        ),
    };

    (step.state, step.undo) = (state, undo);
}

fn read_back(head: &Head) -> Head {
    let body = head_body(head, "shop", "shop").unwrap();
    let data = texts(&body["data"]);
    let binary = STANDARD
        .decode(body["binaryData"]["journal"].as_str().unwrap())
        .unwrap();

    assert!(
        data + binary.len() <= CONFIG_MAP,
        "{data} and {} bytes",
        binary.len()
    );
    parse_head(&Object::new(body).unwrap()).unwrap().value
}

#[test]
fn a_journal_of_ten_thousand_steps_fits_in_every_state_and_keeps_what_a_later_run_needs() {
    let pending = head(10_000);
    head_fits(&pending, Vec::new()).unwrap();

    for state in 0..7 {
        let mut head = pending.clone();
        head.current
            .steps
            .iter_mut()
            .for_each(|step| put_in_state(step, state));

        let read = read_back(&head);
        for (step, read) in head.current.steps.iter().zip(&read.current.steps) {
            // Texts may be shortened; whether and how an undo has ended must stay.
            let variant = |state: &UndoState| std::mem::discriminant(state);
            assert_eq!(
                (&step.target, variant(&step.undo)),
                (&read.target, variant(&read.undo))
            );
            if matches!(step.state, StepState::Done { .. }) {
                assert_eq!(step.state, read.state, "state {state}");
            }
        }
        assert_eq!(read.previous, head.previous);
    }
}

#[test]
fn a_journal_that_would_outgrow_its_object_is_refused_while_it_still_fits() {
    let head = head(20_000);
    // As it is now there is room for it, and there would be none at its end.
    encode(&head).unwrap();

    let error = head_fits(&head, Vec::new()).unwrap_err().to_string();
    assert!(
        error.starts_with("expected at most 884736 bytes, found "),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn what_is_begun_can_be_written_to_its_end(steps in 1_usize..16_000, seed in any::<usize>()) {
        let mut head = head(steps);
        // What is refused is not begun: nothing of it has to fit.
        if head_fits(&head, vec![bundle("forgotten")]).is_ok() {
            for (n, step) in head.current.steps.iter_mut().enumerate() {
                put_in_state(step, seed.wrapping_mul(n + 1) % 7);
            }
            // A text for people of any length, in characters of two bytes.
            head.current.message = "é".repeat(steps);
            read_back(&head);
        }
    }
}

#[test]
fn texts_are_whole_where_there_is_room() {
    let mut head = head(7);
    head.current
        .steps
        .iter_mut()
        .enumerate()
        .for_each(|(n, step)| put_in_state(step, n));
    assert_eq!(read_back(&head), head);
}

fn entry(revision: u32) -> HistoryEntry {
    HistoryEntry {
        format_version: FormatVersion::default(),
        rest: Rest::new(),
        revision,
        id: "p1".into(),
        release: release(),
        operation: Operation::Promote,
        cluster: None,
        actor: "me".into(),
        started_at: Timestamp::UNIX_EPOCH,
        ended_at: Timestamp::UNIX_EPOCH,
        ending: HistoryOutcome::Promoted,
        rollback: None,
        failure: None,
        message: String::new(),
        verification: None,
        waivers: Vec::new(),
        record: vec![bundle("record")],
    }
}

#[test]
fn many_members_are_compressed_and_few_can_be_read_by_a_person() {
    for (members, is_text) in [(3, true), (20_000, false)] {
        let inventory = Inventory {
            members: (0..members).map(target).collect(),
            history: vec![entry(1)],
            labels: [("team".into(), "shop".into())].into(),
            ..Inventory::default()
        };

        inventory_fits(&inventory, "shop", "shop").unwrap();

        let body = inventory_body(&inventory, "shop", "shop").unwrap();
        assert_eq!(body["data"]["members"].is_string(), is_text, "{members} members");
        assert_eq!(
            parse_inventory(&Object::new(body).unwrap()).unwrap().value,
            inventory
        );
    }
}

#[test]
fn an_inventory_that_does_not_fit_is_refused() {
    let mut history = vec![entry(1); 100];
    history
        .iter_mut()
        .for_each(|entry| entry.record = vec![bundle("record"); 100]);
    let inventory = Inventory {
        members: vec![target(1)],
        history,
        ..Inventory::default()
    };

    let error = inventory_fits(&inventory, "shop", "shop")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("expected at most 983040 bytes, found "),
        "{error}"
    );
}
