//! `--max-bytes`: how long the markdown of a comparison may be.

use crate::report::diff::{MIN_BYTES, MarkdownLimit};
use crate::usecase::CommandError;
use clap::Args;

/// Below the 65,536 characters that a comment on GitHub may have.
const MAX_BYTES: usize = 60_000;

/// The flag for pages with a limit.
#[derive(Args, Clone, Debug, Default)]
pub struct MarkdownArgs {
    /// Leave out objects of the markdown beyond this size, 60000 if not given; the page says what is left out
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_bytes: Option<usize>,
}

impl MarkdownArgs {
    /// Refuses a limit for another format.
    ///
    /// # Errors
    ///
    /// Where there is a limit, and the output is no markdown.
    pub fn check(&self, is_markdown: bool) -> Result<(), CommandError> {
        if self.max_bytes.is_none() || is_markdown {
            return Ok(());
        }
        let error = CommandError::usage("--max-bytes limits markdown alone");
        Err(error.with_hint("add -o markdown, or leave --max-bytes out"))
    }

    /// The limit, with the command that shows all.
    pub fn limit<'l>(&self, command: &'l str) -> MarkdownLimit<'l> {
        MarkdownLimit {
            max_bytes: self.max_bytes.unwrap_or(MAX_BYTES),
            command,
        }
    }
}

fn parse_bytes(text: &str) -> Result<usize, String> {
    let bytes: Option<usize> = text.parse().ok();
    bytes
        .filter(|bytes| *bytes >= MIN_BYTES)
        .ok_or_else(|| format!("expected a number of at least {MIN_BYTES}"))
}
