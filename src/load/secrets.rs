//! Secrets as they are compared: `stringData` is write-only, and becomes `data`. What the server would not read is said
//! here, without a word of what was found.

use crate::model::{Object, secret_data};
use serde_json::{Map, Value};

/// Turns `stringData` into `data`, so that it can be compared and a key that is dropped goes, and writes values as the
/// server gives them back. The error says what was expected where.
pub(super) fn encode_string_data(object: &mut Object) -> Result<(), String> {
    // No other kind has a stringData of this meaning.
    let is_secret = object.is_secret();
    let id = object.id();
    let Some(secret) = object.value_mut().as_object_mut().filter(|_| is_secret) else {
        return Ok(());
    };

    // Both are checked before one goes into the other.
    let checked = each_text(secret, "data", "base64", normalize)
        .and_then(|()| each_text(secret, "stringData", "text", |_, _| Ok(())));
    checked.map_err(|what| format!("{id}: {what}"))?;

    merge_string_data(secret);
    Ok(())
}

/// A value of `data`, encoded as the server does: a text in wrapped lines would differ from live for ever.
fn normalize(key: &str, text: &mut String) -> Result<(), String> {
    let Some(bytes) = secret_data::decode(text) else {
        // Not what was found: it may be the value itself, in plain text.
        return Err(format!(
            "/data/{key} is not base64; plain text belongs to stringData"
        ));
    };

    *text = secret_data::encode(&bytes);
    Ok(())
}

/// Does something with each text of a map of them. A null is left as it is, for the server to read.
fn each_text(
    secret: &mut Map<String, Value>,
    field: &str,
    item: &str,
    act: impl Fn(&str, &mut String) -> Result<(), String>,
) -> Result<(), String> {
    let texts = match secret.get_mut(field) {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(texts)) => texts,
        Some(other) => {
            let found = kind_of(other);
            return Err(format!(
                "/{field}: expected a map of {item} values, found {found}"
            ));
        }
    };

    for (key, value) in texts {
        match value {
            Value::Null => {}
            Value::String(text) => act(key, text)?,
            other => {
                let found = kind_of(other);
                return Err(format!(
                    "/{field}/{key}: expected {item}, found {found}; put it in quotes"
                ));
            }
        }
    }
    Ok(())
}

/// `stringData` wins over `data` under the same key, as it does in the server.
fn merge_string_data(secret: &mut Map<String, Value>) {
    let Some(Value::Object(texts)) = secret.shift_remove("stringData") else {
        return;
    };

    let data = secret.entry("data").or_insert(Value::Null);
    if data.is_null() {
        *data = Value::Object(Map::new());
    }

    // A map in any case: anything else was refused above.
    if let Some(data) = data.as_object_mut() {
        let encoded = |value: &Value| {
            let text = value.as_str()?;
            Some(secret_data::encode(text.as_bytes()).into())
        };
        data.extend(
            texts
                .into_iter()
                .map(|(key, value)| (key, encoded(&value).unwrap_or(Value::Null))),
        );
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settled(content: &Value) -> Result<Value, String> {
        let mut value =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "n"}});
        value
            .as_object_mut()
            .unwrap()
            .extend(content.as_object().unwrap().clone());
        let mut object = Object::new(value).unwrap();
        encode_string_data(&mut object).map(|()| object.value()["data"].clone())
    }

    #[test]
    fn string_data_becomes_data_and_wins() {
        let both =
            json!({"data": {"key": "b2xk", "other": "eA=="}, "stringData": {"key": "value", "gone": null}});

        assert_eq!(
            settled(&both),
            Ok(json!({"key": "dmFsdWU=", "other": "eA==", "gone": null}))
        );
        assert_eq!(
            settled(&json!({"data": {"lines": "dmFs\ndWU=\n"}})),
            Ok(json!({"lines": "dmFsdWU="}))
        );
    }

    #[test]
    fn what_is_no_value_of_a_secret_is_named_by_its_place_and_not_shown() {
        for (content, expected) in [
            (
                json!({"data": {"key": "hunter2!"}}),
                "/data/key is not base64; plain text belongs to stringData",
            ),
            (
                json!({"data": {"key": 12345}}),
                "/data/key: expected base64, found a number; put it in quotes",
            ),
            (
                json!({"stringData": {"key": ["hunter2"]}}),
                "/stringData/key: expected text, found a list; put it in quotes",
            ),
            (
                json!({"stringData": "hunter2"}),
                "/stringData: expected a map of text values, found a string",
            ),
        ] {
            assert_eq!(settled(&content), Err(format!("Secret n/a: {expected}")));
        }
    }
}
