//! The forms in which a value of a Secret can turn up in a text.
//!
//! Whoever quotes a value may have read a file's lines, a variable or a URL out of it, and may write it in
//! base64, in hexadecimal or escaped. Too many forms cost time, and hide what equals one by chance; a form
//! that is missing here is a value that is shown.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::BTreeSet;

/// Shorter values are not searched for: they would be found everywhere.
pub(super) const SHORTEST: usize = 4;
/// Shorter values are searched for as whole words alone, and are no value inside another one.
pub(super) const WORD: usize = 8;
/// How many characters a line of wrapped base64 has: by MIME, and by PEM.
const WRAPPED: [usize; 2] = [76, 64];
/// What a URL escapes: all but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The forms in which a value can turn up in a text: as it is, line by line, the values inside it (`KEY=value`,
/// `key: value`, JSON), in base64 at each of its offsets and in wrapped lines, in hexadecimal, and as JSON, a
/// shell and a URL write it.
pub fn forms(plain: &[u8]) -> BTreeSet<String> {
    let mut forms = base64_forms(plain);
    // Bytes that are no text can only turn up encoded.
    if let Ok(text) = std::str::from_utf8(plain) {
        // Most files end with a line feed that programs cut off.
        let mut values = BTreeSet::from([text.to_owned(), text.trim().to_owned()]);
        values.extend(text.lines().flat_map(inner_values));
        if let Ok(json) = serde_json::from_str::<Value>(text) {
            leaves(&json, &mut values);
        }
        // Each of the values inside may be quoted in any form as well.
        for value in values.iter().filter(|value| value.len() >= SHORTEST) {
            forms.extend(base64_forms(value.as_bytes()));
            forms.extend(escaped(value));
        }
        forms.extend(values);
    }

    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// What a line holds: itself, the item of a list, and the value after the first `=` or `:`, each without a comment and
/// without its quotes.
fn inner_values(line: &str) -> Vec<String> {
    let line = line.trim();
    let item = line.strip_prefix("- ").map(str::trim);
    let value = line.split_once(['=', ':']).map(|(_, value)| value.trim());
    let whole = [Some(line), item, value].into_iter().flatten();

    let parts = whole.flat_map(|text| [text, text.split(" #").next().unwrap_or(text).trim_end()]);
    let bare = parts.flat_map(|text| [text, text.trim_end_matches(',').trim_matches(['"', '\''])]);
    let mut values: Vec<String> = bare.map(str::to_owned).collect();
    // In double quotes a value may have escapes.
    values.extend(value.and_then(|value| serde_json::from_str(value).ok()));
    values.extend(pairs_of(line));
    values
}

/// The longer values of several in one line: a flow of YAML, a connection string, a query, a URL with its user, and what
/// stands in quotes.
fn pairs_of(line: &str) -> Vec<String> {
    let parts = line.split([',', '{', '}', ';', '&', ' ']).map(str::trim);
    let values = parts
        .filter_map(|part| part.split_once(['=', ':']))
        .map(|(_, value)| value);

    // Values in a flow may have spaces.
    let flow = line
        .split([',', '{', '}'])
        .filter_map(|part| part.split_once(": "))
        .map(|(_, value)| value);

    // The last @ ends the user: a password may have one.
    let user = line
        .split_once("://")
        .and_then(|(_, rest)| rest.rsplit_once('@'))
        .map(|(user, _)| user);
    let password = user
        .and_then(|user| user.split_once(':'))
        .map(|(_, password)| password);

    // Every second part stands between quotes.
    let quoted = ['"', '\'']
        .into_iter()
        .flat_map(|quote| line.split(quote).skip(1).step_by(2));

    let all = values.chain(flow).chain(user).chain(password).chain(quoted);
    let bare = all.map(|value| value.trim().trim_matches(['"', '\'']));
    // Short ones are words of any line.
    bare.filter(|value| value.len() >= WORD)
        .map(str::to_owned)
        .collect()
}

fn leaves(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(found.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Object(map) => map.values().for_each(|value| leaves(value, found)),
        Value::Number(number) => drop(found.insert(number.to_string())),
        // They are words of every text.
        Value::Null | Value::Bool(_) => {}
    }
}

/// The characters of a base64 text that the value alone decides, wherever in the encoded bytes it begins.
fn base64_forms(plain: &[u8]) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([STANDARD.encode(plain), URL_SAFE.encode(plain)]);
    // Three bytes make four characters: the bytes before a value shift it in one of three ways.
    for offset in 0..3 {
        let mut bytes = vec![0; offset];
        bytes.extend(plain);
        // At both ends the neighbours decide as well: those characters are left out.
        let (from, to) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
        for text in [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)] {
            forms.extend(
                text.get(from..to)
                    .filter(|part| part.len() >= WORD)
                    .map(str::to_owned),
            );
        }
    }

    // Each line is searched for alone: with line feeds in between the whole is nowhere.
    let whole = STANDARD.encode(plain);
    for width in WRAPPED.into_iter().filter(|width| whole.len() > *width) {
        let lines = whole.as_bytes().chunks(width).filter(|line| line.len() >= WORD);
        forms.extend(
            lines
                .filter_map(|line| std::str::from_utf8(line).ok())
                .map(str::to_owned),
        );
    }

    if plain.len() >= WORD {
        forms.insert(plain.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    forms
}

fn escaped(value: &str) -> Vec<String> {
    let json = Value::from(value).to_string();
    let json = json[1..json.len() - 1].to_owned();

    // Twice: a log line in JSON that quotes a request in JSON.
    let again = Value::from(json.as_str()).to_string();
    let mut forms = vec![
        json,
        again[1..again.len() - 1].to_owned(),
        value.replace('\'', "'\\''"),
    ];
    let url: Vec<&str> = utf8_percent_encode(value, ESCAPED).collect();
    // A per cent sign is escaped itself: what begins with one is an escape.
    let in_lower_case = |part: &&str| match part.starts_with('%') {
        true => part.to_lowercase(),
        false => (*part).to_owned(),
    };
    let lower: String = url.iter().map(in_lower_case).collect();

    // Encoders write either.
    for url in [lower, url.concat()] {
        // Forms write a space as a plus sign.
        forms.push(url.replace("%20", "+"));
        forms.push(url);
    }
    forms
}
