//! The cluster as this tool uses it: a small trait over requests and answers.
//!
//! [`Cluster`] is the only way to an API server. Its real implementation, the folder `kube`, is the only place
//! that names `kube::Client`. Objects stay JSON from end to end.
//!
//! `converting` stands around that one and reaches objects whose version is not served in one that is;
//! `redacting` stands around both and keeps the values of Secrets out of a server's errors, warnings and
//! logs. An [`ApiError`] says whether a write may have been done all the same; what follows from that its
//! caller decides.

mod api;
mod connect_error;
mod converting;
mod deadline;
mod error;
mod kube;
mod options;
mod pages;
mod redacting;

pub use api::{
    AccessReview, Applied, ApplyOptions, Cluster, DeleteOptions, Deleted, Discovered, ListRequest,
    LogRequest, Page, ServerVersion, WatchEvent, WatchRequest, WatchStream, WriteOptions,
};
pub use connect_error::ConnectError;
pub use converting::served_otherwise;
pub use deadline::{Moment, SendDeadline};
pub use error::{ApiError, StatusCause, VersionNotServed};
pub use kube::{connect, kubeconfig_names};
pub use options::ConnectionOptions;
pub use pages::{Pages, paged};
