//! The values of Secrets that went through a client, and texts without them.
//!
//! Shared by all requests of a run and by the streams that outlive theirs. Names of objects and numbers of
//! statuses are learned as well: a short value that equals one is a word of every message, and is not hidden.

use crate::cluster::{ApiError, StatusCause};
use crate::model::secret_texts::SecretTexts;
use crate::model::{Object, Target, secret_data};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known so far; a clone knows the same.
#[derive(Clone, Default)]
pub(super) struct Values(Arc<Mutex<SecretTexts>>);

impl Values {
    fn lock(&self) -> MutexGuard<'_, SecretTexts> {
        // A panic while values are learned leaves a set that is only smaller.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn learn_target(&self, target: &Target) {
        // A short value that equals a name of the cluster is a word of every message, and not searched for.
        let mut texts = self.lock();
        texts.learn_name(&target.name);
        if let Some(namespace) = &target.namespace {
            texts.learn_name(namespace);
        }
    }

    /// What is sent: the server may quote it in its refusal.
    pub fn learn_body(&self, target: &Target, body: &Value) {
        self.learn_target(target);
        if target.resource.is_secret()
            && let Ok(object) = Object::new(body.clone())
        {
            self.lock().learn(&object);
        }
    }

    /// What a patch writes into a Secret.
    pub fn learn_operations(&self, target: &Target, operations: &[Value]) {
        self.learn_target(target);
        if !target.resource.is_secret() {
            return;
        }
        // The path is `/data/KEY`, or `/data` with all keys in its value.
        let written = operations.iter().filter_map(|operation| {
            let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
            let key = path
                .strip_prefix("/data")
                .or_else(|| path.strip_prefix("/stringData"))?;
            Some((key.trim_start_matches('/'), operation.get("value")?))
        });

        let mut texts = self.lock();
        for (key, value) in written {
            let whole = value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.as_str(), value));
            // One of the two is empty: a value is either a map of keys or the text of one.
            for (key, value) in whole.chain([(key, value)]) {
                let text = value.as_str().unwrap_or_default();
                // What is no base64 is stringData, or refused by the server, which quotes it as it is.
                let plain = secret_data::decode(text).unwrap_or_else(|| text.as_bytes().to_vec());
                texts.learn_value(&target.name, key, &plain);
            }
        }
    }

    /// Learns the values of a Secret; of all else the name and the numbers of the status, which are said of it.
    pub fn learn_object(&self, object: &Object) {
        let mut texts = self.lock();
        texts.learn_name(object.name());
        if object.is_secret() {
            texts.learn(object);
        } else if let Some(status) = object.at("/status") {
            // `3 of 5000 replicas` must not become a placeholder because some value is 5000.
            texts.learn_numbers(status);
        }
    }

    /// A text without values.
    pub fn hide(&self, text: &str) -> String {
        self.lock().hide(text)
    }

    /// An error without values: each text in it can be a webhook's own.
    pub fn hide_in(&self, error: ApiError) -> ApiError {
        let hide = |text: String| self.hide(&text);

        match error {
            ApiError::Status {
                code,
                reason,
                message,
                causes,
            } => {
                let cause = |one: StatusCause| StatusCause {
                    reason: hide(one.reason),
                    message: hide(one.message),
                    field: hide(one.field),
                };
                let causes = causes.into_iter().map(cause).collect();
                ApiError::Status {
                    code,
                    reason: hide(reason),
                    message: hide(message),
                    causes,
                }
            }
            ApiError::Unreadable { code, body } => ApiError::Unreadable {
                code,
                body: hide(body),
            },
            // Made on this side: no word of the server is in it.
            other => other,
        }
    }
}
