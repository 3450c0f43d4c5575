//! The cluster as this tool uses it: a small trait over requests and answers.
//!
//! [`Cluster`] is the only door to an API server. Its real implementation, `kube.rs`, is the only file that names
//! `kube::Client`. Objects stay JSON from end to end.

mod api;
mod error;

pub use api::{
    AccessReview, Applied, ApplyOptions, Cluster, DeleteOptions, Deleted, Discovered, ListRequest,
    LogRequest, Page, ServerVersion, WatchEvent, WatchRequest, WatchStream, WriteOptions,
};
pub use error::{ApiError, StatusCause};
