//! What a release keeps in the cluster, for the commands that show it and act on it.

use crate::cli::{CommandError, ErrorKind};
use crate::cluster::Cluster;
use crate::model::Object;
use crate::observe::home::{Home, HomeError, list_homes, read_home};

/// What a release keeps in its home namespace cannot be read.
pub fn home_error(error: &HomeError) -> CommandError {
    CommandError::from_error(ErrorKind::Unreachable, error)
}

/// The release's name: as given, or the only one of the namespace.
pub async fn release_name(
    cluster: &dyn Cluster,
    namespace: &str,
    given: Option<&str>,
) -> Result<String, CommandError> {
    if let Some(name) = given {
        return Ok(name.to_owned());
    }
    let homes = list_homes(cluster, Some(namespace)).await.map_err(|error| home_error(&error))?;
    match &homes[..] {
        [] => {
            Err(CommandError::usage(format!("expected a release in the namespace {namespace}, found none"))
                .with_hint("kubectl delivery status -A shows those of all namespaces"))
        }
        [(_, name)] => Ok(name.clone()),
        several => {
            let names: Vec<_> = several.iter().map(|(_, name)| name.as_str()).collect();
            Err(CommandError::usage(format!("expected the name of one of the releases {}", names.join(", "))))
        }
    }
}

/// Reads what a release keeps in its home namespace.
pub async fn home(cluster: &dyn Cluster, namespace: &str, name: &str) -> Result<Home, CommandError> {
    read_home(cluster, namespace, name).await.map_err(|error| home_error(&error))
}

/// Whether a workload is as it should be, as its own status says, and a few words.
pub fn readiness(live: &Object) -> (bool, String) {
    let number = |pointer: &str| live.at(pointer).and_then(serde_json::Value::as_i64);
    let observed = number("/status/observedGeneration").unwrap_or_else(|| live.generation());
    if observed < live.generation() {
        return (false, "its controller has not seen the last change yet".into());
    }
    let condition = |kind: &str| {
        let all = live.at("/status/conditions").and_then(serde_json::Value::as_array);
        all.into_iter().flatten().find(|c| c["type"] == kind && c["status"] == "True").cloned()
    };
    match live.kind() {
        "Job" => {
            if let Some(failed) = condition("Failed") {
                return (false, format!("failed: {}", failed["message"].as_str().unwrap_or_default()));
            }
            let done = condition("Complete").is_some();
            (done, if done { "complete" } else { "running" }.into())
        }
        "CronJob" => (true, "scheduled".into()),
        kind => {
            let (wanted, ready) = match kind {
                "DaemonSet" => ("/status/desiredNumberScheduled", "/status/numberReady"),
                _ => ("/spec/replicas", "/status/readyReplicas"),
            };
            let wanted = number(wanted).unwrap_or(1);
            let ready = number(ready).unwrap_or(0);
            (ready >= wanted, format!("{ready} of {wanted} ready"))
        }
    }
}
