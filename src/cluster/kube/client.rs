//! The trait over a real API server: each method as one request, or a few.
//!
//! It adds what holds for every write (a time limit that the server knows, strict fields, the deadline of the
//! lock) and reads answers as JSON, never as typed structs. It decides nothing: conflicts, refusals and lost
//! answers go to the caller as they are. That an object is not there is an answer; that its kind is not
//! served is an error.

use super::body::{as_yaml, delete_body, deleted, object, page_of, parse};
use super::config::settings;
use super::process_env::ProcessEnv;
use super::retry::Repeat;
use super::transport::{Call, Transport};
use super::write::{WRITE_TIMEOUT, Write};
use super::{discovery, path, watch};
use crate::cluster::converting::Converting;
use crate::cluster::redacting::Redacting;
use crate::cluster::{
    AccessReview, ApiError, Applied, ApplyOptions, Cluster, ConnectError, ConnectionOptions, DeleteOptions,
    Deleted, Discovered, ListRequest, LogRequest, Page, ServerVersion, WatchRequest, WatchStream,
    WriteOptions,
};
use crate::model::{ClusterIdentity, Object, Target};
use async_trait::async_trait;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// Objects a page, where the caller does not say.
const PAGE: u32 = 500;
/// So much of a log's last lines is read. The server counts from the first of them: lines that are longer
/// lose their end.
const LOG_BYTES: &str = "262144";
/// Asks for objects without spec and status; a server that cannot do that sends them whole.
const ONLY_METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// The same for one object.
const ITS_METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// Sets a connection up: reads the kubeconfig and asks a credential plugin. Sends nothing to the server.
pub async fn connect(options: &ConnectionOptions) -> Result<Arc<dyn Cluster>, ConnectError> {
    let transport = Transport::new(settings(options, &ProcessEnv::from_env())?).await?;
    // The redactor stands outermost: nobody gets at a server's text before it.
    let converting = Converting::new(Arc::new(KubeCluster::new(transport)));
    Ok(Arc::new(Redacting::new(Arc::new(converting))))
}

/// A client of a real API server.
pub(super) struct KubeCluster {
    transport: Transport,
}

impl KubeCluster {
    /// Over a transport.
    pub fn new(transport: Transport) -> Self {
        Self { transport }
    }

    async fn write(&self, target: &Target, write: Write<'_>) -> Result<Applied, ApiError> {
        let resource = path::resource_name(&target.resource);
        let call = write.into_call(target, &resource)?;

        let answer = self.transport.send(call).await?;
        let object = parse(answer.body.clone())
            .await
            .and_then(|value| object(value, answer.code.as_u16()))?;

        Ok(Applied {
            object,
            created: answer.code == http::StatusCode::CREATED,
            warnings: answer.warnings(),
        })
    }

    async fn read(&self, target: &Target, accept: &'static str) -> Result<Option<Object>, ApiError> {
        let resource = path::resource_name(&target.resource);
        let call = Call {
            accept,
            ..Call::get(path::object(target)?, &resource)
        };

        match self.transport.send(call).await {
            Ok(answer) => parse(answer.body)
                .await
                .and_then(|value| object(value, 200))
                .map(Some),
            // Of the object alone. That its kind is not served is another error, and no absence.
            Err(ApiError::Status { code: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Posts a review: something that is answered and not kept.
    async fn review<T: DeserializeOwned + Send + 'static>(
        &self,
        address: &str,
        body: &Value,
    ) -> Result<T, ApiError> {
        let call = Call {
            method: Method::POST,
            content_type: "application/json",
            // A POST that nothing is kept of: it may be sent again like a read.
            body: body.to_string().into(),
            ..Call::get(address.to_owned(), "reviews")
        };
        parse(self.transport.send(call).await?.body).await
    }
}

#[async_trait]
impl Cluster for KubeCluster {
    async fn get(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        self.read(target, "application/json").await
    }

    async fn get_metadata(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        self.read(target, ITS_METADATA).await
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, ApiError> {
        let resource = path::resource_name(&request.resource);
        let address = path::collection(&request.resource, request.namespace.as_deref())?;
        let limit = request.limit.unwrap_or(PAGE).to_string();

        // No resourceVersion among them: the answer is as new as the store, and not as some cache.
        let query = [
            ("labelSelector", request.labels.as_str()),
            ("fieldSelector", request.fields.as_str()),
            ("limit", limit.as_str()),
            ("continue", request.continue_from.as_deref().unwrap_or_default()),
        ];

        let accept = if request.only_metadata {
            ONLY_METADATA
        } else {
            "application/json"
        };
        let call = Call {
            accept,
            ..Call::get(path::with_query(&address, &query), &resource)
        };

        let answer = self.transport.send(call).await?;
        page_of(answer, request).await
    }

    async fn watch(&self, request: &WatchRequest) -> Result<WatchStream, ApiError> {
        watch::open(&self.transport, request).await
    }

    async fn apply(
        &self,
        target: &Target,
        body: &Value,
        options: &ApplyOptions,
    ) -> Result<Applied, ApiError> {
        let write = Write {
            method: Method::PATCH,
            // Each server that applies takes this one, and JSON is YAML, but for what `as_yaml` escapes.
            content_type: "application/apply-patch+yaml",
            accept: "application/json",
            body: as_yaml(body.to_string()).into(),
            manager: &options.manager,
            force: options.force,
            dry_run: options.dry_run,
            not_after: options.not_after,
        };
        self.write(target, write).await
    }

    async fn create(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.write(
            target,
            Write::new(Method::POST, "application/json", body.to_string(), options),
        )
        .await
    }

    async fn replace(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.write(
            target,
            Write::new(Method::PUT, "application/json", body.to_string(), options),
        )
        .await
    }

    async fn store(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        // Without a version there is nothing that it could
        // replace: a POST fails where something is there by now.
        let is_known = body.pointer("/metadata/resourceVersion").is_some();
        let method = if is_known { Method::PUT } else { Method::POST };
        let write = Write::new(method, "application/json", body.to_string(), options);

        self.write(
            target,
            Write {
                accept: ITS_METADATA,
                ..write
            },
        )
        .await
    }

    async fn json_patch(
        &self,
        target: &Target,
        operations: &[Value],
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        let body = Value::from(operations).to_string();
        self.write(
            target,
            Write::new(Method::PATCH, "application/json-patch+json", body, options),
        )
        .await
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        let resource = path::resource_name(&target.resource);
        let query = [("timeout", WRITE_TIMEOUT)];

        let call = Call {
            method: Method::DELETE,
            content_type: "application/json",
            body: delete_body(options).to_string().into(),
            repeat: if options.dry_run {
                Repeat::Harmless
            } else {
                Repeat::Once
            },
            not_after: options.not_after,
            ..Call::get(path::with_query(&path::object(target)?, &query), &resource)
        };

        match self.transport.send(call).await {
            Ok(answer) => deleted(answer).await,
            // Gone by somebody's hand, or by an earlier try of our own.
            Err(ApiError::Status { code: 404, .. }) => Ok(Deleted::WasAbsent),
            Err(error) => Err(error),
        }
    }

    async fn may(&self, review: &AccessReview) -> Result<bool, ApiError> {
        let attributes = json!({
            "verb": review.verb,
            "group": review.group,
            "resource": review.resource,
            "subresource": review.subresource,
            "namespace": review.namespace,
            "name": review.name,
        });

        let body = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });

        let answer: Value = self
            .review("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &body)
            .await?;
        Ok(answer
            .pointer("/status/allowed")
            .and_then(Value::as_bool)
            // An answer that does not say so is no permission.
            .unwrap_or_default())
    }

    async fn whoami(&self) -> Result<String, ApiError> {
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = self
            .review::<Value>("/apis/authentication.k8s.io/v1/selfsubjectreviews", &body)
            .await;

        match answer {
            Ok(answer) => {
                let name = answer
                    .pointer("/status/userInfo/username")
                    .and_then(Value::as_str);
                Ok(name.unwrap_or(self.transport.user_name()).to_owned())
            }
            // Servers before 1.28 do not tell: the kubeconfig's own name is the best there is.
            Err(ApiError::NotServed { .. }) => Ok(self.transport.user_name().to_owned()),
            Err(error) => Err(error),
        }
    }

    async fn discover(&self) -> Result<Vec<Discovered>, ApiError> {
        discovery::discover(&self.transport).await
    }

    async fn server_version(&self) -> Result<ServerVersion, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Info {
            git_version: String,
            major: String,
            minor: String,
        }

        let info: Info = parse(
            self.transport
                .send(Call::get("/version".into(), "/version"))
                .await?
                .body,
        )
        .await?;

        Ok(ServerVersion {
            git_version: info.git_version,
            major: info.major,
            minor: info.minor,
        })
    }

    async fn logs(&self, request: &LogRequest) -> Result<String, ApiError> {
        let (namespace, pod) = (path::segment(&request.namespace)?, path::segment(&request.pod)?);
        let lines = request.lines.to_string();

        let query = [
            ("container", request.container.as_str()),
            ("previous", if request.previous { "true" } else { "" }),
            ("tailLines", lines.as_str()),
            ("limitBytes", LOG_BYTES),
        ];
        let address = path::with_query(&format!("/api/v1/namespaces/{namespace}/pods/{pod}/log"), &query);

        let call = Call {
            // A log is plain text, and its error a Status in JSON.
            accept: "*/*",
            ..Call::get(address, "pods/log")
        };
        // A container may write any bytes, and the limit may fall into a character.
        Ok(String::from_utf8_lossy(&self.transport.send(call).await?.body).into_owned())
    }

    fn server(&self) -> &str {
        &self.transport.identity().server
    }

    fn identity(&self, namespace: &str) -> ClusterIdentity {
        let namespace = namespace.to_owned();
        ClusterIdentity {
            namespace,
            ..self.transport.identity().clone()
        }
    }

    fn default_namespace(&self) -> &str {
        &self.transport.identity().namespace
    }
}
