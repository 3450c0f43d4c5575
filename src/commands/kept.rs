//! What a release keeps in the cluster, for the commands that show it and act on it.

use crate::cli::{CommandError, ErrorKind};
use crate::cluster::Cluster;
use crate::observe::home::{Home, HomeError, list_homes, read_home};

/// What a release keeps in its home namespace cannot be read.
pub fn home_error(error: &HomeError) -> CommandError {
    let made = CommandError::from_error(ErrorKind::Unreachable, error);
    let hints = match error {
        HomeError::Api { source, .. } => source.hints(),
        _ => Vec::new(),
    };
    hints.into_iter().fold(made, CommandError::with_hint)
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
