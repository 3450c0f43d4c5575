//! Text from a cluster or a file, made safe for a terminal.

use std::borrow::Cow;

/// Removes what a terminal would obey instead of show: escape sequences, control characters (C0 and C1) other than
/// newline and tab, and the characters that reorder or hide text (bidirectional controls, zero-width ones).
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut rest),
            c if is_obeyed(c) => {}
            c => kept.push(c),
        }
    }
    Cow::Owned(kept)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn is_obeyed(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => true,
        '\u{61c}' | '\u{feff}' | '\u{2028}' | '\u{2029}' => true,
        c => c.is_control(),
    }
}

/// What follows an ESC: `[` begins a control sequence, `]PX^_` a string, others are one or two characters.
fn skip_escape(rest: &mut Rest<'_>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        Some(' '..='/') => {
            while rest.next_if(|c| (' '..='/').contains(c)).is_some() {}
            rest.next_if(|c| ('0'..='~').contains(c));
        }
        Some('0'..='~') => {
            rest.next();
        }
        _ => {}
    }
}

/// Parameters and intermediates, then one final character.
fn skip_control_sequence(rest: &mut Rest<'_>) {
    while rest.next_if(|c| (' '..='?').contains(c)).is_some() {}
    rest.next_if(|c| ('@'..='~').contains(c));
}

/// Up to BEL, ST or the end of the line: an unclosed string must not swallow the text after it.
fn skip_string(rest: &mut Rest<'_>) {
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                rest.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::colour("\u{1b}[31mred\u{1b}[0m", "red")]
    #[case::cursor("a\u{1b}[2J\u{1b}[Hb", "ab")]
    #[case::title("\u{1b}]0;owned\u{7}text", "text")]
    #[case::link("\u{1b}]8;;http://evil\u{1b}\\click", "click")]
    #[case::unclosed("\u{1b}]0;line\nnext", "\nnext")]
    #[case::c1("a\u{9b}31mb", "ab")]
    #[case::carriage_return("safe\rEVIL", "safeEVIL")]
    #[case::bell_and_backspace("a\u{7}b\u{8}c", "abc")]
    #[case::bidi("abc\u{202e}fed\u{2066}", "abcfed")]
    #[case::zero_width("ad\u{200b}min\u{feff}", "admin")]
    #[case::charset("\u{1b}(0x", "x")]
    #[case::at_the_end("x\u{1b}", "x")]
    fn what_a_terminal_would_obey_is_removed(#[case] dirty: &str, #[case] expected: &str) {
        assert_eq!(clean(dirty), expected);
    }

    #[test]
    fn plain_text_is_returned_as_it_is_without_a_copy() {
        let text = "3 von 4 Pods\tsind bereit – gut so\n日本";
        assert!(matches!(clean(text), Cow::Borrowed(same) if same == text));
    }
}
