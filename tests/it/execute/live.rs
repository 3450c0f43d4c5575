//! The live tree on a real terminal: how often it is drawn, how much of it, and what stays.

use super::app::{App, map, workload};
use crate::harness::Terminal;
use serde_json::json;
use std::time::Instant;

const FRAME: &str = "\u{1b}[?2026h";
const ROWS: u16 = 14;

#[test]
fn a_rollout_of_many_is_drawn_seldom_in_whole_frames_and_its_counts_only_grow() {
    let app = App::new();
    let mut objects = vec![map("config", json!({"v": "1"}))];
    objects.extend((0..30).map(|n| {
        let mut web = workload("Deployment", &format!("web-{n}"), '1', Some("slow-ready"));
        web["spec"]["replicas"] = 1.into();
        web
    }));

    let start = Instant::now();
    let mut terminal = Terminal::start(&app.promote("1", &objects), ROWS);
    assert_eq!(terminal.wait(), Some(0), "{}", terminal.shown());
    let seconds = start.elapsed().as_secs_f64();
    let shown = terminal.shown();

    let frames: Vec<&str> = shown.split(FRAME).skip(1).collect();
    assert!(frames.len() >= 3, "{} frames in {seconds:.1} s", frames.len());
    assert!(
        frames.len() as f64 <= seconds * 8.0 + 2.0,
        "{} frames in {seconds:.1} s",
        frames.len()
    );
    // No frame is larger than its screen, with names, colours and control sequences.
    assert!(
        shown.len() < frames.len() * 4096 + 16 * 1024,
        "{} bytes",
        shown.len()
    );

    let mut last = (0, 0);
    for frame in frames {
        let (frame, rest) = frame.split_once("\u{1b}[?2026l").expect("a whole frame");
        let lines = frame.matches("\r\n").count();
        if rest.is_empty() {
            assert!(lines < usize::from(ROWS), "{lines} lines: {frame:?}");
        }
        let Some(counts) = frame.lines().find_map(counts) else {
            continue;
        };
        assert!(
            counts >= last && counts.0 >= last.0 && counts.1 >= last.1,
            "{last:?} then {counts:?}"
        );
        last = counts;
    }
    let end = shown.rsplit("\u{1b}[J").next().unwrap();
    let tree = shown.rsplit(FRAME).next().unwrap();
    // The last frame may be older than the last pod: the end says all of it.
    assert!(last.0 > 0 && last <= (31, 30), "{last:?}");

    // Nobody waits for the ConfigMap.
    assert!(
        tree.contains("✓ 31 of 31 objects done, 30 of 30 rollouts ready"),
        "{tree}"
    );
    assert!(
        tree.contains("Deployment ") && tree.contains("promoted "),
        "{tree}{end}"
    );
}

/// `✓ 12 of 31 objects done, 4 of 9 rollouts ready`.
fn counts(line: &str) -> Option<(u32, u32)> {
    let (_, counts) = line.split_once("✓ ")?;
    let (done, rest) = counts.split_once(" of ")?;
    let (_, ready) = rest.split_once("done, ")?;
    Some((done.parse().ok()?, ready.split(' ').next()?.parse().ok()?))
}
