//! Secrets as they are compared: `stringData` is write-only, and becomes `data`. What the server would not read is said
//! here, without a word of what was found.

use crate::model::{Object, secret_data};
use serde_json::{Map, Value};

/// Turns `stringData` into `data`, so that it can be compared and a key that is dropped goes, and writes values as the
/// server gives them back. The error says what was expected where.
pub(super) fn settle(object: &mut Object) -> Result<(), String> {
    // No other kind has a stringData of this meaning.
    let is_secret = object.kind() == "Secret" && object.api_version() == "v1";
    let id = object.id();
    let Some(map) = object.value_mut().as_object_mut().filter(|_| is_secret) else {
        return Ok(());
    };

    let wrong = |what: &str| Err(format!("{id}: {what}"));

    for (field, item) in [("data", "base64"), ("stringData", "text")] {
        // Both are checked before one goes into the other.
        let texts = match map.get_mut(field) {
            None | Some(Value::Null) => continue,
            Some(Value::Object(texts)) => texts,
            Some(other) => {
                return wrong(&format!(
                    "expected /{field} to be a map of {item}, found {}",
                    kind_of(other)
                ));
            }
        };

        for (key, value) in texts {
            match value {
                // Left as it is, for the server to read.
                Value::Null => {}
                Value::String(text) if field == "data" => match secret_data::decode(text) {
                    // The server decodes and encodes: a text in
                    // wrapped lines would differ from live for ever.
                    Some(bytes) => *text = secret_data::encode(&bytes),
                    // Not what was found: it may be the value itself, in plain text.
                    None => {
                        let hint = "found something else; plain text goes under stringData";
                        return wrong(&format!("expected base64 at /data/{key}, {hint}"));
                    }
                },
                Value::String(_) => {}
                other => {
                    let found = kind_of(other);
                    return wrong(&format!(
                        "expected {item} at /{field}/{key}, found {found}: put it in quotes"
                    ));
                }
            }
        }
    }

    let Some(Value::Object(texts)) = map.shift_remove("stringData") else {
        return Ok(());
    };

    let data = map.entry("data").or_insert(Value::Null);
    if data.is_null() {
        *data = Value::Object(Map::new());
    }

    let Some(data) = data.as_object_mut() else {
        return Ok(());
    };

    for (key, value) in texts {
        // stringData wins over data under the same key, as it does in the server.
        data.insert(
            key,
            value
                .as_str()
                .map_or(Value::Null, |text| secret_data::encode(text.as_bytes()).into()),
        );
    }
    Ok(())
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settled(content: Value) -> Result<Value, String> {
        let mut value =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "n"}});
        value
            .as_object_mut()
            .unwrap()
            .extend(content.as_object().unwrap().clone());
        let mut object = Object::new(value).unwrap();
        settle(&mut object).map(|()| object.value()["data"].clone())
    }

    #[test]
    fn string_data_becomes_data_and_wins() {
        let both =
            json!({"data": {"key": "b2xk", "other": "eA=="}, "stringData": {"key": "value", "gone": null}});

        assert_eq!(
            settled(both),
            Ok(json!({"key": "dmFsdWU=", "other": "eA==", "gone": null}))
        );
        assert_eq!(
            settled(json!({"data": {"lines": "dmFs\ndWU=\n"}})),
            Ok(json!({"lines": "dmFsdWU="}))
        );
    }

    #[test]
    fn what_is_no_value_of_a_secret_is_named_by_its_place_and_not_shown() {
        for (content, expected) in [
            (
                json!({"data": {"key": "hunter2!"}}),
                "expected base64 at /data/key, found something else; plain text goes under stringData",
            ),
            (
                json!({"data": {"key": 12345}}),
                "expected base64 at /data/key, found a number: put it in quotes",
            ),
            (
                json!({"stringData": {"key": ["hunter2"]}}),
                "expected text at /stringData/key, found a list: put it in quotes",
            ),
            (
                json!({"stringData": "hunter2"}),
                "expected /stringData to be a map of text, found a text",
            ),
        ] {
            assert_eq!(settled(content), Err(format!("Secret n/a: {expected}")));
        }
    }
}
