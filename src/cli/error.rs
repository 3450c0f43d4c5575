//! How a command ends: its exit code, and how an error is written.

use crate::report::{Palette, Tone, clean, typed};
use crate::usecase::{CommandError, ErrorKind};
use std::io::{self, Write};

/// A process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All went well.
    pub const OK: Exit = Exit(0);
    /// A comparison found differences.
    pub const DIFFERENCES: Exit = Exit(1);

    /// How a comparison ends that found some or none.
    pub fn from_differences(found: bool) -> Self {
        if found { Self::DIFFERENCES } else { Self::OK }
    }
}

/// Commands of a family share their exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// 0, 1 for differences, 2 and above for errors, as `kubectl diff`.
    Comparing,
    /// 0, 1 for usage and unreachable, and further codes of their own.
    Acting,
}

impl Family {
    /// The exit code of a failure.
    pub fn exit(self, kind: ErrorKind) -> Exit {
        let comparing = self == Family::Comparing;
        Exit(match kind {
            // `kubectl diff` keeps 1 for differences: an error must not look like one.
            ErrorKind::Usage | ErrorKind::Unreachable | ErrorKind::Other => 1 + u8::from(comparing),
            ErrorKind::Refused => 2,
            ErrorKind::Locked => 5,
            ErrorKind::Interrupted => 130,
            // As a shell tells of a program that SIGPIPE ended.
            ErrorKind::OutputClosed => 141,
        })
    }
}

/// Writes an error: `error: …`, its causes, and `hint: …` lines.
pub fn write_error(error: &CommandError, to: &mut dyn Write, color: bool) -> io::Result<()> {
    // The reader went away on purpose (`| head`): nothing failed that anybody wants to hear of.
    if error.kind == ErrorKind::OutputClosed {
        return Ok(());
    }

    let palette = Palette::new(color);
    let error_word = palette.paint(Tone::Failure, "error:");
    writeln!(to, "{error_word} {}", indented(&error.message))?;
    for cause in &error.causes {
        writeln!(
            to,
            "  {} {}",
            palette.paint(Tone::Faint, "because:"),
            indented(cause)
        )?;
    }
    for hint in &error.hints {
        writeln!(
            to,
            "{} {}",
            palette.paint(Tone::Hint, "hint:"),
            indented(&typed(hint))
        )?;
    }
    Ok(())
}

/// Cleaned, and with further lines indented.
fn indented(text: &str) -> String {
    clean(text.trim_end()).replace('\n', "\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: &CommandError) -> String {
        let mut bytes = Vec::new();
        write_error(error, &mut bytes, false).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the release file a.yaml")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("permission denied")]
    struct Inner;

    #[test]
    fn an_error_is_a_sentence_its_causes_and_what_to_type() {
        let error = CommandError::from_error(ErrorKind::Usage, &Outer(Inner)).with_hint("chmod +r a.yaml");
        assert_eq!(
            written(&error),
            "error: cannot read the release file a.yaml\n  because: permission denied\nhint: chmod +r a.yaml\n"
        );
    }

    #[test]
    fn a_cause_that_the_sentence_says_already_is_not_repeated() {
        let error = CommandError::usage("cannot read a.yaml: permission denied").with_source(&Inner);
        assert!(error.causes.is_empty());
    }

    #[test]
    fn control_sequences_in_an_error_do_not_reach_the_terminal() {
        // The server's text is anybody's.
        let error = CommandError::usage("the server says \u{1b}[2Jall is well\r");
        assert_eq!(written(&error), "error: the server says \\u001b[2Jall is well\n");
    }

    #[test]
    fn a_usage_error_exits_with_2_where_1_means_differences() {
        assert_eq!(Family::Comparing.exit(ErrorKind::Usage), Exit(2));
        assert_eq!(Family::Acting.exit(ErrorKind::Usage), Exit(1));
    }

    #[test]
    fn a_command_that_changed_nothing_says_by_its_exit_code_why() {
        let kinds = [
            (ErrorKind::Refused, 2),
            (ErrorKind::Locked, 5),
            (ErrorKind::Interrupted, 130),
        ];
        for (kind, code) in kinds {
            assert_eq!(Family::Acting.exit(kind), Exit(code));
        }
    }
}
