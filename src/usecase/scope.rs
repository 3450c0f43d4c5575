//! Where a use case looks and acts: a door to a cluster, and a namespace.

use super::CommandError;
use crate::cluster::{self, Cluster, ConnectionOptions};
use crate::model::environment::EnvironmentSpec;
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

    /// Connects as the options say. Sends no request by itself.
    pub async fn connect(options: &ConnectionOptions) -> Result<Self, CommandError> {
        let cluster = cluster::connect(options).await?;
        Ok(Self::new(cluster, options.namespace.as_deref()))
    }

    /// Connects to where an environment's release belongs: the options win over the environment's file.
    pub async fn connect_for(
        options: &ConnectionOptions,
        environment: &EnvironmentSpec,
    ) -> Result<Self, CommandError> {
        let mut options = options.clone();
        options.context = options.context.or_else(|| environment.context.clone());
        options.namespace = options.namespace.or_else(|| environment.namespace.clone());
        Self::connect(&options).await
    }
}

/// Today, in UTC.
pub fn today() -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date()
}
