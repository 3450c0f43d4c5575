//! The smallest telling picture of a change: `- live` and `+ desired`, whole values as unified diffs of YAML.
//!
//! Two values that differ never make an empty picture, and short ones never make one whose sides look the same. The
//! YAML is for eyes alone: nothing reads it back.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// One line of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Mark {
    /// Only on the one side.
    Minus,
    /// Only on the other side.
    Plus,
    /// On both.
    Same,
}

impl Mark {
    /// What a line begins with, as diff(1) has it.
    pub fn sign(self) -> char {
        match self {
            Mark::Minus => '-',
            Mark::Plus => '+',
            Mark::Same => ' ',
        }
    }
}

/// Lines around a difference inside a larger value.
const AROUND: usize = 2;

/// The lines of a change from `from` to `to`.
pub(in crate::report) fn diff_lines(from: Option<&Value>, to: Option<&Value>) -> Vec<(Mark, String)> {
    let (one, other) = texts(from, to);
    let all: Vec<(Mark, String)> = TextDiff::from_lines(&one, &other)
        .iter_all_changes()
        .map(|change| {
            let mark = match change.tag() {
                ChangeTag::Delete => Mark::Minus,
                ChangeTag::Insert => Mark::Plus,
                ChangeTag::Equal => Mark::Same,
            };
            (mark, change.value().trim_end_matches('\n').to_owned())
        })
        .collect();

    let near = |at: usize| {
        let from = at.saturating_sub(AROUND);
        all.iter()
            .skip(from)
            .take(at - from + AROUND + 1)
            .any(|(mark, _)| *mark != Mark::Same)
    };

    let mut shown = Vec::new();
    let mut skipped = false;
    for (at, line) in all.iter().enumerate() {
        if near(at) {
            // Between two parts: what is left out before the first and after the last goes without saying.
            if skipped && !shown.is_empty() {
                shown.push((Mark::Same, "…".to_owned()));
            }
            skipped = false;
            shown.push(line.clone());
        } else {
            skipped = true;
        }
    }
    shown
}

/// A line of a picture, cut where the terminal ends and never inside of a word: it may be a name, a path or a digest.
pub(in crate::report) fn fit_line(line: &str, width: Option<usize>) -> String {
    // The indent, the sign and its space take six columns; a full last one would wrap on some terminals.
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(7).max(20));
    if line.chars().count() <= room {
        return line.to_owned();
    }
    // With room for the mark of what is left out.
    let end = line.char_indices().nth(room - 1).map_or(line.len(), |(at, _)| at);

    let indent = line.len() - line.trim_start().len();
    let before = line[..end].rfind(' ').filter(|at| *at > indent);
    let after = || line[end..].find(' ').map(|at| end + at);
    match before.or_else(after) {
        Some(at) => format!("{} …", line[..at].trim_end()),
        None => line.to_owned(),
    }
}

/// Both values as texts that differ where the values do.
fn texts(from: Option<&Value>, to: Option<&Value>) -> (String, String) {
    let is_long = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .is_some_and(|text| text.contains('\n'))
    };

    // Line by line, as they are; only that the last one does not end is said with a mark.
    if is_long(from) || is_long(to) {
        return (with_its_end(from), with_its_end(to));
    }

    let (one, other) = (text(from), text(to));
    // A number and a text of its digits, or a space at an end: only as JSON do they look different.
    let same_to_the_eye = from != to && one.split_whitespace().eq(other.split_whitespace());
    let quoted = |value: Option<&Value>| value.map(|value| format!("{value}\n")).unwrap_or_default();

    if same_to_the_eye {
        (quoted(from), quoted(to))
    } else {
        (one, other)
    }
}

/// A text of several lines, or of one beside such: that its last line does not end is said, as diff(1) says it.
fn with_its_end(value: Option<&Value>) -> String {
    match value.and_then(Value::as_str) {
        Some(line) if !line.is_empty() && !line.ends_with('\n') => format!("{line}\n\\ no newline at end\n"),
        _ => text(value),
    }
}

/// A value as YAML; a text as it is.
fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) if text.contains('\n') => ensure_end(text.clone()),
        // Otherwise the side would have no line at all.
        Some(Value::String(text)) if text.is_empty() => "\"\"\n".to_owned(),
        Some(Value::String(text)) => ensure_end(text.clone()),
        // A field a line: a diff shows the one that changed.
        Some(value @ (Value::Object(_) | Value::Array(_))) => ensure_end(yaml(value, 0)),
        Some(value) => ensure_end(value.to_string()),
    }
}

fn ensure_end(mut text: String) -> String {
    // By lines, the same text with and without an end would differ.
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Plain block YAML for people: no anchors, no folding.
fn yaml(value: &Value, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, value)| match value {
                Value::Object(inner) if !inner.is_empty() => {
                    format!("{pad}{key}:\n{}", yaml(value, depth + 1))
                }
                // A list stands as deep as its key, as kubectl prints it.
                Value::Array(inner) if !inner.is_empty() => format!("{pad}{key}:\n{}", yaml(value, depth)),
                // What is empty has no lines below its key.
                _ => format!("{pad}{key}: {}\n", scalar(value)),
            })
            .collect(),
        Value::Array(list) if !list.is_empty() => list
            .iter()
            .map(|item| {
                let inner = yaml(item, depth + 1);
                // The dash takes the place of the first line's indent.
                format!("{pad}- {}", inner.trim_start_matches(' '))
            })
            .collect(),
        _ => format!("{pad}{}\n", scalar(value)),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        // Quoted where it would read as nothing, as a comment, or as more than one line.
        Value::String(text) if text.is_empty() || text.contains(['\n', '#', '"']) || text.trim() != text => {
            Value::from(text.as_str()).to_string()
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn picture(from: Option<&Value>, to: Option<&Value>) -> String {
        diff_lines(from, to)
            .iter()
            .map(|(mark, line)| format!("{}{line}\n", mark.sign()))
            .collect()
    }

    #[test]
    fn a_line_is_cut_between_words_and_a_long_name_stays_whole() {
        let digest = format!("registry.example/web@sha256:{}", "a".repeat(64));
        let fits = |line: &str| fit_line(line, Some(37));

        assert_eq!(
            fits("thirty columns have their room"),
            "thirty columns have their room"
        );
        assert_eq!(
            fits("thirty columns have no room for"),
            "thirty columns have no room …"
        );
        assert_eq!(fits(&digest), digest);
        assert_eq!(fits(&format!("  {digest} and more")), format!("  {digest} …"));
        assert_eq!(fits("image äöüäöüäöüäöüäöüäöüäöüäöüäöüäöü"), "image …");
    }

    #[test]
    fn a_scalar_is_shown_before_and_after() {
        assert_eq!(picture(Some(&json!(5)), Some(&json!(3))), "-5\n+3\n");
        assert_eq!(picture(None, Some(&json!("x"))), "+x\n");
        assert_eq!(picture(Some(&json!("")), Some(&json!("x"))), "-\"\"\n+x\n");
    }

    #[test]
    fn what_looks_the_same_is_shown_otherwise() {
        assert_eq!(picture(Some(&json!("5")), Some(&json!(5))), "-\"5\"\n+5\n");
        assert_eq!(
            picture(Some(&json!("a ")), Some(&json!("a"))),
            "-\"a \"\n+\"a\"\n"
        );

        assert_eq!(
            picture(Some(&json!("a\nb\n")), Some(&json!("a\nb"))),
            " a\n b\n+\\ no newline at end\n"
        );

        // One line beside several: the same mark says that it does not end.
        assert_eq!(
            picture(Some(&json!("a\n")), Some(&json!("a"))),
            " a\n+\\ no newline at end\n"
        );
    }

    #[test]
    fn of_a_long_text_only_the_surroundings_of_the_change_are_shown() {
        let text = |middle: &str| {
            json!(
                (0..20)
                    .map(|n| if n == 10 {
                        format!("{middle}\n")
                    } else {
                        format!("line {n}\n")
                    })
                    .collect::<String>()
            )
        };

        assert_eq!(
            picture(Some(&text("a")), Some(&text("b"))),
            " line 8\n line 9\n-a\n+b\n line 11\n line 12\n"
        );
    }

    #[test]
    fn a_map_is_shown_as_yaml() {
        assert_eq!(
            picture(Some(&json!({"name": "x", "ports": [{"a": 1, "b": [2]}]})), None),
            "-name: x\n-ports:\n-- a: 1\n-  b:\n-  - 2\n"
        );
    }
}
