//! The line that a run begins with: which release, and where.

use crate::model::event::{Event, RunCommand};

/// It, where the event is a start; none for a promotion or a deletion, whose plan has said the same.
pub(super) fn start_line(event: &Event) -> Option<String> {
    let Event::Started {
        command,
        release,
        cluster,
    } = event
    else {
        return None;
    };
    let doing = match command {
        RunCommand::Promote | RunCommand::Delete => return None,
        RunCommand::Resume => "resuming",
        RunCommand::Revert => "reverting",
        RunCommand::Wait => "waiting for",
    };
    Some(format!("{doing} {release} in {cluster}"))
}
