//! The one way out: what a terminal would obey, or nobody would see, leaves the program as its
//! escape, whoever wrote it.
//!
//! The last of several nets: texts are cleaned where they are put together, and this stands behind a place
//! that was forgotten. Hence it works on bytes in whatever pieces they come, and lets nothing pass but text
//! and our own colours.

use super::ci::LineGuard;
use crate::report::ci::CiSystem;
use crate::report::clean;
use std::io::{self, Write};

/// Longer ones of our own there are not.
const LONGEST_COLOUR: usize = 16;

/// A stream that shows what is written to it. Colours pass where there may be some.
pub struct Visible<W> {
    inner: W,
    color: bool,
    guard: Option<LineGuard>,
    /// The beginning of a character or of a colour whose rest has not come yet.
    begun: Vec<u8>,
}

impl<W: Write> Visible<W> {
    /// Over a stream; `color` is whether our own colours may pass.
    pub fn new(inner: W, color: bool) -> Self {
        Self {
            inner,
            color,
            guard: None,
            begun: Vec::new(),
        }
    }

    /// The same, with nothing in it that the CI system would obey.
    #[must_use]
    pub fn guarded(self, system: Option<CiSystem>) -> Self {
        // GitLab's commands need control characters, which no text has here.
        let guard = (system == Some(CiSystem::GitHub)).then(LineGuard::new);
        Self { guard, ..self }
    }

    fn escaped(&mut self, text: &str) -> String {
        let text = escaped(text);
        match &mut self.guard {
            Some(guard) => guard.guard(&text),
            None => text,
        }
    }

    fn pass(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find('\u{1b}').filter(|_| self.color) {
            let before = self.escaped(&rest[..at]);
            self.inner.write_all(before.as_bytes())?;
            let length = colour(&rest[at..]).unwrap_or_default();
            // No colour: its escape is shown, and what follows is text like any other.
            if length == 0 {
                self.inner.write_all(escaped("\u{1b}").as_bytes())?;
            }
            self.inner.write_all(&rest.as_bytes()[at..at + length])?;
            rest = &rest[at + length.max(1)..];
        }

        let rest = self.escaped(rest);
        self.inner.write_all(rest.as_bytes())
    }

    /// How much of the bytes can be written now: whole characters, and no half of a colour.
    fn whole(&self, bytes: &[u8]) -> usize {
        let whole = match std::str::from_utf8(bytes) {
            // An end that more bytes could complete waits; bytes that are wrong by now are replaced.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len(),
        };

        let last = bytes[..whole]
            .iter()
            .rposition(|byte| *byte == 0x1b)
            .filter(|_| self.color);
        let is_half = |at: usize| {
            // Bounded: digits without an end behind an escape cannot hold the output back.
            let colour = &bytes[at..whole];
            colour.len() < LONGEST_COLOUR && colour[1..].iter().all(|byte| b"[0123456789;".contains(byte))
        };

        last.filter(|at| is_half(*at)).unwrap_or(whole)
    }
}

/// Each backslash stays: texts that hold one have been cleaned where they were put together.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        match c {
            '\\' => shown.push(c),
            c => shown.push_str(&clean(c.encode_utf8(&mut buffer))),
        }
    }
    shown
}

/// The length of a colour (SGR) at the beginning of a text.
fn colour(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("\u{1b}[")?;
    // Ours have digits and semicolons alone: whatever ends otherwise is no colour.
    let end = inner.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    inner[end..].starts_with('m').then_some(end + 3)
}

impl<W: Write> Write for Visible<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // First what was held back. A half whose rest never comes is never written.
        let mut all = std::mem::take(&mut self.begun);
        all.extend(bytes);

        self.begun = all.split_off(self.whole(&all));
        self.pass(&String::from_utf8_lossy(&all))?;
        // All of it counts as written: what is held back is kept here.
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What is held back stays: its other half decides what it is.
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn out(color: bool, parts: &[&[u8]]) -> String {
        let mut shown = Vec::new();
        let mut stream = Visible::new(&mut shown, color);
        for part in parts {
            stream.write_all(part).unwrap();
        }
        stream.flush().unwrap();

        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn a_runner_finds_no_command_behind_a_colour_either() {
        let mut shown = Vec::new();
        let mut stream = Visible::new(&mut shown, true).guarded(Some(CiSystem::GitHub));
        stream
            .write_all("\u{1b}[31m::error::x\u{1b}[0m\n::set-output name=a::b\n".as_bytes())
            .unwrap();
        assert_eq!(
            String::from_utf8(shown).unwrap(),
            "\u{1b}[31m| ::error::x\u{1b}[0m\n| ::set-output name=a::b\n"
        );
    }

    #[rstest]
    #[case::a_colour_where_there_are_some(true, "\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m")]
    #[case::a_colour_where_there_are_none(false, "\u{1b}[31mred", "\\u001b[31mred")]
    #[case::what_clears_the_screen(true, "a\u{1b}[2Jb", "a\\u001b[2Jb")]
    #[case::a_title(true, "\u{1b}]0;title\u{7}", "\\u001b]0;title\\u0007")]
    #[case::c1(true, "a\u{9b}31m", "a\\u009b31m")]
    #[case::an_override(true, "a\u{202e}b\r\n", "a\\u202eb\\r\n")]
    #[case::a_backslash(true, "C:\\u\\r", "C:\\u\\r")]
    fn only_our_own_colours_get_out(#[case] color: bool, #[case] text: &str, #[case] expected: &str) {
        assert_eq!(out(color, &[text.as_bytes()]), expected);

        // However a writer cuts its bytes, characters and colours stay whole.
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(out(color, &bytes), expected, "byte by byte");
    }
}
