//! The edge at which a server's text enters: what it quotes of a Secret that this run sends or reads is hidden before anybody
//! sees it. Errors (an admission webhook repeats what it denies), warnings and logs.
//!
//! Values are learned from what passes: before a request from its body, after it from its answer. So a text
//! can be searched for what the same request has sent. Only values that are known can be found: where pods
//! refer to a Secret that may not be read, what admission says of them is withheld as a whole. Objects pass
//! as they are; whoever shows a text out of one calls [`Cluster::hide`].

mod values;

use super::api::{
    AccessReview, Applied, ApplyOptions, Cluster, DeleteOptions, Deleted, Discovered, ListRequest,
    LogRequest, Page, ServerVersion, WatchRequest, WatchStream, WriteOptions,
};
use super::error::ApiError;
use crate::cluster::WatchEvent;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::k8s::pod_references::references;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::secret_texts::{SecretTexts, withheld, words_of_admission};
use crate::model::{ClusterIdentity, Object, Target, secret_data};
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use values::Values;

/// A client that knows the values of the Secrets that went through it.
pub(super) struct Redacting {
    inner: Arc<dyn Cluster>,
    values: Values,
}

impl Redacting {
    pub(super) fn new(inner: Arc<dyn Cluster>) -> Self {
        Self {
            inner,
            values: Values::default(),
        }
    }

    /// The refusal of a write. What a webhook or a policy says of pods whose Secrets may not be read cannot be searched.
    async fn refused(&self, target: &Target, body: Option<&Value>, error: ApiError) -> ApiError {
        let ApiError::Status {
            code,
            reason,
            message,
            causes,
        } = error
        else {
            return self.values.hide_in(error);
        };
        // The server's own words quote what was sent, which is known. A webhook or a policy may look further.
        let Some(at) = words_of_admission(&message) else {
            return self.values.hide_in(ApiError::Status {
                code,
                reason,
                message,
                causes,
            });
        };

        // It also reads the Secrets that may be read, so that `hide_in` below knows their values.
        let unknown = self.unknown_secrets(target, body).await;
        if unknown.is_empty() {
            return self.values.hide_in(ApiError::Status {
                code,
                reason,
                message,
                causes,
            });
        }

        let message = format!("{}{}", &message[..at], withheld(&unknown));
        // The reason and the causes can be a webhook's own words as well.
        let reason = if code < 500 { "Forbidden" } else { "InternalError" }.to_owned();

        self.values.hide_in(ApiError::Status {
            code,
            reason,
            message,
            causes: Vec::new(),
        })
    }

    /// The Secrets that pods of the object refer to, as it is sent and as it is, and that cannot be read.
    async fn unknown_secrets(&self, target: &Target, body: Option<&Value>) -> Vec<String> {
        let sent = body.and_then(|body| Object::new(body.clone()).ok());
        // Past the redactor, for nothing of it is shown. Where it cannot be read, what is sent has to do.
        let live = self.inner.get(target).await.ok().flatten();

        // A webhook sees the old object as well as the new one.
        let both = [sent, live];
        let specs = both.iter().flatten().filter_map(pod_spec);
        let secrets = specs.flat_map(references).filter(|one| one.kind == "Secret");
        let names: BTreeSet<String> = secrets.map(|one| one.name).collect();

        let mut unknown = Vec::new();
        for name in names {
            let secret = Target::new(&KnownKind::Secret.resource(), target.namespace.as_deref(), &name);
            // Through the redactor: what can be read is learned. One that is not there has no value to quote.
            if self.get(&secret).await.is_err() {
                unknown.push(name);
            }
        }
        unknown
    }

    /// What this tool keeps in a Secret is not learned with each write: it is large, and no text but a refusal quotes it.
    fn stored(&self, target: &Target, body: &Value, error: ApiError) -> ApiError {
        if error.message().and_then(words_of_admission).is_none() {
            return self.values.hide_in(error);
        }

        // Known for this one text alone: these values are large, and would slow down each search of the run.
        let mut texts = SecretTexts::default();
        let data = ["/data", "/binaryData"].map(|field| body.pointer(field).and_then(Value::as_object));
        for (key, value) in data.into_iter().flatten().flatten() {
            let text = value.as_str().unwrap_or_default();
            let plain = secret_data::decode(text).unwrap_or_else(|| text.as_bytes().to_vec());
            texts.learn_value(&target.name, key, &plain);
        }

        match self.values.hide_in(error) {
            ApiError::Status {
                code,
                reason,
                message,
                ..
            } if target.resource.is_secret() => ApiError::Status {
                code,
                reason,
                message: texts.hide(&message),
                causes: Vec::new(),
            },
            other => other,
        }
    }

    async fn applied(
        &self,
        target: &Target,
        body: Option<&Value>,
        answer: Result<Applied, ApiError>,
    ) -> Result<Applied, ApiError> {
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(self.refused(target, body, error).await),
        };

        // Before the warnings are searched: a mutating webhook may have put values in.
        self.values.learn_object(&answer.object);
        answer.warnings = answer.warnings.iter().map(|text| self.hide(text)).collect();
        Ok(answer)
    }
}

#[async_trait]
impl Cluster for Redacting {
    async fn get(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        self.values.learn_target(target);
        let read = self
            .inner
            .get(target)
            .await
            .map_err(|error| self.values.hide_in(error))?;
        read.iter().for_each(|object| self.values.learn_object(object));
        Ok(read)
    }

    async fn get_metadata(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        // Metadata goes into preconditions and is not shown: there is nothing to learn from it.
        self.inner
            .get_metadata(target)
            .await
            .map_err(|error| self.values.hide_in(error))
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, ApiError> {
        let page = self
            .inner
            .list(request)
            .await
            .map_err(|error| self.values.hide_in(error))?;
        page.items
            .iter()
            .for_each(|object| self.values.learn_object(object));
        Ok(page)
    }

    async fn watch(&self, request: &WatchRequest) -> Result<WatchStream, ApiError> {
        let stream = self
            .inner
            .watch(request)
            .await
            .map_err(|error| self.values.hide_in(error))?;

        // The stream outlives this call, and learns for as long as it is read.
        let values = self.values.clone();
        let learning = stream.map(move |event| match event {
            Ok(WatchEvent::Present(object)) => {
                values.learn_object(&object);
                Ok(WatchEvent::Present(object))
            }
            // What is deleted was listed or seen before, and learned then.
            other => other.map_err(|error| values.hide_in(error)),
        });
        Ok(learning.boxed())
    }

    async fn apply(
        &self,
        target: &Target,
        body: &Value,
        options: &ApplyOptions,
    ) -> Result<Applied, ApiError> {
        self.values.learn_body(target, body);
        let answer = self.inner.apply(target, body, options).await;
        self.applied(target, Some(body), answer).await
    }

    async fn create(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.values.learn_body(target, body);
        let answer = self.inner.create(target, body, options).await;
        self.applied(target, Some(body), answer).await
    }

    async fn replace(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.values.learn_body(target, body);
        let answer = self.inner.replace(target, body, options).await;
        self.applied(target, Some(body), answer).await
    }

    async fn store(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.inner
            .store(target, body, options)
            .await
            .map_err(|error| self.stored(target, body, error))
    }

    async fn json_patch(
        &self,
        target: &Target,
        operations: &[Value],
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.values.learn_operations(target, operations);
        let answer = self.inner.json_patch(target, operations, options).await;
        self.applied(target, None, answer).await
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        match self.inner.delete(target, options).await {
            // Without a body: a webhook that denies a delete can quote only what is there.
            Err(error) => Err(self.refused(target, None, error).await),
            done => done,
        }
    }

    async fn may(&self, review: &AccessReview) -> Result<bool, ApiError> {
        self.inner
            .may(review)
            .await
            .map_err(|error| self.values.hide_in(error))
    }

    async fn whoami(&self) -> Result<String, ApiError> {
        self.inner
            .whoami()
            .await
            .map_err(|error| self.values.hide_in(error))
    }

    async fn discover(&self) -> Result<Vec<Discovered>, ApiError> {
        self.inner
            .discover()
            .await
            .map_err(|error| self.values.hide_in(error))
    }

    async fn server_version(&self) -> Result<ServerVersion, ApiError> {
        self.inner
            .server_version()
            .await
            .map_err(|error| self.values.hide_in(error))
    }

    async fn logs(&self, request: &LogRequest) -> Result<String, ApiError> {
        let text = self
            .inner
            .logs(request)
            .await
            .map_err(|error| self.values.hide_in(error))?;
        // Whoever asks for a log reads the Secrets of its pod before: only what is known can be hidden.
        Ok(self.values.hide(&text))
    }

    fn hide(&self, text: &str) -> String {
        self.values.hide(text)
    }

    fn server(&self) -> &str {
        self.inner.server()
    }

    fn identity(&self, namespace: &str) -> ClusterIdentity {
        self.inner.identity(namespace)
    }

    fn default_namespace(&self) -> &str {
        self.inner.default_namespace()
    }
}
