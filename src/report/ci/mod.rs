//! What a CI system is told in its own terms, between the lines of a run: sections that fold, annotations, a summary.
//!
//! Its commands are lines of the same log. No other text may become one: those of the runner are taken apart where the
//! streams leave the program (`cli/visible.rs`), and GitLab's need a control character.

mod github;
mod gitlab;
mod summary;

use crate::model::ObjectId;
use crate::model::event::{Event, Phase, RunEnd, RunOutcome};
use crate::model::plan::Severity;
use crate::model::verification::VerificationSummary;
use crate::report::progress::phase_title;
use crate::report::{FindingGroup, group_findings};

/// A CI system whose log has sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CiSystem {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
}

/// How an annotation is shown.
const ERROR: &str = "error";
const WARNING: &str = "warning";

/// Whose message it is, where it is about no object.
const TITLE: &str = "kubectl delivery";

/// Annotations of one kind that a step of GitHub Actions shows; the rest would be dropped.
const ANNOTATIONS: usize = 10;

/// Turns events into commands of a CI system.
#[derive(Debug)]
pub struct CiLog {
    system: CiSystem,
    /// Whether there are lines that could fold.
    has_sections: bool,
    open: Option<Phase>,
    /// Sections so far: each needs a name of its own.
    sections: usize,
    /// What failed, and why.
    failed: Vec<(Option<ObjectId>, String)>,
    has_error: bool,
    verification: Option<VerificationSummary>,
}

impl CiLog {
    /// Nothing has happened yet; `has_sections` where the lines of the run are in the same log.
    pub fn new(system: CiSystem, has_sections: bool) -> Self {
        Self {
            system,
            has_sections,
            open: None,
            sections: 0,
            failed: Vec::new(),
            has_error: false,
            verification: None,
        }
    }

    /// The commands that go ahead of an event's own lines, at this second of Unix time.
    pub fn commands(&mut self, event: &Event, now: i64) -> Vec<String> {
        let mut commands = Vec::new();
        match event {
            Event::PhaseStarted { phase } => {
                commands.extend(self.end_section(now));
                commands.extend(self.begin_section(*phase, now));
            }
            // What failed must be seen without unfolding anything.
            Event::PhaseEnded { .. } | Event::Failed { .. } | Event::Finished(_) => {
                commands.extend(self.end_section(now));
            }
            _ => {}
        }
        if self.system == CiSystem::GitHub {
            let annotations = self.annotations(event);
            commands.extend(
                annotations
                    .iter()
                    .map(|(level, title, text)| github::annotation(level, title, text)),
            );
        }
        self.note(event);
        commands
    }

    /// The summary of a run that ended, as markdown.
    pub fn summary(&self, event: &Event) -> Option<String> {
        match event {
            Event::Finished(end) if self.system == CiSystem::GitHub => {
                Some(summary::markdown(end, &self.failed, self.verification.as_ref()))
            }
            _ => None,
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Failed { object, cause, .. } => self.failed.push((object.clone(), cause.message.clone())),
            // The command writes and annotates it itself.
            Event::Error { .. } => self.has_error = true,
            Event::Verification { summary, .. } => self.verification = Some(summary.clone()),
            _ => {}
        }
    }

    fn begin_section(&mut self, phase: Phase, now: i64) -> Option<String> {
        let title = phase_title(phase).filter(|_| self.has_sections)?;
        self.open = Some(phase);
        self.sections += 1;
        Some(match self.system {
            CiSystem::GitHub => github::begin_group(title),
            CiSystem::GitLab => gitlab::begin_section(self.sections, title, now),
        })
    }

    fn end_section(&mut self, now: i64) -> Option<String> {
        self.open.take()?;
        Some(match self.system {
            CiSystem::GitHub => github::end_group(),
            CiSystem::GitLab => gitlab::end_section(self.sections, now),
        })
    }

    /// What is to be seen without opening the log: each failure once.
    fn annotations(&self, event: &Event) -> Vec<(&'static str, String, String)> {
        match event {
            Event::Failed { object, cause, .. } => {
                let title = object.as_ref().map_or(TITLE.to_owned(), ObjectId::to_string);
                vec![(ERROR, title, cause.message.clone())]
            }
            Event::Preflight { findings } => {
                let groups = group_findings(findings).into_iter();
                let errors = groups.filter(|group| group.finding.severity == Severity::Error);
                let annotation = |group: FindingGroup| (ERROR, "preflight".to_owned(), group.text());
                errors.take(ANNOTATIONS).map(annotation).collect()
            }
            Event::Finished(end) => {
                let level = end_level(end, self.has_error || !self.failed.is_empty());
                Vec::from_iter(level.map(|level| (level, TITLE.to_owned(), end.message.clone())))
            }
            _ => Vec::new(),
        }
    }
}

/// The command that shows an error beside the log, where the system has one.
pub fn error_annotation(system: CiSystem, message: &str) -> Option<String> {
    (system == CiSystem::GitHub).then(|| github::annotation(ERROR, TITLE, message))
}

/// How an end is annotated; `is_known` where its cause was annotated already.
fn end_level(end: &RunEnd, is_known: bool) -> Option<&'static str> {
    match end.outcome {
        RunOutcome::PromotedPruneIncomplete => Some(WARNING),
        // That is more than what failed.
        RunOutcome::RollbackIncomplete | RunOutcome::RevertIncomplete => Some(ERROR),
        _ => (end.exit_code != 0 && !is_known).then_some(ERROR),
    }
}

#[cfg(test)]
mod tests;
