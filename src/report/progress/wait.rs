//! What happens to a release that another tool applies, as lines.
//!
//! Nothing was changed by us: there are no steps, no phases and no times, only objects and how they are.

use super::ending::ending_lines;
use super::heartbeat::heartbeat_text;
use super::start::start_line;
use crate::model::event::{Event, Phase};
use crate::model::verdict::Health;
use crate::report::{Palette, clean};

/// The lines that an event adds, cleaned, without their line ends.
pub fn wait_lines(event: &Event, palette: Palette) -> Vec<String> {
    if let Event::Finished(end) = event {
        return ending_lines(end, palette);
    }

    let lines = match event {
        Event::Started { .. } => start_line(event).into_iter().collect(),
        Event::Rollout { object, health, .. } => match health {
            Health::Progressing { message, .. } => vec![format!("{object}: {message}")],
            Health::Unknown { message } => vec![format!("{object}: health unknown ({message})")],
            Health::Ready { message: None } => vec![format!("{object}: ready")],
            Health::Ready {
                message: Some(message),
            } => vec![format!("{object}: ready ({message})")],
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
        Event::Heartbeat { .. } => Vec::from_iter(heartbeat_text(event)),
        Event::PhaseStarted { phase: Phase::Soak } => vec!["soaking".to_owned()],
        Event::Note {
            object: Some(id),
            message,
        } => vec![format!("{id}: {message}")],
        Event::Note {
            object: None,
            message,
        } => vec![message.clone()],
        _ => Vec::new(),
    };
    lines.iter().map(|line| clean(line).into_owned()).collect()
}
