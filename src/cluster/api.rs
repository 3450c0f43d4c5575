//! The trait, its requests and its answers.

use super::deadline::SendDeadline;
use super::error::ApiError;
use crate::model::plan::Propagation;
use crate::model::{ClusterIdentity, Object, ResourceType, Target};
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::Value;

/// A client of one API server.
///
/// Every write carries `timeout=10s` and strict field validation. Retries of what is safe to repeat (reads, and
/// 429) happen inside, few and bounded; a write whose answer was lost is never repeated here: the caller looks.
/// Concurrency is bounded inside, so that callers may ask for everything at once.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Reads one object; none where it is not there. [`ApiError::NotServed`] where its kind is not.
    ///
    /// # Errors
    ///
    /// Where the server rejects the read or does not answer, or its kind is not served ([`ApiError::NotServed`]).
    async fn get(&self, target: &Target) -> Result<Option<Object>, ApiError>;

    /// As [`Cluster::get`], of the object the metadata alone.
    ///
    /// # Errors
    ///
    /// As for [`Cluster::get`].
    async fn get_metadata(&self, target: &Target) -> Result<Option<Object>, ApiError>;

    /// Reads one page of a list. Items carry apiVersion and kind.
    ///
    /// # Errors
    ///
    /// Where the list is not permitted, its kind is not served, the page to go on from has expired, or the server does
    /// not answer.
    async fn list(&self, request: &ListRequest) -> Result<Page, ApiError>;

    /// Watches a collection from a resourceVersion, until the server ends it.
    ///
    /// # Errors
    ///
    /// Where the watch cannot begin: it is not permitted, the resourceVersion is too old, or the server does not
    /// answer.
    async fn watch(&self, request: &WatchRequest) -> Result<WatchStream, ApiError>;

    /// Server-side apply. The body carries uid and resourceVersion where the object must be there.
    ///
    /// # Errors
    ///
    /// Where the server or admission rejects it, other managers own its fields (409), or the answer is lost: it may be
    /// done then.
    async fn apply(&self, target: &Target, body: &Value, options: &ApplyOptions)
    -> Result<Applied, ApiError>;

    /// POST: creates, and fails with 409 where the object is there.
    ///
    /// # Errors
    ///
    /// Where the object is there, the server or admission rejects it, or the answer is lost: it may be done then.
    async fn create(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError>;

    /// PUT: the body carries uid and resourceVersion.
    ///
    /// # Errors
    ///
    /// Where the object changed or is gone, the server or admission rejects it, or the answer is lost: it may be done
    /// then.
    async fn replace(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError>;

    /// PUT where the body carries a resourceVersion, else POST. Of the answer the metadata alone: what was sent is large,
    /// and known.
    ///
    /// # Errors
    ///
    /// As for [`Cluster::create`] and [`Cluster::replace`].
    async fn store(&self, target: &Target, body: &Value, options: &WriteOptions)
    -> Result<Applied, ApiError>;

    /// JSON patch (RFC 6902). Carries a `test` of the resourceVersion.
    ///
    /// # Errors
    ///
    /// Where a `test` does not hold, the server or admission rejects it, or the answer is lost: it may be done then.
    async fn json_patch(
        &self,
        target: &Target,
        operations: &[Value],
        options: &WriteOptions,
    ) -> Result<Applied, ApiError>;

    /// Deletes, with a uid precondition.
    ///
    /// # Errors
    ///
    /// Where the uid is another one, the server or admission rejects it, or the answer is lost: it may be done then.
    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError>;

    /// SelfSubjectAccessReview: whether this user may do that.
    ///
    /// # Errors
    ///
    /// Where the review itself is rejected, or the server does not answer.
    async fn may(&self, review: &AccessReview) -> Result<bool, ApiError>;

    /// The user name that the server knows this client by (SelfSubjectReview).
    ///
    /// # Errors
    ///
    /// Where the review is rejected or not served, or the server does not answer.
    async fn whoami(&self) -> Result<String, ApiError>;

    /// Every kind that the server serves, preferred versions first, in at most two requests where it can aggregate.
    ///
    /// # Errors
    ///
    /// Where the list of groups cannot be read. A group that does not answer leaves its kinds out.
    async fn discover(&self) -> Result<Vec<Discovered>, ApiError>;

    /// `/version`.
    ///
    /// # Errors
    ///
    /// Where `/version` may not be read, or the server does not answer.
    async fn server_version(&self) -> Result<ServerVersion, ApiError>;

    /// The last lines of a container's log.
    ///
    /// # Errors
    ///
    /// Where the pod, the container or its previous instance is not there, logs may not be read, or the server does not
    /// answer.
    async fn logs(&self, request: &LogRequest) -> Result<String, ApiError>;

    /// Whether reads by name are answered from memory: then a list is no less than as many of them.
    fn answers_from_memory(&self) -> bool {
        false
    }

    /// A text that came from the cluster (a status, an event) without the values of the Secrets that went through this
    /// client. Errors and logs are without them already.
    // A plain client keeps no values: the redactor that stands around it does.
    fn hide(&self, text: &str) -> String {
        text.to_owned()
    }

    /// URL of the server, for messages.
    fn server(&self) -> &str;

    /// The cluster as its user knows it, and a namespace of it.
    fn identity(&self, namespace: &str) -> ClusterIdentity;

    /// The namespace that flags, kubeconfig or the pod's ServiceAccount give.
    fn default_namespace(&self) -> &str;
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// The kind.
    pub resource: ResourceType,
    /// Namespace; none for all of them, and for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Label selector; empty for all.
    pub labels: String,
    /// Field selector; empty for all.
    pub fields: String,
    /// Objects a page; the implementation's default where none.
    pub limit: Option<u32>,
    /// Where the previous page ended.
    pub continue_from: Option<String>,
    /// Metadata alone: the server sends neither spec nor status.
    pub only_metadata: bool,
}

impl ListRequest {
    /// All objects of a kind in a namespace.
    pub fn all(resource: &ResourceType, namespace: Option<&str>) -> Self {
        Self {
            resource: resource.clone(),
            namespace: namespace.map(Into::into),
            labels: String::new(),
            fields: String::new(),
            limit: None,
            continue_from: None,
            only_metadata: false,
        }
    }

    /// Of each object the metadata alone.
    #[must_use]
    pub fn with_only_metadata(mut self) -> Self {
        self.only_metadata = true;
        self
    }

    /// With a label selector.
    #[must_use]
    pub fn with_labels(mut self, selector: &str) -> Self {
        self.labels = selector.into();
        self
    }
}

/// One page of objects.
#[derive(Clone, Debug)]
pub struct Page {
    /// The objects.
    pub items: Vec<Object>,
    /// Where the next page begins; none on the last one.
    pub continue_from: Option<String>,
    /// The list's resourceVersion, to watch from.
    pub resource_version: String,
}

/// A watch.
#[derive(Clone, Debug)]
pub struct WatchRequest {
    /// The kind.
    pub resource: ResourceType,
    /// Namespace; none for all of them, and for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Label selector; empty for all.
    pub labels: String,
    /// Field selector; empty for all.
    pub fields: String,
    /// From where: a list's or an event's resourceVersion.
    pub resource_version: String,
    /// After how many seconds the server ends it.
    pub timeout_seconds: u32,
}

/// One event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// It is there, new or changed.
    Present(Object),
    /// It was deleted; its last state.
    Deleted(Object),
    /// Nothing before this resourceVersion will come.
    Bookmark(String),
}

/// The events of a watch. An error ends it; [`ApiError::is_expired`] means: list again.
pub type WatchStream = BoxStream<'static, Result<WatchEvent, ApiError>>;

/// How an apply is done.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// Field manager.
    pub manager: String,
    /// Whether conflicting fields are taken from their managers.
    pub force: bool,
    /// Whether nothing is persisted.
    pub dry_run: bool,
    /// When it must have been sent; looked at right before.
    pub not_after: Option<SendDeadline>,
}

/// How a create, a replace or a patch is done.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Field manager.
    pub manager: String,
    /// Whether nothing is persisted.
    pub dry_run: bool,
    /// When it must have been sent; looked at right before.
    pub not_after: Option<SendDeadline>,
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The object as the server holds it now.
    pub object: Object,
    /// Whether it was created (201).
    pub created: bool,
    /// The server's warnings.
    pub warnings: Vec<String>,
}

/// How a delete is done.
#[derive(Clone, Debug)]
pub struct DeleteOptions {
    /// The uid that must be deleted, and no other.
    pub uid: String,
    /// The resourceVersion that must be deleted, where it matters.
    pub resource_version: Option<String>,
    /// How dependents go.
    pub propagation: Propagation,
    /// Whether nothing is persisted.
    pub dry_run: bool,
    /// When it must have been sent; looked at right before.
    pub not_after: Option<SendDeadline>,
}

/// The answer to a delete.
#[derive(Clone, Debug, PartialEq)]
pub enum Deleted {
    /// It is gone.
    Gone,
    /// It goes once its finalizers or dependents have.
    Going(Object),
    /// It was not there.
    WasAbsent,
}

/// Whether one verb on one resource is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessReview {
    /// `get`, `create`, `patch`, …
    pub verb: String,
    /// API group.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// Namespace; none for cluster-scoped kinds and for all namespaces.
    pub namespace: Option<String>,
    /// Name; empty for any.
    pub name: String,
}

/// A kind that the server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The kind.
    pub resource: ResourceType,
    /// Verbs, such as `list`.
    pub verbs: Vec<String>,
    /// Short names, such as `deploy`.
    pub short_names: Vec<String>,
    /// Whether it has a status subresource.
    pub has_status: bool,
}

/// What `/version` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// `v1.37.2`.
    pub git_version: String,
    /// `1`.
    pub major: String,
    /// `37`, sometimes with a `+`.
    pub minor: String,
}

/// The last lines of a container's log.
#[derive(Clone, Debug)]
pub struct LogRequest {
    /// Namespace.
    pub namespace: String,
    /// Pod.
    pub pod: String,
    /// Container.
    pub container: String,
    /// Whether of its previous instance.
    pub previous: bool,
    /// How many lines.
    pub lines: u32,
}
