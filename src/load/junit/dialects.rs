//! The words of the dialects: surefire, gtest, Catch2, pytest, jest, go-junit-report, nextest, Robot Framework, k6.
//!
//! They are read as one language, so that a report need not say whose it is.

use super::NotAReport;

/// How one test case ended, from good to bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HistoryOutcome {
    #[default]
    Passed,
    Skipped,
    Failed,
    Errored,
}

/// What an element says of the test case that holds it; none where it says nothing of its end. `flakyFailure` and
/// `flakyError` are tries of a test that passed in the end.
pub(super) fn outcome_of_element(name: &str) -> Option<HistoryOutcome> {
    match name {
        // A rerun that failed, too: where one passes in the end, the tries before it are the flaky ones.
        "failure" | "rerunFailure" => Some(HistoryOutcome::Failed),
        "error" | "rerunError" => Some(HistoryOutcome::Errored),
        "skipped" | "disabled" | "ignored" => Some(HistoryOutcome::Skipped),
        _ => None,
    }
}

/// What an attribute of a test case says of its end.
pub(super) fn outcome_of_attribute(
    attribute: &str,
    value: &str,
) -> Result<Option<HistoryOutcome>, NotAReport> {
    if !matches!(attribute, "status" | "result") {
        return Ok(None);
    }
    match value.trim().to_ascii_lowercase().as_str() {
        // `run` and `completed` say that it ran, and not how: an element inside says that.
        "" | "passed" | "pass" | "success" | "successful" | "succeeded" | "ok" | "run" | "completed"
        | "finished" => Ok(None),
        "skipped" | "skip" | "notrun" | "not_run" | "suppressed" | "disabled" | "ignored" | "pending"
        | "todo" => Ok(Some(HistoryOutcome::Skipped)),
        "failed" | "fail" | "failure" | "broken" | "timeout" | "timedout" | "timed_out" | "aborted"
        | "interrupted" => Ok(Some(HistoryOutcome::Failed)),
        "error" | "errored" => Ok(Some(HistoryOutcome::Errored)),
        // A word of a dialect that nobody here knows is not taken for a good one.
        _ => Err(NotAReport::Status {
            attribute: attribute.into(),
            found: value.into(),
        }),
    }
}

/// Which count of a suite an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Tests,
    Failures,
    Errors,
    Skipped,
}

pub(super) fn count(attribute: &str) -> Option<Count> {
    match attribute {
        "tests" => Some(Count::Tests),
        "failures" | "failed" => Some(Count::Failures),
        "errors" => Some(Count::Errors),
        "skipped" | "skips" | "skip" | "disabled" | "ignored" => Some(Count::Skipped),
        _ => None,
    }
}
