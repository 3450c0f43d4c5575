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
            writeln!(err, "promoted: {}, revision {}", clean(&text), entry.revision)?;
        }
        None => writeln!(err, "promoted: none")?,
    }
    if let Some(steps) = &summary.unfinished {
        writeln!(err, "unfinished promotion, to be resumed or rolled back:")?;
        for step in steps {
            writeln!(err, "  {} {}", clean(&step.verb), clean(&step.target.to_string()))?;
        }
    }
    writeln!(err, "members:")?;
    for (member, presence) in &summary.members {
        let presence = match presence {
            Presence::Labelled => "exists, with the label of the release",
            Presence::Unlabelled => "exists, WITHOUT the label of the release",
            Presence::Absent => "does not exist",
            Presence::Unknown => "cannot be read",
        };
        writeln!(err, "  {}: {presence}", clean(&member.to_string()))?;
    }
    Ok(())
}
