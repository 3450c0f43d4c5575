//! What a request for a promotion names, read: the release with its environment, what its end is judged by, and where it
//! goes.
//!
//! Of files and registries it is read here, of the cluster's own records in `recorded.rs`.

use super::approved_plan::read_plan;
use super::request::Request;
use crate::model::journal::SuccessCriteria;
use crate::model::plan::Plan;
use crate::registry::RegistryOptions;
use crate::usecase::inputs::Inputs;
use crate::usecase::releases::ReleaseLocation;
use crate::usecase::{CommandError, Scope, gates};
use std::collections::BTreeMap;

/// What a request names, read.
pub(super) struct Material {
    /// Release and environment.
    pub inputs: Inputs,
    /// What its end is judged by.
    pub criteria: SuccessCriteria,
    /// The plan that was approved.
    pub approved: Option<Plan>,
    /// Where it goes.
    pub scope: Scope,
}

/// Files first: what is wrong in them needs no cluster to be told.
pub(super) async fn read_given(
    request: &Request,
    location: &ReleaseLocation,
) -> Result<Material, CommandError> {
    let registries = RegistryOptions::new(&request.run.insecure_registries, &BTreeMap::new());
    let environment = request.environment.as_deref();
    let inputs = Inputs::read(location, environment, &request.manifests, &registries).await?;
    let criteria = gates::load_criteria(&inputs.environment)?;
    let approved = request.approved_plan.as_deref().map(read_plan).transpose()?;

    let spec = &inputs.environment.environment.spec;
    let scope = Scope::connect_for(&request.connection, spec).await?;
    Ok(Material {
        inputs,
        criteria,
        approved,
        scope,
    })
}
