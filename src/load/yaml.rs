//! YAML and JSON as kubectl reads them (sigs.k8s.io/yaml, strict): duplicate keys are refused, `yes` and `on` are
//! booleans, `0644` is octal, merge keys merge.
//!
//! Values come from `compose`, from `value` where the text is JSON, or from `block_style` where it is as programs write it. The library's own reader decides
//! scalars in another way, and is asked only where in the text something stands that does not fit.

use super::block_style;
use super::compose::{DoubledKeys, Fault, compose};
use super::error::LoadError;
use super::files::name;
use super::value::JsonReader;
use crate::model::plain_words;
use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed};
use serde_json::Value;
use serde_yaml::{Location, Options, Spanned, UserMessageFormatter, budget, options};
use std::borrow::Cow;
use std::cell::Cell;
use std::path::Path;

/// Bounds that no honest manifest reaches, and that stop exploding aliases.
fn reading() -> Options {
    options! {
        budget: budget! {
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_documents: 100_000,
            max_total_scalar_bytes: 256 * 1024 * 1024,
            max_depth: 200,
        },
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

/// Every document of a text; empty ones are left out. JSON is read as JSON.
///
/// # Errors
///
/// Where the text is not UTF-8 or no YAML, or has more values or levels than any file that is read.
pub fn documents(bytes: &[u8], path: &Path) -> Result<Vec<Value>, LoadError> {
    if looks_like_json(bytes)
        && let Some(values) = json_documents(bytes)
    {
        return Ok(values);
    }

    let mut documents = composed(bytes, path, DoubledKeys::Refused)?;
    // `---` at the end of a file begins one that says nothing.
    documents.retain(|value| !value.is_null());
    Ok(documents)
}

/// As [`documents`], of a manifest that was applied so: of a key that stands twice the last one counts, as for whoever applied
/// it.
pub(super) fn applied_documents(bytes: &[u8], path: &Path) -> Result<Vec<Value>, LoadError> {
    let mut documents = composed(bytes, path, DoubledKeys::LastCounts)?;
    documents.retain(|value| !value.is_null());
    Ok(documents)
}

/// One typed document; JSON is read as JSON, which is far faster.
pub(super) fn typed<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, LoadError> {
    if looks_like_json(bytes) {
        return typed_json(bytes, path);
    }

    let mut documents = composed(bytes, path, DoubledKeys::Refused)?;
    documents.retain(|document| !document.is_null());
    if documents.len() > 1 {
        let why = format!("expected one document, found {}", documents.len());
        return Err(LoadError::Invalid {
            path: name(path),
            why,
        });
    }

    let document = documents.pop().unwrap_or_default();
    // A value knows no place in the file: what does not fit is read once more, to say where.
    T::deserialize(document).or_else(|_| {
        serde_yaml::from_str_with_options(&text_of(bytes, path)?, reading())
            .map_err(|error| syntax(&error, path))
    })
}

/// One typed JSON document within the bounds of any file.
///
/// # Errors
///
/// Where it is no JSON, a key stands in it twice, it has too many values, or a field does not fit.
pub fn typed_json<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, LoadError> {
    let wrong = |error: serde_json::Error| LoadError::Syntax {
        path: name(path),
        line: error.line() as u64,
        column: error.column() as u64,
        why: without_position(&error.to_string()),
    };

    let nodes = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    // Into a value first: that is where doubled keys and too many values are refused.
    let value = JsonReader(&nodes).deserialize(&mut reader).map_err(wrong)?;
    reader.end().map_err(wrong)?;
    // A value knows no place in the file: what does not fit is read once more, to say where.
    T::deserialize(value).or_else(|_| serde_json::from_slice(bytes).map_err(wrong))
}

fn composed(bytes: &[u8], path: &Path, doubled: DoubledKeys) -> Result<Vec<Value>, LoadError> {
    let text = text_of(bytes, path)?;
    if let Some(documents) = block_style::documents(&text) {
        return Ok(documents);
    }
    compose(&text, doubled).map_err(|Fault { line, column, why }| LoadError::Syntax {
        path: name(path),
        line,
        column,
        why,
    })
}

#[derive(Deserialize)]
struct ExpiriesOf {
    spec: Expiries,
}

#[derive(Deserialize)]
struct Expiries {
    differences: Vec<Expiry>,
}

#[derive(Deserialize)]
struct Expiry {
    expires: Option<Spanned<String>>,
}

/// Where each rule of an environment says until when it is allowed. A file in JSON says it nowhere.
pub(super) fn places_of_expiry(bytes: &[u8], path: &Path) -> Vec<Option<String>> {
    let text = text_of(bytes, path).unwrap_or_default();
    let found: Result<ExpiriesOf, _> = serde_yaml::from_str_with_options(&text, reading());

    let place = |at: Location| format!("{}:{}:{}", name(path), at.line(), at.column());
    // A file that does not parse was refused already; places are for hints, and may be missing.
    let rules = found.map(|found| found.spec.differences).unwrap_or_default();
    rules
        .into_iter()
        .map(|rule| rule.expires.map(|date| place(date.defined)))
        .collect()
}

fn looks_like_json(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// One JSON document after the other; none where it is flow-style YAML instead, or what YAML refuses with its place.
fn json_documents(bytes: &[u8]) -> Option<Vec<Value>> {
    let nodes = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut documents = Vec::new();

    while reader.end().is_err() {
        documents.push(JsonReader(&nodes).deserialize(&mut reader).ok()?);
    }
    Some(documents)
}

fn text_of<'b>(bytes: &'b [u8], path: &Path) -> Result<Cow<'b, str>, LoadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        LoadError::Syntax {
            path: name(path),
            line,
            column: 1,
            why: "not UTF-8".into(),
        }
    })?;

    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Files that were put together carry a mark before a later document too.
    Ok(match text.contains("\n\u{feff}") {
        true => text.replace("\n\u{feff}", "\n").into(),
        false => text.into(),
    })
}

fn syntax(error: &serde_yaml::Error, path: &Path) -> LoadError {
    let location = error.location();
    let (line, column) = location.map_or((0, 0), |location| (location.line(), location.column()));

    LoadError::Syntax {
        path: name(path),
        line,
        column,
        why: without_position(
            &error
                .without_snippet()
                .render_with_formatter(&UserMessageFormatter),
        ),
    }
}

/// The position is said in front of the message already.
fn without_position(message: &str) -> String {
    let mut text = message.lines().next().unwrap_or_default().to_owned();
    for marker in [" at line ", " (line "] {
        // From the end: the words may stand in what is quoted as well.
        if let Some(at) = text.rfind(marker) {
            text.truncate(at);
        }
    }

    let rest = text.strip_prefix("error: ").unwrap_or(&text);

    let rest = match rest.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((position, message))
            if position
                .chars()
                .all(|c| c.is_ascii_digit() || " column,".contains(c)) =>
        {
            message
        }
        _ => rest,
    };

    plain_words(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Vec<Value>, LoadError> {
        documents(text.as_bytes(), Path::new("a.yaml"))
    }

    #[test]
    fn awkward_scalars_read_as_kubectl_reads_them() {
        let read =
            &read("a: yes\nb: on\nc: 0644\nd: 1e3\ne: \"yes\"\nf: ~\ng: 0x1F\nh: 1.0\ni: 012a\n").unwrap()[0];

        for (key, expected) in [
            ("a", json!(true)),
            ("b", json!(true)),
            ("c", json!(420)),
            ("e", json!("yes")),
            ("f", Value::Null),
            ("g", json!(31)),
            ("i", json!("012a")),
        ] {
            assert_eq!(read[key], expected, "{key}");
        }
    }

    #[test]
    fn merge_keys_and_anchors_are_resolved() {
        let read = read("base: &b {x: 1, z: 2}\nown:\n  <<: *b\n  z: 3\n").unwrap();
        assert_eq!(read[0]["own"], json!({"x": 1, "z": 3}));
    }

    #[test]
    fn a_duplicate_key_is_refused_with_its_place() {
        let error = read("kind: A\nmetadata:\n  name: a\n  name: b\n").unwrap_err();
        assert!(matches!(&error, LoadError::Syntax { line: 4, .. }), "{error}");
        assert!(error.to_string().starts_with("a.yaml:4:"), "{error}");
    }

    #[test]
    fn broken_yaml_names_file_line_and_column_once() {
        let error = read("a: 1\nb: [1, 2\nc: 3\n").unwrap_err().to_string();
        // The place stands in front, and the parser's own words for it are gone.
        assert!(
            error.starts_with("a.yaml:") && error.matches("line").count() == 0,
            "{error}"
        );
    }

    #[test]
    fn exploding_aliases_are_refused() {
        // Each level holds the one before ten times: the last one would be ten thousand million values.
        let level = |n: u32| {
            let before = vec![format!("*a{}", n - 1); 10].join(", ");
            format!("a{n}: &a{n} [{before}]\n")
        };
        let levels: String = (1..10).map(level).collect();

        assert!(read(&format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{levels}")).is_err());
    }

    #[test]
    fn empty_documents_are_left_out_and_order_is_kept() {
        let read = read("---\n---\nz: 1\na: 2\n---\n# nothing\n---\nb: 1\n").unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(serde_json::to_string(&read[0]).unwrap(), r#"{"z":1,"a":2}"#);
    }

    #[test]
    fn several_json_documents_in_one_file_are_read() {
        assert_eq!(read("{\"a\": 1}\n{\"a\": 2}").unwrap().len(), 2);
    }
}
