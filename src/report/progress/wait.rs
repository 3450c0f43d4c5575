//! What happens to a release that another tool applies, as lines.
//!
//! Nothing was changed by us: there are no steps, no phases and no times, only objects and how they are.

use crate::model::event::{Event, Phase};
use crate::model::verdict::Health;
use crate::report::clean;

/// The lines that an event adds, cleaned, without their line ends.
pub fn wait_lines(event: &Event) -> Vec<String> {
    let lines = match event {
        Event::Rollout { object, verdict } => match verdict {
            Health::Waiting { why, .. } => vec![format!("{object}: {why}")],
            Health::Unknown { why } => vec![format!("{object}: health unknown ({why})")],
            Health::Done { note: None } => vec![format!("{object}: done")],
            Health::Done { note: Some(note) } => vec![format!("{object}: done ({note})")],
            // The failure's own event follows.
            Health::Failed { .. } => Vec::new(),
        },
        Event::Failed {
            object,
            cause,
            logs,
            events,
            ..
        } => {
            let object = object.as_ref().map(|id| format!("{id} ")).unwrap_or_default();
            let mut block = vec![format!("{object}failed: {}", cause.message)];
            block.extend(logs.iter().map(|line| format!("  log    {line}")));
            block.extend(events.iter().map(|line| format!("  event  {line}")));
            block
        }
        Event::PhaseStarted { phase: Phase::Soak } => vec!["soaking".to_owned()],
        Event::Note {
            object: Some(id),
            message,
        } => vec![format!("{id}: {message}")],
        Event::Note {
            object: None,
            message,
        }
        | Event::Finished { message, .. } => vec![message.clone()],
        _ => Vec::new(),
    };
    lines.iter().map(|line| clean(line).into_owned()).collect()
}
