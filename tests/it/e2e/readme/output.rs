//! Blocks that show a terminal: their commands are pasted, and what comes of them is held against what the block shows.

use crate::harness::{Block, PublicNames};
use std::path::Path;

/// Writes what the program shows into the README, where it is set.
const UPDATE: &str = "UPDATE_README";

/// Runs the command of a block, which ends with this code, and holds the terminal against the block.
pub fn assert_shown(machine: &PublicNames, directory: &Path, block: &Block, code: i32) {
    let first = block.text.lines().next().unwrap();
    let command = first.strip_prefix("$ ").expect("a command behind a prompt");
    let ran = machine.paste(directory, command).exits(code);
    let shown = format!("{first}\n{}", ran.stdout);
    if masked(&shown) == masked(&block.text) {
        return;
    }
    if std::env::var_os(UPDATE).is_some() {
        let text = std::fs::read_to_string(super::README).unwrap();
        std::fs::write(super::README, text.replacen(&block.text, &shown, 1)).unwrap();
        return;
    }
    panic!(
        "the program shows something else than {}; {UPDATE}=1 writes this there:\n{shown}\n{}",
        block.section,
        masked(&shown)
    );
}

/// A terminal's text without what no two runs have in common. Which events there are before the rollback, and which states of a
/// rollout are seen, is a race between controllers.
fn masked(text: &str) -> String {
    let is_race = |line: &&str| line.contains("s   event: ") || line.contains("s waiting  ");
    let lines = text.lines().filter(|line| !is_race(line));
    lines.map(|line| masked_line(line) + "\n").collect()
}

fn masked_line(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_timed = words.first().is_some_and(|word| is_time(word));
    let indent = if is_timed {
        0
    } else {
        line.len() - line.trim_start().len()
    };
    let mut shown: Vec<String> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).copied().unwrap_or_default();
        let is_count = at > 0 && words[at - 1] == "exited" && next.starts_with("times");
        shown.push(match () {
            () if next.starts_with("ago") => "AGE".into(),
            () if is_count => "N".into(),
            () => masked_word(word),
        });
    }
    " ".repeat(indent) + &shown.join(" ")
}

fn masked_word(word: &str) -> String {
    let core = word.trim_end_matches([',', ':', ';', ')']);
    let end = &word[core.len()..];
    if is_time(core) {
        return format!("TIME{end}");
    }
    if let Some((name, _)) = core.split_once("@sha256:") {
        return format!("{name}@DIGEST{end}");
    }
    // A pod of a Deployment: its ReplicaSet's hash and its own.
    let mut parts = core.rsplitn(3, '-');
    let is_hash = |part: Option<&str>, lengths: std::ops::RangeInclusive<usize>| {
        part.is_some_and(|part| {
            lengths.contains(&part.len())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
    };
    if is_hash(parts.next(), 5..=5) && is_hash(parts.next(), 8..=10) {
        return format!("{}-POD{end}", parts.next().unwrap_or_default());
    }
    word.to_owned()
}

/// `12.3s`
fn is_time(word: &str) -> bool {
    let number = word.strip_suffix('s').and_then(|number| number.split_once('.'));
    number.is_some_and(|(whole, part)| {
        [whole, part]
            .iter()
            .all(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[test]
fn two_runs_differ_in_times_digests_pods_and_counts_of_restarts_alone() {
    let one = "   1.3s waiting  Deployment shop/web: 1 of 2 pods updated; times out after 10m
  12.0s FAILED   Deployment shop/web: container web of pod web-6c5d8f7b9c-x2x4z exited 2 times, last with exit code 3
    - ghcr.io/acme/web@sha256:0123
took 2.2s: journal 0.1s
  /spec/replicas  changed manually by kubectl, 12s ago
";
    let other = one
        .replace(
            "  12.0s FAILED",
            "   2.1s waiting  Deployment shop/web: 0 of 2 pods ready\n   2.2s FAILED",
        )
        .replace("6c5d8f7b9c-x2x4z", "5b8d9c6f44-abcde")
        .replace("2 times", "3 times")
        .replace("sha256:0123", "sha256:abcd")
        .replace("2.2s: journal 0.1s", "13.1s: journal 0.4s")
        .replace("12s ago", "3s ago");
    assert_eq!(masked(one), masked(&other));
    for (from, to) in [
        ("exit code 3", "exit code 1"),
        ("/spec/replicas", "/spec/paused"),
        ("    - ", "  - "),
    ] {
        assert_ne!(masked(one), masked(&one.replace(from, to)), "{from}");
    }
}
