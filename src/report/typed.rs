//! The command as this user types it.
//!
//! The program's texts, its documents and what it stores say `kubectl delivery`. Installed under another name
//! (`kubectl-release_drift`) the same file is another command. What a user reads to type it is renamed where it is shown,
//! and nowhere before: what is stored or read by programs stays the same under every name.

use std::borrow::Cow;
use std::sync::OnceLock;

/// The command in all texts.
const COMMAND: &str = "kubectl delivery";

/// The command that was typed, where it is another one.
static INVOKED: OnceLock<String> = OnceLock::new();

/// Has texts that are to be typed name this command. The first call counts.
pub fn set_command(command: &str) {
    if command != COMMAND {
        // Set once, before anything is shown.
        INVOKED.get_or_init(|| command.to_owned());
    }
}

/// The command that was typed: `kubectl delivery`, or what it was installed as.
pub fn command() -> &'static str {
    INVOKED.get().map_or(COMMAND, String::as_str)
}

/// A hint, an example or a whole command line of ours, with the command that was typed.
pub fn typed(text: &str) -> Cow<'_, str> {
    rename(text, command())
}

fn rename<'t>(text: &'t str, command: &str) -> Cow<'t, str> {
    if command == COMMAND || !text.contains(COMMAND) {
        return Cow::Borrowed(text);
    }

    let is_inside = |next: Option<char>| {
        next.is_some_and(|next| next.is_alphanumeric() || matches!(next, '-' | '_' | '/' | '.'))
    };
    let mut renamed = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, _) in text.match_indices(COMMAND) {
        let end = at + COMMAND.len();
        // A longer word is no command of ours.
        if is_inside(text[..at].chars().next_back()) || is_inside(text[end..].chars().next()) {
            continue;
        }
        renamed.push_str(&text[copied..at]);
        renamed.push_str(command);
        copied = end;
    }
    renamed.push_str(&text[copied..]);
    Cow::Owned(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("kubectl delivery status -A", "kubectl release-drift status -A")]
    #[case(
        "to resume it: kubectl delivery promote --resume a -n b; to revert it: kubectl delivery revert a -n b",
        "to resume it: kubectl release-drift promote --resume a -n b; to revert it: kubectl release-drift revert a -n b"
    )]
    #[case("run `kubectl delivery diff`", "run `kubectl release-drift diff`")]
    #[case("kubectl delivery", "kubectl release-drift")]
    #[case("add --adopt helm", "add --adopt helm")]
    // Other words that hold it.
    #[case("kubectl delivery-x y", "kubectl delivery-x y")]
    #[case("mykubectl delivery x", "mykubectl delivery x")]
    #[case("kubectl delivery/release.yaml", "kubectl delivery/release.yaml")]
    fn a_command_is_named_as_it_was_typed(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(rename(text, "kubectl release-drift"), expected);
        assert_eq!(rename(text, COMMAND), text);
    }
}
