//! What a comparison says against a promotion, as findings of the preflight.
//!
//! The comparison itself takes no side: an untested difference or a missing Secret is a finding of `diff` as well. What of
//! it refuses a promotion, and what is only told, is decided here. The environment's rules never refuse by themselves: one
//! that has expired allows nothing, and what it would have allowed refuses instead.

use super::findings::{note, refuse};
use super::policy::PlanPolicy;
use crate::model::ObjectId;
use crate::model::check::Check;
use crate::model::environment::UntestedPolicy;
use crate::model::finding::{Comparison, RequirementFinding, RequirementState, RuleState, UntestedChange};
use crate::model::inventory::Inventory;
use crate::model::phrase::list_first;
use crate::model::plan::PreflightFinding;
use crate::model::release::PublicRelease;

/// A release that failed for a cause inside it would fail again.
pub fn quarantine(inventory: &Inventory, release: &PublicRelease) -> Option<PreflightFinding> {
    // One that failed for a cause outside of it is none, and neither is one that succeeded since.
    let failed = inventory.quarantined(&release.digest)?;

    let cause = failed
        .failure
        .as_ref()
        .map(|failure| failure.cause.message.as_str())
        .unwrap_or_default();

    let message = format!(
        "expected a release that has not failed here, found that revision {} of it failed at {}: {cause}",
        failed.revision, failed.ended_at
    );

    let hint = "record a new release, unless the cause is gone".to_owned();
    Some(refuse(
        Check::Quarantine,
        failed
            .failure
            .as_ref()
            .and_then(|failure| failure.object.as_ref()),
        message,
        Some(hint),
    ))
}

/// How many paths a sentence names.
const NAMED: usize = 4;

const SUGGEST: &str = "kubectl delivery compare --suggest writes rules for them";

/// Untested differences, requirements and rules.
pub(super) fn comparison_findings(comparison: &Comparison, policy: &PlanPolicy) -> Vec<PreflightFinding> {
    let mut findings = untested(comparison, policy);
    findings.extend(dropped(comparison, policy));
    findings.extend(comparison.requirements.iter().map(requirement));
    // Only told: a rule that does not hold leaves its differences without one, and these refuse.
    findings.extend(comparison.rules.iter().map(|finding| {
        let state = match &finding.state {
            RuleState::Unused => "matches no difference any more".to_owned(),
            RuleState::Expired => "has expired and allows nothing".into(),
            RuleState::ExpiresSoon { days } => format!("expires in {days} days"),
            RuleState::Broken { why } => format!("cannot be evaluated: {why}"),
        };
        note(
            Check::Rules,
            None,
            format!("difference rule {} of the environment {state}", finding.rule + 1),
        )
    }));

    findings
}

fn untested(comparison: &Comparison, policy: &PlanPolicy) -> Vec<PreflightFinding> {
    let mut findings = Vec::new();
    for object in &comparison.objects {
        let open: Vec<_> = object
            .untested
            .iter()
            .filter(|change| change.allowed_by.is_none())
            .collect();
        if open.is_empty() {
            continue;
        }
        // All of them, though the sentence names a few: a waiver has to name each.
        let paths: Vec<_> = open.iter().map(|change| change.path.to_string()).collect();

        let notes: Vec<_> = open
            .iter()
            .filter_map(|change| change.rule_note.as_deref())
            .collect();

        let mut message = format!(
            "expected what was tested, found differences at {}",
            list_first(paths.iter(), NAMED, ", ")
        );
        // One reason is enough: each path has its own in the comparison.
        if let Some(first) = notes.first() {
            message = format!("{message} ({first})");
        }
        let finding = match policy.untested {
            UntestedPolicy::Refuse => {
                refuse(Check::Untested, Some(&object.id()), message, Some(SUGGEST.into()))
            }
            UntestedPolicy::Report => note(Check::Untested, Some(&object.id()), message),
        };
        findings.push(PreflightFinding { paths, ..finding });
    }
    findings
}

/// Tested objects that are not applied here, unless a rule allows it.
fn dropped(comparison: &Comparison, policy: &PlanPolicy) -> Vec<PreflightFinding> {
    let open = comparison
        .dropped
        .iter()
        .filter(|(_, change)| change.allowed_by.is_none());

    let finding = |(id, change): &(ObjectId, UntestedChange)| {
        let why = change
            .rule_note
            .as_deref()
            .map(|note| format!(" ({note})"))
            .unwrap_or_default();

        let message = format!("expected what was tested, found that it is not applied here{why}");
        match policy.untested {
            UntestedPolicy::Refuse => refuse(Check::Untested, Some(id), message, Some(SUGGEST.into())),
            UntestedPolicy::Report => note(Check::Untested, Some(id), message),
        }
    };

    open.map(finding).collect()
}

fn requirement(finding: &RequirementFinding) -> PreflightFinding {
    let object = Some(&finding.object);
    let by: Vec<_> = finding.needed_by.iter().map(ToString::to_string).collect();
    let by = if by.is_empty() {
        String::new()
    } else {
        format!(" (needed by {})", list_first(by.iter(), NAMED, ", "))
    };

    match &finding.state {
        // Nothing of the release makes it, and a pod that needs it would wait for it for ever.
        RequirementState::Missing => {
            let message = format!("expected it to exist, found nothing{by}");
            refuse(Check::Requirements, object, message, Some("create it".into()))
        }
        RequirementState::KeysMissing => {
            let keys = finding.keys.join(", ");
            let message = format!("expected the keys {keys}, found none of that name{by}");
            refuse(Check::Requirements, object, message, Some("add the keys".into()))
        }
        // It is there for a moment yet: a pod that starts later does not find it.
        RequirementState::BeingDeleted => {
            let hint = "wait until it is gone, and create it again".to_owned();
            refuse(
                Check::Requirements,
                object,
                format!("is being deleted{by}"),
                Some(hint),
            )
        }
        RequirementState::WrongType { found } => refuse(
            Check::Requirements,
            object,
            format!("expected another type than {found}{by}"),
            None,
        ),
        // The release brings what makes it: it is waited for, and not refused.
        RequirementState::Awaited { produced_by } => note(
            Check::Requirements,
            object,
            format!("is not there yet: {produced_by} makes it{by}"),
        ),
        // Unknown is not there, and not absent either: a promotion does not go on by luck.
        RequirementState::Unreadable { why } => refuse(
            Check::Requirements,
            object,
            format!("expected to read it, found: {why}{by}"),
            None,
        ),
    }
}
