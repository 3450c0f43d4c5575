//! What is held against the cluster, and where it comes from: a release, manifests alone, or what the cluster itself keeps
//! of the last promotion. Files and registries are read by [`load`], before the cluster is known: the environment names
//! it.

use super::DiffRequest;
use crate::cluster::Cluster;
use crate::load::{LoadedEnvironment, LoadedRelease, parse_release};
use crate::model::Sha256Digest;
use crate::model::environment::EnvironmentSpec;
use crate::model::names::API_VERSION;
use crate::model::release::{Release, ReleaseMetadata, ReleaseSpec};
use crate::observe::release_state::{ReleaseState, list_homes, read_record};
use crate::usecase::inputs::{Inputs, open_environment, read_manifests};
use crate::usecase::releases::ReleaseLocation;
use crate::usecase::scope::check_namespace;
use crate::usecase::verify::refusal_error;
use crate::usecase::{CommandError, Scope};
use std::path::Path;

/// What is held against the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffSource {
    /// The release that an argument names.
    Release(String),
    /// Manifests alone.
    Manifests,
    /// What was last promoted into the namespace.
    Promoted,
}

/// What is compared, as far as files and registries tell.
pub enum LoadedSource {
    /// All of it.
    Given(Box<Inputs>),
    /// The environment: the release is in the cluster.
    Promoted(Box<LoadedEnvironment>),
}

impl LoadedSource {
    /// The environment that names the cluster.
    pub fn environment(&self) -> &EnvironmentSpec {
        let loaded = match self {
            Self::Given(inputs) => &inputs.environment,
            Self::Promoted(environment) => environment,
        };
        &loaded.environment.spec
    }
}

/// Reads what files and registries hold.
///
/// # Errors
///
/// Where a file cannot be read, or the environment requires a signature or evidence that was not shown: what nobody
/// vouches for is compared with nothing.
pub async fn load(request: &DiffRequest) -> Result<LoadedSource, CommandError> {
    let environment = request.environment.as_deref();
    let (inputs, release) = match &request.source {
        DiffSource::Promoted => return Ok(LoadedSource::Promoted(Box::new(open_environment(environment)?))),
        DiffSource::Manifests => (inputs_of_manifests(request)?, ""),
        DiffSource::Release(release) => {
            let location = ReleaseLocation::parse(release)?;
            let registries = &request.registries;
            let inputs = Inputs::read(&location, environment, &request.manifests, registries).await?;
            (inputs, release.as_str())
        }
    };
    if inputs.refusals.is_empty() {
        Ok(LoadedSource::Given(Box::new(inputs)))
    } else {
        Err(refusal_error(&inputs.refusals, release))
    }
}

/// Manifests alone: a release of nothing but them, so that nothing in it is untested.
fn inputs_of_manifests(request: &DiffRequest) -> Result<Inputs, CommandError> {
    let objects = read_manifests(&request.manifests)?.unwrap_or_default();
    let release = Release {
        api_version: API_VERSION.into(),
        kind: "Release".into(),
        metadata: ReleaseMetadata {
            name: "manifests".into(),
            version: "none".into(),
        },
        spec: ReleaseSpec {
            objects,
            ..ReleaseSpec::default()
        },
    };
    Ok(Inputs {
        release: LoadedRelease {
            release,
            digest: Sha256Digest::compute(b""),
            bytes: Vec::new(),
        },
        environment: open_environment(request.environment.as_deref())?,
        manifests: None,
        refusals: Vec::new(),
    })
}

/// What was last promoted into the namespace, and all that the cluster keeps of it.
pub(super) async fn promoted_inputs(
    request: &DiffRequest,
    environment: LoadedEnvironment,
    scope: &Scope,
) -> Result<(Inputs, ReleaseState), CommandError> {
    let (cluster, home) = (scope.cluster.as_ref(), &scope.home);
    let name = only_release(cluster, home).await?;
    let state = request.access.read_checked(cluster, home, &name).await?;
    let promoted = state
        .inventory
        .as_ref()
        .and_then(|inventory| inventory.value.promoted());
    let Some(entry) = promoted else {
        let message = format!("no release is promoted in namespace {home}");
        return Err(CommandError::usage(message).with_hint(format!(
            "to see past promotions: kubectl delivery history {name} -n {home}"
        )));
    };

    let record = read_record(cluster, entry, false, state.key())
        .await
        .map_err(|error| super::unreadable(&error))?;
    let inputs = Inputs {
        release: parse_release(record.release.into_bytes(), Path::new("the stored release"))?,
        environment,
        manifests: Some(record.desired),
        refusals: Vec::new(),
    };
    Ok((inputs, state))
}

/// The name of the namespace's only release.
async fn only_release(cluster: &dyn Cluster, home: &str) -> Result<String, CommandError> {
    let homes = list_homes(cluster, Some(home))
        .await
        .map_err(|error| super::unreadable(&error))?;
    let mut names: Vec<String> = homes.into_iter().map(|(_, name)| name).collect();
    names.sort();
    names.dedup();

    match names.as_slice() {
        [name] => Ok(name.clone()),
        [] => {
            check_namespace(cluster, home).await?;
            let message = format!("no release in namespace {home}");
            Err(CommandError::usage(message).with_hint("name a release's file, or manifests with -f"))
        }
        several => {
            let known = several.join(", ");
            let message = format!("several releases in namespace {home}: {known}");
            Err(CommandError::usage(message).with_hint("name the release's file"))
        }
    }
}
