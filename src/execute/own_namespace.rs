//! A release that brings the namespace in which its lock and journal lie: it is created before them, and
//! deleted with them, where nothing of others is in it.
//!
//! So it is the one object that is created without a lock, and deleted with its journal still open. A run
//! that dies right after the creation leaves an empty namespace, which the next one knows by the marks of its
//! step; one that dies right before the deletion leaves a journal that says what there is left to do.

use super::foreigners;
use super::services::Services;
use super::step_status::is_made_by;
use crate::cluster::{ApiError, ApplyOptions, DeleteOptions, Moment, SendDeadline};
use crate::model::journal::StepPart;
use crate::model::moves::ReleaseRef;
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::{Action, Plan, PlanStep, Propagation};
use crate::model::{Object, Target};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a write may be on its way.
const WRITE: Duration = Duration::from_secs(10);

/// The release namespace, where a step creates it.
pub(super) struct OwnNamespace {
    target: Target,
    object: Object,
    /// The release whose own objects may be in it.
    release: ReleaseRef,
}

/// The release namespace cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum OwnNamespaceError {
    /// Another client made it.
    #[error("namespace {0} was created by another client since the plan was made")]
    Foreign(String),
    /// The server refuses.
    #[error("cannot create namespace {name}")]
    Api {
        /// Its name.
        name: String,
        /// Why not.
        #[source]
        source: ApiError,
    },
}

/// Whether a step creates the namespace in which its own journal lies.
pub(super) fn creates_home(step: &PlanStep, home: &str) -> bool {
    let resource = &step.target.resource;
    let is_home = resource.group.is_empty() && resource.kind == "Namespace" && step.target.name == home;
    is_home && matches!(step.action, Action::Create { .. })
}

impl OwnNamespace {
    /// That of a plan.
    pub(super) fn from_plan(plan: &Plan) -> Option<Self> {
        Self::from_steps(plan.steps.iter(), plan)
    }

    /// That of a journal's parts.
    pub(super) fn from_parts<'a>(parts: impl Iterator<Item = &'a StepPart>, plan: &Plan) -> Option<Self> {
        Self::from_steps(parts.map(|part| &part.step), plan)
    }

    fn from_steps<'a>(mut steps: impl Iterator<Item = &'a PlanStep>, plan: &Plan) -> Option<Self> {
        let step = steps.find(|step| creates_home(step, &plan.namespace))?;
        let object = step.action.object()?.clone();
        Some(Self {
            target: step.target.clone(),
            object,
            release: ReleaseRef::new(&plan.namespace, &plan.release.name),
        })
    }

    /// Creates it as its step will find it; whether it was not there before.
    pub(super) async fn create(&self, services: &Services) -> Result<bool, OwnNamespaceError> {
        let name = || self.target.name.clone();
        let failed = |source| OwnNamespaceError::Api { name: name(), source };
        let cluster = &services.cluster;

        if let Some(live) = cluster.get(&self.target).await.map_err(failed)? {
            // Made by a run that ended before its journal was there.
            let is_ours = is_made_by(&self.object, &live);
            return if is_ours {
                Ok(false)
            } else {
                Err(OwnNamespaceError::Foreign(name()))
            };
        }
        // Not forced: where another client was faster, its fields stay.
        let not_after = Some(deadline());
        let options = ApplyOptions {
            manager: FIELD_MANAGER.into(),
            force: false,
            dry_run: false,
            not_after,
        };

        let applied = cluster
            .apply(&self.target, self.object.value(), &options)
            .await
            .map_err(failed)?;
        // An apply cannot ask for an object that is absent: the answer tells which it was.
        if applied.created {
            Ok(true)
        } else {
            Err(OwnNamespaceError::Foreign(name()))
        }
    }

    /// Deletes what this tool created; why it stays, where it does.
    pub(super) async fn delete(&self, services: &Services) -> Option<String> {
        let cluster = services.cluster.as_ref();
        let live = match cluster.get(&self.target).await {
            Ok(Some(live)) if is_made_by(&self.object, &live) => live,
            Ok(_) => return None,
            Err(error) => return Some(error.to_string()),
        };
        // However new it is, others can have put something into it.
        match foreigners::find_foreign_object(cluster, &self.target.id(), &live, &self.release).await {
            Ok(None) => {}
            Ok(Some(stay)) => return Some(stay.into_why()),
            Err(error) => return Some(error.to_string()),
        }

        let options = DeleteOptions {
            uid: live.uid().into(),
            resource_version: None,
            propagation: Propagation::Background,
            dry_run: false,
            not_after: Some(deadline()),
        };
        match cluster.delete(&self.target, &options).await {
            Err(error) if !error.is_not_found() => return Some(error.to_string()),
            _ => {}
        }
        // Its finalizer empties it first, and whatever holds an object in it holds it back.
        let start = Instant::now();
        while start.elapsed() < services.limits.gone {
            match cluster.get(&self.target).await {
                Ok(Some(found)) if found.uid() == live.uid() => sleep(Duration::from_millis(200)).await,
                _ => return None,
            }
        }
        Some("it is still terminating".into())
    }
}

fn deadline() -> SendDeadline {
    Moment::now().after(WRITE)
}
