//! Which CI system reads our streams, and the lines that it would obey.
//!
//! The runner of GitHub Actions looks for commands in each line of both streams of a step: `::` where nothing but blanks
//! stands before it, and the older `##[` anywhere. A message of a cluster, an image's name or a label can hold either.

use crate::report::ci::{CiSystem, error_annotation};
use crate::usecase::{CommandError, ErrorKind};
use std::io::Write;

/// The CI system that runs us.
pub fn ci_system() -> Option<CiSystem> {
    let is_true = |name: &str| std::env::var_os(name).is_some_and(|value| value == "true");
    if is_true("GITHUB_ACTIONS") {
        return Some(CiSystem::GitHub);
    }
    is_true("GITLAB_CI").then_some(CiSystem::GitLab)
}

/// Shows an error beside the log of a CI system; that of a run was shown with its events.
pub fn annotate_error(error: &CommandError, system: Option<CiSystem>) {
    // The reader went away on purpose.
    let system = system.filter(|_| error.kind != ErrorKind::OutputClosed);
    if let Some(line) = system.and_then(|system| error_annotation(system, &error.message)) {
        // Unfiltered: the filter would take it apart. Nobody is left to be told where stderr is closed.
        writeln!(std::io::stderr(), "{line}").ok();
    }
}

/// Takes apart what would be a command, in text that comes in pieces.
#[derive(Debug)]
pub(super) struct LineGuard {
    /// Whether only blanks were seen in this line.
    is_at_start: bool,
    /// How many `#` were seen last.
    hashes: usize,
}

impl LineGuard {
    pub fn new() -> Self {
        Self {
            is_at_start: true,
            hashes: 0,
        }
    }

    /// The text as it may be written: `| ::` and `## [`.
    pub fn guard(&mut self, text: &str) -> String {
        let mut guarded = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                // The second colon may come with the next piece.
                ':' if self.is_at_start => guarded.push_str("| "),
                '[' if self.hashes >= 2 => guarded.push(' '),
                _ => {}
            }
            guarded.push(c);

            self.is_at_start = matches!(c, '\n' | '\r') || self.is_at_start && c.is_whitespace();
            self.hashes = if c == '#' { self.hashes + 1 } else { 0 };
        }
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::a_command("::set-output name=a::b", "| ::set-output name=a::b")]
    #[case::after_blanks(" \t\u{a0}::error::x", " \t\u{a0}| ::error::x")]
    #[case::in_a_later_line(
        "a\n::error::x\n  ::stop-commands::t",
        "a\n| ::error::x\n  | ::stop-commands::t"
    )]
    #[case::after_a_carriage_return("a\r::error::x", "a\r| ::error::x")]
    #[case::the_older_form_anywhere("web: ##[add-mask]x", "web: ## [add-mask]x")]
    #[case::more_hashes("###[error]x", "### [error]x")]
    #[case::colons_inside("Deployment shop/web: a::b", "Deployment shop/web: a::b")]
    #[case::a_heading("## title #[a]", "## title #[a]")]
    fn nothing_becomes_a_command(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(LineGuard::new().guard(text), expected);

        // However a writer cuts its text.
        let mut guard = LineGuard::new();
        let pieces: String = text.chars().map(|c| guard.guard(&c.to_string())).collect();
        assert_eq!(pieces, expected, "char by char");
    }
}
