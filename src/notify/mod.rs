//! Where drift is reported outside of the process: one file a sink, each a [`DriftSink`](crate::model::drift::DriftSink).
//!
//! A sink holds no values of objects, since events and snapshots have none; it bounds what it shows (`bounds`) and what it sends
//! and reads (`endpoint`). The queue of each, and that a delivery is tried again, are the watch's.

mod alertmanager;
mod bounds;
mod cloud_events;
mod endpoint;
mod kubernetes_events;
mod metrics;
#[cfg(test)]
mod samples;

pub use alertmanager::AlertmanagerSink;
pub use cloud_events::{CloudEventsSink, ContentMode};
pub use endpoint::{Endpoint, EndpointError};
pub use kubernetes_events::KubernetesEvents;
pub use metrics::{Exposition, ListenAddress, MetricsSink, Role, serve};
