//! Values as YAML text, in which nothing is hidden: what nobody would see is written as YAML's own escape, so that the value
//! stays the same. Nor is anything written that readers of YAML 1.1, such as kubectl, refuse or read otherwise.

use crate::model::unseen::is_unseen;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;

/// A control character forces a text into double quotes, in which alone YAML has escapes.
const MARK: char = '\u{1}';
/// The mark at the beginning of such a text, as it is written.
const WRITTEN: &str = "\"\\x01";

/// As YAML, in the objects' own order.
pub fn to_yaml<T: Serialize>(value: &T) -> String {
    let text = written(value);

    // The writer escapes controls by itself, and no others.
    if !text.chars().any(|c| is_unseen(c) || c == '\t') {
        return text;
    }

    let Ok(value) = serde_json::to_value(value) else {
        return text;
    };
    // Only where it must be: a mark puts a whole text into quotes.
    let text = written(&marked(value));

    let mut shown = String::with_capacity(text.len() + 64);
    let mut rest = text.as_str();
    while let Some(at) = rest.find(WRITTEN) {
        // Behind a backslash the quote is a character of a text, and no beginning of one.
        let begins = !rest[..at].ends_with('\\');
        push_escaped(&mut shown, &rest[..at]);
        shown.push_str(if begins { "\"" } else { WRITTEN });
        rest = &rest[at + WRITTEN.len()..];
    }
    push_escaped(&mut shown, rest);
    shown
}

fn written<T: Serialize>(value: &T) -> String {
    // Only types of ours and JSON values come here, and both can be written.
    // A folded image reference is legal YAML, and nobody can grep for it.
    let options = serde_yaml::ser_options! { folded_wrap_chars: 1_000_000 };
    serde_yaml::to_string_with_options(value, options).unwrap_or_default()
}

/// Whether a text can be written in double quotes alone: it holds an unseen character, or would become a block that begins
/// with a tab, which readers of YAML 1.1 take for its indentation, and refuse.
fn needs_quotes(text: &str) -> bool {
    let begins_with_tab = || text.trim_start_matches([' ', '\n']).starts_with('\t');
    text.chars().any(is_unseen) || begins_with_tab()
}

/// Each text that needs quotes begins with a mark: those that begin with the same character too.
fn marked(value: Value) -> Value {
    let mark = |text: String| {
        if needs_quotes(&text) {
            format!("{MARK}{text}")
        } else {
            text
        }
    };

    match value {
        Value::String(text) => mark(text).into(),
        Value::Array(items) => items.into_iter().map(marked).collect(),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (mark(key), marked(value)))
                .collect(),
        ),
        other => other,
    }
}

fn push_escaped(shown: &mut String, text: &str) {
    for c in text.chars() {
        // Writing to a String cannot fail.
        match c {
            c if is_unseen(c) && u32::from(c) > 0xffff => drop(write!(shown, "\\U{:08x}", u32::from(c))),
            c if is_unseen(c) => drop(write!(shown, "\\u{:04x}", u32::from(c))),
            c => shown.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_hides_nothing_and_is_read_back_the_same(
            key in "([a-c:\"\\\\ #]|\u{202e}|\u{200b}|\u{1b}|\u{9b}|\u{1}){1,5}",
            text in "([a-c:\"\\\\ #\n\r\t'-]|\u{202e}|\u{200b}|\u{2069}|\u{feff}|\u{1b}|\u{9b}|\u{1}|\u{e0041}|é){0,9}",
        ) {
            let value = serde_json::json!({"a": {key.clone(): text.clone()}, "b": [text, {"c": key}], "d": 1});
            let shown = to_yaml(&value);
            prop_assert!(!shown.chars().any(is_unseen), "{shown:?}");
            let read: Value = serde_yaml::from_str(&shown).unwrap();
            prop_assert_eq!(read, value, "{}", shown);
        }
    }
}
