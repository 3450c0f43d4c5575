//! Sections of a GitLab job's log: lines that fold, with the time that they took.

/// Clears the line: what is written before it is for GitLab alone.
const CLEAR: &str = "\u{1b}[0K";

/// Lines that fold from here on, under this title.
pub(super) fn begin_section(number: usize, title: &str, now: i64) -> String {
    format!("{CLEAR}section_start:{now}:delivery_{number}\r{CLEAR}{title}")
}

/// Where they end.
pub(super) fn end_section(number: usize, now: i64) -> String {
    format!("{CLEAR}section_end:{now}:delivery_{number}\r{CLEAR}")
}
