//! What the ledger makes of comparisons: tables, and random histories.

use super::*;
use crate::model::ObjectId;
use crate::model::drift::{
    ChangedBy, CloseReason, Coverage, DriftEvent, DriftFinding, DriftKind, DropReason, PromotionEnd,
};
use crate::model::finding::ManagerClass;
use crate::model::moves::ReleaseRef;
use crate::model::start::StartDepth;
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const RESYNC: Duration = Duration::from_secs(600);

fn ledger() -> (Ledger, ReleaseRef) {
    let mut ledger = Ledger::new(LedgerOptions {
        resync: RESYNC,
        findings_per_release: 100,
    });
    let release = ReleaseRef::new("shop", "shop");
    ledger.add(release.clone(), Some(("1.4.2".into(), 7)), 3);
    (ledger, release)
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn deployment(name: &str) -> ObjectId {
    ObjectId::new("apps", "Deployment", Some("shop"), name)
}

fn field(name: &str, path: &str, manager: &str) -> DriftFinding {
    DriftFinding {
        path: Some(path.into()),
        changed_by: Some(ChangedBy {
            manager: manager.into(),
            class: ManagerClass::Manual,
            time: None,
        }),
        ..DriftFinding::of_object(DriftKind::Changed, deployment(name))
    }
}

fn start(cause: &str) -> DriftFinding {
    DriftFinding {
        cause: Some(cause.into()),
        ..DriftFinding::of_object(DriftKind::WouldNotStart, deployment("web"))
    }
}

fn found(findings: Vec<DriftFinding>) -> Compared {
    Compared {
        version: "1.4.2".into(),
        revision: 7,
        objects: 3,
        findings,
        ..Compared::default()
    }
}

fn unread(object: Option<ObjectId>, coverage: Coverage, is_refused: bool) -> Unverified {
    Unverified {
        object,
        container: None,
        coverage,
        why: "no response within 10s".into(),
        is_refused,
    }
}

/// `+` opened, `~` updated, `-` closed, with what they are about.
fn short(events: &[DriftEvent]) -> Vec<String> {
    let text = |event: &DriftEvent| {
        let mark = match event {
            DriftEvent::DriftOpened { .. } => "+",
            DriftEvent::DriftUpdated { .. } => "~",
            DriftEvent::DriftClosed { .. } => "-",
            _ => return None,
        };
        let finding = &event.finding()?.finding;
        let what = finding.path.as_deref().or(finding.cause.as_deref());
        Some(format!("{mark}{}", what.unwrap_or(finding.kind.as_str())))
    };
    events.iter().filter_map(text).collect()
}

fn compare(ledger: &mut Ledger, release: &ReleaseRef, minute: i64, compared: Compared) -> Vec<String> {
    short(&ledger.take(release, Checked::Compared(compared), at(minute)))
}

#[test]
fn a_finding_opens_when_it_is_seen_first_and_closes_when_it_is_not_seen_any_more() {
    let (mut ledger, release) = ledger();
    let scaled = || found(vec![field("web", "/spec/replicas", "kubectl-scale")]);

    assert_eq!(compare(&mut ledger, &release, 0, scaled()), ["+/spec/replicas"]);
    assert!(compare(&mut ledger, &release, 5, scaled()).is_empty());
    let open = &ledger.snapshot()[&release].open;
    assert_eq!((open[0].first_seen, open[0].last_verified), (at(0), at(5)));
    assert_eq!(ledger.standing().exit_code(), 1);

    let closed = ledger.take(&release, Checked::Compared(found(vec![])), at(6));
    let DriftEvent::DriftClosed { finding, reason, .. } = &closed[0] else {
        panic!("{closed:?}")
    };
    assert_eq!((*reason, finding.first_seen), (CloseReason::NotFound, at(0)));
    assert_eq!(ledger.standing().exit_code(), 0);
}

#[test]
fn another_client_that_changes_what_is_open_updates_it_and_it_keeps_its_time() {
    let (mut ledger, release) = ledger();
    let by = |manager| found(vec![field("web", "/spec/replicas", manager)]);

    compare(&mut ledger, &release, 0, by("kubectl-scale"));
    assert_eq!(compare(&mut ledger, &release, 1, by("helm")), ["~/spec/replicas"]);
    assert_eq!(ledger.snapshot()[&release].open[0].first_seen, at(0));
}

#[test]
fn what_a_comparison_could_not_look_at_stays_open() {
    let (mut ledger, release) = ledger();
    compare(
        &mut ledger,
        &release,
        0,
        found(vec![field("web", "/spec/replicas", "a")]),
    );

    let mut blind = found(vec![]);
    blind.unverified = vec![unread(Some(deployment("web")), Coverage::Object, false)];
    assert!(compare(&mut ledger, &release, 1, blind).is_empty());
    assert_eq!(ledger.snapshot()[&release].open[0].last_verified, at(0));
    assert_eq!(ledger.standing().exit_code(), 2, "unknown is never in sync");

    // Of another object nothing stays open for it.
    let mut other = found(vec![]);
    other.unverified = vec![unread(Some(deployment("api")), Coverage::Object, false)];
    assert_eq!(compare(&mut ledger, &release, 2, other), ["-/spec/replicas"]);
}

#[test]
fn what_is_not_verified_for_three_periods_is_unknown_and_what_is_refused_is_so_at_once() {
    for (is_refused, minutes) in [(false, 30), (true, 0)] {
        let (mut ledger, release) = ledger();
        let blind = || {
            let unverified = vec![unread(Some(deployment("web")), Coverage::Object, is_refused)];
            Compared {
                unverified,
                ..found(vec![])
            }
        };
        let opened = (0..=40).find(|minute| !compare(&mut ledger, &release, *minute, blind()).is_empty());
        assert_eq!(opened, Some(minutes));

        assert_eq!(compare(&mut ledger, &release, 41, found(vec![])), ["-unknown"]);
        assert_eq!(ledger.standing().exit_code(), 0);
    }
}

#[test]
fn a_release_that_cannot_be_compared_or_is_not_compared_in_time_is_unknown() {
    let (mut ledger, release) = ledger();
    let failed = || Checked::Failed {
        why: "no response within 10s".into(),
        is_refused: false,
    };
    assert!(short(&ledger.take(&release, failed(), at(0))).is_empty());
    assert_eq!(short(&ledger.take(&release, failed(), at(30))), ["+unknown"]);
    assert_eq!(compare(&mut ledger, &release, 31, found(vec![])), ["-unknown"]);

    // Nothing comes of it at all.
    assert!(ledger.expire(at(60)).is_empty());
    assert_eq!(short(&ledger.expire(at(61))), ["+unknown"]);
    assert!(ledger.expire(at(62)).is_empty(), "said once");
}

#[test]
fn findings_of_starts_are_closed_by_a_look_as_deep_as_theirs() {
    let depths = [
        (StartDepth::Off, vec![]),
        (StartDepth::Reads, vec!["-missing"]),
        (StartDepth::Full, vec!["-missing", "-podRejected"]),
    ];
    for (starts, closed) in depths {
        let (mut ledger, release) = ledger();
        let mut first = found(vec![start("missing"), start("podRejected")]);
        first.starts = StartDepth::Full;
        assert_eq!(
            compare(&mut ledger, &release, 0, first),
            ["+missing", "+podRejected"]
        );

        let next = Compared {
            starts,
            ..found(vec![])
        };
        assert_eq!(compare(&mut ledger, &release, 1, next), closed, "{starts:?}");
    }
}

#[test]
fn images_stay_open_while_pods_cannot_be_read_and_fields_do_not() {
    let (mut ledger, release) = ledger();
    let image = DriftFinding {
        container: Some("web".into()),
        ..DriftFinding::of_object(DriftKind::TagMoved, deployment("web"))
    };
    let both = found(vec![image, field("web", "/spec/replicas", "a")]);
    compare(&mut ledger, &release, 0, both);

    let blind = Compared {
        unverified: vec![unread(None, Coverage::Pods, false)],
        ..found(vec![])
    };
    assert_eq!(compare(&mut ledger, &release, 1, blind), ["-/spec/replicas"]);
}

#[test]
fn what_only_remarks_of_a_comparison_are_about_makes_nothing_unknown_and_is_counted() {
    let (mut ledger, release) = ledger();
    let blind = Compared {
        unverified: vec![
            unread(Some(deployment("web")), Coverage::Starts, true),
            unread(Some(deployment("web")), Coverage::Requirement, true),
        ],
        ..found(vec![])
    };
    assert!(compare(&mut ledger, &release, 0, blind).is_empty());
    let standing = ledger.standing();
    assert_eq!(standing.exit_code(), 0);
    assert_eq!((standing.unread_requirements, standing.unread_starts), (1, 1));
    let unverified = BTreeMap::from([(Coverage::Starts, 1), (Coverage::Requirement, 1)]);
    assert_eq!(ledger.snapshot()[&release].unverified, unverified);

    compare(&mut ledger, &release, 1, found(vec![]));
    let in_sync = Standing {
        releases: 1,
        ..Standing::default()
    };
    assert_eq!(ledger.standing(), in_sync);
}

#[test]
fn a_promotion_is_told_with_its_end_and_closes_what_it_repaired() {
    let (mut ledger, release) = ledger();
    compare(
        &mut ledger,
        &release,
        0,
        found(vec![field("web", "/spec/replicas", "a")]),
    );

    let started = |ledger: &mut Ledger| ledger.start_promotion(&release, Some("1.4.3".into()), None);
    assert!(started(&mut ledger).is_some());
    assert!(started(&mut ledger).is_none(), "said once");
    // A comparison that ended late does not say that it is over.
    ledger.take(&release, Checked::Compared(found(vec![])), at(1));
    assert_eq!(
        ledger.standing().exit_code(),
        2,
        "what it has made is not known yet"
    );

    let ended = ledger.end_promotion(&release, Some(("1.4.3".into(), 8)), false);
    let Some(DriftEvent::PromotionEnded { end, revision, .. }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((end, revision), (PromotionEnd::Promoted, Some(8)));
    assert!(ledger.end_promotion(&release, None, false).is_none());
    assert_eq!(ledger.standing().exit_code(), 0);

    // Another one that is rolled back before anything was compared.
    assert!(started(&mut ledger).is_some());
    let ended = ledger.end_promotion(&release, Some(("1.4.3".into(), 8)), false);
    let Some(DriftEvent::PromotionEnded { end, .. }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(end, PromotionEnd::Unchanged);
}

#[test]
fn a_release_whose_promotion_ends_before_it_was_ever_compared_waits_for_that() {
    let (mut ledger, release) = ledger();
    ledger.start_promotion(&release, None, None);
    ledger.end_promotion(&release, Some(("1.4.2".into(), 7)), false);
    assert!(!ledger.is_ready());
    compare(&mut ledger, &release, 0, found(vec![]));
    assert!(ledger.is_ready());
}

#[test]
fn what_the_first_comparison_finds_may_be_older_than_the_watch() {
    let (mut ledger, release) = ledger();
    let first = || field("web", "/spec/replicas", "a");
    compare(&mut ledger, &release, 0, found(vec![first()]));
    compare(
        &mut ledger,
        &release,
        1,
        found(vec![first(), field("web", "/spec/paused", "a")]),
    );
    let open = ledger.snapshot()[&release].open.clone();
    let older: Vec<_> = open
        .iter()
        .map(|one| (one.finding.path.as_deref(), one.may_be_older))
        .collect();
    assert_eq!(
        older,
        [(Some("/spec/paused"), false), (Some("/spec/replicas"), true)]
    );
}

#[test]
fn a_release_that_goes_closes_its_findings_first() {
    let (mut ledger, release) = ledger();
    compare(
        &mut ledger,
        &release,
        0,
        found(vec![field("web", "/spec/replicas", "a")]),
    );

    let events = ledger.drop_release(&release, DropReason::Forgotten);
    assert_eq!(short(&events), ["-/spec/replicas"]);
    assert!(matches!(events[1], DriftEvent::ReleaseDropped { .. }));
    assert!(ledger.snapshot().is_empty());
}

#[test]
fn more_findings_than_there_is_room_for_are_counted() {
    let (mut ledger, release) = ledger();
    let many = (0..150).map(|n| field("web", &format!("/data/{n}"), "a"));
    let events = compare(&mut ledger, &release, 0, found(many.collect()));
    assert_eq!((events.len(), ledger.unlisted(&release)), (100, 50));
}

#[test]
fn a_release_that_was_never_compared_is_not_in_sync() {
    let (ledger, _) = ledger();
    assert_eq!(ledger.standing().exit_code(), 2);
}

/// One step of a random history: which findings are there, which objects cannot be read, and whether it fails as a whole.
type Step = (BTreeSet<(u8, u8)>, BTreeSet<u8>, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let findings = prop::collection::btree_set((0..3u8, 0..3u8), 0..6);
    let unreadable = prop::collection::btree_set(0..3u8, 0..2);
    let fails = prop::bool::weighted(0.1);
    prop::collection::vec((findings, unreadable, fails), 1..40)
}

proptest! {
    /// What events say, one after the other, is what is open; and what is open is what the last comparisons found.
    #[test]
    fn events_and_the_ledger_tell_the_same(steps in steps()) {
        let (mut ledger, release) = ledger();
        let (mut replayed, mut expected) = (BTreeSet::new(), BTreeSet::new());

        for (minute, (live, unreadable, fails)) in steps.into_iter().enumerate() {
            let name = |object: u8| format!("web{object}");
            let seen = live.iter().filter(|(object, _)| !unreadable.contains(object));
            let findings = seen.clone().map(|(object, n)| field(&name(*object), &format!("/data/{n}"), "a"));
            let checked = if fails {
                Checked::Failed { why: "no".into(), is_refused: false }
            } else {
                // Of what cannot be read the last that was seen stays.
                expected.retain(|(object, _): &(u8, u8)| unreadable.contains(object));
                expected.extend(seen.copied());
                let unread = unreadable.iter().map(|object| unread(Some(deployment(&name(*object))), Coverage::Object, false));
                Checked::Compared(Compared { unverified: unread.collect(), ..found(findings.collect()) })
            };

            for event in ledger.take(&release, checked, at(minute as i64)) {
                match &event {
                    DriftEvent::DriftOpened { id, .. } => prop_assert!(replayed.insert(id.clone()), "opened twice: {event:?}"),
                    DriftEvent::DriftClosed { id, .. } => prop_assert!(replayed.remove(id), "closed and not open: {event:?}"),
                    _ => prop_assert!(false, "{event:?}"),
                }
            }
            let snapshot = &ledger.snapshot()[&release];
            let open: BTreeSet<String> = snapshot.open.iter().map(|open| open.id()).collect();
            prop_assert_eq!(&replayed, &open);
            let drifted = snapshot.open.iter().filter(|open| !open.finding.kind.is_unknown()).count();
            prop_assert_eq!(drifted, expected.len());
            // Whatever could not be looked at, it is not said to be in sync.
            let is_verified = !fails && unreadable.is_empty();
            prop_assert!(is_verified || ledger.standing().exit_code() == 2);
        }
    }
}
