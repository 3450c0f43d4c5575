//! Where a use case looks and acts: a door to a cluster, and a namespace.

use crate::cluster::Cluster;
use std::sync::Arc;

/// A cluster, and the namespace in which a release is at home.
#[derive(Clone)]
pub struct Scope {
    /// The door to the cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Home namespace: that of objects that name none.
    pub home: String,
}

impl Scope {
    /// The given namespace, else that of the context.
    pub fn new(cluster: Arc<dyn Cluster>, namespace: Option<&str>) -> Self {
        let home = namespace
            .unwrap_or_else(|| cluster.default_namespace())
            .to_owned();
        Self { cluster, home }
    }
}

/// Today, in UTC.
pub fn today() -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date()
}
