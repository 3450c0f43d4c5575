//! Until a deleted object is gone: its finalizers are waited for, and what holds it back is said.

use super::outcome::StepOutcome;
use super::requests::may_catch_up;
use super::steps::Steps;
use crate::cluster::ApiError;
use crate::model::{Object, Target, phrase};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

impl Steps {
    /// Waits until the object with this uid is gone.
    pub(super) async fn wait_gone(&self, target: &Target, uid: &str) -> Result<(), StepOutcome> {
        let start = Instant::now();
        let mut clock = self.patience.start();
        // Most objects go at once.
        let mut pause = Duration::from_millis(20);

        loop {
            match self.cluster.get(target).await {
                // The server answers: what is waited for are finalizers, and these have a limit of their own.
                Ok(Some(live)) if live.uid() == uid => {
                    clock.hear();
                    if start.elapsed() > self.gone {
                        let waited = phrase::duration(self.gone);
                        let why = format!("still being deleted after {waited}{}", held_by(&live));
                        return Err(StepOutcome::Conflict(why));
                    }
                    self.heartbeat
                        .beat(Some(&target.id()), Some(start + self.gone), || {
                            format!("being deleted{}", held_by(&live))
                        });
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(500));
                }
                // One of another uid is another object, and of no concern to this wait.
                Ok(_) | Err(ApiError::NotServed { .. }) => return Ok(()),
                Err(error) if may_catch_up(&error, &clock) => clock.catch_up().await,
                Err(error) if error.is_transient() => clock.wait().await.map_err(StepOutcome::Unknown)?,
                Err(error) => return Err(StepOutcome::Refused(error)),
            }
        }
    }
}

/// What holds an object back that was deleted.
fn held_by(live: &Object) -> String {
    let finalizers = live.at("/metadata/finalizers").and_then(Value::as_array);
    let names: Vec<_> = finalizers
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();

    if names.is_empty() {
        return String::new();
    }
    format!(", held by its finalizers {}", names.join(", "))
}
