//! YAML as programs write it: documents in block style, without anchors, tags, comments and folded lines. Ten times as fast
//! as the parser's events, and for nothing but speed: whatever is not plainly of this form is left to `compose`, and what is
//! read here is what `compose` would have made of it.

use super::scalar::{Scalar, resolve};
use super::value::MAX_NODES;
use serde_json::{Map, Value};

/// Below what `compose` allows: what is nested deeper is left to it.
const MAX_DEPTH: usize = 100;

/// The documents; none where the text has another form, or an error.
pub(super) fn documents(text: &str) -> Option<Vec<Value>> {
    // What ends in the middle of a line ends a block in another way; other breaks and controls mean something else in each place.
    let is_odd = |byte: u8| byte < b' ' && !matches!(byte, b'\n' | b'\t') || byte == 0x7f;
    if !text.ends_with('\n') || text.bytes().any(is_odd) || text.contains(is_break_or_unprintable) {
        return None;
    }

    let mut lines = Lines { rest: text, nodes: 0 };
    let mut documents = Vec::new();
    while let Some(line) = lines.next() {
        if line.ends_document() {
            continue;
        }
        documents.push(lines.block(line, 0, 0)?);
        if lines.peek().is_some_and(|next| !next.ends_document()) {
            return None;
        }
    }
    (!documents.is_empty()).then_some(documents)
}

fn is_break_or_unprintable(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

/// A line without its indentation.
#[derive(Clone, Copy)]
struct Line<'t> {
    indent: usize,
    text: &'t str,
}

impl Line<'_> {
    /// At the beginning of a line nothing else is written so.
    fn ends_document(&self) -> bool {
        self.indent == 0 && self.text == "---"
    }
}

struct Lines<'t> {
    rest: &'t str,
    nodes: usize,
}

impl<'t> Lines<'t> {
    /// The next line, which is left where it is.
    fn peek(&self) -> Option<Line<'t>> {
        let line = self.rest.split('\n').next().filter(|_| !self.rest.is_empty())?;
        let text = line.trim_start_matches(' ');
        Some(Line {
            indent: line.len() - text.len(),
            text,
        })
    }

    fn next(&mut self) -> Option<Line<'t>> {
        let line = self.peek()?;
        self.skip(line);
        Some(line)
    }

    fn skip(&mut self, line: Line<'t>) {
        let length = line.indent + line.text.len();
        self.rest = self.rest.get(length + 1..).unwrap_or_default();
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= MAX_NODES).then_some(())
    }

    /// A mapping or a sequence whose first line is `first`.
    fn block(&mut self, first: Line<'t>, indent: usize, depth: usize) -> Option<Value> {
        if first.indent != indent || depth > MAX_DEPTH {
            return None;
        }
        self.count()?;
        match item(first.text) {
            Some(_) => self.sequence(first, depth),
            None => self.mapping(first, depth),
        }
    }

    fn sequence(&mut self, first: Line<'t>, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        let mut line = first;
        loop {
            let text = item(line.text)?;
            let inner = Line {
                indent: line.indent + line.text.len() - text.len(),
                text,
            };
            items.push(match is_entry(text) {
                true => self.block(inner, inner.indent, depth + 1)?,
                false => self.scalar(text, line.indent)?,
            });

            match self.peek() {
                Some(next) if next.indent == line.indent && item(next.text).is_some() => line = next,
                Some(next) if next.indent > line.indent => return None,
                _ => return Some(Value::Array(items)),
            }
            self.skip(line);
        }
    }

    fn mapping(&mut self, first: Line<'t>, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        let mut line = first;
        loop {
            let (key, text) = entry(line.text)?;
            let value = match text {
                "" => self.below(line.indent, depth)?,
                text => self.scalar(text, line.indent)?,
            };
            // Which of two is meant is not decided here.
            if map.insert(key, value).is_some() {
                return None;
            }

            match self
                .peek()
                .filter(|next| next.indent >= line.indent && !next.ends_document())
            {
                Some(next) if next.indent == line.indent && item(next.text).is_none() => line = next,
                Some(_) => return None,
                None => return Some(Value::Object(map)),
            }
            self.skip(line);
        }
    }

    /// What stands below a key without a value on its line.
    fn below(&mut self, indent: usize, depth: usize) -> Option<Value> {
        let next = self.peek();
        match next {
            // The items of a list may stand where its key does.
            Some(next) if next.indent > indent || next.indent == indent && item(next.text).is_some() => {
                self.skip(next);
                self.block(next, next.indent, depth + 1)
            }
            _ => {
                self.count()?;
                Some(Value::Null)
            }
        }
    }

    /// A value that begins on the line of its key or dash.
    fn scalar(&mut self, text: &'t str, indent: usize) -> Option<Value> {
        self.count()?;
        if let Some(chomping) = text.strip_prefix('|') {
            return self.literal(chomping, indent);
        }

        // A deeper line behind it would go on with it, and so would an empty one.
        let goes_on = |next: Line<'_>| next.indent > indent || next.text.is_empty();
        if text.contains('\t') || self.peek().is_some_and(goes_on) {
            return None;
        }
        match text.as_bytes() {
            b"{}" => Some(Value::Object(Map::new())),
            b"[]" => Some(Value::Array(Vec::new())),
            [b'"' | b'\'', ..] => quoted(text).map(Value::String),
            _ => plain(text)?.into_value(),
        }
    }

    fn literal(&mut self, chomping: &str, indent: usize) -> Option<Value> {
        let first = self.peek()?;
        if first.indent <= indent || first.text.is_empty() || first.text.starts_with('\t') {
            return None;
        }
        let mut value = String::new();
        let mut empty = 0;
        while let Some(line) = self.peek() {
            match line.text {
                "" if line.indent <= first.indent => empty += 1,
                _ if line.indent < first.indent => break,
                text => {
                    value.extend(std::iter::repeat_n('\n', empty));
                    value.extend(std::iter::repeat_n(' ', line.indent - first.indent));
                    value.push_str(text);
                    empty = 1;
                }
            }
            self.skip(line);
        }
        // A comment, or the end of the indentation: what ends a block in other ways is left to the parser.
        if self.peek().is_some_and(|next| next.indent > indent) {
            return None;
        }

        match chomping {
            "" => value.push('\n'),
            "-" => {}
            "+" => value.extend(std::iter::repeat_n('\n', empty)),
            _ => return None,
        }
        Some(value.into())
    }
}

/// What stands behind a dash.
fn item(text: &str) -> Option<&str> {
    text.strip_prefix("- ").map(|rest| rest.trim_start_matches(' '))
}

/// Whether a text begins a mapping or a sequence.
fn is_entry(text: &str) -> bool {
    item(text).is_some() || entry(text).is_some()
}

/// A key, and what stands behind it.
fn entry(text: &str) -> Option<(String, &str)> {
    if text.contains('\t') {
        return None;
    }
    let (key, rest) = match text.as_bytes().first()? {
        quote @ (b'"' | b'\'') => {
            let end = text[1..].find(char::from(*quote))? + 2;
            (quoted(&text[..end])?, &text[end..])
        }
        _ => {
            let end = text.find(':')?;
            let Scalar::Text(key) = plain(&text[..end])? else {
                return None;
            };
            (key, &text[end..])
        }
    };
    let rest = rest.strip_prefix(':')?;
    match rest {
        "" => Some((key, rest)),
        // More than one blank is as good, but no program writes it.
        _ => Some((
            key,
            rest.strip_prefix(' ')
                .filter(|rest| !rest.is_empty() && !rest.starts_with(' '))?,
        )),
    }
}

/// In quotes, on one line, and nothing behind it.
fn quoted(text: &str) -> Option<String> {
    let quote = text.chars().next()?;
    let inner = text[1..].strip_suffix(quote)?;
    match quote {
        // An escape means what the parser says.
        '"' => (!inner.contains(['"', '\\'])).then(|| inner.to_owned()),
        _ if inner.replace("''", "").contains('\'') => None,
        _ => Some(inner.replace("''", "'")),
    }
}

/// Without quotes: what begins like a word or a number, and holds nothing that could end it.
fn plain(text: &str) -> Option<Scalar> {
    let is_safe = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'/' | b'.' | b'_' | b'$' | b'(' | b'+')
            || *byte >= 0x80
    };
    let begins = match text.as_bytes() {
        // `...` and `---` end documents.
        [b'.', b'.', b'.', ..] => false,
        [b'-', next, ..] | [b'-', b'-', next, ..] if next.is_ascii_alphanumeric() => true,
        [first, ..] => is_safe(first),
        [] => false,
    };
    let ends = !text.ends_with([' ', ':']);
    (begins && ends && !text.contains(": ") && !text.contains(" #")).then(|| resolve(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::compose::{DoubledKeys, compose};
    use proptest::prelude::*;

    /// Lines as they stand in what people and programs write, and as nobody would write them.
    #[rustfmt::skip]
    const LINES: &[&str] = &[
        "a: b", "a:", "- a: b", "- a", "- ", "-", "- - a", "a: |", "a: |-", "a: |+", "a: |2", "a: >", "- |", "text", "\ttext",
        "a: \"b\"", "a: 'it''s'", "a: 'b' # c", "\"a\": 1", "'a': yes", "a: 0644", "a: 1.10", "a: ~", "a: {}", "a: []",
        "a: {b: c}", "a: [b]", "a: &x b", "a: *x", "<<: *x", "a: !!str 1", "# comment", "a: b # c", "a: b#c", "a: b: c",
        "a:b: c", "a: http://x:1/y", "---", "--- a", "...", "%YAML 1.1", "? a", ": b", "a: -1", "a: -", "a: - b", "1: a", "on: a",
        "~: a", "a: ", "a:  b", "a: b ", "b: c", "c: \"d\\n\"", "c: \"d", "c: 'd", "c: ''", "c: ''''", "c: '''", "c: \"\"",
        "\u{e9}: \u{1f600}", "c: \u{a0}", "c: \u{feff}d", "c: \u{85}", "c: \u{2028}", "c: a\tb", "c: .5", "c: .", "c: ...",
        "c: $(a)", "c: a, b", "c: a]", "", "",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_is_what_the_parser_makes_of_it(
            lines in prop::collection::vec((0_usize..5, prop::sample::select(LINES)), 1..8),
            end in prop::sample::select(&["\n", "", "\n\n", "\r\n"][..]),
        ) {
            let lines: Vec<String> = lines
                .iter()
                .map(|(indent, line)| format!("{}{line}", " ".repeat(*indent)))
                .collect();
            let text = lines.join("\n") + end;
            if let Some(read) = documents(&text) {
                let composed: Vec<Value> = compose(&text, DoubledKeys::Refused)
                    .map_err(|fault| TestCaseError::fail(format!("{fault:?}\n{text}")))?
                    .into_iter()
                    .filter(|document| !document.is_null())
                    .collect();
                prop_assert_eq!(read, composed, "{}", text);
            }
        }
    }

    #[test]
    fn what_record_writes_is_of_this_form() {
        let object = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web"}, "annotations": {}},
            "data": {"on": "true", "nginx.conf": "server {\n\tlisten 80;\n\n}\n", "empty": "", "port": "8080", "url": "http://web:80/"},
            "list": [{"name": "a", "args": ["-v", "--level=3", "a b"]}, {"name": "b", "args": []}, 1, null, 1.5]});
        let text = crate::load::to_yaml(&object);
        assert_eq!(documents(&text), Some(vec![object]), "{text}");
    }
}
