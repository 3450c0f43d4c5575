//! The real door to a cluster.

use super::{Cluster, ConnectError, ConnectionOptions};
use std::sync::Arc;

/// Sets a connection up. Sends no request.
pub async fn connect(_options: &ConnectionOptions) -> Result<Arc<dyn Cluster>, ConnectError> {
    Err(ConnectError::Unusable("the connection is not built yet".into()))
}
