//! Texts from outside as code: markup in no reader of markdown.

use crate::model::phrase::shorten;

/// Characters of a text inside of a line.
const CHARS: usize = 500;

/// A text as code inside of a line of markdown.
pub(in crate::report) fn code_span(text: &str) -> String {
    let text = one_line(text);
    let fence = "`".repeat(longest_run(&text) + 1);

    // A space at both ends is taken off again: it keeps a backtick of the text apart from the fence.
    let needs_space = text.is_empty() || text.starts_with('`') || text.ends_with('`');
    let is_stripped = text.starts_with(' ') && text.ends_with(' ');
    let space = if needs_space || is_stripped { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A text as code inside of a line of HTML.
pub(super) fn html_code(text: &str) -> String {
    let mut code = String::from("<code>");
    for c in one_line(text).chars() {
        match c {
            '&' => code.push_str("&amp;"),
            '<' => code.push_str("&lt;"),
            '>' => code.push_str("&gt;"),
            '"' => code.push_str("&quot;"),
            c => code.push(c),
        }
    }
    code + "</code>"
}

/// A word inside of an HTML comment: whatever could end the comment, or is no part of a name, by its code.
pub(in crate::report::diff) fn comment_word(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let escape = |byte: u8| match byte {
        byte if is_plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    word.bytes().take(CHARS).map(escape).collect()
}

/// The longest run of backticks in a text.
pub(super) fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A line end would end the paragraph or the HTML that the text stands in.
fn one_line(text: &str) -> String {
    shorten(text.replace(['\n', '\r'], " "), CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("shop 1.4.2", "`shop 1.4.2`")]
    #[case::nothing("", "`  `")]
    #[case::a_backtick("a`b", "``a`b``")]
    #[case::a_longer_run("a``b`c", "```a``b`c```")]
    #[case::at_the_ends("`x`", "`` `x` ``")]
    #[case::spaces_at_both_ends(" x ", "`  x  `")]
    #[case::lines("a\n\nb", "`a  b`")]
    fn a_value_does_not_break_out_of_its_span(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(code_span(text), expected);
    }

    #[test]
    fn a_word_does_not_end_the_comment_that_it_stands_in() {
        assert_eq!(comment_word("a--><b>ü"), "a--%3e%3cb%3e%c3%bc");
    }
}
