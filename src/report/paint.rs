//! All painting, in one place: what is shown in which colour, and that nothing is where a stream has none.
//!
//! Whether a stream has colours is decided for that stream alone (`cli/color.rs`) and comes in here as an argument.
//! Texts are cleaned before they are painted: afterwards their escapes could not be told from ours.

use colored::{ColoredString, Colorize, control};

/// What a text is, which says how it is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The name of a section, an object or a phase.
    Heading,
    /// An end that was hoped for.
    Success,
    /// An end between the two.
    Warning,
    /// An end that nobody wanted.
    Failure,
    /// What to type.
    Hint,
    /// Beside the matter.
    Faint,
    /// Missing, refused, or only on the first side.
    Negative,
    /// Ready, expected, or only on the second side.
    Positive,
    /// To be looked at.
    Notice,
    /// More than was asked for.
    Surplus,
    /// Where a value stands.
    Path,
}

/// Paints for one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    color: bool,
}

impl Palette {
    /// `color` is whether the stream has colours.
    pub fn new(color: bool) -> Self {
        Self { color }
    }

    /// The text as it is shown.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }

        // The crate would ask the environment and stdout, of whatever stream the text is for.
        control::set_override(true);
        styled(tone, text).to_string()
    }
}

fn styled(tone: Tone, text: &str) -> ColoredString {
    match tone {
        Tone::Heading => text.bold(),
        Tone::Success => text.bold().green(),
        Tone::Warning => text.bold().yellow(),
        Tone::Failure => text.bold().red(),
        Tone::Hint => text.bold().cyan(),
        Tone::Faint => text.dimmed(),
        Tone::Negative => text.red(),
        Tone::Positive => text.green(),
        Tone::Notice => text.yellow(),
        Tone::Surplus => text.magenta(),
        Tone::Path => text.cyan(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_without_colours_gets_the_text_alone() {
        assert_eq!(Palette::new(false).paint(Tone::Failure, "error:"), "error:");
    }

    #[test]
    fn a_stream_with_colours_gets_them_whatever_stdout_is() {
        // The tests' stdout is no terminal.
        let palette = Palette::new(true);
        assert_eq!(
            palette.paint(Tone::Failure, "error:"),
            "\u{1b}[1;31merror:\u{1b}[0m"
        );
        assert_eq!(palette.paint(Tone::Faint, "log"), "\u{1b}[2mlog\u{1b}[0m");
    }
}
