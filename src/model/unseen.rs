//! Characters that a terminal obeys instead of shows, and that nobody sees.
//!
//! One list for every way out, and for YAML that is written: two texts that differ in such a character must
//! not look alike.

/// Control characters (C0 and C1) other than newline and tab, and what reorders or hides text: bidirectional controls,
/// characters without width, tags.
pub fn is_unseen(c: char) -> bool {
    match c {
        // A text has lines and columns.
        '\n' | '\t' => false,
        // Without width, marks and overrides of direction, invisible operators.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        // Soft hyphen, Arabic and Mongolian marks, byte order mark, separators of lines and paragraphs.
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{2028}' | '\u{2029}' => true,
        // Anchors of annotations, and tags.
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::escape('\u{1b}', true)]
    #[case::escape_in_one_byte('\u{9b}', true)]
    #[case::back_to_the_start('\r', true)]
    #[case::without_width('\u{200b}', true)]
    #[case::an_override('\u{202e}', true)]
    #[case::byte_order('\u{feff}', true)]
    #[case::line_separator('\u{2028}', true)]
    #[case::tag('\u{e0041}', true)]
    #[case::newline('\n', false)]
    #[case::tab('\t', false)]
    #[case::another_script('漢', false)]
    #[case::a_mark_over_a_letter('\u{301}', false)]
    #[case::a_picture('🚀', false)]
    fn what_a_terminal_obeys_or_nobody_sees_is_no_text(#[case] c: char, #[case] expected: bool) {
        assert_eq!(is_unseen(c), expected);
    }
}
