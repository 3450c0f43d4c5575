//! Workflow commands of GitHub Actions. The runner reads them from both streams of a step, at the beginning of a line.

use crate::report::clean;

/// Lines that fold from here on.
pub(super) fn begin_group(title: &str) -> String {
    format!("::group::{}", data(title))
}

/// Where they end.
pub(super) fn end_group() -> String {
    "::endgroup::".to_owned()
}

/// A message beside the log; `command` is `error` or `warning`.
pub(super) fn annotation(command: &str, title: &str, message: &str) -> String {
    format!("::{command} title={}::{}", property(title), data(message))
}

/// A message as the runner wants it: on one line, and with nothing that a terminal would obey.
fn data(text: &str) -> String {
    // The percent sign first: those that follow are the escapes' own.
    clean(text).replace('%', "%25").replace('\n', "%0A")
}

/// A property's value: it ends at a comma or at two colons.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_in_its_own_command() {
        assert_eq!(
            annotation("error", "a:b,c::d", "100 %\n::warning::\u{1b}[2Jx\r"),
            "::error title=a%3Ab%2Cc%3A%3Ad::100 %25%0A::warning::\\u001b[2Jx\\r"
        );
    }
}
