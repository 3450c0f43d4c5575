//! What is waited for: the release's objects as they should be here.

use super::Request;
use crate::cluster::Cluster;
use crate::compare::{DesiredInput, desired};
use crate::load::LoadedEnvironment;
use crate::model::environment::Environment;
use crate::model::event::{Event, RunCommand};
use crate::model::k8s::ownership::release_namespaces;
use crate::model::release::{ImagePath, PublicRelease, RecordedImage, Release};
use crate::model::{Object, ObjectId, Target};
use crate::monitor::{GateCheck, ReadyGate};
use crate::registry::RegistryOptions;
use crate::rollout::WorkloadImages;
use crate::usecase::gates::named;
use crate::usecase::inputs::{open_environment, open_release};
use crate::usecase::system::today;
use crate::usecase::{CommandError, ErrorKind, Scope, scope};
use crate::{observe, plan};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    /// The release namespace.
    pub(super) home: String,
    /// Where they are to arrive.
    pub(super) cluster: Arc<dyn Cluster>,
}

impl Goal {
    /// Reads what a request names, and finds where its objects are reached.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read, an image could be several of the release's, the cluster cannot be reached, or it
    /// does not serve a kind.
    pub async fn find(request: &Request) -> Result<Self, CommandError> {
        let registries = RegistryOptions::new(&request.insecure_registries, &BTreeMap::new());
        let loaded = open_release(&request.release, &registries).await?;
        let LoadedEnvironment {
            environment,
            manifests,
            ..
        } = open_environment(request.environment.as_deref())?;
        let scope = Scope::connect_for(&request.connection, &environment.spec).await?;

        let identity = loaded.public(None);
        let release = loaded.release;
        let objects = find_objects(&release, manifests, &environment, &scope).await?;
        Ok(Self {
            release: identity,
            images: release.spec.images,
            image_paths: release.spec.image_paths,
            environment,
            objects,
            home: scope.home,
            cluster: scope.cluster,
        })
    }

    /// The first event of a wait for it.
    pub fn started(&self) -> Event {
        Event::Started {
            command: RunCommand::Wait,
            release: self.release.clone().into(),
            cluster: self.cluster.identity(&self.home),
        }
    }

    /// Its autoscalers.
    pub(super) fn autoscalers(&self) -> Vec<Object> {
        let is_autoscaler = |one: &&(Target, Object)| one.0.resource.kind == "HorizontalPodAutoscaler";
        let autoscalers = self.objects.iter().filter(is_autoscaler);
        autoscalers.map(|(_, object)| object.clone()).collect()
    }

    /// The namespaces that it is in.
    pub fn namespaces(&self) -> BTreeSet<String> {
        release_namespaces(self.objects.iter().map(|(target, _)| target), &self.home)
    }

    /// The images that its objects name.
    pub fn workloads(&self) -> BTreeMap<ObjectId, WorkloadImages> {
        let workload = |(target, object): &(Target, Object)| {
            let images = WorkloadImages::find(target, object, &self.image_paths)?;
            Some((target.id(), images))
        };
        self.objects.iter().filter_map(workload).collect()
    }

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

/// Makes desired, and finds where its objects are reached.
async fn find_objects(
    release: &Release,
    manifests: Option<Vec<Object>>,
    environment: &Environment,
    scope: &Scope,
) -> Result<Vec<(Target, Object)>, CommandError> {
    let Scope { cluster, home } = scope;
    let all = release.spec.objects.iter().chain(manifests.iter().flatten());
    let served = observe::kinds(cluster.as_ref(), all).await?;
    let made = desired(DesiredInput {
        release,
        tested: release.spec.objects.clone(),
        manifests,
        environment,
        home,
        is_namespaced: &|gvk| served.get(gvk).map(|kind| kind.namespaced),
        today: today(),
    })
    .map_err(|errors| {
        let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
        CommandError::usage(messages.join("; "))
    })?;

    let mut objects = Vec::new();
    for one in made.objects {
        let target =
            scope::target(&served, &one.object, Some(home.as_str())).map_err(|error| CommandError {
                kind: ErrorKind::Usage,
                ..error
            })?;
        objects.push((target, one.object));
    }
    // What no tool would apply never arrives.
    let not_applied = plan::not_applied(objects.iter().map(|(target, object)| (target.id(), object)));
    objects.retain(|(target, _)| !not_applied.contains(&target.id()));
    Ok(objects)
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
