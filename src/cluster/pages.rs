//! Lists page by page.

use super::{ApiError, Cluster, ListRequest};
use crate::model::Object;

/// Everything that a list holds, each page reduced as it arrives.
pub async fn paged<T>(
    cluster: &dyn Cluster,
    mut request: ListRequest,
    reduce: impl Fn(Object) -> T,
) -> Result<Vec<T>, ApiError> {
    let mut found = Vec::new();
    loop {
        let page = cluster.list(&request).await?;
        found.extend(page.items.into_iter().map(&reduce));
        match page.continue_from {
            Some(next) => request.continue_from = Some(next),
            None => return Ok(found),
        }
    }
}
