//! Why something could not be done, as a person reads it.

use crate::cluster::{ApiError, ConnectError};
use crate::load::LoadError;
use crate::registry::RegistryError;
use crate::signing::SigningError;
use std::error::Error;
use std::fmt;
use std::io;

/// What kind of failure it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Flags, files or names are wrong.
    Usage,
    /// The cluster or the registry cannot be asked, or refuses the request.
    Unreachable,
    /// A check refused; nothing was changed.
    Refused,
    /// Another promotion holds the lock.
    Locked,
    /// Interrupted before anything was changed.
    Interrupted,
    /// The reader of our output went away.
    OutputClosed,
    /// Anything else.
    Other,
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
        let last = self.causes.last().unwrap_or(&self.message);
        // Many errors repeat their source in their own sentence.
        if !cause.is_empty() && !last.contains(&cause) {
            self.causes.push(cause);
        }
    }
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
        with_hints(ErrorKind::Unreachable, &error, error.hints())
    }
}

impl From<ApiError> for CommandError {
    fn from(error: ApiError) -> Self {
        with_hints(ErrorKind::Unreachable, &error, error.hints())
    }
}

impl From<LoadError> for CommandError {
    fn from(error: LoadError) -> Self {
        with_hints(ErrorKind::Usage, &error, error.hints())
    }
}

impl From<RegistryError> for CommandError {
    fn from(error: RegistryError) -> Self {
        with_hints(ErrorKind::Unreachable, &error, error.release_hint())
    }
}

impl From<SigningError> for CommandError {
    fn from(error: SigningError) -> Self {
        with_hints(ErrorKind::Usage, &error, error.hint())
    }
}

fn with_hints<H: fmt::Display>(
    kind: ErrorKind,
    error: &(dyn Error + 'static),
    hints: impl IntoIterator<Item = H>,
) -> CommandError {
    let made = CommandError::from_error(kind, error);
    hints.into_iter().fold(made, CommandError::with_hint)
}
