//! Plain lines: for a pipe, a log, a terminal that cannot move its cursor.
//!
//! A log is read afterwards, by somebody who looks for the moment in which it went wrong: each change is said once,
//! waiting seldom, and an end at once. Lines of a pipe and those above the live tree are the same.

use super::board::{Board, State};
use crate::model::ObjectId;
use crate::model::event::{Event, Outcome, Phase};
use crate::model::plan::Severity;
use crate::model::verdict::Verdict;
use crate::report::{clean, finding_text};
use std::collections::HashMap;
use std::time::Duration;

/// How often one object's progress is said; its end is said at once.
const PAUSE: Duration = Duration::from_secs(5);

/// Turns events into lines. Says what changes, once.
#[derive(Debug, Default)]
pub struct Lines {
    board: Board,
    // When each object was last said to wait: verdicts come far more often than that.
    waiting: HashMap<ObjectId, Duration>,
    color: bool,
}

impl Lines {
    /// Nothing was said yet.
    pub fn new(color: bool) -> Self {
        Self {
            color,
            ..Self::default()
        }
    }

    /// What is known of the run.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The lines that an event adds, cleaned, without their line ends.
    pub fn take(&mut self, event: &Event, at: Duration) -> Vec<String> {
        // Before the board takes it: what is said depends on how the object stood until now.
        let lines = self.said(event, at);
        self.board.take(event, at);

        let mut lines: Vec<String> = lines.iter().map(|line| clean(line).into_owned()).collect();
        // After cleaning, which would show our own escapes as well.
        if let (true, Some(code), Some(first)) = (self.color, color_of(event), lines.first_mut()) {
            *first = format!("\u{1b}[{code}m{first}\u{1b}[0m");
        }
        lines
    }

    fn said(&mut self, event: &Event, at: Duration) -> Vec<String> {
        match event {
            Event::PhaseStarted { phase } => {
                name(*phase).map(|name| format!("{name} …")).into_iter().collect()
            }
            // Told later: a step by its answer, the times of the phases at the end of the run.
            Event::PhaseEnded { .. } | Event::Planned { .. } | Event::StepStarted { .. } => Vec::new(),
            Event::Preflight { findings } => {
                let refuses = findings
                    .iter()
                    .filter(|finding| finding.severity == Severity::Refuse);
                refuses
                    .map(|finding| format!("refused [{}] {}", finding.check, finding_text(finding)))
                    .collect()
            }
            Event::StepEnded {
                object, result, ok, ..
            } => {
                // The answer does not repeat what was asked for: the row knows.
                let action = self
                    .board
                    .row(object)
                    .map(|row| row.action.clone())
                    .unwrap_or_default();

                vec![match ok {
                    // An undo's: it was not deleted, or not put back, and a note has said why.
                    true if matches!(&**result, "kept" | "gone") => format!("{result:<8} {object}"),
                    true => format!("{:<8} {object}", past(&action)),
                    false => format!("cannot {action} {object}: {result}"),
                }]
            }
            Event::Rollout { object, verdict } => self.rollout(object, verdict, at).into_iter().collect(),
            Event::Failed { .. } => failed(event),
            Event::Note { object, message } => {
                let object = object.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
                vec![format!("note     {object}{message}")]
            }
            Event::Finished { message, next, .. } => {
                // The last line is the one that is read: what to type stands there.
                let mut lines = vec![message.clone()];
                lines.extend(times(&self.board.phases));
                lines.extend(next.iter().map(|next| format!("  next: {next}")));
                lines
            }
        }
    }

    fn rollout(&mut self, object: &ObjectId, verdict: &Verdict, at: Duration) -> Option<String> {
        match verdict {
            Verdict::Waiting { why, .. } => {
                let last = self.waiting.get(object);
                // A reason changes with every pod: said each time, it would bury the rest.
                if last.is_some_and(|last| at.saturating_sub(*last) < PAUSE) {
                    return None;
                }

                self.waiting.insert(object.clone(), at);
                Some(format!("waiting  {object}: {why}"))
            }
            Verdict::Done { note } => {
                let waited = self.waiting.remove(object);
                let since = self
                    .board
                    .row(object)
                    .filter(|row| matches!(row.state, State::Waiting { .. }));
                let note = note
                    .as_deref()
                    .map(|note| format!(" ({note})"))
                    .unwrap_or_default();

                match (waited, since) {
                    // Ready before anybody waited: its step has said enough.
                    (None, _) if note.is_empty() => None,
                    (Some(_), Some(row)) => {
                        let seconds = at.saturating_sub(row.since).as_secs_f64();
                        Some(format!("ready    {object} after {seconds:.1} s{note}"))
                    }
                    _ => Some(format!("ready    {object}{note}")),
                }
            }
            // What is told of the failure follows.
            Verdict::Failed { .. } => None,
        }
    }
}

/// The colour of the first line, where it has one.
fn color_of(event: &Event) -> Option<&'static str> {
    match event {
        Event::Failed { .. } => Some("1;31"),
        Event::Finished { outcome, .. } => Some(match outcome {
            Outcome::Promoted | Outcome::NothingToDo => "1;32",
            Outcome::NotFullyReverted | Outcome::Refused => "1;31",
            // Put back, locked, left, or not wholly pruned. `wait` has more outcomes, and lines of its own.
            _ => "1;33",
        }),
        Event::PhaseStarted { .. } => Some("1"),
        _ => None,
    }
}

/// One block: the cause first.
fn failed(event: &Event) -> Vec<String> {
    let Event::Failed {
        object,
        cause,
        logs,
        events,
        changes,
    } = event
    else {
        // Cannot come here: `said` calls this for one event alone.
        return Vec::new();
    };
    let object = object.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();

    let mut lines = vec![format!("FAILED   {object}{}", cause.message)];
    // Before the words of pods and events: what was changed is where to look first.
    lines.extend(
        changes
            .iter()
            .map(|path| format!("  changed by this promotion: {path}")),
    );
    lines.extend(events.iter().map(|event| format!("  event: {event}")));
    lines.extend(logs.iter().map(|line| format!("  log: {line}")));
    lines
}

/// `took 12.4 s: apply 12.2 s, prove 0.2 s`; nothing where no phase was long enough to tell.
fn times(phases: &[(Phase, u64)]) -> Option<String> {
    let total: u64 = phases.iter().map(|(_, millis)| millis).sum();
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a run")]
    let seconds = |millis: u64| millis as f64 / 1000.0;

    let of: Vec<String> = phases
        .iter()
        .map(|(phase, millis)| format!("{} {:.1} s", word(*phase), seconds(*millis)))
        .collect();

    (!of.is_empty()).then(|| format!("  took {:.1} s: {}", seconds(total), of.join(", ")))
}

/// What was done, from what is done.
pub(super) fn past(action: &str) -> &str {
    match action {
        "create" => "created",
        "apply" => "changed",
        "recreate" => "replaced",
        "delete" => "deleted",
        "restore" => "put back",
        other => other,
    }
}

/// The phases that a person is told of when they begin.
pub(super) fn name(phase: Phase) -> Option<&'static str> {
    Some(match phase {
        Phase::Load | Phase::Observe | Phase::Compare | Phase::Preflight | Phase::Lock | Phase::Journal => {
            return None;
        }
        Phase::Apply => "applying",
        Phase::Prove => "proving",
        Phase::Soak => "soaking",
        Phase::Commit => return None,
        Phase::Prune => "pruning",
        Phase::Revert => "putting back",
    })
}

fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Load => "load",
        Phase::Observe => "observe",
        Phase::Compare => "compare",
        Phase::Preflight => "preflight",
        Phase::Lock => "lock",
        Phase::Journal => "journal",
        Phase::Apply => "apply",
        Phase::Prove => "prove",
        Phase::Soak => "soak",
        Phase::Commit => "commit",
        Phase::Prune => "prune",
        Phase::Revert => "revert",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> ObjectId {
        ObjectId::new("apps", "Deployment", Some("shop"), "web")
    }

    fn waiting(why: &str) -> Event {
        Event::Rollout {
            object: web(),
            verdict: Verdict::waiting(0, 3, why),
        }
    }

    fn take(lines: &mut Lines, event: Event, seconds: u64) -> Vec<String> {
        lines.take(&event, Duration::from_secs(seconds))
    }

    #[test]
    fn an_object_is_said_to_be_changed_then_waited_for_seldom_then_ready_once() {
        // In the order of a run: the step, its answer, then one verdict after the other.
        let mut lines = Lines::new(false);
        take(
            &mut lines,
            Event::StepStarted {
                step: 0,
                object: web(),
                action: "apply".into(),
            },
            0,
        );

        let ended = Event::StepEnded {
            step: 0,
            object: web(),
            result: "done".into(),
            ok: true,
        };

        assert_eq!(take(&mut lines, ended, 0), ["changed  Deployment shop/web"]);
        assert_eq!(take(&mut lines, waiting("0 of 3 pods are ready"), 1).len(), 1);
        // Within five seconds of the line before.
        assert_eq!(
            take(&mut lines, waiting("1 of 3 pods are ready"), 2),
            [""; 0],
            "not again so soon"
        );
        // Five seconds after the line before, whatever else was not said meanwhile.
        assert_eq!(
            take(&mut lines, waiting("2 of 3 pods are ready"), 6),
            ["waiting  Deployment shop/web: 2 of 3 pods are ready"]
        );

        let done = Event::Rollout {
            object: web(),
            verdict: Verdict::done(),
        };
        assert_eq!(
            take(&mut lines, done.clone(), 7),
            ["ready    Deployment shop/web after 6.0 s"]
        );
        // A verdict is told at each change of the object: one that says nothing new is silent.
        assert_eq!(take(&mut lines, done, 8), [""; 0]);
    }

    #[test]
    fn what_an_undo_keeps_is_not_said_to_be_deleted() {
        let mut lines = Lines::new(false);
        take(
            &mut lines,
            Event::StepStarted {
                step: 0,
                object: web(),
                action: "delete".into(),
            },
            0,
        );

        let ended = |result: &str| Event::StepEnded {
            step: 0,
            object: web(),
            result: result.into(),
            ok: true,
        };

        assert_eq!(
            take(&mut lines, ended("kept"), 0),
            ["kept     Deployment shop/web"]
        );
        assert_eq!(
            take(&mut lines, ended("as before"), 0),
            ["deleted  Deployment shop/web"]
        );
    }

    #[test]
    fn what_needs_no_rollout_gets_one_line_and_the_end_says_how_long_each_phase_took() {
        let mut lines = Lines::new(false);
        let done = Event::Rollout {
            object: web(),
            verdict: Verdict::done(),
        };
        // No step and no wait: a verdict alone is no news.
        assert_eq!(take(&mut lines, done, 1), [""; 0]);

        take(
            &mut lines,
            Event::PhaseEnded {
                phase: Phase::Apply,
                millis: 1200,
            },
            2,
        );
        take(
            &mut lines,
            Event::PhaseEnded {
                phase: Phase::Prove,
                millis: 300,
            },
            2,
        );

        let message = "promoted \u{1b}[31mshop".to_owned();
        let end = Event::Finished {
            outcome: Outcome::Promoted,
            message,
            next: vec!["kubectl get".into()],
        };

        let said = take(&mut lines, end, 2);
        assert_eq!(
            said[1..],
            ["  took 1.5 s: apply 1.2 s, prove 0.3 s", "  next: kubectl get"]
        );

        // A message can quote a server.
        assert!(!said[0].contains('\u{1b}'), "{said:?}");
    }
}
