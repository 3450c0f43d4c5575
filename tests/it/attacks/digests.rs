//! Digests in what a run leaves: who knows all of a Secret but a short value finds that value by trying, wherever a digest of
//! it is a plain one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};

/// The shortest start of a digest that a name is made of.
const SHORTEST: usize = 12;

/// What a text was worked out from, and its digest in hex.
pub type Guess = (String, String);

/// The digests that the right guess of a value leads to, in a Secret that else is known.
pub fn guesses(pin: &str, secret: &Value) -> Vec<Guess> {
    let name = secret["metadata"]["name"].as_str().unwrap().to_owned();
    let mut texts: Vec<(&str, Vec<u8>)> = vec![
        ("value", pin.into()),
        ("value and a line's end", format!("{pin}\n").into()),
        ("value in base64", STANDARD.encode(pin).into()),
        ("data", sorted(&secret["data"]).to_string().into()),
        ("data as it came", secret["data"].to_string().into()),
        ("whole object", secret.to_string().into()),
        ("whole object, sorted", sorted(secret).to_string().into()),
        ("content", content(secret).to_string().into()),
        (
            "content and its owners",
            format!("{}\n{}", content(secret), owners(secret).join("\n")).into(),
        ),
    ];
    // A pre-image is such a text, compressed.
    for bytes in secret["data"].as_object().into_iter().flat_map(Map::values) {
        texts.push((
            "value of a key",
            STANDARD.decode(bytes.as_str().unwrap()).unwrap(),
        ));
    }
    texts
        .into_iter()
        .map(|(what, text)| (format!("{what} of Secret {name}"), sha256(&text)))
        .collect()
}

/// Fails where a text shows one of these digests, or the start of one.
pub fn assert_no_digest(guesses: &[Guess], text: &str, place: &str) {
    let shown = digests(text);
    for (what, hex) in guesses {
        assert!(
            !shown.contains(&hex[..SHORTEST]),
            "{place} shows the plain digest of the {what}"
        );
    }
}

/// The starts of what could be one.
fn digests(text: &str) -> HashSet<&str> {
    let is_hex = |sign: char| sign.is_ascii_digit() || ('a'..='f').contains(&sign);
    let runs = text.split(|sign| !is_hex(sign));
    runs.filter(|run| (SHORTEST..=64).contains(&run.len()))
        .map(|run| &run[..SHORTEST])
        .collect()
}

fn sha256(text: &[u8]) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What the server counts up.
const COUNTED: [&str; 6] = [
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "uid",
];

fn content(object: &Value) -> Value {
    let mut content = sorted(object);
    content["metadata"]
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !COUNTED.contains(&key.as_str()));
    content
}

fn owners(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten();
    let timeless = entries.map(|entry| {
        let mut entry = sorted(entry);
        entry.as_object_mut().unwrap().retain(|key, _| key != "time");
        entry.to_string()
    });
    let mut owners: Vec<String> = timeless.collect();
    owners.sort();
    owners
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let map: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            map.into_iter()
                .map(|(key, value)| (key.clone(), value))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        scalar => scalar.clone(),
    }
}

#[test]
fn a_plain_digest_is_found_whole_and_cut() {
    let secret = serde_json::json!({"metadata": {"name": "db", "uid": "1"}, "data": {"pin": STANDARD.encode("482913")}});
    let guesses = guesses("482913", &secret);
    for (what, hex) in &guesses {
        for shown in [
            format!("sha256:{hex}"),
            format!("delivery-shop-before-{}-1", &hex[..SHORTEST]),
        ] {
            let found = std::panic::catch_unwind(|| assert_no_digest(&guesses, &shown, "a text"));
            assert!(found.is_err(), "{what}: {shown}");
        }
    }
    assert_no_digest(&guesses, &format!("sha256:{}", sha256(b"482914")), "a text");
}
