//! The redactor: no value of a Secret leaves the program.
//!
//! A value is shown as a short keyed hash, so that equal and different stay visible inside one output and nothing can be guessed
//! across outputs. Texts (errors, logs, annotations) are searched for every value that was learned.
//!
//! A Secret's data is hidden by its place, learned or not. Elsewhere a value is found only once it was learned:
//! whoever shows texts learns every version of every Secret first.

use super::clean::clean;
use crate::model::path::Step;
use crate::model::secret_texts::SecretTexts;
use crate::model::{FieldPath, Object, ObjectId, secret_data};
use serde_json::Value;
use sha2::{Digest, Sha256};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Hides what Secrets hold.
#[derive(Clone)]
pub struct Redactor {
    key: [u8; 32],
    texts: SecretTexts,
}

impl Redactor {
    /// With a key that is random for each run.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            texts: SecretTexts::default(),
        }
    }

    /// Remembers every value of a Secret, in each form in which it can turn up. Of every object, its names, and of
    /// other kinds the numbers of their status: a short value that equals one is a word of many messages.
    pub fn learn(&mut self, object: &Object) {
        [Some(object.name()), object.namespace()]
            .into_iter()
            .flatten()
            .for_each(|name| {
                self.texts.learn_name(name);
            });

        // A Secret has no status: one that was written into a file would keep short values from being hidden.
        if !object.is_secret()
            && let Some(status) = object.at("/status")
        {
            self.texts.learn_numbers(status);
        }

        let key = self.key;
        self.texts.learn_as(object, &|_, _, plain| token(&key, plain));
    }

    /// What stands for a value.
    pub fn token(&self, plain: &[u8]) -> String {
        token(&self.key, plain)
    }

    /// Whether a text is, or repeats, a learned value.
    pub fn is_secret(&self, text: &str) -> bool {
        self.texts.hide(text) != text
    }

    /// A text without any learned value and without control sequences.
    pub fn text(&self, text: &str) -> String {
        clean(&self.texts.hide(text)).into_owned()
    }

    /// An identity as it may be shown: a manifest's names are any text until a server has read them. A value that
    /// equals a name (a host in a Secret is a Service's name) does not make it secret.
    pub fn id(&self, id: &ObjectId) -> ObjectId {
        ObjectId::new(
            &clean(&id.group),
            &clean(&id.kind),
            id.namespace.as_deref().map(clean).as_deref(),
            &clean(&id.name),
        )
    }

    /// A whole object without values of Secrets.
    pub fn object(&self, object: &Object) -> Value {
        self.value(&object.id(), &FieldPath::root(), object.value())
    }

    /// The value at `path` of an object without values of Secrets.
    pub fn value(&self, id: &ObjectId, path: &FieldPath, value: &Value) -> Value {
        let names: Vec<Option<&str>> = path
            .steps()
            .iter()
            .map(|step| match step {
                Step::Field(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();

        // At the top alone: a field called `data` further down is not a Secret's data.
        let holds_data = id.is_secret() && matches!(names.first(), Some(Some("data" | "stringData")));
        // Wherever it stands: a pod template has annotations, too.
        let is_last_applied = names.last() == Some(&Some(LAST_APPLIED));

        match value {
            Value::String(text) if holds_data => {
                // Decoded, so that equal bytes look equal however their base64 is
                // wrapped; `stringData` is plain.
                let is_encoded = names.first() == Some(&Some("data"));
                let plain = if is_encoded {
                    secret_data::decode(text)
                } else {
                    None
                };
                Value::from(self.token(&plain.unwrap_or_else(|| text.clone().into_bytes())))
            }
            Value::String(text) if is_last_applied => Value::from(self.last_applied(text)),
            Value::String(text) => Value::from(self.text(text)),
            // Keys are names: they are cleaned, and never searched for values.
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (clean(key).into_owned(), self.value(id, &path.field(key), value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(n, item)| self.value(id, &path.with(Step::Index(n)), item))
                .collect(),
            other => other.clone(),
        }
    }

    /// The annotation repeats the whole object: a Secret's values too.
    fn last_applied(&self, text: &str) -> String {
        match serde_json::from_str::<Value>(text)
            .ok()
            .and_then(|value| Object::new(value).ok())
        {
            // One level: kubectl leaves its own annotation out of the copy, and a forged one could
            // go on for ever.
            Some(applied) if applied.annotation(LAST_APPLIED).is_none() => self.object(&applied).to_string(),
            _ => self.text(text),
        }
    }
}

fn token(key: &[u8; 32], plain: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(key);
    hash.update((plain.len() as u64).to_be_bytes());
    hash.update(plain);
    let digest = hash.finalize();

    // For the eye: equal or different within one output. The key is gone when the program ends.
    let digits: String = digits(&digest[..4]);
    format!("‹secret {digits}›")
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    const PLAIN: &str = "hunter2-and-more";

    fn secret() -> Object {
        let encoded = STANDARD.encode(PLAIN);
        let applied = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": encoded}}).to_string();
        Object::new(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "annotations": {LAST_APPLIED: applied}}, "data": {"password": encoded}})).unwrap()
    }

    fn leaks(text: &str) -> bool {
        // The last one is base64 of `hunter`: a beginning gives away enough.
        text.contains("hunter2") || text.contains(&STANDARD.encode(PLAIN)) || text.contains("aHVudGVy")
    }

    #[test]
    fn a_secret_shows_neither_its_data_nor_its_last_applied_copy() {
        let shown = Redactor::new([7; 32]).object(&secret()).to_string();
        assert!(!leaks(&shown), "{shown}");
        assert!(shown.contains("‹secret "));
    }

    #[test]
    fn equal_values_look_equal_and_different_ones_different() {
        let redactor = Redactor::new([7; 32]);
        assert_eq!(redactor.token(b"a"), redactor.token(b"a"));
        assert_ne!(redactor.token(b"a"), redactor.token(b"b"));
        assert_ne!(redactor.token(b"a"), Redactor::new([8; 32]).token(b"a"));
    }

    #[test]
    fn a_learned_value_is_found_in_any_text_and_any_form() {
        let mut redactor = Redactor::new([7; 32]);
        redactor.learn(&secret());

        for text in [
            format!("denied: {PLAIN}"),
            format!("invalid value {:?}", STANDARD.encode(PLAIN)),
            format!("url://u:{PLAIN}@host"),
        ] {
            let shown = redactor.text(&text);
            assert!(!leaks(&shown), "{shown}");
        }
    }

    #[test]
    fn a_value_that_is_wrapped_in_lines_is_learned_and_equal_to_one_that_is_not() {
        // As MIME and editors wrap it: the server passes over line ends.
        let wrapped = STANDARD
            .encode(PLAIN)
            .replace("aH", "aH\n")
            .replace("or", "or\r\n");

        let applied = |data: &str| {
            let applied = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": data}});
            Object::new(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db",
                "annotations": {LAST_APPLIED: applied.to_string()}}}),
            )
            .unwrap()
        };

        let mut redactor = Redactor::new([7; 32]);
        redactor.learn(&applied(&wrapped));

        let shown = redactor.text(&format!("denied: {PLAIN}"));
        assert!(!leaks(&shown), "{shown}");

        assert_eq!(
            redactor.object(&applied(&wrapped)),
            redactor.object(&applied(&STANDARD.encode(PLAIN)))
        );
    }

    #[test]
    fn a_secrets_field_alone_is_hidden_too() {
        let id = ObjectId::new("", "Secret", Some("n"), "db");
        let shown = Redactor::new([1; 32]).value(
            &id,
            &"/data/password".parse().unwrap(),
            &json!(STANDARD.encode(PLAIN)),
        );
        assert!(!leaks(&shown.to_string()));

        // A map that changes as a whole is one finding at its own path.
        let shown = Redactor::new([1; 32]).value(
            &id,
            &"/data".parse().unwrap(),
            &json!({"password": STANDARD.encode(PLAIN)}),
        );
        assert!(!leaks(&shown.to_string()));
    }
}
