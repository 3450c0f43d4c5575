use super::*;
use crate::model::event::{Event, Phase, PlannedStep};
use crate::model::verdict::{Cause, CauseKind, Health};
use crate::model::{ObjectId, StepId, StepVerb, WaveIndex};

fn id(name: &str) -> ObjectId {
    ObjectId::new("apps", "Deployment", Some("shop"), name)
}

fn board(states: &[(&str, Option<Health>)]) -> Board {
    let mut board = Board::default();
    let step = |(at, (name, _)): (usize, &(&str, Option<Health>))| PlannedStep {
        id: StepId::new(u32::try_from(at).unwrap()),
        wave: WaveIndex::new(0),
        object: id(name),
        action: StepVerb::Update,
        reason: String::new(),
        impact: None,
    };

    let steps = states.iter().enumerate().map(step).collect();

    board.apply_event(&Event::Planned { steps }, Duration::ZERO);
    board.apply_event(&Event::PhaseStarted { phase: Phase::Apply }, Duration::ZERO);
    for (name, health) in states {
        if let Some(health) = health.clone() {
            board.apply_event(
                &Event::Rollout {
                    object: id(name),
                    health,
                    settle_millis: None,
                },
                Duration::ZERO,
            );
        }
    }
    board
}

#[test]
fn what_is_settled_is_counted_and_what_moves_shows_its_progress_and_its_trouble() {
    let board = board(&[
        ("api", Some(Health::ready())),
        (
            // Its message comes from a kubelet, which quotes a registry: anybody's text.
            "web",
            Some(Health::progressing(
                1,
                3,
                "the image cannot be pulled:\u{1b}[2J not found",
            )),
        ),
        ("db", None),
    ]);

    let style = TreeStyle {
        color: false,
        width: 80,
        height: 20,
    };

    let lines = tree(&board, Duration::from_millis(3200), style);
    assert_eq!(
        lines,
        [
            "applying  3s",
            "├─ ✓ 0 of 3 objects done, 1 of 2 rollouts ready",
            "├─ ~ Deployment shop/web  ███░░░░░░░ 1 of 3  3s",
            "│    the image cannot be pulled:\\u001b[2J not found",
            "└─ · 1 pending",
        ]
    );
}

#[test]
fn a_small_terminal_gets_no_more_lines_and_columns_than_it_has() {
    // More objects than lines, and texts that are longer than a line.
    let states: Vec<(String, Option<Health>)> = (0..50)
        .map(|at| {
            (
                format!("workload-with-a-long-name-{at}"),
                Some(Health::progressing(0, 1, "w".repeat(90))),
            )
        })
        .collect();

    let states: Vec<(&str, Option<Health>)> = states.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();

    let style = TreeStyle {
        color: false,
        width: 40,
        height: 12,
    };

    let lines = tree(&board(&states), Duration::ZERO, style);
    // Of the characters that are shown: a line that wraps would break the drawing.
    assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:#?}");
    assert!(lines.len() <= 12, "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "└─ … 46 more");
}

/// A board after these verdicts, a second apart.
fn after(events: &[(&str, Health, Option<u64>)]) -> Board {
    let mut board = board(&[]);
    for (second, (name, health, settle_millis)) in (0..).zip(events) {
        let event = Event::Rollout {
            object: id(name),
            health: health.clone(),
            settle_millis: *settle_millis,
        };
        board.apply_event(&event, Duration::from_secs(second));
    }
    board
}

fn failed(message: &str) -> Health {
    let cause = Cause {
        kind: CauseKind::CrashLoop,
        message: message.into(),
        pod: None,
        container: None,
        previous_logs: false,
    };
    Health::Failed { cause }
}

const WIDE: TreeStyle = TreeStyle {
    color: false,
    width: 80,
    height: 24,
};

#[test]
fn the_worst_comes_first_and_of_those_that_are_waited_for_the_longest() {
    let waiting = || Health::progressing(0, 1, "0 of 1 pods ready");
    let board = after(&[
        ("first", waiting(), None),
        ("second", waiting(), None),
        ("broken", failed("container main exits with code 3"), None),
    ]);
    let lines = tree(&board, Duration::from_secs(9), WIDE);
    let named: Vec<&String> = lines.iter().filter(|line| line.contains("Deployment")).collect();
    assert!(named[0].contains("✗ Deployment shop/broken"), "{lines:#?}");
    assert!(
        named[1].contains("first") && named[1].ends_with(" 9s"),
        "{lines:#?}"
    );
    assert!(
        named[2].contains("second") && named[2].ends_with(" 8s"),
        "{lines:#?}"
    );
}

#[test]
fn what_settles_is_one_line_with_the_time_of_the_last() {
    let ready = || Health::progressing(1, 1, "1 of 1 pods ready");
    let board = after(&[("api", ready(), Some(10_000)), ("web", ready(), Some(10_000))]);
    let lines = tree(&board, Duration::from_millis(7_500), WIDE);
    assert_eq!(lines[2..], ["└─ ~ 2 Deployments settling, 4s left"]);
}

#[test]
fn what_was_done_stays_with_whole_names() {
    let long = "a-name-that-is-longer-than-the-terminal-is-wide-and-is-printed-in-whole-all-the-same";
    let board = after(&[
        (long, Health::progressing(0, 1, "0 of 1 pods ready"), None),
        (long, Health::ready(), None),
        ("broken", failed("container main exits with code 3"), None),
    ]);
    assert_eq!(
        outcome_tree(&board, WIDE),
        [
            "✓ 0 of 2 objects done, 1 of 1 rollout ready".to_owned(),
            "├─ ✗ Deployment shop/broken".to_owned(),
            "│    container main exits with code 3".to_owned(),
            format!("└─ ✓ Deployment shop/{long}  ready after 1s"),
        ]
    );
}
