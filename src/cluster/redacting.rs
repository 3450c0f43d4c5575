//! The edge at which a server's text enters: what it quotes of a Secret that this run sends or reads is hidden before anybody
//! sees it. Errors (an admission webhook repeats what it denies) and logs.

use super::api::{
    AccessReview, Applied, ApplyOptions, Cluster, DeleteOptions, Deleted, Discovered, ListRequest,
    LogRequest, Page, ServerVersion, WatchRequest, WatchStream, WriteOptions,
};
use super::error::ApiError;
use crate::cluster::WatchEvent;
use crate::model::kinds::built_in;
use crate::model::pod_spec::{pod_spec, references};
use crate::model::secret_texts::{SecretTexts, withheld};
use crate::model::{Object, Target, secret_data};
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// A client that knows the values of the Secrets that went through it.
pub(super) struct Redacting {
    inner: Arc<dyn Cluster>,
    texts: Arc<Mutex<SecretTexts>>,
}

/// What an API server puts before the words of a webhook that denies.
const DENIED: &str = "denied the request: ";

impl Redacting {
    pub(super) fn new(inner: Arc<dyn Cluster>) -> Self {
        Self { inner, texts: Arc::default() }
    }

    fn with_texts<T>(&self, work: impl FnOnce(&mut SecretTexts) -> T) -> T {
        work(&mut lock(&self.texts))
    }

    fn learn_target(&self, target: &Target) {
        self.with_texts(|texts| {
            texts.learn_name(&target.name);
            target.namespace.iter().for_each(|namespace| texts.learn_name(namespace));
        });
    }

    /// What is sent: the server may quote it in its refusal.
    fn learn_body(&self, target: &Target, body: &Value) {
        self.learn_target(target);
        if is_secret(target)
            && let Ok(object) = Object::new(body.clone())
        {
            self.with_texts(|texts| texts.learn(&object));
        }
    }

    /// What a patch writes into a Secret.
    fn learn_operations(&self, target: &Target, operations: &[Value]) {
        self.learn_target(target);
        if !is_secret(target) {
            return;
        }
        let written = operations.iter().filter_map(|operation| {
            let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
            let key = path.strip_prefix("/data").or_else(|| path.strip_prefix("/stringData"))?;
            Some((key.trim_start_matches('/'), operation.get("value")?))
        });
        self.with_texts(|texts| {
            for (key, value) in written {
                let whole = value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value));
                for (key, value) in whole.chain([(key, value)]) {
                    let text = value.as_str().unwrap_or_default();
                    let plain = secret_data::decode(text).unwrap_or_else(|| text.as_bytes().to_vec());
                    texts.learn_value(&target.name, key, &plain);
                }
            }
        });
    }

    fn learn_object(&self, object: &Object) {
        learn(&self.texts, object);
    }

    /// The refusal of a write. What a webhook says of pods whose Secrets may not be read cannot be searched.
    async fn refused(&self, target: &Target, body: &Value, error: ApiError) -> ApiError {
        let ApiError::Status { code, reason, message, causes } = error else { return self.hidden(error) };
        let object = Object::new(body.clone()).ok();
        let spec = object.as_ref().and_then(pod_spec);
        let (Some(at), Some(spec), Some(kind)) = (message.find(DENIED), spec, built_in("", "Secret")) else {
            return self.hidden(ApiError::Status { code, reason, message, causes });
        };

        let mut unknown = Vec::new();
        for secret in references(spec).into_iter().filter(|one| one.kind == "Secret") {
            let secret = Target::new(&kind, target.namespace.as_deref(), &secret.name);
            if self.get(&secret).await.is_err() {
                unknown.push(secret.name);
            }
        }
        unknown.sort();
        unknown.dedup();
        if unknown.is_empty() {
            return self.hidden(ApiError::Status { code, reason, message, causes });
        }
        let message = format!("{}{}", &message[..at + DENIED.len()], withheld(&unknown));
        self.hidden(ApiError::Status { code, reason, message, causes: Vec::new() })
    }

    fn hidden(&self, error: ApiError) -> ApiError {
        let hide = |text: String| self.hide(&text);
        match error {
            ApiError::Status { code, reason, message, mut causes } => {
                for cause in &mut causes {
                    cause.message = hide(std::mem::take(&mut cause.message));
                }
                ApiError::Status { code, reason, message: hide(message), causes }
            }
            ApiError::Unreadable { code, body } => ApiError::Unreadable { code, body: hide(body) },
            other => other,
        }
    }

    async fn applied(
        &self,
        target: &Target,
        body: &Value,
        answer: Result<Applied, ApiError>,
    ) -> Result<Applied, ApiError> {
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(self.refused(target, body, error).await),
        };
        self.learn_object(&answer.object);
        answer.warnings = answer.warnings.iter().map(|text| self.hide(text)).collect();
        Ok(answer)
    }
}

fn lock(texts: &Mutex<SecretTexts>) -> std::sync::MutexGuard<'_, SecretTexts> {
    texts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Learns the values of a Secret; of all else the name and the numbers of the status, which are said of it.
fn learn(texts: &Mutex<SecretTexts>, object: &Object) {
    let mut texts = lock(texts);
    texts.learn_name(object.name());
    if object.kind() == "Secret" {
        texts.learn(object);
    } else if let Some(status) = object.at("/status") {
        texts.learn_numbers(status);
    }
}

/// Secrets are known by group and plural: a kind is what a text claims.
fn is_secret(target: &Target) -> bool {
    target.resource.group.is_empty() && target.resource.plural == "secrets"
}

#[async_trait]
impl Cluster for Redacting {
    async fn get(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        self.learn_target(target);
        let read = self.inner.get(target).await.map_err(|error| self.hidden(error))?;
        read.iter().for_each(|object| self.learn_object(object));
        Ok(read)
    }

    async fn get_metadata(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        self.inner.get_metadata(target).await.map_err(|error| self.hidden(error))
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, ApiError> {
        let page = self.inner.list(request).await.map_err(|error| self.hidden(error))?;
        page.items.iter().for_each(|object| self.learn_object(object));
        Ok(page)
    }

    async fn watch(&self, request: &WatchRequest) -> Result<WatchStream, ApiError> {
        let stream = self.inner.watch(request).await.map_err(|error| self.hidden(error))?;
        let texts = self.texts.clone();
        let learning = stream.inspect(move |event| {
            if let Ok(WatchEvent::Present(object)) = event {
                learn(&texts, object);
            }
        });
        Ok(learning.boxed())
    }

    async fn apply(
        &self,
        target: &Target,
        body: &Value,
        options: &ApplyOptions,
    ) -> Result<Applied, ApiError> {
        self.learn_body(target, body);
        let answer = self.inner.apply(target, body, options).await;
        self.applied(target, body, answer).await
    }

    async fn create(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.learn_body(target, body);
        let answer = self.inner.create(target, body, options).await;
        self.applied(target, body, answer).await
    }

    async fn replace(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.learn_body(target, body);
        let answer = self.inner.replace(target, body, options).await;
        self.applied(target, body, answer).await
    }

    async fn store(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.inner.store(target, body, options).await.map_err(|error| self.hidden(error))
    }

    async fn json_patch(
        &self,
        target: &Target,
        operations: &[Value],
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.learn_operations(target, operations);
        let answer = self.inner.json_patch(target, operations, options).await;
        self.applied(target, &Value::Null, answer).await
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        self.inner.delete(target, options).await.map_err(|error| self.hidden(error))
    }

    async fn may(&self, review: &AccessReview) -> Result<bool, ApiError> {
        self.inner.may(review).await
    }

    async fn whoami(&self) -> Result<String, ApiError> {
        self.inner.whoami().await
    }

    async fn discover(&self) -> Result<Vec<Discovered>, ApiError> {
        self.inner.discover().await
    }

    async fn server_version(&self) -> Result<ServerVersion, ApiError> {
        self.inner.server_version().await
    }

    async fn logs(&self, request: &LogRequest) -> Result<String, ApiError> {
        let text = self.inner.logs(request).await.map_err(|error| self.hidden(error))?;
        Ok(self.with_texts(|texts| texts.hide(&text)))
    }

    fn hide(&self, text: &str) -> String {
        self.with_texts(|texts| texts.hide(text))
    }

    fn server(&self) -> &str {
        self.inner.server()
    }

    fn default_namespace(&self) -> &str {
        self.inner.default_namespace()
    }
}
