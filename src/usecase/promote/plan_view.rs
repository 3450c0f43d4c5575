//! A prepared promotion as it is shown before anything is changed.

use super::preparing::Prepared;
use super::session::Session;
use crate::model::ObjectId;
use crate::model::environment::Environment;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::plan::PlanStep;
use crate::model::rehearsal::PlannedRehearsal;
use crate::plan;
use crate::report::{PlanView, StepView, plan_title, plan_totals};
use crate::usecase::CommandError;
use crate::usecase::differences::redactor_for;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};

impl Prepared {
    /// What is shown of the plan.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no random bytes.
    pub fn view(&self, session: &Session) -> Result<PlanView, CommandError> {
        let plan = &self.planned.plan;
        let redactor = redactor_for(&self.comparison)?;
        let objects = self.comparison.objects.iter();
        let compared: HashMap<ObjectId, &ObjectComparison> = objects.map(|one| (one.id(), one)).collect();

        let steps = plan.steps.iter().chain(&plan.prune);
        let steps = plan::planned_steps(plan).into_iter().zip(steps);
        let steps = steps.map(|(planned, step): (_, &PlanStep)| {
            let compared = compared.get(&planned.object).copied();
            let live = compared.and_then(|one| one.live.object());
            let moves = live
                .map(|live| plan::ownership_moves(step, live))
                .unwrap_or_default();
            let moves = moves
                .iter()
                .map(|(manager, paths)| (manager, paths.iter().collect()));
            StepView::new(planned, step, compared, moves, &redactor)
        });
        Ok(PlanView {
            title: plan_title(plan, &session.identity()),
            steps: steps.collect(),
            rehearsals: plan.rehearsals.iter().map(PlannedRehearsal::named).collect(),
            data_loss: plan.data_loss.clone(),
            expected: expected_differences(&self.comparison, session.environment()),
            totals: plan_totals(plan),
            rollback: plan
                .rollback
                .as_ref()
                .map(|outlook| redactor.text(&outlook.to_string())),
            now: Timestamp::now(),
        })
    }
}

/// The rules that allow a difference from what was tested, once for each object, with their reasons.
fn expected_differences(comparison: &Comparison, environment: &Environment) -> Vec<String> {
    let untested = comparison
        .objects
        .iter()
        .flat_map(|object| object.untested.iter().map(move |change| (object.id(), change)))
        .chain(comparison.dropped.iter().map(|(id, change)| (id.clone(), change)));
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for (id, change) in untested {
        let Some(rule) = change.allowed_by else { continue };
        if seen.insert((rule, id.clone())) {
            let found = environment.spec.differences.get(rule);
            let reason = found.map_or("allowed", |rule| rule.reason.as_str());
            lines.push(format!("{id} {}: {reason}", change.path));
        }
    }
    lines
}
