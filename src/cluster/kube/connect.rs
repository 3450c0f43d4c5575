//! From options to a client.

use super::client::KubeCluster;
use super::config::settings;
use super::surroundings::Surroundings;
use super::transport::Transport;
use crate::cluster::redacting::Redacting;
use crate::cluster::{Cluster, ConnectError, ConnectionOptions};
use std::sync::Arc;

/// Sets a connection up: reads the kubeconfig and asks a credential plugin. Sends nothing to the server.
pub async fn connect(options: &ConnectionOptions) -> Result<Arc<dyn Cluster>, ConnectError> {
    let transport = Transport::new(settings(options, &Surroundings::read())?).await?;
    // The redactor stands outermost: nobody gets at a server's text before it.
    Ok(Arc::new(Redacting::new(Arc::new(KubeCluster::new(transport)))))
}
