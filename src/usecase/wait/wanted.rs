//! What is waited for: the release's objects as they should be here.

use crate::compare::{DesiredInput, desired};
use crate::load::{LoadedEnvironment, LoadedRelease};
use crate::model::environment::Environment;
use crate::model::release::{ImagePath, PublicRelease, RecordedImage};
use crate::model::{Object, Target};
use crate::monitor::{GateCheck, ReadyGate};
use crate::usecase::gates::named;
use crate::usecase::inputs::{open_environment, open_release};
use crate::usecase::scope::today;
use crate::usecase::{CommandError, ErrorKind, Scope, kinds};
use crate::{observe, plan};
use std::path::Path;

/// What was read.
pub struct Loaded {
    release: LoadedRelease,
    /// How this cluster may differ.
    pub environment: Environment,
    manifests: Option<Vec<Object>>,
}

/// What is waited for.
pub struct Goal {
    /// Which release.
    pub release: PublicRelease,
    /// Its images.
    pub images: Vec<RecordedImage>,
    /// Where custom resources hold images.
    pub image_paths: Vec<ImagePath>,
    /// How this cluster may differ.
    pub environment: Environment,
    /// The objects, as a promotion would apply them.
    pub objects: Vec<(Target, Object)>,
}

impl Goal {
    /// Its Services.
    pub fn services(&self) -> Vec<Target> {
        let is_service = |one: &&Target| one.resource.group.is_empty() && one.resource.kind == "Service";
        self.objects
            .iter()
            .map(|(target, _)| target)
            .filter(is_service)
            .cloned()
            .collect()
    }
}

/// Reads the release, wherever it is kept, and the environment.
pub async fn load(release: &str, environment: Option<&Path>) -> Result<Loaded, CommandError> {
    let release = open_release(release).await?;
    let LoadedEnvironment {
        environment,
        manifests,
        ..
    } = open_environment(environment)?;
    Ok(Loaded {
        release,
        environment,
        manifests,
    })
}

/// Makes desired, and finds where its objects are reached.
pub async fn goal(loaded: Loaded, scope: &Scope) -> Result<Goal, CommandError> {
    let Scope { cluster, home } = scope;
    let Loaded {
        release: loaded_release,
        environment,
        manifests,
    } = loaded;
    let identity = loaded_release.public(None);
    let release = loaded_release.release;
    let all = release.spec.objects.iter().chain(manifests.iter().flatten());
    let served = observe::kinds(cluster.as_ref(), all).await?;
    let made = desired(DesiredInput {
        release: &release,
        tested: release.spec.objects.clone(),
        manifests,
        environment: &environment,
        home,
        is_namespaced: &|gvk| served.get(gvk).map(|kind| kind.namespaced),
        today: today(),
    })
    .map_err(|errors| {
        let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
        CommandError::usage(told.join("; "))
    })?;
    let mut objects = Vec::new();
    for one in made.objects {
        let target =
            kinds::target(&served, &one.object, Some(home.as_str())).map_err(|error| CommandError {
                kind: ErrorKind::Usage,
                ..error
            })?;
        objects.push((target, one.object));
    }
    let not_applied = plan::not_applied(objects.iter().map(|(target, object)| (target.id(), object)));
    objects.retain(|(target, _)| !not_applied.contains(&target.id()));
    let (images, image_paths) = (release.spec.images, release.spec.image_paths);
    Ok(Goal {
        release: identity,
        images,
        image_paths,
        environment,
        objects,
    })
}

/// Gates that need no rights to change anything: queries. Jobs belong to a promotion.
pub(super) fn gates(environment: &Environment) -> Vec<ReadyGate> {
    let queries = environment
        .spec
        .gates
        .iter()
        .filter_map(|gate| Some((gate, gate.prometheus.clone()?)));
    queries
        .map(|(gate, query)| named(gate, GateCheck::Prometheus(query)))
        .collect()
}
