//! What counts as nothing. Of empty values the server keeps some, drops some and fills some in, by their kind and by
//! whether a key has `omitempty`: each question has its own answer, and they stand side by side here.
//!
//! In a proof, an answer that is too generous claims something of a field that the server then drops or fills
//! in; one that is too narrow sends a request that nobody needed.

use serde_json::Value;

/// Whether it is more than null, `{}` and `[]`.
pub fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        // Also the empty text and zero: without `omitempty` a key keeps them.
        Value::String(_) | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Whether it and all that it holds are filled: the server neither drops nor fills in anything of it.
pub fn is_filled_throughout(value: &Value) -> bool {
    is_filled(value)
        && match value {
            Value::Object(map) => map.values().all(is_filled_throughout),
            Value::Array(items) => items.iter().all(is_filled_throughout),
            _ => true,
        }
}

/// Whether it is filled, and no empty text.
pub fn has_text(value: &Value) -> bool {
    is_filled(value) && value != ""
}

/// Whether it is more than the zero of its type, which a key with `omitempty` loses.
pub fn is_not_zero(value: &Value) -> bool {
    // 0.0 as well: to JSON it is the same number.
    has_text(value) && value != &Value::Bool(false) && value.as_f64() != Some(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_question_draws_its_own_line() {
        let answers = |value: Value| {
            [
                is_filled(&value),
                is_filled_throughout(&value),
                has_text(&value),
                is_not_zero(&value),
            ]
        };

        for nothing in [json!(null), json!({}), json!([])] {
            assert_eq!(answers(nothing), [false; 4]);
        }
        assert_eq!(answers(json!("")), [true, true, false, false]);
        for zero in [json!(0), json!(0.0), json!(false)] {
            assert_eq!(answers(zero), [true, true, true, false]);
        }
        // It is filled itself, and holds something that the server may drop.
        assert_eq!(answers(json!({"a": {}})), [true, false, true, true]);
        assert_eq!(answers(json!([1, "a"])), [true; 4]);
    }
}
