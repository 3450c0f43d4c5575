//! Whether the pods of a workload would be accepted: a dry-run of its Deployment says nothing of quota, pod security or
//! accounts, so a pod of its template was tried.

use super::prerequisites::Prerequisites;
use crate::model::check::Check;
use crate::model::plan::PreflightFinding;
use crate::model::preflight::{Answers, DryRunResult, Questions};
use crate::model::refusal::{Refusal, RefusalCause};
use crate::model::unreachable_webhook::UnreachableWebhook;
use crate::plan::{note, refuse};

/// What the answers say of the pods that were tried. `quota_findings` are what the sums say of the quotas that are there.
pub(super) fn pod_findings(
    asked: &Questions,
    answers: &Answers,
    prerequisites: &Prerequisites<'_>,
    quota_findings: &[PreflightFinding],
) -> Vec<PreflightFinding> {
    let mut findings = Vec::new();
    for (dry_run, answer) in asked.pods.iter().zip(&answers.pods) {
        let id = Some(&dry_run.workload);
        match answer {
            DryRunResult::Refused { code, message, .. }
                if is_full_quota(*code, message) && has_room(&dry_run.namespace, answers, quota_findings) => {
            }
            DryRunResult::Refused { message, webhook, .. } => {
                // A webhook that has to admit pods may be a part of this very release.
                let repaired = || {
                    let webhook = webhook.as_ref()?;
                    prerequisites.repair_wave(webhook).map(|_| repaired_note(webhook))
                };

                let awaited = prerequisites.awaited_by_pod(message, &dry_run.workload);
                findings.push(match awaited.or_else(repaired) {
                    Some(awaited) => note(Check::Pods, id, awaited),
                    None => {
                        let message = format!("its pods would be rejected: {message}");
                        refuse(Check::Pods, id, message, None)
                    }
                });
            }
            // Whoever may not create pods may still promote: what admission says is seen in the rollout then.
            DryRunResult::Unknown { why, .. } => {
                let awaited = prerequisites.awaited_by_pod(why.reason(), &dry_run.workload);
                let message = awaited.unwrap_or_else(|| format!("pod admission not checked: {why}"));
                findings.push(note(Check::Pods, id, message));
            }
            // It was accepted by rules that are others by the time its pods are made.
            DryRunResult::Accepted(_) => {
                let awaited = prerequisites.awaited_pod_security(&dry_run.workload);
                findings.extend(awaited.map(|awaited| note(Check::Pods, id, awaited)));
            }
        }
    }

    findings
}

/// Whether a quota is why a pod was refused.
fn is_full_quota(code: u16, message: &str) -> bool {
    Refusal::parse(Some(code), message).cause == RefusalCause::ExceededQuota
}

/// Whether the quotas of a namespace have room for all, as they were summed: the server counts the pods that go first, too.
fn has_room(namespace: &str, answers: &Answers, quota_findings: &[PreflightFinding]) -> bool {
    let is_here = |other: Option<&str>| other == Some(namespace);
    let is_read = answers.quotas.iter().any(|quota| is_here(quota.namespace()));
    let objects = quota_findings.iter().flat_map(|finding| &finding.objects);
    is_read && !objects.into_iter().any(|id| is_here(id.namespace.as_deref()))
}

/// What is said where a webhook does not answer that the promotion itself changes.
pub(super) fn repaired_note(webhook: &UnreachableWebhook) -> String {
    format!("not checked: no response from {webhook}, which this promotion changes")
}
