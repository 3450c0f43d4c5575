//! How a command ends: its exit code, and the error that a person reads.

use crate::cluster::{ApiError, ConnectError};
use crate::report::clean;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};

/// A process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All went well.
    pub const OK: Exit = Exit(0);
    /// A comparison found differences.
    pub const DIFFERENCES: Exit = Exit(1);
}

/// What kind of failure it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Flags, files or names are wrong.
    Usage,
    /// The cluster or the registry cannot be asked, or refuses the request.
    Unreachable,
    /// A check refused, and nothing was touched.
    Refused,
    /// It failed, and everything is as before.
    FailedReverted,
    /// It failed, and not everything could be put back.
    FailedNotReverted,
    /// Another promotion holds the lock.
    Locked,
    /// Interrupted, and everything is as before.
    Interrupted,
    /// The reader of our output went away.
    OutputClosed,
    /// Anything else.
    Other,
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
            ErrorKind::FailedReverted => 3,
            ErrorKind::FailedNotReverted => 4,
            ErrorKind::Locked => 5,
            ErrorKind::Interrupted => 130,
            // As a shell tells of a program that SIGPIPE ended.
            ErrorKind::OutputClosed => 141,
        })
    }
}

/// A failure as a person reads it: one lowercase sentence, its causes, and what to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// One lowercase sentence: what was expected, what was found.
    pub message: String,
    /// Why, outermost first; nothing that the message says already.
    pub causes: Vec<String>,
    /// What to type.
    pub hints: Vec<String>,
}

impl CommandError {
    /// From a sentence.
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Flags, files or names are wrong.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// From an error, with its sources as causes.
    pub fn from_error(kind: ErrorKind, error: &(dyn Error + 'static)) -> Self {
        Self::new(kind, error).with_causes_of(error)
    }

    /// With the error that led to it, and its sources.
    #[must_use]
    pub fn with_source(mut self, error: &(dyn Error + 'static)) -> Self {
        self.push_cause(error.to_string());
        self.with_causes_of(error)
    }

    /// With what to type.
    #[must_use]
    pub fn with_hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    fn with_causes_of(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut source = error.source();
        while let Some(error) = source {
            self.push_cause(error.to_string());
            source = error.source();
        }
        self
    }

    fn push_cause(&mut self, cause: String) {
        let said = self.causes.last().unwrap_or(&self.message);
        // Many errors repeat their source in their own sentence.
        if !cause.is_empty() && !said.contains(&cause) {
            self.causes.push(cause);
        }
    }

    /// Writes it: `error: …`, its causes, and `hint: …` lines.
    pub fn write(&self, to: &mut dyn Write, color: bool) -> io::Result<()> {
        // The reader went away on purpose (`| head`): nothing failed that anybody wants to hear of.
        if self.kind == ErrorKind::OutputClosed {
            return Ok(());
        }

        let paint = |code: &str, word: &str| {
            if color {
                format!("\u{1b}[{code}m{word}\u{1b}[0m")
            } else {
                word.into()
            }
        };

        writeln!(to, "{} {}", paint("1;31", "error:"), indented(&self.message))?;
        for cause in &self.causes {
            writeln!(to, "  {} {}", paint("2", "because:"), indented(cause))?;
        }
        for hint in &self.hints {
            writeln!(to, "{} {}", paint("1;36", "hint:"), indented(hint))?;
        }
        Ok(())
    }
}

/// Cleaned, and with further lines indented.
fn indented(text: &str) -> String {
    clean(text.trim_end()).replace('\n', "\n  ")
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CommandError {}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            // A closed pipe comes as an error of the stream, and is an end of its own.
            io::ErrorKind::BrokenPipe => ErrorKind::OutputClosed,
            _ => ErrorKind::Other,
        };
        Self::from_error(kind, &error)
    }
}

impl From<ConnectError> for CommandError {
    fn from(error: ConnectError) -> Self {
        let made = Self::from_error(ErrorKind::Unreachable, &error);
        error.hints().into_iter().fold(made, CommandError::with_hint)
    }
}

impl From<ApiError> for CommandError {
    fn from(error: ApiError) -> Self {
        let made = Self::from_error(ErrorKind::Unreachable, &error);
        error.hints().into_iter().fold(made, CommandError::with_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: &CommandError) -> String {
        let mut bytes = Vec::new();
        error.write(&mut bytes, false).unwrap();
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
        // A pipeline that takes 1 for differences must not take a typing error for one.
        assert_eq!(Family::Comparing.exit(ErrorKind::Usage), Exit(2));
        assert_eq!(Family::Acting.exit(ErrorKind::Usage), Exit(1));
    }

    #[test]
    fn each_end_of_a_promotion_has_its_own_exit_code() {
        let kinds = [
            (ErrorKind::Refused, 2),
            (ErrorKind::FailedReverted, 3),
            (ErrorKind::FailedNotReverted, 4),
            (ErrorKind::Locked, 5),
            (ErrorKind::Interrupted, 130),
        ];

        for (kind, code) in kinds {
            assert_eq!(Family::Acting.exit(kind), Exit(code));
        }
    }
}
