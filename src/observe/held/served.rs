//! The kinds that the API server serves, asked for once for many comparisons.

use crate::cluster::{ApiError, Cluster, Discovered};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What could not be asked for is asked for again after so long.
const RETRY: Duration = Duration::from_secs(5);

/// The kinds that the API server serves, as it said last.
#[derive(Default)]
pub struct ServedKinds {
    /// Held while they are asked for: whoever comes second finds them.
    known: Mutex<Option<Known>>,
}

struct Known {
    at: Instant,
    served: Result<Vec<Discovered>, ApiError>,
}

impl ServedKinds {
    /// As the server said within the last `age`, or says now.
    pub(super) async fn get(
        &self,
        cluster: &dyn Cluster,
        age: Duration,
    ) -> Result<Vec<Discovered>, ApiError> {
        let mut known = self.known.lock().await;
        let is_fresh = |known: &&Known| {
            let age = if known.served.is_ok() { age } else { age.min(RETRY) };
            known.at.elapsed() < age
        };
        if let Some(known) = known.as_ref().filter(is_fresh) {
            return known.served.clone();
        }

        // Before the request: what it says is at least as new as this.
        let at = Instant::now();
        let served = cluster.discover().await;
        let known = known.insert(Known { at, served });
        known.served.clone()
    }
}
