//! What a parser says, for people: the names of types of ours and of Rust help nobody who has the file before them.
//!
//! Rewording is by the parsers' own phrases: what is not recognised stays as it is.

/// The sentence of a parser without the names of types.
pub fn plain_words(message: &str) -> String {
    let message = &message.replace("externally tagged enum expected", "expected");

    // From the end: a quoted value may hold the same words.
    let (sentence, place) = match message.rfind(" at line ") {
        Some(at) => message.split_at(at),
        None => (message.as_str(), ""),
    };

    // Nothing in it is of use but its place.
    if sentence.contains("any variant of untagged enum") {
        return format!("expected another value{place}");
    }

    // Without an expectation no type is named.
    let Some((found, wanted)) = sentence.rsplit_once("expected ") else {
        return message.clone();
    };

    let first = wanted.split(' ').next().unwrap_or_default();
    let plain = match first {
        "struct" | "map" | "mapping" | "unit" => "an object",
        "sequence" | "tuple" => "a list",
        _ if wanted.starts_with("a sequence") => "a list",
        _ if wanted.starts_with("a map") => "an object",
        "newtype" | "option" => "another value",
        "enum" | "variant" => "one of its values",
        _ if wanted.contains("tagged enum") => "an object of one of its kinds",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        _ => wanted,
    };

    format!("{found}expected {plain}{place}")
}

#[cfg(test)]
mod tests {
    use super::plain_words;

    #[test]
    fn no_type_of_ours_or_of_rust_is_named() {
        for (text, expected) in [
            (
                "invalid type: integer `1`, expected struct Plan at line 1 column 2",
                "invalid type: integer `1`, expected an object at line 1 column 2",
            ),
            (
                "invalid type: null, expected u32",
                "invalid type: null, expected an integer",
            ),
            (
                "invalid type: map, expected a sequence",
                "invalid type: map, expected a list",
            ),
            (
                "invalid length 1, expected tuple struct Pair with 2 elements",
                "invalid length 1, expected a list",
            ),
            (
                "data did not match any variant of untagged enum Written",
                "expected another value",
            ),
            (
                "expected string key for externally tagged enum at line 1, column 3",
                "expected an object of one of its kinds at line 1, column 3",
            ),
            // What names no type stays as it is.
            (
                "unknown variant `a`, expected `b` or `c`",
                "unknown variant `a`, expected `b` or `c`",
            ),
            (
                "missing field `kind` at line 2 column 1",
                "missing field `kind` at line 2 column 1",
            ),
            (
                "EOF while parsing a value at line 1 column 0",
                "EOF while parsing a value at line 1 column 0",
            ),
        ] {
            assert_eq!(plain_words(text), expected);
        }
    }
}
