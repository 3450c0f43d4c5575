//! Every kind of file that is read, changed at random in ways that keep most of its structure: nothing panics, hangs or
//! fills the memory. `make fuzz` draws 20,000 a kind; a failure prints the seed and the draw, and SEED=… draws it again.

mod mutation;
mod readers;
mod seeds;

use mutation::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// No changed file is read for longer.
const LONGEST: Duration = Duration::from_secs(5);
/// MiB of the whole process, all kinds together.
const MOST: u64 = 512;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

/// The most memory that this process has held, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

/// Draws changed files of one kind, and has each read.
fn draw(kind: &str, seeds: &[Vec<u8>], read: impl Fn(&[u8])) {
    let (count, seed) = (number("INPUTS", 300), number("SEED", 1));
    println!("{kind}: {count} inputs from seed {seed}");
    for n in 0..count {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(n));
        let bytes = mutation::changed(seeds, &mut random);
        let began = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
        let took = began.elapsed();
        let place = format!("{kind}, seed {seed}, draw {n}");
        assert!(
            done.is_ok() && took < LONGEST,
            "{place}, {took:?}: {}",
            save_input(kind, &bytes)
        );
        assert!(
            peak() < MOST,
            "{place}: {} MiB: {}",
            peak(),
            save_input(kind, &bytes)
        );
    }
    println!("{kind}: done, {} MiB at most so far", peak());
}

/// Keeps the input, and tells where.
fn save_input(kind: &str, bytes: &[u8]) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{kind}"));
    std::fs::write(&path, bytes).ok();
    path.display().to_string()
}

#[test]
fn a_changed_release_is_read_or_refused() {
    draw("release", &seeds::releases(), readers::release);
}

#[test]
fn a_changed_environment_is_read_or_refused_and_its_expressions_end() {
    draw("environment", &seeds::environments(), readers::environment);
}

#[test]
fn a_changed_plan_is_read_or_refused() {
    draw("plan", &seeds::plans(), readers::plan);
}

#[test]
fn a_changed_statement_is_read_or_refused() {
    draw("statement", &seeds::statements(), readers::statement);
}

#[test]
fn a_changed_test_report_is_read_or_refused() {
    draw("junit", &seeds::reports(), readers::report);
}

#[test]
fn a_changed_kubeconfig_is_read_or_refused() {
    draw("kubeconfig", &seeds::kubeconfigs(), readers::kubeconfig);
}

#[test]
fn a_changed_state_is_read_or_refused() {
    draw("state", &seeds::states(), readers::state);
}

#[test]
fn a_changed_layout_is_read_or_refused() {
    draw("layout", &seeds::layouts(), readers::layout);
}

#[test]
fn a_changed_revision_of_helm_is_read_or_refused() {
    draw("helm", &seeds::helm_revisions(), readers::helm_revision);
}
