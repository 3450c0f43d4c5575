//! Whether a stream gets colours, and how wide it is.
//!
//! Each stream is asked by itself: results can go into a file while progress goes to a terminal.

use clap::ValueEnum;
use std::io::IsTerminal;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// If the stream is a terminal; NO_COLOR and CLICOLOR_FORCE are honoured
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A stream that is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Results.
    Stdout,
    /// Progress, warnings and errors.
    Stderr,
}

impl Stream {
    /// Whether it is a terminal.
    pub fn is_terminal(self) -> bool {
        match self {
            Stream::Stdout => std::io::stdout().is_terminal(),
            Stream::Stderr => std::io::stderr().is_terminal(),
        }
    }

    /// Columns; none where it is no terminal and `COLUMNS` is not set.
    pub fn width(self) -> Option<usize> {
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
        self.size().map(|(width, _)| width).or_else(columns)
    }

    /// Columns and rows of its terminal.
    pub fn size(self) -> Option<(usize, usize)> {
        let size = match self {
            Stream::Stdout => terminal_size::terminal_size_of(std::io::stdout()),
            Stream::Stderr => terminal_size::terminal_size_of(std::io::stderr()),
        };
        size.map(|(width, height)| (usize::from(width.0), usize::from(height.0)))
    }
}

/// What the environment says about colours.
#[derive(Clone, Copy, Debug, Default)]
pub struct ColorEnvironment {
    /// NO_COLOR is set and not empty.
    pub no_color: bool,
    /// CLICOLOR_FORCE is set, not empty and not 0.
    pub force: bool,
    /// TERM is `dumb`.
    pub dumb: bool,
}

impl ColorEnvironment {
    /// Reads the process's environment.
    pub fn from_env() -> Self {
        // An empty variable counts as unset, as no-color.org has it.
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            no_color: set("NO_COLOR").is_some(),
            force: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: set("TERM").is_some_and(|value| value == "dumb"),
        }
    }

    /// Whether a stream gets colours. A flag wins over the environment, NO_COLOR over CLICOLOR_FORCE.
    pub fn allows(self, choice: ColorChoice, is_terminal: bool) -> bool {
        match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if self.no_color => false,
            // CI forces colours for logs that show them and are no terminals.
            ColorChoice::Auto if self.force => true,
            ColorChoice::Auto => is_terminal && !self.dumb,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_environment_and_no_color_over_a_force() {
        let both = ColorEnvironment {
            no_color: true,
            force: true,
            dumb: false,
        };
        assert!(both.allows(ColorChoice::Always, false));
        assert!(!both.allows(ColorChoice::Auto, true));

        let force = ColorEnvironment {
            force: true,
            ..Default::default()
        };
        assert!(force.allows(ColorChoice::Auto, false));
        assert!(!force.allows(ColorChoice::Never, true));
    }

    #[test]
    fn without_any_wish_a_terminal_gets_colours_and_a_pipe_does_not() {
        let none = ColorEnvironment::default();
        assert!(none.allows(ColorChoice::Auto, true));
        assert!(!none.allows(ColorChoice::Auto, false));

        // It is a terminal all the same, such as an editor's.
        assert!(!ColorEnvironment { dumb: true, ..none }.allows(ColorChoice::Auto, true));
    }
}
