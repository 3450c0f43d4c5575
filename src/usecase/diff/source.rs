//! What is held against the cluster, and where it comes from: a release, manifests alone, or what the cluster itself keeps
//! of the last promotion or of a release of Helm. Files and registries are read by [`load`], before the cluster is known: the environment names
//! it.

use super::DiffRequest;
use crate::cluster::Cluster;
use crate::load::{LoadedEnvironment, LoadedRelease, parse_release};
use crate::model::environment::EnvironmentSpec;
use crate::model::helm::HelmReference;
use crate::model::inventory::Inventory;
use crate::model::names::API_VERSION;
use crate::model::phrase::list_first;
use crate::model::release::{Release, ReleaseMetadata, ReleaseSpec};
use crate::model::{Object, Sha256Digest};
use crate::observe::release_state::{ReleaseState, list_homes, read_record};
use crate::usecase::inputs::{Inputs, open_environment, read_manifests};
use crate::usecase::release_state::{self, MOST_NAMED};
use crate::usecase::releases::ReleaseLocation;
use crate::usecase::scope::check_namespace;
use crate::usecase::status::environment_of_then;
use crate::usecase::verify::refusal_error;
use crate::usecase::{CommandError, ErrorKind, Scope};
use std::path::Path;

/// What is held against the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffSource {
    /// The release that an argument names.
    Release(String),
    /// Manifests alone.
    Manifests,
    /// What was last promoted into the namespace: the release of this name, or the only one there is.
    Promoted(Option<String>),
    /// What Helm stores of one of its releases in the namespace.
    Helm(HelmReference),
}

impl DiffSource {
    /// From an argument: a file or a place in a registry where it looks like one, or is a file; else the name of a
    /// release.
    pub fn from_argument(text: &str) -> Self {
        let endings = [".yaml", ".yml", ".json"];
        let is_place = text == "-"
            || text.contains(['/', ':'])
            || endings.iter().any(|ending| text.ends_with(ending))
            || Path::new(text).is_file();
        if is_place {
            Self::Release(text.to_owned())
        } else {
            Self::Promoted(Some(text.to_owned()))
        }
    }
}

/// What is compared, as far as files and registries tell.
pub enum LoadedSource {
    /// All of it.
    Given(Box<Inputs>),
    /// The environment: the rest is in the cluster.
    Environment(Box<LoadedEnvironment>),
    /// The same, and the state of the release, which was read and checked already.
    Stored(Box<LoadedEnvironment>, Box<ReleaseState>),
}

impl LoadedSource {
    /// The environment that names the cluster.
    pub fn environment(&self) -> &EnvironmentSpec {
        let loaded = match self {
            Self::Given(inputs) => &inputs.environment,
            Self::Environment(environment) | Self::Stored(environment, _) => environment,
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
        DiffSource::Promoted(_) | DiffSource::Helm(_) => {
            return Ok(LoadedSource::Environment(Box::new(open_environment(
                environment,
            )?)));
        }
        DiffSource::Manifests => {
            let objects = read_manifests(&request.manifests)?.unwrap_or_default();
            (inputs_of_objects(objects, open_environment(environment)?), "")
        }
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
pub(super) fn inputs_of_objects(objects: Vec<Object>, environment: LoadedEnvironment) -> Inputs {
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
    Inputs {
        release: LoadedRelease {
            release,
            digest: Sha256Digest::compute(b""),
            bytes: Vec::new(),
        },
        environment,
        manifests: None,
        refusals: Vec::new(),
    }
}

/// Reads what the cluster keeps of the release that is meant.
pub(super) async fn promoted_state(
    request: &DiffRequest,
    scope: &Scope,
) -> Result<ReleaseState, CommandError> {
    let (cluster, home) = (scope.cluster.as_ref(), &scope.home);
    let name = match &request.source {
        DiffSource::Promoted(Some(name)) => name.clone(),
        _ => only_release(cluster, home).await?,
    };
    let state = request.access.read_checked(cluster, home, &name).await?;
    if state
        .inventory
        .as_ref()
        .is_some_and(|inventory| inventory.value.promoted().is_some())
    {
        return Ok(state);
    }
    if release_state::is_absent(&state) {
        let error = release_state::no_release(cluster, home, &name, "diff").await;
        return Err(error.with_hint(format!(
            "to compare a file of that name: kubectl delivery diff ./{name}"
        )));
    }
    let message = format!("no revision of release {name} is promoted in namespace {home}");
    Err(CommandError::usage(message).with_hint(format!(
        "to see past promotions: kubectl delivery history {name} -n {home}"
    )))
}

/// The release that is promoted, as the cluster keeps it, and what it rendered. Without an environment of one's own it is
/// compared under the one that it was promoted with.
pub(super) async fn promoted_inputs(
    request: &DiffRequest,
    mut environment: LoadedEnvironment,
    state: &ReleaseState,
    scope: &Scope,
) -> Result<Inputs, CommandError> {
    let inventory = state.inventory.as_ref().map(|inventory| &inventory.value);
    let entry = inventory
        .and_then(Inventory::promoted)
        .ok_or_else(|| CommandError::usage(format!("no release is promoted in namespace {}", scope.home)))?;
    let record = read_record(scope.cluster.as_ref(), entry, false, state.key())
        .await
        .map_err(|error| super::unreadable(&error))?;
    if request.environment.is_none() {
        environment.environment =
            environment_of_then(record.terms).map_err(|why| CommandError::new(ErrorKind::Refused, why))?;
    }
    Ok(Inputs {
        release: parse_release(record.release.into_bytes(), Path::new("the stored release"))?,
        environment,
        manifests: Some(record.desired),
        refusals: Vec::new(),
    })
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
            let known = list_first(several.iter(), MOST_NAMED, ", ");
            let message = format!("several releases in namespace {home}: {known}");
            let error = CommandError::usage(message).with_hint(format!(
                "to compare all of them: kubectl delivery diff --all -n {home}"
            ));
            Err(match several.first() {
                Some(first) => {
                    error.with_hint(format!("to compare one: kubectl delivery diff {first} -n {home}"))
                }
                None => error,
            })
        }
    }
}
