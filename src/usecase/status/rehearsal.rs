//! A rehearsal, as `status` shows it: no object of the release is changed by it, and its pods go with the next run.

use crate::model::journal::Journal;
use crate::model::phrase::list_first;
use crate::model::status::ReleasePhase;

/// Pods that a sentence names.
const NAMED: usize = 10;

/// How a release is whose rehearsal is under way, or was left by a killed run.
pub(super) fn describe(journal: &Journal, held: bool, namespace: &str) -> (ReleasePhase, String) {
    let (name, version) = (&journal.release.name, &journal.release.version);
    let pods = list_first(journal.rehearsal.iter().map(|pod| &pod.target), NAMED, ", ");
    if held {
        let message = format!("{version} by {}: {} ({pods})", journal.actor, journal.message);
        return (ReleasePhase::InProgress, message);
    }
    let message = format!(
        "rehearsal of {version} by {} is unfinished, and its pods may be there ({pods}); the next promote or revert \
         deletes them; to delete them: {}",
        journal.actor,
        journal.operation.resume_command(name, namespace)
    );
    (ReleasePhase::Unfinished, message)
}
