//! Lines that are drawn over themselves at the bottom of a terminal, below lines that stay.
//!
//! Drawn here and not by a crate: a frame is one text for one write, which a terminal shows at once, and there is none where
//! nothing has changed. Libraries of progress bars draw by their own clock, bar by bar.

/// Synchronized update: a terminal that knows it shows nothing until its end; others ignore it.
const BEGIN: &str = "\u{1b}[?2026h";
const END: &str = "\u{1b}[?2026l";

/// What is drawn at the moment.
#[derive(Debug, Default)]
pub struct Screen {
    drawn: Vec<String>,
}

impl Screen {
    /// Whether there are lines that the next frame replaces.
    pub fn is_drawn(&self) -> bool {
        !self.drawn.is_empty()
    }

    /// What to write for these lines to stand in place of those that were drawn, below others that stay; none where
    /// nothing changes. Each line is one row of the terminal, and `lines` are fewer than its rows.
    pub fn frame(&mut self, above: &[String], lines: Vec<String>) -> Option<String> {
        if above.is_empty() && lines == self.drawn {
            return None;
        }
        // Where nothing is replaced, no terminal needs to be told where to begin.
        if !self.is_drawn() && lines.is_empty() {
            return Some(above.iter().map(|line| format!("{line}\r\n")).collect());
        }

        let up = match self.drawn.len() {
            0 => String::new(),
            rows => format!("\u{1b}[{rows}A"),
        };
        // Each to the end of its row: the line before may have been longer.
        let rows = above
            .iter()
            .chain(&lines)
            .map(|line| format!("{line}\u{1b}[K\r\n"));
        let rows: String = rows.collect();
        // Below them rows that are left over, and what was typed meanwhile.
        let frame = format!("{BEGIN}{up}\r{rows}\u{1b}[J{END}");

        self.drawn = lines;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_frame_replaces_the_one_before_below_what_stays() {
        let mut screen = Screen::default();
        let first = screen.frame(&[], lines(&["applying", "web"])).unwrap();
        assert_eq!(
            first,
            "\u{1b}[?2026h\rapplying\u{1b}[K\r\nweb\u{1b}[K\r\n\u{1b}[J\u{1b}[?2026l"
        );

        let second = screen.frame(&lines(&["a note"]), lines(&["applying"])).unwrap();
        assert_eq!(
            second,
            "\u{1b}[?2026h\u{1b}[2A\ra note\u{1b}[K\r\napplying\u{1b}[K\r\n\u{1b}[J\u{1b}[?2026l"
        );
    }

    #[test]
    fn nothing_is_written_where_nothing_has_changed() {
        let mut screen = Screen::default();
        assert_eq!(screen.frame(&[], Vec::new()), None);
        screen.frame(&[], lines(&["applying"]));
        assert_eq!(screen.frame(&[], lines(&["applying"])), None);
    }

    #[test]
    fn lines_without_a_tree_are_plain_ones() {
        let mut screen = Screen::default();
        assert_eq!(
            screen.frame(&lines(&["a note"]), Vec::new()).unwrap(),
            "a note\r\n"
        );
    }
}
