//! Where events are shown: plain lines, a live tree, or one JSON document a line; and what a CI system is told of them.

use super::OutputMode;
use super::background::{Background, EventDisplay};
use super::live::Live;
use crate::cli::{Context, Stream};
use crate::model::event::EventSink;
use crate::report::ci::{CiLog, CiSystem};
use crate::report::progress::{CiOutput, EventWriter};
use jiff::Timestamp;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;

/// The sink for a run: a tree where a user watches a terminal that can move its cursor.
pub(super) fn sink(show: OutputMode, context: &Context) -> Arc<dyn EventSink> {
    let display: Box<dyn EventDisplay> = match show {
        OutputMode::Json => {
            Box::new(EventWriter::json(context.stdout(), Timestamp::now).with_ci(ci_output(context, false)))
        }
        OutputMode::Text if is_live(context) => Box::new(Live::new(
            // Unfiltered for its control sequences: it filters its lines one by one.
            Box::new(std::io::stderr()),
            || Stream::Stderr.size().unwrap_or((80, 24)),
            context.color(Stream::Stderr),
        )),
        OutputMode::Text => Box::new(
            EventWriter::progress(context.stderr(), context.color(Stream::Stderr))
                .with_ci(ci_output(context, true)),
        ),
    };
    Arc::new(Background::start(display))
}

/// A runner's terminal is read afterwards, as lines.
fn is_live(context: &Context) -> bool {
    context.is_terminal(Stream::Stderr) && !context.is_dumb() && context.ci().is_none()
}

/// Where the CI system at work reads what is for it; `has_sections` where the run's lines are in the same log.
pub(in crate::commands) fn ci_output(context: &Context, has_sections: bool) -> Option<CiOutput> {
    let system = context.ci()?;
    let page = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|_| system == CiSystem::GitHub);
    let page = page.and_then(|path| OpenOptions::new().append(true).create(true).open(path).ok());

    Some(CiOutput {
        log: CiLog::new(system, has_sections),
        // Both streams of a step are read. Unfiltered: it is where the filter would take commands apart.
        commands: Box::new(std::io::stderr()),
        summary: page.map(|page| Box::new(page) as Box<dyn Write + Send>),
    })
}
