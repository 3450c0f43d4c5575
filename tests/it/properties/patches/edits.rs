//! Edits of an object as users make them with kubectl: fields, items of lists that come, go and move, and texts that a YAML
//! file could take for something else.

use crate::proof::random::Random;
use crate::properties::drawn::Drawn;
use serde_json::{Value, json};

/// Texts that a reader of YAML takes for numbers, times, switches, structure or nothing, and that are hard to write in lines.
const TEXTS: &[&str] = &[
    "yes",
    "on",
    "true",
    "null",
    "~",
    "1",
    "1.0",
    "1e3",
    "0x1F",
    "012",
    "0o7",
    "1_000",
    "1:30",
    "2001-01-01",
    ".inf",
    "=",
    "<<",
    "",
    " ",
    " leading",
    "trailing ",
    "- item",
    "a: b",
    "a:",
    "# none",
    "a # b",
    "&a",
    "*a",
    "!tag",
    "%x",
    "@x",
    "`x`",
    "|",
    ">",
    "?",
    "{a: b}",
    "[a]",
    "{{ .Values.a }}",
    "$(A)",
    "\"quoted\"",
    "it's",
    "back\\slash",
    "\\n",
    "---",
    "...",
    "tab\there",
    "\ttab",
    "one\ntwo",
    "one\ntwo\n",
    "one\n\ntwo\n\n\n",
    "\none",
    "  indented\nless\n",
    "a \nb ",
    "crlf\r\nline\r\n",
    "no\u{a0}break",
    "zero\u{200b}width",
    "bidi\u{202e}x",
    "bom\u{feff}",
    "é",
    "日本",
    "😀\n😀",
    "\u{85}",
    "\u{2028}",
    "##[error]x",
    "::error::x",
    "key: |\n  a\n  b\n",
    "{\"a\": [1, 2]}",
    "-----BEGIN X-----\nYQ==\n-----END X-----\n",
];

/// Changes an object in one way. The server may refuse what comes out, and it may be what it was.
pub fn edit(random: &mut Random, drawn: &Drawn, live: &mut Value) {
    match random.below(100) {
        0..45 => drawn.by_hand(random, live),
        45..75 => edit_list(random, live),
        75..90 => edit_marks(random, live),
        _ => edit_text(random, live),
    }
}

fn text(random: &mut Random) -> String {
    match random.below(8) {
        // Two at once: what one of them needs may be wrong for the other.
        0 => format!("{}\n{}", random.one(TEXTS), random.one(TEXTS)),
        _ => random.one(TEXTS).to_owned(),
    }
}

/// Labels and annotations come, change and go.
fn edit_marks(random: &mut Random, live: &mut Value) {
    let (field, key, value) = if random.chance(60) {
        let key = random.one(&["example.com/odd", "odd", "example.com/a.b_c-d", "yes"]);
        ("annotations", key, text(random))
    } else {
        let value = random.one(&["1", "true", "1e3", "0x1F", "on", "", "a.b_c-d"]);
        (
            "labels",
            random.one(&["example.com/odd", "null", "tier"]),
            value.to_owned(),
        )
    };
    if !live["metadata"][field].is_object() {
        live["metadata"][field] = json!({});
    }
    let marks = live["metadata"][field].as_object_mut().unwrap();
    let own: Vec<String> = marks
        .keys()
        .filter(|key| !key.contains("kubernetes.io"))
        .cloned()
        .collect();
    if !own.is_empty() && random.chance(30) {
        marks.shift_remove(&random.one(&own));
    } else {
        marks.insert(key.into(), value.into());
    }
}

/// Places of lists, or of texts, in what is content.
fn places(value: &Value, at: &str, is_one: &dyn Fn(&Value) -> bool, found: &mut Vec<String>) {
    if is_one(value) && !at.is_empty() {
        found.push(at.to_owned());
    }
    match value {
        Value::Object(map) => {
            for (key, below) in map {
                let is_content =
                    !at.is_empty() || !matches!(key.as_str(), "metadata" | "status" | "apiVersion" | "kind");
                if is_content {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    places(below, &format!("{at}/{key}"), is_one, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, below) in items.iter().enumerate() {
                places(below, &format!("{at}/{index}"), is_one, found);
            }
        }
        _ => {}
    }
}

/// An item of a list comes, goes or moves.
fn edit_list(random: &mut Random, live: &mut Value) {
    let mut lists = Vec::new();
    places(
        live,
        "",
        &|value| value.as_array().is_some_and(|items| !items.is_empty()),
        &mut lists,
    );
    if lists.is_empty() {
        return drawn_text(random, live);
    }
    let at = random.one(&lists);
    let items = live.pointer_mut(&at).and_then(Value::as_array_mut).unwrap();
    let index = random.below(items.len());
    match random.below(4) {
        0 => drop(items.remove(index)),
        1 => {
            let other = random.below(items.len());
            items.swap(index, other);
        }
        _ => {
            let mut new = items[index].clone();
            rename(random, &mut new);
            let place = random.below(items.len() + 1);
            items.insert(place, new);
        }
    }
}

/// Makes another item of one: another name, port, path or text.
fn rename(random: &mut Random, item: &mut Value) {
    let number = random.below(90) + 8000;
    match item {
        Value::String(text) => text.push_str("-new"),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match (key.as_str(), &value) {
                    ("name" | "key" | "host" | "topologyKey", Value::String(text)) => {
                        *value = format!("{text}{}", number % 10).into();
                    }
                    ("mountPath" | "path", Value::String(text)) => *value = format!("{text}{number}").into(),
                    ("containerPort" | "port" | "hostPort", Value::Number(_)) => *value = number.into(),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// A text of the content gets another value: of data, arguments and variables any.
fn edit_text(random: &mut Random, live: &mut Value) {
    let is_free = |at: &String| {
        ["/data/", "/env/", "/args/", "/command/", "/description"]
            .iter()
            .any(|part| at.contains(part))
            && !at.ends_with("/name")
    };
    let mut texts = Vec::new();
    places(live, "", &Value::is_string, &mut texts);
    texts.retain(is_free);
    if texts.is_empty() || random.chance(30) {
        return drawn_text(random, live);
    }
    *live.pointer_mut(&random.one(&texts)).unwrap() = text(random).into();
}

/// A new text where the kind has room for any: data, a variable, else an annotation.
fn drawn_text(random: &mut Random, live: &mut Value) {
    let text = text(random);
    let container = [
        "/spec/template/spec/containers/0",
        "/spec/jobTemplate/spec/template/spec/containers/0",
    ];
    if live["kind"] == "ConfigMap" {
        if !live["data"].is_object() {
            live["data"] = json!({});
        }
        let key = random.one(&["new.conf", "yes", "1", "null"]);
        live["data"][key] = text.into();
    } else if let Some(container) = container.iter().find_map(|at| live.pointer(at).map(|_| *at)) {
        let container = live.pointer_mut(container).unwrap();
        if !container["env"].is_array() {
            container["env"] = json!([]);
        }
        let name = format!("NEW{}", random.below(100));
        let at = random.below(container["env"].as_array().unwrap().len() + 1);
        let variable = json!({"name": name, "value": text});
        container["env"].as_array_mut().unwrap().insert(at, variable);
    } else {
        edit_marks(random, live);
    }
}
