//! Paths as text, to be shown and to be read.
//!
//! Written like a JSON pointer (`~1` for a slash in a field's name, `~0` for a tilde); an item of a keyed list is
//! `[key=value,…]`, of a set `[=value]`, of any other list `[index]`.
//!
//! Both directions fit each other: rules, plans and journals keep paths as texts, and each is read as the
//! path that was written. A person may write keys in any order and texts without quotes.

use super::path::{FieldPath, Step};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Field(name) => f.write_str(&escape(name)),
            Step::Key(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, text)| format!("{name}={}", plain(text)))
                    .collect();
                // As a whole: a value may have slashes, and a path is cut at these first.
                write!(f, "[{}]", escape(&fields.join(",")))
            }
            Step::Value(text) => write!(f, "[={}]", escape(plain(text))),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A name as a JSON pointer has it.
pub fn escape(text: &str) -> String {
    // The tilde first: it would escape its own escapes.
    text.replace('~', "~0").replace('/', "~1")
}

/// A JSON text without its quotes where reading it back gives the same; otherwise as it is.
fn plain(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        // Not where it would be read as a number, or ends early: `"80"` keeps its quotes.
        Some(inner) if scalar(inner) == text => inner,
        _ => text,
    }
}

/// The JSON text that a person's spelling means: numbers, booleans and quoted texts as they are, else a text.
fn scalar(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) if !value.is_object() && !value.is_array() => value.to_string(),
        // The NUL, which no JSON text has, makes it differ from its quoted form: such texts keep their
        // quotes.
        _ if text.contains([',', '=', ']', '"']) => Value::from(text).to_string() + "\u{0}",
        _ => Value::from(text).to_string(),
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps().is_empty() {
            // A text is never empty: the object itself is the slash alone.
            return f.write_str("/");
        }
        self.steps().iter().try_for_each(|step| write!(f, "/{step}"))
    }
}

/// A text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a path such as /spec/template/spec/containers/[name=web]/image, found {text:?}: {why}")]
pub struct NotAPath {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl FromStr for FieldPath {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, NotAPath> {
        let error = |why| NotAPath {
            text: text.to_owned(),
            why,
        };
        let rest = text
            .strip_prefix('/')
            .ok_or_else(|| error("it does not start with a slash"))?;

        if rest.is_empty() {
            return Ok(Self::root());
        }

        rest.split('/')
            .map(|step| parse_step(step).map_err(error))
            .collect::<Result<_, _>>()
            .map(Self::from_steps)
    }
}

fn parse_step(raw: &str) -> Result<Step, &'static str> {
    if raw.is_empty() {
        return Err("it has an empty step");
    }
    // The slash first: `~01` is a tilde and a one.
    let text = raw.replace("~1", "/").replace("~0", "~");
    let Some(inner) = text.strip_prefix('[') else {
        return Ok(Step::Field(text));
    };

    let inner = inner
        .strip_suffix(']')
        .ok_or("a step in brackets is not closed")?;

    // A number alone is a place: keys have an equals sign.
    if let Ok(index) = inner.parse() {
        return Ok(Step::Index(index));
    }

    if let Some(value) = inner.strip_prefix('=') {
        return Ok(Step::Value(scalar_of(value)));
    }

    let mut fields = Vec::new();
    for pair in split_outside_quotes(inner) {
        let (name, value) = pair
            .split_once('=')
            .ok_or("a step in brackets is neither an index nor key=value")?;
        fields.push((name.to_owned(), scalar_of(value)));
    }
    // In one order, whatever a person wrote: paths are compared by their steps.
    fields.sort();
    Ok(Step::Key(fields))
}

fn scalar_of(text: &str) -> String {
    scalar(text).trim_end_matches('\u{0}').to_owned()
}

/// Splits at commas that do not stand between double quotes.
fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);

    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            // What is escaped ends no text.
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }

    parts.push(&text[start..]);
    parts
}

impl TryFrom<String> for FieldPath {
    type Error = NotAPath;

    fn try_from(text: String) -> Result<Self, NotAPath> {
        text.parse()
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> String {
        path.to_string()
    }
}
