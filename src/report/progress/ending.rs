//! How a run ended, as a user reads it last: the error, what is promoted now, and what to type.

use crate::model::event::{RunEnd, RunOutcome};
use crate::model::phrase::{counted, list_first};
use crate::model::run_end::{CurrentRelease, RollbackResult, StateAfter};
use crate::report::{Palette, Tone, clean};

/// Differences that are named; more are counted.
const NAMED: usize = 10;

/// The lines of the end, cleaned and painted, without their line ends.
pub(super) fn ending_lines(end: &RunEnd, palette: Palette) -> Vec<String> {
    let message = clean(&end.message);
    let first = if end.exit_code == 0 {
        palette.paint(success_tone(end.outcome), &message)
    } else {
        format!("{} {message}", palette.paint(Tone::Failure, "error:"))
    };

    let mut lines = vec![first];
    lines.extend(state_line(end).map(|line| clean(&line).into_owned()));
    lines.extend(notes(end));
    let hint = palette.paint(Tone::Hint, "hint:");
    lines.extend(end.hints.iter().map(|text| format!("{hint} {}", clean(text))));
    // Whoever is woken by it has to know that, too.
    if end.hints.is_empty() && end.exit_code == 0 && end.outcome != RunOutcome::NothingToDo {
        lines.push("no action needed".into());
    }
    lines
}

fn success_tone(outcome: RunOutcome) -> Tone {
    match outcome {
        RunOutcome::PromotedPruneIncomplete => Tone::Warning,
        _ => Tone::Success,
    }
}

/// What there is now; none where the end did not change it, or nobody knows.
pub(in crate::report) fn state_line(end: &RunEnd) -> Option<String> {
    let current = &end.after.current;
    if end.outcome == RunOutcome::RehearsalFailed {
        return Some(rehearsed_line(&end.after));
    }
    let Some(rollback) = &end.after.rollback else {
        let current = current_line(current)?;
        return match end.outcome {
            RunOutcome::Unfinished => Some(current),
            // Of what was applied all of it stays.
            RunOutcome::RollbackIncomplete => Some(format!("the promotion is unfinished; {current}")),
            _ => None,
        };
    };

    if rollback.not_restored > 0 {
        return Some(counts(rollback));
    }
    match (&rollback.not_ready, end.outcome) {
        (Some(what), RunOutcome::RollbackIncomplete) => Some(format!("rolled back, but {what}")),
        (_, RunOutcome::Reverted | RunOutcome::RevertIncomplete) => reverted_line(rollback, current),
        _ => rolled_back_line(rollback, current),
    }
}

/// `no object of the release was changed; pods that ran and are deleted: Pod shop/web-rehearsal-…`.
fn rehearsed_line(after: &StateAfter) -> String {
    let pods = list_first(after.rehearsed.iter().map(|one| &one.pod), NAMED, ", ");
    let current = current_line(&after.current).map(|line| format!("; {line}"));
    let current = current.unwrap_or_default();
    format!("no object of the release was changed{current}; pods that ran and are deleted: {pods}")
}

/// What is not as it was, a line each.
fn notes(end: &RunEnd) -> Vec<String> {
    let differences = end.after.rollback.iter().flat_map(|one| &one.differences);
    let mut notes: Vec<String> = differences.map(|one| format!("note: {}", clean(one))).collect();
    if notes.len() > NAMED {
        let more = notes.len() - NAMED;
        notes.truncate(NAMED);
        notes.push(format!("note: and {more} more"));
    }
    notes
}

fn rolled_back_line(rollback: &RollbackResult, current: &CurrentRelease) -> Option<String> {
    let name = named(current);
    Some(match (rollback.has_changed(), name) {
        (false, _) => format!("nothing was changed; {}", current_line(current)?),
        (true, Some(name)) if rollback.ready => format!("rolled back: {name} is running"),
        (true, Some(name)) => format!("rolled back to {name}"),
        (true, None) => format!("rolled back: {}; {}", counts(rollback), current_line(current)?),
    })
}

fn reverted_line(rollback: &RollbackResult, current: &CurrentRelease) -> Option<String> {
    Some(match named(current) {
        Some(name) if rollback.ready => format!("{name} is running"),
        Some(_) => current_line(current)?,
        None if rollback.has_changed() => format!("{}; {}", counts(rollback), current_line(current)?),
        None => format!("nothing was changed; {}", current_line(current)?),
    })
}

/// `shop 1.4.1 (revision 6)`.
fn named(current: &CurrentRelease) -> Option<String> {
    match current {
        CurrentRelease::Promoted { release, revision } => Some(format!("{release} (revision {revision})")),
        CurrentRelease::None | CurrentRelease::Unknown => None,
    }
}

fn current_line(current: &CurrentRelease) -> Option<String> {
    match current {
        CurrentRelease::Unknown => None,
        CurrentRelease::None => Some("no release is promoted".into()),
        CurrentRelease::Promoted { .. } => {
            named(current).map(|name| format!("the current release is {name}"))
        }
    }
}

/// `3 objects restored, 2 deleted`; what did not happen is left out.
fn counts(rollback: &RollbackResult) -> String {
    let counts = [
        (rollback.restored, "restored"),
        (rollback.deleted, "deleted"),
        (rollback.not_restored, "not restored"),
    ];
    let mut parts = Vec::new();
    for (count, verb) in counts.into_iter().filter(|(count, _)| *count > 0) {
        parts.push(match parts.is_empty() {
            true => format!("{} {verb}", counted(count, "object")),
            false => format!("{count} {verb}"),
        });
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::run_end::ReleaseVersion;
    use rstest::rstest;

    const CAUSE: &str = "promotion of shop 1.4.2 failed: container web exits with code 3 (2 restarts)";

    fn promoted() -> CurrentRelease {
        CurrentRelease::Promoted {
            release: ReleaseVersion {
                name: "shop".into(),
                version: "1.4.1".into(),
            },
            revision: 6,
        }
    }

    fn rollback(restored: usize, deleted: usize, ready: bool) -> RollbackResult {
        RollbackResult {
            restored,
            deleted,
            ready,
            ..RollbackResult::default()
        }
    }

    fn end(outcome: RunOutcome, current: CurrentRelease, rollback: Option<RollbackResult>) -> RunEnd {
        RunEnd {
            outcome,
            message: CAUSE.into(),
            after: StateAfter {
                current,
                rollback,
                ..StateAfter::default()
            },
            hints: Vec::new(),
            exit_code: 3,
        }
    }

    #[rstest]
    #[case::ready_again(
        RunOutcome::RolledBack,
        promoted(),
        rollback(2, 1, true),
        "rolled back: shop 1.4.1 (revision 6) is running"
    )]
    #[case::not_found_ready(
        RunOutcome::RolledBack,
        promoted(),
        rollback(2, 1, false),
        "rolled back to shop 1.4.1 (revision 6)"
    )]
    #[case::the_first(
        RunOutcome::RolledBack,
        CurrentRelease::None,
        rollback(3, 2, false),
        "rolled back: 3 objects restored, 2 deleted; no release is promoted"
    )]
    #[case::the_first_with_new_objects_alone(
        RunOutcome::InterruptedRolledBack,
        CurrentRelease::None,
        rollback(0, 1, false),
        "rolled back: 1 object deleted; no release is promoted"
    )]
    #[case::before_anything_was_sent(
        RunOutcome::RolledBack,
        promoted(),
        rollback(0, 0, false),
        "nothing was changed; the current release is shop 1.4.1 (revision 6)"
    )]
    #[case::reverted_and_ready(
        RunOutcome::Reverted,
        promoted(),
        rollback(2, 0, true),
        "shop 1.4.1 (revision 6) is running"
    )]
    #[case::reverted(
        RunOutcome::Reverted,
        promoted(),
        rollback(2, 0, false),
        "the current release is shop 1.4.1 (revision 6)"
    )]
    #[case::reverted_the_first(
        RunOutcome::Reverted,
        CurrentRelease::None,
        rollback(0, 4, false),
        "4 objects deleted; no release is promoted"
    )]
    #[case::incomplete(
        RunOutcome::RollbackIncomplete,
        promoted(),
        RollbackResult { not_restored: 1, ..rollback(2, 0, true) },
        "2 objects restored, 1 not restored"
    )]
    #[case::not_ready_again(
        RunOutcome::RollbackIncomplete,
        promoted(),
        RollbackResult { not_ready: Some("Deployment shop/web was ready before and is not now: X".into()), ..rollback(2, 0, false) },
        "rolled back, but Deployment shop/web was ready before and is not now: X"
    )]
    fn after_the_error_stands_what_is_promoted_now(
        #[case] outcome: RunOutcome,
        #[case] current: CurrentRelease,
        #[case] result: RollbackResult,
        #[case] line: &str,
    ) {
        let lines = ending_lines(&end(outcome, current, Some(result)), Palette::new(false));
        assert_eq!(lines[..2], [format!("error: {CAUSE}"), line.to_owned()]);
    }

    #[rstest]
    #[case::unfinished(RunOutcome::Unfinished, promoted(), &["the current release is shop 1.4.1 (revision 6)"])]
    #[case::not_rolled_back(RunOutcome::RollbackIncomplete, CurrentRelease::None, &["the promotion is unfinished; no release is promoted"])]
    #[case::nobody_has_read_it(RunOutcome::Unfinished, CurrentRelease::Unknown, &[])]
    #[case::refused(RunOutcome::Refused, promoted(), &[])]
    fn where_nothing_was_rolled_back_an_open_promotion_says_what_is_promoted(
        #[case] outcome: RunOutcome,
        #[case] current: CurrentRelease,
        #[case] state: &[&str],
    ) {
        let lines = ending_lines(&end(outcome, current, None), Palette::new(false));
        assert_eq!(lines[1..], *state);
    }

    #[test]
    fn what_differs_from_before_is_noted_the_first_ten_by_name() {
        let result = RollbackResult {
            differences: (0..12).map(|n| format!("Job shop/{n} was recreated")).collect(),
            ..rollback(2, 0, true)
        };
        let lines = ending_lines(
            &end(RunOutcome::RolledBack, promoted(), Some(result)),
            Palette::new(false),
        );
        assert_eq!(lines[2], "note: Job shop/0 was recreated");
        assert_eq!(lines[12..], ["note: and 2 more"]);
    }

    #[test]
    fn an_end_says_what_to_type_and_a_good_one_that_nothing_has_to_be_typed() {
        let mut failed = end(RunOutcome::RolledBack, CurrentRelease::None, None);
        let palette = Palette::new(false);
        assert_eq!(ending_lines(&failed, palette).len(), 1);
        let good = RunEnd {
            exit_code: 0,
            ..failed.clone()
        };
        assert_eq!(ending_lines(&good, palette).last().unwrap(), "no action needed");

        failed.hints = vec!["kubectl delivery status shop -n shop".into()];
        let lines = ending_lines(&failed, palette);
        assert_eq!(lines[1..], ["hint: kubectl delivery status shop -n shop"]);
    }

    #[test]
    fn a_good_end_is_no_error_and_no_text_reaches_the_terminal_unseen() {
        let end = RunEnd {
            message: "promoted \u{1b}[31mshop".into(),
            exit_code: 0,
            ..end(RunOutcome::Promoted, promoted(), None)
        };
        let lines = ending_lines(&end, Palette::new(false));
        assert_eq!(lines, ["promoted \\u001b[31mshop", "no action needed"]);
    }
}
