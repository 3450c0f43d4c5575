//! The summary of a run on the page of a GitHub Actions job.

use crate::model::ObjectId;
use crate::model::event::RunEnd;
use crate::model::verification::VerificationSummary;
use crate::report::clean;
use crate::report::diff::code_span;
use crate::report::progress::state_line;
use serde_json::to_value;

/// How it ended, what is promoted now, what was verified, what failed, and what to type next.
pub(super) fn markdown(
    end: &RunEnd,
    failed: &[(Option<ObjectId>, String)],
    verification: Option<&VerificationSummary>,
) -> String {
    // In code, where no reader of markdown looks for markup, mentions or links.
    let text = |text: &str| code_span(&clean(text));
    let outcome = to_value(end.outcome).ok();
    let outcome = outcome.as_ref().and_then(|outcome| outcome.as_str());

    let mut lines = vec![format!("### kubectl delivery: {}", outcome.unwrap_or_default())];
    lines.extend([String::new(), text(&end.message), String::new()]);
    lines.extend(state_line(end).map(|state| format!("- Now: {}", text(&state))));
    lines.extend(verification.map(|summary| format!("- Images: {}", text(&summary.message))));
    for (object, cause) in failed {
        let object = object.as_ref().map(|id| format!("{}: ", text(&id.to_string())));
        lines.push(format!("- Failed: {}{}", object.unwrap_or_default(), text(cause)));
    }
    let hints = end.hints.iter().map(|hint| text(hint));
    lines.extend(hints.map(|hint| format!("- Hint: {hint}")));
    lines.push(String::new());
    lines.join("\n") + "\n"
}
