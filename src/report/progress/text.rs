//! Plain lines: for a pipe, a log, a terminal that cannot move its cursor.
//!
//! A log is read afterwards, by somebody who looks for the moment in which it went wrong: each change is said once,
//! waiting seldom, and an end at once. Lines of a pipe and those above the live tree are the same.

use super::board::Board;
use super::ending::ending_lines;
use super::heartbeat::heartbeat_text;
use super::start::{rehearsal_text, start_line};
use crate::model::event::{Event, Phase};
use crate::model::plan::{PreflightFinding, Severity};
use crate::model::verdict::Health;
use crate::model::{ObjectId, StepVerb};
use crate::report::{Palette, Tone, clean, group_findings};
use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

/// How often one object's progress is said; its end is said at once.
const PAUSE: Duration = Duration::from_secs(5);

/// Turns events into lines. Says what changes, once.
#[derive(Debug, Default)]
pub struct ProgressText {
    board: Board,
    // When each object was last said to wait: verdicts come far more often than that.
    waiting: HashMap<ObjectId, Duration>,
    palette: Palette,
}

impl ProgressText {
    /// Nothing has happened yet.
    pub fn new(color: bool) -> Self {
        Self {
            palette: Palette::new(color),
            ..Self::default()
        }
    }

    /// What is known of the run.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The lines that an event adds, cleaned, without their line ends.
    pub fn event_lines(&mut self, event: &Event, at: Duration) -> Vec<String> {
        if let Event::Finished(end) = event {
            // What to type stands in the last lines, which are read first.
            let took = duration_line(&self.board.phases);
            return took.into_iter().chain(ending_lines(end, self.palette)).collect();
        }

        // Before the board takes it: what is said depends on how the object stood until now.
        let lines = self.raw_lines(event, at);
        self.board.apply_event(event, at);

        let mut lines: Vec<String> = lines.iter().map(|line| clean(line).into_owned()).collect();
        // After cleaning, which would show our own escapes as well.
        if let (Some(tone), Some(first)) = (event_tone(event), lines.first_mut()) {
            *first = self.palette.paint(tone, first);
        }
        lines
    }

    fn raw_lines(&mut self, event: &Event, at: Duration) -> Vec<String> {
        match event {
            Event::Started { .. } => start_line(event).into_iter().collect(),
            Event::PhaseStarted { phase } => {
                Vec::from_iter(phase_title(*phase).map(|title| format!("{title} …")))
            }
            // Said later: a step by its answer, the times of the phases and the images at the end of the run.
            Event::PhaseEnded { .. } | Event::Planned { .. } => Vec::new(),
            Event::StepStarted { .. } | Event::Verification { .. } => Vec::new(),
            Event::Preflight { findings } => refusal_lines(findings),
            Event::RehearsalStarted { .. } | Event::RehearsalEnded(_) => {
                Vec::from_iter(rehearsal_text(event).map(|(verb, rest)| line(verb, rest)))
            }
            Event::StepEnded {
                object, result, ok, ..
            } => vec![self.step_line(object, result, *ok)],
            Event::Rollout { object, health, .. } => {
                self.rollout_line(object, health, at).into_iter().collect()
            }
            Event::Failed {
                object,
                cause,
                logs,
                events,
                changes,
            } => {
                let mut lines = vec![line(
                    "FAILED",
                    format!("{}{}", prefix(object.as_ref()), cause.message),
                )];
                // Before the words of pods and events: what was changed is where to look first.
                lines.extend(details("changed by this promotion", changes));
                lines.extend(details("event", events));
                lines.extend(details("log", logs));
                lines
            }
            Event::Heartbeat { .. } => {
                Vec::from_iter(heartbeat_text(event).map(|text| line("waiting", text)))
            }
            Event::Note { object, message } => {
                vec![line("note", format!("{}{message}", prefix(object.as_ref())))]
            }
            // Written at once, or by whoever reports errors.
            Event::Finished(_) | Event::Error { .. } => Vec::new(),
        }
    }

    fn step_line(&self, object: &ObjectId, result: &str, is_done: bool) -> String {
        // The answer does not repeat what was asked for: the row knows.
        let action = self.board.row(object).and_then(|row| row.action);

        match is_done {
            // An undo's: it was not deleted, or not restored, and a note has said why.
            true if matches!(result, "kept" | "gone") => line(result, object),
            true => line(action.map_or("", past_tense), object),
            false => format!(
                "cannot {} {object}: {result}",
                action.map_or("", StepVerb::as_str)
            ),
        }
    }

    fn rollout_line(&mut self, object: &ObjectId, health: &Health, at: Duration) -> Option<String> {
        match health {
            Health::Progressing { message, .. } => {
                let last = self.waiting.get(object);
                // A reason changes with every pod: said each time, it would bury the rest.
                if last.is_some_and(|last| at.saturating_sub(*last) < PAUSE) {
                    return None;
                }

                self.waiting.insert(object.clone(), at);
                Some(line("waiting", format!("{object}: {message}")))
            }
            Health::Ready { message } => {
                let waited = self.waiting.remove(object);
                let since = self.board.row(object).filter(|row| row.state.is_progressing());
                let note = message
                    .as_deref()
                    .map(|note| format!(" ({note})"))
                    .unwrap_or_default();

                match (waited, since) {
                    // Ready before anybody waited: its step has said enough.
                    (None, _) if note.is_empty() => None,
                    (Some(_), Some(row)) => {
                        let seconds = at.saturating_sub(row.since).as_secs_f64();
                        Some(line("ready", format!("{object} after {seconds:.1}s{note}")))
                    }
                    _ => Some(line("ready", format!("{object}{note}"))),
                }
            }
            Health::Unknown { message } => {
                self.waiting.remove(object);
                Some(line("unknown", format!("{object}: {message}")))
            }
            // The failure's own event follows.
            Health::Failed { .. } => None,
        }
    }
}

/// A verb and what it is about. Not a table: a line goes out before the next one is known.
fn line(verb: &str, rest: impl Display) -> String {
    format!("{verb:<8} {rest}")
}

/// What stands before a message about an object.
fn prefix(object: Option<&ObjectId>) -> String {
    object.map(|id| format!("{id}: ")).unwrap_or_default()
}

/// Further lines of a block.
fn details<'d, T: Display>(label: &'d str, texts: &'d [T]) -> impl Iterator<Item = String> + 'd {
    texts.iter().map(move |text| format!("  {label}: {text}"))
}

fn refusal_lines(findings: &[PreflightFinding]) -> Vec<String> {
    let groups = group_findings(findings).into_iter();
    let errors = groups.filter(|group| group.finding.severity == Severity::Error);
    errors.flat_map(|group| group.lines(None, None)).collect()
}

/// How the first line is painted, where it is.
fn event_tone(event: &Event) -> Option<Tone> {
    match event {
        Event::Failed { .. } => Some(Tone::Failure),
        Event::PhaseStarted { .. } => Some(Tone::Heading),
        _ => None,
    }
}

/// `took 12.4s: apply 12.2s, verify 0.2s`; nothing where no phase was long enough to tell.
fn duration_line(phases: &[(Phase, u64)]) -> Option<String> {
    let total: u64 = phases.iter().map(|(_, millis)| millis).sum();
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run")]
    let seconds = |millis: u64| millis as f64 / 1000.0;

    let parts: Vec<String> = phases
        .iter()
        .map(|(phase, millis)| format!("{} {:.1}s", phase_name(*phase), seconds(*millis)))
        .collect();

    (!parts.is_empty()).then(|| format!("took {:.1}s: {}", seconds(total), parts.join(", ")))
}

/// What was done, from what is done.
pub(super) fn past_tense(action: StepVerb) -> &'static str {
    match action {
        StepVerb::Create => "created",
        StepVerb::Update => "updated",
        StepVerb::Replace => "replaced",
        StepVerb::Delete => "deleted",
        StepVerb::Restore => "restored",
    }
}

/// The phases that a person is told of when they begin.
pub(in crate::report) fn phase_title(phase: Phase) -> Option<&'static str> {
    Some(match phase {
        Phase::Load | Phase::Observe | Phase::Compare | Phase::Preflight | Phase::Lock | Phase::Journal => {
            return None;
        }
        Phase::Rehearse => "rehearsing",
        Phase::Apply => "applying",
        Phase::Delete => "deleting",
        Phase::Verify => "verifying",
        Phase::Soak => "soaking",
        Phase::Commit => return None,
        Phase::Prune => "pruning",
        Phase::Rollback => "rolling back",
        Phase::Revert => "reverting",
    })
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Load => "load",
        Phase::Observe => "observe",
        Phase::Compare => "compare",
        Phase::Preflight => "preflight",
        Phase::Lock => "lock",
        Phase::Rehearse => "rehearse",
        Phase::Journal => "journal",
        Phase::Apply => "apply",
        Phase::Delete => "delete",
        Phase::Verify => "verify",
        Phase::Soak => "soak",
        Phase::Commit => "commit",
        Phase::Prune => "prune",
        Phase::Rollback => "rollback",
        Phase::Revert => "revert",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StepId;
    use crate::model::event::{RunEnd, RunOutcome};
    use crate::model::run_end::StateAfter;

    fn web() -> ObjectId {
        ObjectId::new("apps", "Deployment", Some("shop"), "web")
    }

    fn rollout(health: Health) -> Event {
        Event::Rollout {
            object: web(),
            health,
            settle_millis: None,
        }
    }

    fn waiting(why: &str) -> Event {
        rollout(Health::progressing(0, 3, why))
    }

    fn event_lines(text: &mut ProgressText, event: &Event, seconds: u64) -> Vec<String> {
        text.event_lines(event, Duration::from_secs(seconds))
    }

    #[test]
    fn an_object_is_said_to_be_updated_then_waited_for_seldom_then_ready_once() {
        // In the order of a run: the step, its answer, then one verdict after the other.
        let mut text = ProgressText::new(false);
        event_lines(
            &mut text,
            &Event::StepStarted {
                step: StepId::new(0),
                object: web(),
                action: StepVerb::Update,
            },
            0,
        );

        let ended = Event::StepEnded {
            step: StepId::new(0),
            object: web(),
            result: "done".into(),
            ok: true,
        };

        assert_eq!(
            event_lines(&mut text, &ended, 0),
            ["updated  Deployment shop/web"]
        );
        assert_eq!(
            event_lines(&mut text, &waiting("0 of 3 pods are ready"), 1).len(),
            1
        );
        // Within five seconds of the line before.
        assert_eq!(
            event_lines(&mut text, &waiting("1 of 3 pods are ready"), 2),
            [""; 0],
            "not again so soon"
        );
        // Five seconds after the line before, whatever else was not said meanwhile.
        assert_eq!(
            event_lines(&mut text, &waiting("2 of 3 pods are ready"), 6),
            ["waiting  Deployment shop/web: 2 of 3 pods are ready"]
        );

        assert_eq!(
            event_lines(&mut text, &rollout(Health::ready()), 7),
            ["ready    Deployment shop/web after 6.0s"]
        );
        // A verdict is told at each change of the object: one that says nothing new is silent.
        assert_eq!(event_lines(&mut text, &rollout(Health::ready()), 8), [""; 0]);
    }

    #[test]
    fn what_an_undo_keeps_is_not_said_to_be_deleted() {
        let mut text = ProgressText::new(false);
        event_lines(
            &mut text,
            &Event::StepStarted {
                step: StepId::new(0),
                object: web(),
                action: StepVerb::Delete,
            },
            0,
        );

        let ended = |result: &str| Event::StepEnded {
            step: StepId::new(0),
            object: web(),
            result: result.into(),
            ok: true,
        };

        assert_eq!(
            event_lines(&mut text, &ended("kept"), 0),
            ["kept     Deployment shop/web"]
        );
        assert_eq!(
            event_lines(&mut text, &ended("restored"), 0),
            ["deleted  Deployment shop/web"]
        );
    }

    #[test]
    fn what_needs_no_rollout_gets_one_line_and_the_end_says_how_long_each_phase_took() {
        let mut text = ProgressText::new(false);
        // No step and no wait: a verdict alone is no news.
        assert_eq!(event_lines(&mut text, &rollout(Health::ready()), 1), [""; 0]);

        for (phase, millis) in [(Phase::Apply, 1200), (Phase::Verify, 300)] {
            event_lines(&mut text, &Event::PhaseEnded { phase, millis }, 2);
        }
        let end = Event::Finished(RunEnd {
            outcome: RunOutcome::Promoted,
            message: "promoted shop".into(),
            after: StateAfter::default(),
            hints: vec!["kubectl get".into()],
            exit_code: 0,
        });

        assert_eq!(
            event_lines(&mut text, &end, 2),
            [
                "took 1.5s: apply 1.2s, verify 0.3s",
                "promoted shop",
                "hint: kubectl get"
            ]
        );
    }
}
