//! One write as data, and the request that it becomes.
//!
//! Here is what holds for every write: its fields are strict, the server gives it up in time, and one that
//! persists anything is sent once. A lost answer is the caller's to look into, for only that one knows what
//! the object should be.

use super::path;
use super::retry::Repeat;
use super::transport::Call;
use crate::cluster::{ApiError, SendDeadline, WriteOptions};
use crate::model::Target;
use bytes::Bytes;
use http::Method;

/// The server gives a write up after this time: so long a successor waits for a predecessor's last write.
pub(super) const WRITE_TIMEOUT: &str = "10s";

/// One write.
pub(super) struct Write<'a> {
    pub method: Method,
    pub content_type: &'static str,
    pub accept: &'static str,
    pub body: Bytes,
    pub manager: &'a str,
    pub force: bool,
    pub dry_run: bool,
    pub not_after: Option<SendDeadline>,
}

impl<'a> Write<'a> {
    /// A write that takes no fields from others.
    pub fn new(method: Method, content_type: &'static str, body: String, options: &'a WriteOptions) -> Self {
        Self {
            method,
            content_type,
            accept: "application/json",
            body: body.into(),
            manager: &options.manager,
            force: false,
            dry_run: options.dry_run,
            not_after: options.not_after,
        }
    }

    /// The request; `resource` is `plural.group/version`, for errors.
    pub fn into_call<'r>(self, target: &Target, resource: &'r str) -> Result<Call<'r>, ApiError> {
        // A create goes to the collection: the name stands in its body, or is generated.
        let address = match self.method {
            Method::POST => path::collection(&target.resource, target.namespace.as_deref())?,
            _ => path::object(target)?,
        };

        let query = [
            ("fieldManager", self.manager),
            // A misspelled field would be dropped in silence,
            // and the object would not be what the plan shows.
            ("fieldValidation", "Strict"),
            ("force", if self.force { "true" } else { "" }),
            ("dryRun", if self.dry_run { "All" } else { "" }),
            ("timeout", WRITE_TIMEOUT),
        ];

        Ok(Call {
            method: self.method,
            content_type: self.content_type,
            accept: self.accept,
            body: self.body,
            // Nothing that is persisted is sent twice where its
            // answer was lost: the caller looks at what became of it.
            repeat: if self.dry_run {
                Repeat::Harmless
            } else {
                Repeat::Once
            },
            not_after: self.not_after,
            ..Call::get(path::with_query(&address, &query), resource)
        })
    }
}
