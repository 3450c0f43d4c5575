//! Kubernetes quantities: `100m`, `1.5Gi`, `2k`.
//!
//! In integers alone: quotas are added up exactly. CPUs are given in thousandths at the finest; whatever is
//! finer is cut off.

use serde_json::Value;

/// A Kubernetes quantity, in thousandths.
pub fn thousandths(value: &Value) -> Option<i128> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        // A manifest may write a number without quotes.
        Value::Number(number) => number.to_string(),
        _ => return None,
    };

    // The exponent of `1e3` counts as a unit.
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c))
        .unwrap_or(text.len());

    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // `.5` has no whole part.
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Nine digits after the point, which is as fine as the API gets.
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    // Of `-0.5` the whole part is 0, and has lost the sign.
    let nano = whole.checked_mul(1_000_000_000)?
        + digits.parse::<i128>().ok()? * if number.starts_with('-') { -1 } else { 1 };

    let (multiply, divide): (i128, i128) = match unit {
        "" => (1000, 1),
        "n" => (1, 1_000_000),
        "u" => (1, 1000),
        "m" => (1, 1),
        "k" => (1_000_000, 1),
        "M" => (1_000_000_000, 1),
        "G" => (1_000_000_000_000, 1),
        "T" => (1_000_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1000 << 10, 1),
        "Mi" => (1000 << 20, 1),
        "Gi" => (1000 << 30, 1),
        "Ti" => (1000 << 40, 1),
        "Pi" => (1000 << 50, 1),
        exponent => {
            let power: u32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            (1000 * 10i128.checked_pow(power)?, 1)
        }
    };

    // Multiplied first: a division in between would lose digits.
    Some(nano.checked_mul(multiply)? / divide / 1_000_000_000)
}

/// Thousandths as a plain number.
pub fn plain(milli: i128) -> String {
    if milli % 1000 == 0 {
        (milli / 1000).to_string()
    } else {
        format!("{milli}m")
    }
}
