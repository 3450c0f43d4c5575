//! A plain YAML scalar as kubectl resolves it (go.yaml.in/yaml/v2), and a key as sigs.k8s.io/yaml writes it.

use serde_json::{Number, Value};

/// What a scalar is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    /// Above what an i64 holds: kubectl goes on with the nearest float.
    Large(u64),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// As a value; none where JSON has no such number.
    pub fn into_value(self) -> Option<Value> {
        Some(match self {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => value.into(),
            Scalar::Integer(value) => value.into(),
            Scalar::Large(value) => number(value as f64)?,
            Scalar::Float(value) => number(value)?,
            Scalar::Text(text) => text.into(),
        })
    }

    /// As a key; none where kubectl has no text for it.
    pub fn into_key(self) -> Option<String> {
        match self {
            // sigs.k8s.io/yaml knows no text for these, and refuses the document.
            Scalar::Null | Scalar::Large(_) => None,
            Scalar::Bool(value) => Some(value.to_string()),
            Scalar::Integer(value) => Some(value.to_string()),
            Scalar::Float(value) => value.is_finite().then(|| float_key(value)),
            Scalar::Text(text) => Some(text),
        }
    }
}

/// A float with an integral value is an integer, as Go's encoder writes it. None for what JSON has not.
pub(super) fn number(value: f64) -> Option<Value> {
    // 2^63: from there on no i64 holds it.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if value.fract() == 0.0 && (-END..END).contains(&value) {
        return Some((value as i64).into());
    }
    Number::from_f64(value).map(Value::Number)
}

/// A scalar without a tag and without quotes.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        // YAML 1.1, in the spellings that go-yaml lists: `yEs` is text.
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => numeric(text).unwrap_or_else(|| Scalar::Text(text.to_owned())),
    }
}

fn numeric(text: &str) -> Option<Scalar> {
    // By its first character, as go-yaml decides what to try.
    match text.as_bytes().first()? {
        b'.' if separates_digits(text) => float(&text.replace('_', "")),
        b'0'..=b'9' | b'+' | b'-' => {
            // Underscores count nowhere here, not even at the end.
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain))
        }
        _ => None,
    }
}

/// Behind a leading dot an underscore counts only between digits.
fn separates_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| *byte != b'_' || is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1)))
}

/// As Go's `ParseInt` reads it with base 0.
fn integer(text: &str) -> Option<Scalar> {
    let (is_negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };

    let (base, digits) = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &rest[2..]),
        [b'0', b'b' | b'B', ..] => (2, &rest[2..]),
        [b'0', b'o' | b'O', ..] => (8, &rest[2..]),
        // YAML 1.1's octal, which file modes are written in.
        [b'0', _, ..] => (8, &rest[1..]),
        _ => (10, rest),
    };

    // Also keeps a second sign out, which `from_str_radix` would take.
    if !digits.starts_with(|c: char| c.is_digit(base)) {
        return None;
    }

    let size = u64::from_str_radix(digits, base).ok()?;
    // By way of 128 bits: the least i64 has no positive twin.
    if is_negative {
        return i64::try_from(-i128::from(size)).ok().map(Scalar::Integer);
    }

    match i64::try_from(size) {
        Ok(value) => Some(Scalar::Integer(value)),
        // Go reads no sign in front of an unsigned number.
        Err(_) if rest.len() == text.len() => Some(Scalar::Large(size)),
        Err(_) => float(text),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`; what overflows is text.
fn float(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        ),
        None => (unsigned, None),
    };

    // Checked before Rust parses it, which takes `inf` and `nan` as well.
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));

    let has_mantissa = is_digits(whole) && is_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let has_exponent = exponent.is_none_or(|digits| !digits.is_empty() && is_digits(digits));

    if !has_mantissa || !has_exponent {
        return None;
    }
    text.parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
        .map(Scalar::Float)
}

/// As Go's `FormatFloat(value, 'g', -1, 32)` writes it.
fn float_key(value: f64) -> String {
    let short = value as f32;
    let scientific = format!("{short:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));

    let exponent: i32 = exponent.parse().unwrap_or_default();
    // Where Go writes the shortest digits, it decides by a precision of six.
    if (-4..6).contains(&exponent) {
        return short.to_string();
    }

    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scalar_is_what_kubectl_reads() {
        // `tests/it/yaml.rs` compares such texts with kubectl's own reading.
        for (text, expected) in [
            ("yes", json!(true)),
            ("yEs", json!("yEs")),
            ("tRUE", json!("tRUE")),
            ("nO", json!("nO")),
            ("1e+06", json!(1_000_000)),
            ("1.0", json!(1)),
            ("1_0.5", json!(10.5)),
            (".5_0", json!(0.5)),
            ("._5", json!("._5")),
            ("_1", json!("_1")),
            ("0644", json!(420)),
            ("089", json!(89)),
            ("012a", json!("012a")),
            ("0x", json!("0x")),
            ("+0x1F", json!(31)),
            ("-0b11", json!(-3)),
            ("0O17", json!(15)),
            ("1e400", json!("1e400")),
            ("-0.0", json!(0)),
            ("1:30", json!("1:30")),
            ("2001-12-14", json!("2001-12-14")),
            ("-0x8000000000000000", json!(i64::MIN)),
            ("9223372036854775808", json!(9_223_372_036_854_775_808_f64)),
            ("-", json!("-")),
            ("+.5", json!(0.5)),
            ("1.", json!(1)),
            ("1e", json!("1e")),
        ] {
            assert_eq!(resolve(text).into_value(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_key_that_is_a_number_is_written_as_go_writes_it() {
        for (text, expected) in [
            ("1.5", "1.5"),
            ("1000000.5", "1.0000005e+06"),
            ("0.00001", "1e-05"),
            ("0644", "420"),
            ("1e3", "1000"),
        ] {
            assert_eq!(resolve(text).into_key().as_deref(), Some(expected), "{text}");
        }
        assert_eq!(resolve("~").into_key(), None);
    }
}
