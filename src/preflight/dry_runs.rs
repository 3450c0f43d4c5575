//! What the server's answers to dry runs mean for the steps that they are about, and what is found in them.
//!
//! An answer becomes what its step is expected to leave. A rejection refuses, unless it hangs on what the plan itself brings
//! or repairs first; then it is told as not checked. What could not be asked refuses only where nothing of the plan could
//! make it come true. A dry run of an undo refuses nothing: a step whose undo is rejected is irreversible from here on.

use super::prerequisites::Prerequisites;
use super::questions::{ComparisonFacts, is_answered};
use super::reached::not_reached;
use super::{pods::repaired_note, refusals};
use crate::model::check::Check;
use crate::model::finding::{ManagerClass, ObjectComparison};
use crate::model::k8s::kinds::built_in;
use crate::model::plan::{Action, PlanStep, PreflightFinding, Severity, Undo};
use crate::model::preflight::{Answers, DryRunRequest, DryRunResult, Missing, Questions};
use crate::model::unknown::Unknown;
use crate::model::unreachable_webhook::UnreachableWebhook;
use crate::model::{Object, ObjectId, StepId, WaveIndex};
use crate::objects::Owners;
use crate::objects::with_defaults_after;
use crate::plan::{note, refuse};
use std::collections::{BTreeMap, BTreeSet};

/// What the dry runs came to.
#[derive(Default)]
pub(super) struct DryRunOutcome {
    pub findings: Vec<PreflightFinding>,
    /// For steps that a webhook which does not answer is asked about, the wave that repairs it.
    pub repaired_in: BTreeMap<StepId, WaveIndex>,
}

/// Takes the answers to the dry runs into the steps.
pub(super) fn apply_dry_runs(
    steps: &mut [PlanStep],
    compared: &ComparisonFacts<'_>,
    asked: &Questions,
    answers: &Answers,
    prerequisites: &Prerequisites<'_>,
) -> DryRunOutcome {
    let mut outcome = DryRunOutcome::default();

    for (dry_run, answer) in asked.tries.iter().zip(&answers.tries) {
        let id = dry_run.target.id();
        let step = steps.iter_mut().find(|step| step.id == dry_run.step);

        match (answer, &dry_run.request) {
            // No reason to refuse: the step can be done, and is a barrier from here on.
            (DryRunResult::Refused { message, .. }, DryRunRequest::Recreate(_)) => {
                if let Some(step) = step {
                    let why = format!("the dry run of its restore was rejected: {message}");
                    step.undo = Undo::Impossible { why };
                }
            }
            // Not known is no barrier: a revert tries it, and says what came of it.
            (DryRunResult::Unknown { .. }, DryRunRequest::Recreate(_)) => {}
            (DryRunResult::Refused { .. }, _) => {
                outcome.refuse(dry_run.step, &id, answer, prerequisites);
            }
            (DryRunResult::Unknown { why, missing }, _) => {
                let finding = unknown_finding(&id, why, *missing, prerequisites);
                outcome.findings.push(finding);
            }
            (DryRunResult::Accepted(Some(object)), DryRunRequest::Apply(_) | DryRunRequest::Replace(_)) => {
                let compared = compared.get(&id).copied();
                let found = step.map(|step| accept(step, compared, object, prerequisites));
                outcome.findings.extend(found.into_iter().flatten());
            }
            // Under another name, or of a deletion: the answer says yes, and not what the step will leave.
            (DryRunResult::Accepted(_), _) => {}
        }
    }

    outcome
}

impl DryRunOutcome {
    /// Takes a rejection of what a step would do.
    fn refuse(
        &mut self,
        step: StepId,
        id: &ObjectId,
        answer: &DryRunResult,
        prerequisites: &Prerequisites<'_>,
    ) {
        let DryRunResult::Refused {
            code,
            message,
            fields,
            webhook,
            only_as_change,
        } = answer
        else {
            return;
        };
        if let Some(webhook) = webhook {
            // The step itself waits for the repair as well.
            let repair = prerequisites.repair_wave(webhook);
            self.repaired_in.extend(repair.map(|wave| (step, wave)));
            return self.add(webhook_finding(id, webhook, message, prerequisites));
        }

        self.add(match prerequisites.awaited_definition(id) {
            Some(awaited) => note(Check::DryRun, Some(id), awaited),
            None if *only_as_change => refusals::change_finding(id, message, fields),
            None => refusals::rejection_finding(id, *code, message, fields),
        });
    }

    fn add(&mut self, finding: PreflightFinding) {
        // What is the matter with a namespace is said once.
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

/// A silent webhook says nothing of the object: whether the plan brings it back decides.
fn webhook_finding(
    id: &ObjectId,
    webhook: &UnreachableWebhook,
    message: &str,
    prerequisites: &Prerequisites<'_>,
) -> PreflightFinding {
    if prerequisites.repair_wave(webhook).is_some() {
        return note(Check::DryRun, Some(id), repaired_note(webhook));
    }

    // Its definition may name another webhook then.
    match prerequisites.awaited_definition(id).filter(|_| webhook.converts) {
        Some(awaited) => note(Check::DryRun, Some(id), awaited),
        // Nothing of the plan helps: the step would fail half-way in the same way.
        None => refusals::unreachable_webhook_finding(id, webhook, message),
    }
}

/// What could not be asked yet.
fn unknown_finding(
    id: &ObjectId,
    why: &Unknown,
    missing: Option<Missing>,
    prerequisites: &Prerequisites<'_>,
) -> PreflightFinding {
    let is_awaited = match missing {
        Some(Missing::Namespace) => prerequisites.awaited_namespace(id).is_some(),
        Some(Missing::Kind) => prerequisites.awaited_definition(id).is_some(),
        None => true,
    };
    // It is not there, and nothing of the plan makes it: the step could only fail.
    if !is_awaited {
        let (message, hint) = match (missing, &id.namespace) {
            (Some(Missing::Namespace), Some(namespace)) => (
                format!("namespace {namespace} does not exist and is not in the release"),
                Some(format!("kubectl create namespace {namespace}")),
            ),
            _ => {
                let kind = &id.kind;
                let message = format!(
                    "kind {kind} is not served and its CustomResourceDefinition is not in the release"
                );
                (message, None)
            }
        };
        return refuse(Check::DryRun, Some(id), message, hint);
    }

    // What cannot be asked about is told, and refuses nothing: the step itself will find out.
    let awaited = prerequisites
        .awaited_definition(id)
        .or_else(|| prerequisites.awaited_namespace(id));
    let message = awaited.unwrap_or_else(|| format!("not checked: {why}"));
    note(Check::DryRun, Some(id), message)
}

/// Takes in what a step would leave; what of its fields the server drops or keeps is found.
fn accept(
    step: &mut PlanStep,
    compared: Option<&ObjectComparison>,
    answer: &Object,
    prerequisites: &Prerequisites<'_>,
) -> Vec<PreflightFinding> {
    let id = step.target.id();
    let target = compared.and_then(|compared| compared.predicted.as_ref());

    // With an older definition the server drops what it does not know.
    let dropped = apply_answer(step, target, answer);
    let dropped = dropped.map(|dropped| match prerequisites.awaited_definition(&id) {
        Some(awaited) => note(Check::DryRun, Some(&id), awaited),
        None => dropped,
    });
    // No write of such a field is refused: only the answer, beside the target, shows it.
    let unchanged = compared.and_then(|compared| kept_fields(step, compared, answer));

    dropped.into_iter().chain(unchanged).collect()
}

/// The answer becomes what the step is expected to give.
fn apply_answer(step: &mut PlanStep, target: Option<&Object>, answer: &Object) -> Option<PreflightFinding> {
    let id = step.target.id();
    let sent = step.action.object()?;
    let dropped = refusals::dropped(sent.value(), answer.value());

    if let Action::Apply { object, expected, .. } = &mut step.action {
        **expected = match target {
            // Defaults that the apply loses are sent after it: they belong to what the step leaves.
            Some(target) => with_defaults_after(answer, object, target, &step.changes),
            None => answer.without_managed_fields(),
        };
    }

    (!dropped.is_empty()).then(|| {
        let message = "the API server drops fields".to_owned();
        let source = match built_in(&id.group, &id.kind) {
            Some(_) => "the cluster's Kubernetes",
            None => "the CustomResourceDefinition",
        };
        let hint = format!("{source} may be older than the manifest: kubectl explain KIND");
        PreflightFinding {
            paths: dropped,
            ..refuse(Check::DryRun, Some(&id), message, Some(hint))
        }
    })
}

/// Fields that the server keeps as they are, whatever is sent.
fn kept_fields(step: &PlanStep, compared: &ObjectComparison, answer: &Object) -> Option<PreflightFinding> {
    let sent = step.action.object()?;

    let paths: Vec<String> = not_reached(step, compared, sent, answer)
        .into_iter()
        .map(ToString::to_string)
        .collect();

    (!paths.is_empty()).then(|| refusals::kept_fields_finding(&step.target.id(), &paths))
}

/// Takes in what the comparison has had answered already; what the server drops of it is found.
pub(super) fn apply_known_answers(
    steps: &mut [PlanStep],
    compared: &ComparisonFacts<'_>,
) -> Vec<PreflightFinding> {
    let apply = |step: &mut PlanStep| {
        let compared = compared.get(&step.target.id()).copied();
        let answer = compared
            .filter(|_| is_answered(step, compared))?
            .predicted
            .as_ref()?;
        // No target to go by: what was proved is what the apply leaves.
        apply_answer(step, None, answer)
    };
    steps.iter_mut().filter_map(apply).collect()
}

/// Adds to refusals by the server what may be behind them: fields that are another manager's.
pub(super) fn add_ownership_hints(
    tried: &mut [PreflightFinding],
    findings: &[PreflightFinding],
    steps: &[PlanStep],
    compared: &ComparisonFacts<'_>,
) {
    let refusals = tried
        .iter_mut()
        .filter(|finding| finding.severity == Severity::Error);

    for finding in refusals {
        let is_owned = |known: &PreflightFinding| {
            matches!(known.check, Check::Ownership | Check::ManagedBy)
                && !known.objects.is_empty()
                && known.objects == finding.objects
        };

        // It is refused for its owners already, and the server's reason may be one of their fields.
        if findings.iter().any(is_owned) {
            finding.hints = vec!["see the other error of this object first: this may be caused by it".into()];
            continue;
        }
        let object = finding.objects.first();
        if let Some(tools) = object.and_then(|id| other_tools(steps, compared, id)) {
            finding.hints = vec![format!(
                "fields of another tool may cause this: add --adopt {tools} to take ownership"
            )];
        }
    }
}

/// The tools that own fields of an object from which nothing is taken over.
fn other_tools(steps: &[PlanStep], compared: &ComparisonFacts<'_>, id: &ObjectId) -> Option<String> {
    let takes_nothing = |step: &&PlanStep| matches!(step.action, Action::Apply { take_over: None, .. });
    steps
        .iter()
        .filter(takes_nothing)
        .find(|step| step.target.id() == *id)?;

    let owners = Owners::from_object(compared.get(id)?.live.object()?);
    let tools: BTreeSet<String> = owners
        .fields_of(|owner| owner.class == ManagerClass::OtherTool)
        .map(|(owner, _)| owner.manager.clone())
        .collect();
    (!tools.is_empty()).then(|| tools.into_iter().collect::<Vec<_>>().join(" --adopt "))
}

#[cfg(test)]
mod tests {
    use super::super::prerequisites::tests::step;
    use super::*;
    use serde_json::json;

    #[test]
    fn what_nothing_brings_is_an_error_and_what_the_plan_brings_is_awaited() {
        let id = ObjectId::new("shop.example", "Widget", Some("shop"), "web");
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
        let namespace = Object::new(namespace).unwrap();
        let why = Unknown::new("namespaces \"shop\" not found");

        let found = |missing: Option<Missing>, brought: &[&Object]| {
            let steps: Vec<PlanStep> = brought
                .iter()
                .map(|object| step((*object).clone(), true, ""))
                .collect();
            let prerequisites = Prerequisites::new(&steps, Vec::new());
            unknown_finding(&id, &why, missing, &prerequisites)
        };

        let refused = found(Some(Missing::Namespace), &[]);
        assert_eq!(refused.severity, Severity::Error);
        assert_eq!(
            refused.message,
            "namespace shop does not exist and is not in the release"
        );

        assert_eq!(
            found(Some(Missing::Kind), &[&namespace]).severity,
            Severity::Error
        );
        assert_eq!(
            found(Some(Missing::Namespace), &[&namespace]).severity,
            Severity::Note
        );
        let silent = found(None, &[]);
        assert_eq!(
            (silent.severity, silent.message.as_str()),
            (Severity::Note, "not checked: namespaces \"shop\" not found")
        );
    }
}
