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
