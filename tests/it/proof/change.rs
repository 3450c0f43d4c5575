//! Random changes to an object, of kinds that a computation of an apply could get wrong.

use super::random::Random;
use serde_json::{Value, json};

/// Every place in a value, but for identity.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, below) in map {
                let next = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                let identity = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];
                if identity.contains(&next.as_str()) || next.starts_with("/status") {
                    continue;
                }
                if next != "/metadata" {
                    found.push(next.clone());
                }
                places(below, &next, found);
            }
        }
        Value::Array(items) => {
            for (index, below) in items.iter().enumerate() {
                found.push(format!("{at}/{index}"));
                places(below, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn any_place(random: &mut Random, value: &Value) -> String {
    let mut found = Vec::new();
    places(value, "", &mut found);
    random.one(&found)
}

fn remove_at(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else {
        return;
    };
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.shift_remove(&last.replace("~1", "/"))),
        Some(Value::Array(items)) => drop(items.remove(last.parse().unwrap())),
        _ => {}
    }
}

/// One change to desired, of a kind that a proof could get wrong.
pub fn mutate(random: &mut Random, desired: &mut Value) {
    let place = any_place(random, desired);
    let Some(value) = desired.pointer_mut(&place) else {
        return;
    };
    match (random.below(8), value) {
        (0, _) => remove_at(desired, &place),
        (1, value) => *value = Value::Null,
        (2, value @ Value::Object(_)) => *value = json!({}),
        (2, value @ Value::Array(_)) => *value = json!([]),
        (3, Value::Array(items)) => items.reverse(),
        (4, Value::Array(items)) if !items.is_empty() => items.push(items[0].clone()),
        (5, Value::Object(map)) if map.contains_key("port") || map.contains_key("containerPort") => {
            map.insert("protocol".into(), "TCP".into());
        }
        (6, Value::Object(map)) if map.contains_key("key") => drop(map.insert("kind".into(), "plain".into())),
        (_, Value::String(text)) => {
            *text = match text.as_str() {
                "500m" => "0.5".into(),
                "1" => "1000m".into(),
                "1Gi" => "1024Mi".into(),
                other => format!("{other}x"),
            }
        }
        (_, Value::Number(number)) => *number = (number.as_i64().unwrap_or(0) + 1).into(),
        (_, Value::Bool(flag)) => *flag = !*flag,
        (_, Value::Object(map)) if place.ends_with("labels") || place.ends_with("data") => {
            map.insert("new".into(), "bmV3".into());
        }
        (_, Value::Array(items)) => items.reverse(),
        _ => {}
    }
}

/// What another version of a release says: other texts, some of which the server does not take everywhere.
pub fn another_version(random: &mut Random, desired: &mut Value) {
    let texts = [
        "2",
        "other",
        "a.example/main:2",
        "bmV3",
        "bmV=",
        "",
        " ",
        "two words",
        "two\nlines",
        "\u{0}",
        "-",
        "ünïcode",
        "$(A)",
        "Never",
    ];
    let mut all = Vec::new();
    places(desired, "", &mut all);
    all.retain(|place| desired.pointer(place).is_some_and(Value::is_string));
    let count = if all.is_empty() { 0 } else { 1 + random.below(2) };
    for _ in 0..count {
        let place = random.one(&all);
        let long = "a".repeat(64 << random.below(12));
        let text = if random.chance(5) {
            long.as_str()
        } else {
            random.one(&texts)
        };
        if let Some(value) = desired.pointer_mut(&place) {
            *value = text.into();
        }
    }
}

/// What somebody does to live: one scalar changed, one field gone, one label more.
pub fn by_another_hand(random: &mut Random, live: &mut Value) {
    let content = ["spec", "data", "rules"]
        .into_iter()
        .find(|field| live.get(*field).is_some());
    match (random.below(3), content) {
        (0, _) | (_, None) => live["metadata"]["labels"]["hand"] = "edited".into(),
        (kind, Some(content)) => {
            let place = format!("/{content}{}", any_place(random, &live[content].clone()));
            match (kind, live.pointer_mut(&place)) {
                (1, _) => remove_at(live, &place),
                (_, Some(Value::String(text))) => text.push('y'),
                (_, Some(Value::Number(number))) => *number = (number.as_i64().unwrap_or(0) + 1).into(),
                (_, Some(Value::Array(items))) => items.reverse(),
                _ => live["metadata"]["labels"]["hand"] = "edited".into(),
            }
        }
    }
}
