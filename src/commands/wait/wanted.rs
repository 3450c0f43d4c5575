//! What is waited for: the release's objects as they should be here.

use super::Args;
use crate::cli::{CommandError, ConnectionArgs};
use crate::cluster::Cluster;
use crate::commands::gating::named;
use crate::commands::inputs::{open_environment, open_release, today};
use crate::compare::{DesiredInput, desired};
use crate::load::{LoadedEnvironment, LoadedRelease};
use crate::model::environment::Environment;
use crate::model::release::{ImagePath, PublicRelease, RecordedImage};
use crate::model::{Object, Target};
use crate::monitor::{GateCheck, ReadyGate};
use crate::{observe, plan};

/// What was read.
pub(super) struct Loaded {
    release: LoadedRelease,
    pub environment: Environment,
    manifests: Option<Vec<Object>>,
}

/// What is waited for.
pub(super) struct Goal {
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
pub(super) async fn load(args: &Args) -> Result<Loaded, CommandError> {
    let release = open_release(&args.release).await?;
    let LoadedEnvironment {
        environment,
        manifests,
        ..
    } = open_environment(args.environment.as_deref())?;
    Ok(Loaded {
        release,
        environment,
        manifests,
    })
}

/// Makes desired, and finds where its objects are reached.
pub(super) async fn goal(
    loaded: Loaded,
    connection: &ConnectionArgs,
    cluster: &dyn Cluster,
) -> Result<Goal, CommandError> {
    let Loaded {
        release: loaded_release,
        environment,
        manifests,
    } = loaded;
    let identity = loaded_release.public(None);
    let release = loaded_release.release;
    let home = connection
        .namespace
        .clone()
        .unwrap_or_else(|| cluster.default_namespace().to_owned());
    let all = release.spec.objects.iter().chain(manifests.iter().flatten());
    let kinds = observe::kinds(cluster, all).await?;
    let made = desired(DesiredInput {
        release: &release,
        tested: release.spec.objects.clone(),
        manifests,
        environment: &environment,
        home: &home,
        is_namespaced: &|gvk| kinds.get(gvk).map(|kind| kind.namespaced),
        today: today(),
    })
    .map_err(|errors| {
        let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
        CommandError::usage(told.join("; "))
    })?;
    let mut objects = Vec::new();
    for one in made.objects {
        let gvk = one.object.gvk();
        let Some(kind) = kinds.get(&gvk) else {
            let message = format!(
                "expected a kind that the cluster serves, found {} {}",
                gvk.api_version(),
                gvk.kind
            );
            return Err(CommandError::usage(message)
                .with_hint("install its CustomResourceDefinition, or add it to the release"));
        };
        let target = Target::new(kind, one.object.namespace().or(Some(&home)), one.object.name());
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
