//! One promotion between its request and its execution: what its steps share.
//!
//! A session holds the request, what its files say, and its target as it was read. Steps look at it and change nothing of it;
//! only after an earlier run has been brought to its end is the target read again. The last step consumes the session.

use super::material::{Material, read_given};
use super::recorded::{self, Terms};
use super::request::{ReleaseSource, Request};
use super::target::PromotionTarget;
use crate::model::ClusterIdentity;
use crate::model::environment::Environment;
use crate::model::event::{Event, RunCommand};
use crate::model::journal::SuccessCriteria;
use crate::model::plan::Plan;
use crate::model::run_end::CurrentRelease;
use crate::observe::release_state::ReleaseState;
use crate::usecase::inputs::Inputs;
use crate::usecase::releases::ReleaseLocation;
use crate::usecase::{CommandError, Scope};

/// A promotion whose files are read and whose target is known.
pub struct Session {
    pub(super) request: Request,
    pub(super) inputs: Inputs,
    pub(super) criteria: SuccessCriteria,
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
                    recorded::read_recorded(&request, name.as_deref(), revision).await?;
                // The terms of then and not today's flags: what is gone back to is to run as it ran.
                request.run.settings = settings;
                request.policy.waivers.extend(waivers);
                material
            }
        };
        let Material {
            inputs,
            criteria,
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
            criteria,
            approved,
            target,
        })
    }

    /// Reads the target again: inventory and history are others once an earlier run has ended.
    ///
    /// # Errors
    ///
    /// Where the cluster does not answer, or what it keeps of the release cannot be parsed.
    pub async fn read_target_again(&mut self) -> Result<(), CommandError> {
        self.target = find_target(&self.request, &self.inputs, self.target.scope()).await?;
        Ok(())
    }

    /// What is promoted, as it was read.
    pub fn current_release(&self) -> CurrentRelease {
        // What is discarded was not read.
        if self.target.is_hidden() || self.request.discard_state {
            return CurrentRelease::Unknown;
        }
        let inventory = self.target.state.inventory.as_ref();
        CurrentRelease::from_entry(inventory.and_then(|stored| stored.value.promoted()))
    }

    /// Whether it ends with the plan.
    pub fn is_dry_run(&self) -> bool {
        self.request.dry_run.is_some()
    }

    /// The cluster and the namespace that it goes to, as a user knows them.
    pub fn identity(&self) -> ClusterIdentity {
        self.target.identity()
    }

    /// The first event of its run.
    pub fn started(&self) -> Event {
        let release = self.inputs.release.public(self.target.state.key());
        Event::Started {
            command: if self.request.source.is_recorded() {
                RunCommand::Revert
            } else {
                RunCommand::Promote
            },
            release: release.into(),
            cluster: self.identity(),
        }
    }

    /// How the cluster may differ from what was tested.
    pub fn environment(&self) -> &Environment {
        &self.inputs.environment.environment
    }
}

async fn find_target(
    request: &Request,
    inputs: &Inputs,
    scope: Scope,
) -> Result<PromotionTarget, CommandError> {
    let name = inputs.release.release.metadata.name.clone();
    let mut target = PromotionTarget::find(scope, request.state_key.clone(), name).await?;
    if request.discard_state {
        // As before a first promotion: nothing that was discarded may decide anything.
        target.state = ReleaseState::default();
    }
    Ok(target)
}
