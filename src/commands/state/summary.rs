//! What a user is shown who may accept the state of a release: what it says, beside what is there.

use crate::report::clean;
use crate::usecase::CommandError;
use crate::usecase::state::{Presence, Summary};
use std::io::Write;

/// What the state says beside what is there.
pub(super) fn show(described: &str, summary: &Summary, err: &mut dyn Write) -> Result<(), CommandError> {
    writeln!(err, "{described}: {}", clean(&summary.doubt))?;
    match &summary.promoted {
        Some(entry) => {
            let release = &entry.release;
            let (name, digest) = (&release.name, release.digest.short());
            let text = format!("{name} {} ({digest})", release.version);
            writeln!(
                err,
                "it says that {} is promoted, revision {}",
                clean(&text),
                entry.revision
            )?;
        }
        None => writeln!(err, "it says that nothing is promoted")?,
    }
    if let Some(steps) = &summary.unfinished {
        writeln!(
            err,
            "it says that a promotion is unfinished, which a later run would finish or undo:"
        )?;
        for step in steps {
            writeln!(err, "  {} {}", clean(&step.verb), clean(&step.target.to_string()))?;
        }
    }
    writeln!(err, "it says that these are members:")?;
    for (member, presence) in &summary.members {
        let presence = match presence {
            Presence::Labelled => "is there, with the release's label",
            Presence::Unlabelled => "is there, WITHOUT the release's label",
            Presence::Absent => "is not there",
            Presence::Unknown => "could not be read",
        };
        writeln!(err, "  {}: {presence}", clean(&member.to_string()))?;
    }
    Ok(())
}
