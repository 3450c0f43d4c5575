//! What a release keeps in the cluster, for the commands that show it and act on it.

use super::scope::check_namespace;
use super::{CommandError, ErrorKind};
use crate::cluster::Cluster;
use crate::execute;
use crate::model::moves::ReleaseRef;
use crate::model::phrase::list_first;
use crate::model::seal::Integrity;
use crate::model::similar::nearest;
use crate::model::state_key::{KEY_BYTES, StateKey};
use crate::observe::release_state::{
    ReleaseState, ReleaseStateError, Unsealed, list_homes, read_release_state,
};
use crate::observe::sealing::Sealing;
use std::path::Path;

/// What shows every release.
pub(super) const ALL_RELEASES: &str = "kubectl delivery status -A";
/// Releases that a message names; the rest is counted.
pub(super) const MOST_NAMED: usize = 10;

/// Whether not even a seal or a key is there of a release.
pub fn is_nothing(found: &Unsealed) -> bool {
    found.objects.iter().all(Option::is_none) && found.seal.is_none() && found.keys.is_empty()
}

/// The key that a file holds.
///
/// # Errors
///
/// Where the file cannot be read, or holds no key.
pub fn read_key(path: &Path) -> Result<StateKey, CommandError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| CommandError::usage(format!("cannot read the state key {shown}: {error}")))?;
    StateKey::parse(&text).map_err(|error| {
        CommandError::usage(format!("{shown} holds no state key: {error}"))
            .with_hint(format!("openssl rand -base64 {KEY_BYTES} > {shown}"))
    })
}

/// What kind of failure it is that something kept cannot be read: gone or changed, it is altered.
pub fn kind_of(error: &ReleaseStateError) -> ErrorKind {
    match error {
        ReleaseStateError::Api { .. } => ErrorKind::Unreachable,
        ReleaseStateError::Unreadable { .. }
        | ReleaseStateError::Missing { .. }
        | ReleaseStateError::Newer { .. }
        | ReleaseStateError::Bundle { .. } => ErrorKind::Refused,
    }
}

/// Whether it will be so the next time as well: it may not be read, or is altered.
pub fn is_final(error: &ReleaseStateError) -> bool {
    match error {
        ReleaseStateError::Api { source, .. } => source.is_forbidden(),
        _ => true,
    }
}

/// What a release keeps in its home namespace cannot be read.
pub fn home_error(error: &ReleaseStateError) -> CommandError {
    let made = CommandError::from_error(kind_of(error), error);
    let hints = match error {
        ReleaseStateError::Api { source, .. } => source.hints(),
        ReleaseStateError::Newer { .. } => vec![execute::UPGRADE.into()],
        _ => Vec::new(),
    };
    hints.into_iter().fold(made, CommandError::with_hint)
}

/// The release's name: as given, or the only one of the namespace.
///
/// # Errors
///
/// Where none is given and the namespace has no release or several, or they cannot be listed.
pub async fn release_name(
    cluster: &dyn Cluster,
    namespace: &str,
    given: Option<&str>,
) -> Result<String, CommandError> {
    if let Some(name) = given {
        return Ok(name.to_owned());
    }
    let homes = list_homes(cluster, Some(namespace))
        .await
        .map_err(|error| home_error(&error))?;
    match &homes[..] {
        [] => {
            check_namespace(cluster, namespace).await?;
            let message = format!("no release in namespace {namespace}");
            Err(CommandError::usage(message).with_hint(ALL_RELEASES))
        }
        [(_, name)] => Ok(name.clone()),
        several => {
            let names = list_first(several.iter().map(|(_, name)| name), MOST_NAMED, ", ");
            let message = format!("several releases in namespace {namespace}: {names}");
            Err(CommandError::usage(message).with_hint("add the name of one of them"))
        }
    }
}

/// The error that a namespace has no release of this name, with those that it has. `command` is what was to be done with it.
pub async fn no_release(cluster: &dyn Cluster, namespace: &str, name: &str, command: &str) -> CommandError {
    if let Err(error) = check_namespace(cluster, namespace).await {
        return error;
    }
    let error = CommandError::usage(format!("no release {name} in namespace {namespace}"));
    // Whoever may not list them is told no names.
    let homes = list_homes(cluster, Some(namespace)).await.unwrap_or_default();
    let names: Vec<&str> = homes.iter().map(|(_, name)| name.as_str()).collect();
    match nearest(name, names.iter().copied()) {
        _ if names.is_empty() => error.with_hint(ALL_RELEASES),
        Some(meant) => error.with_hint(format!(
            "did you mean {meant}? kubectl delivery {command} {meant} -n {namespace}"
        )),
        None => {
            let names = list_first(names.iter(), MOST_NAMED, ", ");
            error.with_hint(format!("releases in namespace {namespace}: {names}"))
        }
    }
}

/// Whether nothing is kept of a release, and nothing was taken away.
pub fn is_absent(state: &ReleaseState) -> bool {
    state.inventory.is_none() && state.head.is_none() && state.sealing.integrity == Integrity::None
}

/// What a release keeps in its home namespace, believed or not.
///
/// # Errors
///
/// Where it may not be read, cannot be parsed, or the cluster does not answer.
pub async fn read(
    cluster: &dyn Cluster,
    namespace: &str,
    name: &str,
    key: Option<&StateKey>,
) -> Result<ReleaseState, CommandError> {
    read_release_state(cluster, namespace, name, key)
        .await
        .map_err(|error| home_error(&error))
}

/// Why it is unknown whether what a release keeps is as it was written. None where it is known.
pub fn not_verified(sealing: &Sealing) -> Option<String> {
    match &sealing.integrity {
        Integrity::None | Integrity::Sealed | Integrity::Altered(_) => None,
        Integrity::Unsealed => Some("it is not sealed: an older version wrote it".into()),
        Integrity::Newer(version) => Some(format!("it has {version}")),
        Integrity::NotVerified(why) | Integrity::Hidden(why) => Some(why.clone()),
    }
}

/// An error where nothing may be written, as what the cluster keeps cannot be believed.
///
/// # Errors
///
/// Where it was altered, is not sealed, cannot be verified, or a later version wrote it.
pub fn check_writable(sealing: &Sealing, namespace: &str, name: &str) -> Result<(), CommandError> {
    let Some(report) = execute::stopped_by_state(sealing, &ReleaseRef::new(namespace, name)) else {
        return Ok(());
    };
    let error = CommandError::new(ErrorKind::Refused, report.message);
    Err(report.hints.into_iter().fold(error, CommandError::with_hint))
}

/// An error where what the cluster keeps cannot be believed, for whoever writes nothing.
///
/// # Errors
///
/// Where it was altered, is not sealed, cannot be verified, or a later version wrote it.
pub fn check_believed(sealing: &Sealing, release: &ReleaseRef) -> Result<(), CommandError> {
    let Some((message, hints)) = execute::why_not_believed(sealing, release) else {
        return Ok(());
    };
    let error = CommandError::new(ErrorKind::Refused, message);
    Err(hints.into_iter().fold(error, CommandError::with_hint))
}

/// The note about it.
pub fn note(sealing: &Sealing) -> Option<String> {
    not_verified(sealing).map(|why| format!("the stored state of the release is not verified: {why}"))
}

/// An error where what was read must not be shown: it was altered, or is not verified and must be.
///
/// # Errors
///
/// Where it was altered, or is not verified and has to be.
pub fn check_readable(
    sealing: &Sealing,
    namespace: &str,
    name: &str,
    must_be_verified: bool,
) -> Result<(), CommandError> {
    let state = format!("the state of release {name} in namespace {namespace}");
    let message = match (&sealing.integrity, not_verified(sealing)) {
        (Integrity::Altered(why), _) => format!("{state} was altered: {why}"),
        (_, Some(why)) if must_be_verified => format!("{state} is not verified: {why}"),
        _ => return Ok(()),
    };
    let hint = format!("kubectl delivery state verify {name} -n {namespace}");
    Err(CommandError::new(ErrorKind::Refused, message).with_hint(hint))
}
