//! What a comparison says against a promotion, as findings of the preflight.
//!
//! The comparison itself takes no side: an untested difference or a missing Secret is a finding of `diff` as well. What of
//! it refuses a promotion, and what is only told, is decided here. The environment's rules never refuse by themselves: one
//! that has expired allows nothing, and what it would have allowed refuses instead.

use super::findings::{note, refuse};
use super::policy::PlanPolicy;
use super::termination::wait_command;
use crate::model::ObjectId;
use crate::model::check::Check;
use crate::model::environment::UntestedPolicy;
use crate::model::finding::{Comparison, RequirementFinding, RequirementState, RuleState, UntestedChange};
use crate::model::inventory::Inventory;
use crate::model::phrase::{counted, list_first};
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
        "quarantined: revision {} of this release failed at {}: {cause}",
        failed.revision, failed.ended_at
    );

    let hint = format!(
        "to record a fix: kubectl delivery record -k DIR --name {0} --version VERSION -o {0}.release.yaml",
        release.name
    );
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

const SUGGEST: &str = "to write allow rules: kubectl delivery compare RELEASE -e ENVIRONMENT --suggest";

/// Untested differences, requirements and rules.
pub(super) fn comparison_findings(comparison: &Comparison, policy: &PlanPolicy) -> Vec<PreflightFinding> {
    let mut findings = untested(comparison, policy);
    findings.extend(dropped(comparison, policy));
    findings.extend(comparison.requirements.iter().map(requirement));
    // Only told: a rule that does not hold leaves its differences without one, and these refuse.
    findings.extend(comparison.rules.iter().map(|finding| {
        let state = match &finding.state {
            RuleState::Unused => "matches no difference".to_owned(),
            RuleState::Expired => "has expired and allows nothing".into(),
            RuleState::ExpiresSoon { days } => format!("expires in {}", counted(*days as usize, "day")),
            RuleState::Broken { why } => format!("cannot be evaluated: {why}"),
        };
        note(
            Check::Rules,
            None,
            format!("allow rule {} of the environment {state}", finding.rule + 1),
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
        // All of them: a waiver has to name each.
        let paths: Vec<_> = open.iter().map(|change| change.path.to_string()).collect();

        let notes: Vec<_> = open
            .iter()
            .filter_map(|change| change.rule_note.as_deref())
            .collect();

        let mut message = "untested difference".to_owned();
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

        let message = format!("untested difference: tested, and not applied here{why}");
        match policy.untested {
            UntestedPolicy::Refuse => refuse(Check::Untested, Some(id), message, Some(SUGGEST.into())),
            UntestedPolicy::Report => note(Check::Untested, Some(id), message),
        }
    };

    open.map(finding).collect()
}

/// The command that creates what is missing.
fn create_command(id: &ObjectId) -> String {
    let name = &id.name;
    let namespace = id.namespace.as_ref();
    let namespace = namespace
        .map(|namespace| format!(" -n {namespace}"))
        .unwrap_or_default();

    match id.kind.as_str() {
        "ConfigMap" => format!("kubectl create configmap {name}{namespace} --from-literal=KEY=VALUE"),
        "Secret" => format!("kubectl create secret generic {name}{namespace} --from-literal=KEY=VALUE"),
        "ServiceAccount" => format!("kubectl create serviceaccount {name}{namespace}"),
        _ => format!("kubectl create -f FILE{namespace}"),
    }
}

fn requirement(finding: &RequirementFinding) -> PreflightFinding {
    let object = Some(&finding.object);
    let by: Vec<_> = finding.needed_by.iter().map(ToString::to_string).collect();
    let by = if by.is_empty() {
        String::new()
    } else {
        format!(" (used by {})", list_first(by.iter(), NAMED, ", "))
    };

    match &finding.state {
        // Nothing of the release makes it, and a pod that needs it would wait for it for ever.
        RequirementState::Missing => {
            let message = format!("does not exist{by}");
            refuse(
                Check::Requirements,
                object,
                message,
                Some(create_command(&finding.object)),
            )
        }
        RequirementState::KeysMissing => {
            let keys: Vec<String> = finding.keys.iter().map(|key| format!("{key:?}")).collect();
            let noun = if keys.len() == 1 { "key" } else { "keys" };
            let message = format!("missing {noun} {}{by}", keys.join(", "));
            let hint = format!("kubectl edit {}", finding.object.kubectl_args());
            refuse(Check::Requirements, object, message, Some(hint))
        }
        // It is there for a moment yet: a pod that starts later does not find it.
        RequirementState::BeingDeleted => {
            let hint = format!("{}, then create it again", wait_command(&finding.object));
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
            format!("has the wrong type {found}{by}"),
            None,
        ),
        // The release brings what makes it: it is waited for, and not refused.
        RequirementState::Awaited { produced_by } => note(
            Check::Requirements,
            object,
            format!("does not exist yet: created by {produced_by}{by}"),
        ),
        // Unknown is not there, and not absent either: a promotion does not go on by luck.
        RequirementState::Unreadable { why } => refuse(
            Check::Requirements,
            object,
            format!("cannot be read: {why}{by}"),
            None,
        ),
    }
}
