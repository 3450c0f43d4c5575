//! Values of Secrets inside texts: in which forms they turn up, and the text without them.
//!
//! A server, a webhook, a node or a container can quote a Secret as it is, in part, cut off, encoded or
//! escaped. All forms of a value (`secret_forms.rs`) are worked out once, when its Secret goes by, and each text is searched for
//! all of them: what equals a value by chance is hidden as well, but for values that are words of every
//! message. What cannot be read is not known here; texts that may hold it are withheld as a whole by who
//! reads them ([`withheld`]).

use super::names::{HELM_SECRET_TYPE, PREIMAGE_SECRET_TYPE, SEAL_SECRET_TYPE};
use super::secret_forms::{SHORTEST, WORD, forms};
use super::{Object, Sha256Digest, secret_data};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Of a longer form so many characters give it away where the text is cut after them.
const HEAD: usize = 12;
/// A form that goes on for so long is no other text that begins alike.
const LONG: usize = 64;

/// What kubectl apply writes for itself repeats the values.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What is kept out of texts: values, and what stands for each.
#[derive(Clone, Debug, Default)]
pub struct SecretTexts {
    /// By the length of the form, longest first, so that no part of a value is left.
    known: BTreeMap<(std::cmp::Reverse<usize>, String), String>,
    /// Values whose forms are known.
    // By digest: no second copy of a value is kept.
    learned: BTreeSet<Sha256Digest>,
    /// Names of objects and numbers of statuses: a short value that equals one is a word of every message.
    names: BTreeSet<String>,
}

impl SecretTexts {
    /// Remembers the values of a Secret. Other objects are left alone, and so is what this tool and Helm store in Secrets.
    pub fn learn(&mut self, object: &Object) {
        self.learn_as(object, &named);
    }

    /// The same; `token` says what stands for the value of a Secret's key.
    pub fn learn_as(&mut self, object: &Object, token: &dyn Fn(&str, &str, &[u8]) -> String) {
        if !object.is_secret() || is_storage(object.text("/type")) {
            return;
        }

        let each = |field: &str| object.at(field).and_then(Value::as_object).into_iter().flatten();
        for (key, value) in each("/data") {
            let text = value.as_str().unwrap_or_default();
            // The server would refuse it; what a person wrote there is hidden all the same.
            let plain = secret_data::decode(text).unwrap_or_else(|| text.as_bytes().to_vec());
            self.learn_token(&plain, &|| token(object.name(), key, &plain));
        }
        for (key, value) in each("/stringData") {
            let plain = value.as_str().unwrap_or_default().as_bytes();
            self.learn_token(plain, &|| token(object.name(), key, plain));
        }

        // kubectl repeats the object there, perhaps with values of before.
        let applied = object
            .annotation(LAST_APPLIED)
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        let applied = applied.and_then(|value| Object::new(value).ok());
        // An annotation in the annotation would be looked into without end.
        if let Some(applied) = applied.filter(|applied| applied.annotation(LAST_APPLIED).is_none()) {
            self.learn_as(&applied, token);
        }
    }

    /// Remembers the value of one key.
    pub fn learn_value(&mut self, secret: &str, key: &str, plain: &[u8]) {
        self.learn_token(plain, &|| named(secret, key, plain));
    }

    fn learn_token(&mut self, plain: &[u8], token: &dyn Fn() -> String) {
        // A Secret goes through a client several times, and a long value has many forms.
        if !self.learned.insert(Sha256Digest::compute(plain)) {
            return;
        }

        let token = token();
        for form in forms(plain) {
            // Of two Secrets with one value the first one names it.
            self.known
                .entry((std::cmp::Reverse(form.len()), form))
                .or_insert_with(|| token.clone());
        }
    }

    /// Remembers the numbers of a status: a short value that equals one is a word of what is said of it.
    pub fn learn_numbers(&mut self, status: &Value) {
        match status {
            Value::Number(number) => self.learn_name(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.learn_numbers(item)),
            Value::Object(map) => map.values().for_each(|value| self.learn_numbers(value)),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }

    /// Remembers the name of an object or a namespace.
    pub fn learn_name(&mut self, name: &str) {
        // Shorter values are not searched for, and longer ones are hidden wherever they stand.
        if (SHORTEST..WORD).contains(&name.len()) && !self.names.contains(name) {
            self.names.insert(name.to_owned());
        }
    }

    /// The text without the values.
    pub fn hide(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for ((_, form), token) in &self.known {
            // Where this would cut a letter, the form is searched for as a whole.
            if let Some(head) = form.get(..HEAD).filter(|_| form.len() >= 2 * HEAD) {
                if shown.contains(head) {
                    shown = replace_cut(&shown, form, head, token);
                }
                continue;
            }

            if !shown.contains(form.as_str()) {
                continue;
            }

            if form.len() >= WORD {
                shown = shown.replace(form, token);
            } else if !self.names.contains(form) {
                shown = replace_word(&shown, form, token);
            }
        }
        shown
    }
}

/// What stands for a value: where it is kept.
fn named(secret: &str, key: &str, _: &[u8]) -> String {
    format!("<Secret {secret}/{key}>")
}

/// In the place of a text that could hold what may not be read.
pub fn withheld(secrets: &[String]) -> String {
    format!(
        "text withheld: it may hold values of Secret {}, which cannot be read",
        secrets.join(", ")
    )
}

/// Where the words of others begin in a refusal of a write: an API server repeats what a webhook or a policy says.
pub fn words_of_admission(message: &str) -> Option<usize> {
    const BEFORE: [&str; 3] = [
        "denied the request: ",
        "denied request: ",
        "an error on the server (\"",
    ];

    // The first: what comes behind it is a webhook's own, whatever it quotes.
    BEFORE
        .iter()
        .filter_map(|before| Some(message.find(before)? + before.len()))
        .min()
}

/// Replaces the form where it stands whole, for long, or cut off.
fn replace_cut(text: &str, form: &str, head: &str, token: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(head) {
        let found = &rest[at..];

        let same = found
            .chars()
            .zip(form.chars())
            .take_while(|(one, other)| one == other);
        let length: usize = same.map(|(one, _)| one.len_utf8()).sum();
        let after = &found[length..];
        // Cut by the end of the text, or by whoever put dots there.
        let is_cut = after.is_empty() || after.starts_with("...") || after.starts_with('…');
        let is_it = is_cut || length == form.len() || length >= LONG;

        shown.push_str(&rest[..at]);
        shown.push_str(if is_it { token } else { head });
        // Otherwise it only begins alike, and the search goes on behind that.
        rest = if is_it { after } else { &found[head.len()..] };
    }
    shown.push_str(rest);
    shown
}

fn replace_word(text: &str, word: &str, token: &str) -> String {
    // A dash ends a word: in `shop-web` the word `shop` is found.
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        // Right after a hit, what stands before is what was just written.
        let last = before.chars().next_back().or_else(|| shown.chars().next_back());
        let is_word = !last.is_some_and(is_part) && !after.chars().next().is_some_and(is_part);

        shown.push_str(before);
        shown.push_str(if is_word { token } else { word });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Secrets of our own without a value that anybody else knows, and those of Helm, whose values are compressed: no text quotes
/// them, and they are large.
fn is_storage(kind: &str) -> bool {
    // The Secret with the key is not among them: its value is hidden like any other.
    [PREIMAGE_SECRET_TYPE, SEAL_SECRET_TYPE, HELM_SECRET_TYPE].contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use rstest::rstest;

    fn texts(value: &str) -> SecretTexts {
        let mut texts = SecretTexts::default();
        texts.learn_value("db", "password", value.as_bytes());
        texts
    }

    #[rstest]
    #[case::plain("correct-horse", "login with correct-horse failed")]
    #[case::a_line("first-line\nsecond-line", "read second-line")]
    #[case::inside_an_env_file("USER=shop\nPASSWORD=correct-horse\n", "connect as correct-horse")]
    #[case::inside_yaml("password: \"correct-horse\"", "connect as correct-horse")]
    #[case::inside_json(r#"{"a": [{"password": "correct-horse"}]}"#, "connect as correct-horse")]
    #[case::quoted_as_json("correct\"horse\\x", r#"{"password":"correct\"horse\\x"}"#)]
    #[case::in_a_url("p@ss:w/rd horse", "postgres://u:p%40ss%3Aw%2Frd%20horse@db")]
    #[case::in_a_shell("correct'horse", "sh -c 'echo correct'\\''horse'")]
    #[case::encoded("correct-horse", "data Y29ycmVjdC1ob3JzZQ==")]
    #[case::in_a_flow_of_yaml("db: {user: shop, password: correct-horse}", "connect as correct-horse")]
    #[case::in_a_connection_string("host=db user=shop password=correct-horse", "connect as correct-horse")]
    #[case::in_a_url_with_its_user("amqp://shop:correct-horse@db:5672/", "login with correct-horse")]
    #[case::in_properties("db.password = correct-horse\n", "login with correct-horse")]
    #[case::quoted_in_an_env_file("PASSWORD=\"correct-horse\\n\"", "login with correct-horse\n")]
    #[case::quoted_in_a_sentence("it's \"correct-horse\" now", "login with correct-horse")]
    #[case::in_hexadecimal("correct-horse", "read 636f72726563742d686f727365")]
    #[case::cut_by_a_webhook("correct-horse-battery-staple", "value correct-horse-ba... is weak")]
    #[case::cut_at_the_end("correct-horse-battery-staple", "exec /opt/correct-horse-ba")]
    fn a_value_is_hidden_in_each_of_its_forms(#[case] value: &str, #[case] text: &str) {
        let shown = texts(value).hide(text);
        assert!(shown.contains("<Secret db/password>"), "{shown}");
        for part in ["correct-horse", "second-line", "p%40ss", "Y29ycmVjdC1ob3"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn a_short_value_is_hidden_as_a_word_and_never_where_it_is_a_name() {
        let mut texts = texts("shop");
        assert_eq!(
            texts.hide("user shop of shopping"),
            "user <Secret db/password> of shopping"
        );
        texts.learn_name("shop");
        assert_eq!(texts.hide("Deployment shop/web"), "Deployment shop/web");

        // Nothing is known, so that nothing is hidden.
        assert_eq!(super::SecretTexts::default().hide("on"), "on");
    }

    #[test]
    fn of_a_long_value_no_line_of_wrapped_base64_is_shown_and_what_only_begins_alike_is() {
        let value: String = (0..40).map(|n| format!("item-{n};")).collect();
        let texts = texts(&value);
        // As MIME wraps it.
        for line in STANDARD.encode(&value).as_bytes().chunks(76) {
            let shown = texts.hide(std::str::from_utf8(line).unwrap());
            assert!(shown.starts_with("<Secret db/password>"), "{shown}");
        }

        // It begins like the value, and goes on otherwise.
        assert_eq!(
            texts.hide("item-0;item-1 of other things"),
            "item-0;item-1 of other things"
        );
    }

    #[test]
    fn what_a_webhook_or_a_policy_says_begins_after_the_servers_own_words() {
        for (message, words) in [
            ("admission webhook \"a\" denied the request: no", Some("no")),
            (
                "ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no",
                Some("no"),
            ),
            (
                "failed calling webhook \"a\": failed to call webhook: an error on the server (\"no",
                Some("no"),
            ),
            ("deployments.apps \"web\" is forbidden", None),
        ] {
            assert_eq!(words_of_admission(message).map(|at| &message[at..]), words);
        }
    }

    proptest! {
        #[test]
        fn no_base64_of_a_text_around_a_value_shows_it(
            value in "[a-zA-Z0-9+/!-]{8,40}", before in "[a-z:]{0,7}", after in "[a-z@]{0,7}",
        ) {
            // The neighbours put the value at each of the three offsets.
            let encoded = STANDARD.encode(format!("{before}{value}{after}"));
            let shown = texts(&value).hide(&encoded);
            prop_assert!(shown.contains("<Secret db/password>"), "{shown}");
        }
    }
}
