//! Text from a cluster or a file, made safe for a terminal and a page.
//!
//! What is hidden is shown and not dropped: whoever reads must see that something was there, and two texts
//! must never look alike.

use crate::model::unseen::is_unseen;
use std::borrow::Cow;
use std::fmt::Write;

/// Escapes what a terminal would obey instead of show, and what nobody would see: control characters (C0 and C1) other
/// than newline and tab, and the characters that reorder or hide text (bidirectional controls, zero-width ones, tags).
///
/// Two texts stay two: where a text holds such a character, or what this writes for one, its backslashes are doubled.
pub fn clean(text: &str) -> Cow<'_, str> {
    // Nearly every text: nothing to hide, and no copy.
    if !text.chars().any(is_unseen) && !looks_escaped(text) {
        return Cow::Borrowed(text);
    }

    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            // Only beside something to hide: other texts keep their backslashes as they are.
            '\\' => shown.push_str("\\\\"),
            '\r' => shown.push_str("\\r"),
            // Writing to a String cannot fail.
            c if is_unseen(c) && u32::from(c) > 0xffff => drop(write!(shown, "\\U{:08x}", u32::from(c))),
            c if is_unseen(c) => drop(write!(shown, "\\u{:04x}", u32::from(c))),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The same without line ends, where a line is one thing that is shown: a tree counts its lines, and a text that goes on in
/// the next line could pass for another entry.
pub fn clean_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// JSON text with what nobody would see as JSON's own escapes: the same value, and nothing for a terminal or the runner of a CI
/// system to obey.
pub fn clean_json(text: &str) -> Cow<'_, str> {
    // Outside of strings JSON has line ends alone.
    if !text.chars().any(is_unseen) && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);

    for c in text.chars() {
        // `##[` begins a command of GitHub's runner anywhere in a line.
        if is_unseen(c) || c == '[' && shown.ends_with("##") {
            let escape = |unit: &mut u16| format!("\\u{unit:04x}");
            // JSON escapes are UTF-16: a character beyond U+FFFF takes two.
            shown.extend(c.encode_utf16(&mut [0; 2]).iter_mut().map(escape));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether a text holds what [`clean`] writes for a hidden character.
fn looks_escaped(text: &str) -> bool {
    let written = |after: &str| {
        // Cut off, or no hex digits: not written by `clean`.
        let code = |digits: usize| u32::from_str_radix(after.get(1..=digits)?, 16).ok();
        match after.chars().next() {
            Some('r') => true,
            Some('u') => code(4).and_then(char::from_u32).is_some_and(is_unseen),
            Some('U') => code(8).and_then(char::from_u32).is_some_and(is_unseen),
            _ => false,
        }
    };

    text.match_indices('\\').any(|(at, _)| written(&text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::colour("\u{1b}[31mred\u{1b}[0m", "\\u001b[31mred\\u001b[0m")]
    #[case::c1("a\u{9b}31mb", "a\\u009b31mb")]
    #[case::carriage_return("safe\rEVIL", "safe\\rEVIL")]
    #[case::bell_and_backspace("a\u{7}b\u{8}c", "a\\u0007b\\u0008c")]
    #[case::bidi("abc\u{202e}fed\u{2066}", "abc\\u202efed\\u2066")]
    #[case::zero_width("ad\u{200b}min\u{feff}", "ad\\u200bmin\\ufeff")]
    #[case::tag("a\u{e0041}", "a\\U000e0041")]
    #[case::what_is_written_for_one("ad\\u200bmin", "ad\\\\u200bmin")]
    // Other tools' escapes are no concern: `clean` never writes one of them.
    #[case::another_escape("a\\u003cb", "a\\u003cb")]
    #[case::a_path("C:\\users\\x", "C:\\users\\x")]
    fn what_a_terminal_would_obey_or_hide_is_shown(#[case] dirty: &str, #[case] expected: &str) {
        assert_eq!(clean(dirty), expected);
    }

    #[test]
    fn plain_text_is_returned_as_it_is_without_a_copy() {
        let text = "3 von 4 Pods\tsind bereit – gut so\n日本";
        assert!(matches!(clean(text), Cow::Borrowed(same) if same == text));
    }

    proptest! {
        #[test]
        fn json_keeps_its_value_and_hides_nothing(text in "\\PC{0,8}|.{0,8}|[\u{0}-\u{20}\u{7f}-\u{9f}\u{200b}-\u{2069}\u{e0041}\"\\\\]{0,8}|[#\\[a]{0,8}") {
            let written = serde_json::to_string_pretty(&[&text]).unwrap();
            let shown = clean_json(&written);

            prop_assert!(!shown.chars().any(is_unseen) && !shown.contains("##["), "{shown}");
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), vec![text]);
        }

        #[test]
        fn two_texts_stay_two(
            one in "([a-cru0\\\\]|\u{200b}|\r|\u{202e}){0,6}",
            other in "([a-cru0\\\\]|\u{200b}|\r|\u{202e}|(\\\\u200b)|(\\\\r)){0,6}",
        ) {
            prop_assert_eq!(one == other, clean(&one) == clean(&other));
        }
    }
}
