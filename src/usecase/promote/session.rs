//! One promotion between its request and its execution: what its steps share.
//!
//! A session holds the request, what its files say, and its target as it was read. Steps look at it and change nothing of it;
//! only after an earlier run has been brought to its end is the target read again. The last step consumes the session.

use super::approved_plan::read_plan;
use super::preparing::Prepared;
use super::recorded::{self, Terms};
use super::request::{ReleaseSource, Request};
use super::sources::releases;
use super::target::PromotionTarget;
use crate::execute::{self, Ended, Promotion, Unconfirmed};
use crate::model::ObjectId;
use crate::model::environment::Environment;
use crate::model::event::Event;
use crate::model::inventory::{self, Record};
use crate::model::journal::Judging;
use crate::model::plan::Plan;
use crate::model::snapshot::Observed;
use crate::observe::home::Home;
use crate::plan;
use crate::usecase::inputs::Inputs;
use crate::usecase::releases::ReleaseLocation;
use crate::usecase::run_context::{Channels, run_error};
use crate::usecase::{CommandError, Scope, gates};
use std::collections::HashMap;

/// What a request names, read.
pub(super) struct Material {
    /// Release and environment.
    pub inputs: Inputs,
    /// What its end is judged by.
    pub judging: Judging,
    /// The plan that was approved.
    pub approved: Option<Plan>,
    /// Where it goes.
    pub scope: Scope,
}

/// A promotion whose files are read and whose target is known.
pub struct Session {
    pub(super) request: Request,
    pub(super) inputs: Inputs,
    pub(super) judging: Judging,
    pub(super) approved: Option<Plan>,
    pub(super) target: PromotionTarget,
}

impl Session {
    /// Reads what a request names, and what the cluster keeps of the release.
    ///
    /// # Errors
    ///
    /// A file is wrong, the cluster cannot be reached, or what it keeps of the release cannot be believed.
    pub async fn open(mut request: Request) -> Result<Self, CommandError> {
        let material = match request.source.clone() {
            ReleaseSource::File(path) => read_given(&request, &ReleaseLocation::File(path)).await?,
            ReleaseSource::Registry(location) => {
                read_given(&request, &ReleaseLocation::Registry(location)).await?
            }
            ReleaseSource::Recorded { name, revision } => {
                let (material, Terms { settings, waivers }) =
                    recorded::read(&request, name.as_deref(), revision).await?;
                request.run.settings = settings;
                request.policy.waivers.extend(waivers);
                material
            }
        };
        let Material {
            inputs,
            judging,
            approved,
            scope,
        } = material;
        let spec = &inputs.environment.environment.spec;
        request.policy.settings = request.run.settings.clone();
        request.policy.untested = spec.untested;
        request.policy.external = spec.external.clone();

        let target = find_target(&request, &inputs, scope).await?;
        // Where it may not be read, that is a finding among the others.
        if !target.is_hidden() {
            target.check_state()?;
        }
        Ok(Self {
            request,
            inputs,
            judging,
            approved,
            target,
        })
    }

    /// Reads the target again: inventory and history are others once an earlier run has ended.
    pub async fn read_target_again(&mut self) -> Result<(), CommandError> {
        self.target = find_target(&self.request, &self.inputs, self.target.scope()).await?;
        Ok(())
    }

    /// Whether it ends with the plan.
    pub fn is_dry_run(&self) -> bool {
        self.request.dry_run.is_some()
    }

    /// How the cluster may differ from what was tested.
    pub fn environment(&self) -> &Environment {
        &self.inputs.environment.environment
    }

    /// What the cluster alone says beyond the release's namespace, and what nobody has allowed: all of a release that it
    /// keeps; of one that was given as a file, what leaves it.
    pub fn unconfirmed(&self, prepared: &Prepared) -> Vec<Unconfirmed> {
        // A key outside of the cluster vouches for the state.
        if self.request.state_key.is_some() {
            return Vec::new();
        }
        let (plan, confirmed) = (&prepared.planned.plan, &self.request.confirmed);
        if self.request.source.is_recorded() {
            return execute::unconfirmed_plan(plan, &self.judging.gates, confirmed);
        }
        let objects = &prepared.comparison.objects;
        let live = |id: &ObjectId| objects.iter().find(|one| one.id() == *id)?.live.object();
        execute::unconfirmed_prunes(plan, live, confirmed)
    }

    /// Removes the locks that killed runs have left of the release, and of those whose members it may take.
    pub async fn remove_abandoned_locks(&self) {
        for release in releases(self) {
            let cluster = self.target.cluster.as_ref();
            execute::remove_abandoned_lock(cluster, &release.namespace, &release.name).await;
        }
    }

    /// Executes the plan.
    ///
    /// # Errors
    ///
    /// The run could not begin. How one that began has ended is in the answer.
    pub async fn execute(self, prepared: Prepared, channels: &Channels) -> Result<Ended, CommandError> {
        let plan = prepared.planned.plan;
        channels.events.emit(Event::Planned {
            steps: plan::told(&plan),
        });

        let images = &self.inputs.release.release.spec.images;
        let (target, judging) = (&self.target, &self.judging);
        let context = target.run_context(&self.request.run, channels);
        let mut context = context.judging(images, &plan.members, judging, &target.home);
        context.watching.seen_images = prepared.seen_images;
        let services = context.into_services()?;

        let mut record = new_record(self.inputs, &self.judging, &plan)?;
        let mut before = HashMap::new();
        // Taken, not copied: there may be thousands.
        for object in prepared.comparison.objects {
            let id = object.id();
            record.desired.extend(object.desired);
            if let Observed::Present(live) = object.live {
                before.insert(id, live);
            }
        }
        let promotion = Promotion {
            plan,
            before,
            record,
            judging: self.judging,
            discard_state: self.request.discard_state,
        };
        let ended = execute::promote(promotion, &services).await;
        ended.map_err(|error| run_error(&error))
    }
}

/// Files first: what is wrong in them needs no cluster to be told.
async fn read_given(request: &Request, location: &ReleaseLocation) -> Result<Material, CommandError> {
    let inputs = Inputs::read(location, request.environment.as_deref(), &request.manifests).await?;
    let judging = gates::judging(&inputs.environment)?;
    let approved = request.approved_plan.as_deref().map(read_plan).transpose()?;

    let spec = &inputs.environment.environment.spec;
    let scope = Scope::connect_for(&request.connection, spec).await?;
    Ok(Material {
        inputs,
        judging,
        approved,
        scope,
    })
}

async fn find_target(
    request: &Request,
    inputs: &Inputs,
    scope: Scope,
) -> Result<PromotionTarget, CommandError> {
    let name = inputs.release.release.metadata.name.clone();
    let mut target = PromotionTarget::find(scope, request.state_key.clone(), name).await?;
    if request.discard_state {
        target.state = Home::default();
    }
    Ok(target)
}

/// What the cluster keeps of the release, but for its desired objects. Its gates are kept with their Jobs, not as the
/// environment names them: the files are not there later.
fn new_record(inputs: Inputs, judging: &Judging, plan: &Plan) -> Result<Record, CommandError> {
    let mut environment = inputs.environment.environment;
    environment.spec.gates.clear();
    Ok(Record {
        release: String::from_utf8_lossy(&inputs.release.bytes).into_owned(),
        holds_secrets: inputs.release.holds_secrets(),
        desired: Vec::new(),
        terms: Some(inventory::Terms {
            environment: serde_json::to_value(environment).map_err(std::io::Error::from)?,
            settings: plan.settings.clone(),
        }),
        gates: judging.gates.clone(),
        ..Record::default()
    })
}
