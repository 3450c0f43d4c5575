//! The edge at which a server's text enters: what it quotes of a Secret that this run sends or reads is hidden before anybody
//! sees it. Errors (an admission webhook repeats what it denies) and logs.

use super::api::{
    AccessReview, Applied, ApplyOptions, Cluster, DeleteOptions, Deleted, Discovered, ListRequest,
    LogRequest, Page, ServerVersion, WatchRequest, WatchStream, WriteOptions,
};
use super::error::ApiError;
use crate::model::secret_texts::SecretTexts;
use crate::model::{Object, Target};
use async_trait::async_trait;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// A client that knows the values of the Secrets that went through it.
pub(super) struct Redacting {
    inner: Arc<dyn Cluster>,
    texts: Mutex<SecretTexts>,
}

impl Redacting {
    pub(super) fn new(inner: Arc<dyn Cluster>) -> Self {
        Self { inner, texts: Mutex::default() }
    }

    fn with_texts<T>(&self, work: impl FnOnce(&mut SecretTexts) -> T) -> T {
        work(&mut self.texts.lock().unwrap_or_else(PoisonError::into_inner))
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

    fn learn_object(&self, object: &Object) {
        if object.kind() == "Secret" {
            self.with_texts(|texts| texts.learn(object));
        }
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

    fn applied(&self, answer: Result<Applied, ApiError>) -> Result<Applied, ApiError> {
        let mut answer = answer.map_err(|error| self.hidden(error))?;
        self.learn_object(&answer.object);
        answer.warnings = answer.warnings.iter().map(|text| self.hide(text)).collect();
        Ok(answer)
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
        self.inner.watch(request).await.map_err(|error| self.hidden(error))
    }

    async fn apply(
        &self,
        target: &Target,
        body: &Value,
        options: &ApplyOptions,
    ) -> Result<Applied, ApiError> {
        self.learn_body(target, body);
        self.applied(self.inner.apply(target, body, options).await)
    }

    async fn create(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.learn_body(target, body);
        self.applied(self.inner.create(target, body, options).await)
    }

    async fn replace(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.learn_body(target, body);
        self.applied(self.inner.replace(target, body, options).await)
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
        self.applied(self.inner.json_patch(target, operations, options).await)
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
