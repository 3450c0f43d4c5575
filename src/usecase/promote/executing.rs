//! From a plan that the server has been asked about to its execution.
//!
//! First what is to be confirmed, as the cluster alone says it; then the run. Its session ends with it.

use super::preparing::Prepared;
use super::session::Session;
use crate::execute::{self, Promotion, RunReport, Unconfirmed};
use crate::model::event::Event;
use crate::model::finding::ObjectComparison;
use crate::model::inventory::{Record, Terms};
use crate::model::journal::SuccessCriteria;
use crate::model::plan::Plan;
use crate::model::snapshot::Observed;
use crate::model::{Object, ObjectId};
use crate::plan;
use crate::rollout::WorkloadImages;
use crate::usecase::CommandError;
use crate::usecase::inputs::Inputs;
use crate::usecase::run_context::{Channels, run_error};
use std::collections::HashMap;

impl Session {
    /// What the cluster alone says beyond the release's namespace, and what nobody has allowed: all of a release that it
    /// keeps; of one that was given as a file, what leaves it.
    pub fn unconfirmed(&self, prepared: &Prepared) -> Vec<Unconfirmed> {
        // A key outside of the cluster vouches for the state.
        if self.request.state_key.is_some() {
            return Vec::new();
        }
        let (plan, confirmed) = (&prepared.planned.plan, &self.request.confirmed);
        if self.request.source.is_recorded() {
            return execute::unconfirmed_plan(plan, &self.criteria.gates, confirmed);
        }
        if plan.prune.is_empty() {
            return Vec::new();
        }
        let objects = prepared.comparison.objects.iter();
        let live: HashMap<ObjectId, &Object> = objects
            .filter_map(|one| Some((one.id(), one.live.object()?)))
            .collect();
        execute::unconfirmed_deletions(plan, |id| live.get(id).copied(), confirmed)
    }

    /// Executes the plan.
    ///
    /// # Errors
    ///
    /// The run could not begin. How one that began has ended is in the answer.
    pub async fn execute(self, prepared: Prepared, channels: &Channels) -> Result<RunReport, CommandError> {
        let plan = prepared.planned.plan;
        channels.events.emit(Event::Planned {
            steps: plan::planned_steps(&plan),
        });

        let images = &self.inputs.release.release.spec.images;
        let (target, criteria) = (&self.target, &self.criteria);
        let context = target.run_context(&self.request.run, channels);
        let mut context = context.with_criteria(images, &plan.members, criteria, &target.home);
        context.watching.seen_images = prepared.seen_images;
        let paths = &self.inputs.release.release.spec.image_paths;
        let objects = prepared.comparison.objects.iter();
        let workload = |one: &ObjectComparison| {
            let images = WorkloadImages::find(&one.target, one.desired.as_ref()?, paths)?;
            Some((one.id(), images))
        };
        context.watching.workloads = objects.filter_map(workload).collect();
        let services = context.into_services()?;

        let mut record = new_record(self.inputs, &self.criteria, &plan)?;
        let mut before = HashMap::new();
        // Taken, not copied: there may be thousands.
        for object in prepared.comparison.objects {
            let id = object.id();
            record.desired.extend(object.desired);
            if let Observed::Present(live) = object.live {
                before.insert(id, live);
            }
        }
        let inventory = self.target.state.inventory.as_ref();
        let promotion = Promotion {
            plan,
            before,
            planned_on: inventory.map(|stored| stored.resource_version.clone()),
            record,
            criteria: self.criteria,
            discard_state: self.request.discard_state,
        };
        let report = execute::promote(promotion, &services).await;
        report.map_err(|error| run_error(&error))
    }
}

/// What the cluster keeps of the release, but for its desired objects. Its gates are kept with their Jobs, not as the
/// environment names them: the files are not there later.
fn new_record(inputs: Inputs, criteria: &SuccessCriteria, plan: &Plan) -> Result<Record, CommandError> {
    let mut environment = inputs.environment.environment;
    environment.spec.gates.clear();
    Ok(Record {
        release: String::from_utf8_lossy(&inputs.release.bytes).into_owned(),
        holds_secrets: inputs.release.holds_secrets(),
        desired: Vec::new(),
        terms: Some(Terms {
            environment: serde_json::to_value(environment).map_err(std::io::Error::from)?,
            settings: plan.settings.clone(),
        }),
        gates: criteria.gates.clone(),
        ..Record::default()
    })
}
