//! Traces of a value in what a run leaves: the forms in which it could be read out of it, made without the program's own code.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Fails where a text holds a value in any form.
pub fn assert_no_trace(value: &str, text: &str, place: &str) {
    for form in traces(value) {
        if let Some(at) = text.find(&form) {
            let around: String = text[..at].chars().rev().take(200).collect();
            let around: String = around.chars().rev().collect();
            panic!("{place} shows {value:?} as {form:?}, after {around:?}");
        }
    }
}

/// The forms of a value: plain, in base64 at each offset, in hexadecimal, quoted for JSON (once and twice), a shell and a URL, and
/// its second half, which a cut text could leave.
fn traces(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    for offset in 0..3 {
        let bytes = [&b"___"[..offset], value.as_bytes()].concat();
        // The characters that the bytes before and after the value have a part in are left out.
        let (from, to) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
        forms.push(STANDARD.encode(&bytes)[from..to].to_owned());
        forms.push(URL_SAFE_NO_PAD.encode(&bytes)[from..to].to_owned());
    }
    forms.push(value.bytes().map(|byte| format!("{byte:02x}")).collect());
    let json = serde_json::to_string(value).unwrap().trim_matches('"').to_owned();
    forms.push(serde_json::to_string(&json).unwrap().trim_matches('"').to_owned());
    forms.push(json);
    forms.push(value.replace('\'', r"'\''"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let percent = |byte: u8| {
        if is_plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    forms.push(value.bytes().map(percent).collect());
    if value.len() >= 16 {
        forms.push(value[value.len() / 2..].to_owned());
    }
    forms.sort();
    forms.dedup();
    forms
}

#[test]
fn a_value_is_found_in_each_form() {
    let value = "pa's\"s/w?rd canary";
    for offset in ["", "a", "ab"] {
        let encoded = STANDARD.encode(format!("{offset}{value}zz"));
        let found = std::panic::catch_unwind(|| assert_no_trace(value, &encoded, "a text"));
        assert!(found.is_err(), "{offset}");
    }
    for shown in [
        r#"pa's\"s/w?rd canary"#,
        r#"pa'\''s"s/w?rd canary"#,
        "pa%27s%22s%2Fw%3Frd%20canary",
    ] {
        assert!(
            std::panic::catch_unwind(|| assert_no_trace(value, shown, "a text")).is_err(),
            "{shown}"
        );
    }
    assert_no_trace(value, "nothing of it", "a text");
}
