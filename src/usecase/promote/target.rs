//! Where a release is promoted to: its namespace, what the cluster keeps of it there, and who acts.

use super::request::RunOptions;
use crate::cluster::Cluster;
use crate::load::parse_release;
use crate::model::inventory::{Inventory, Record};
use crate::model::journal::{Journal, JournalPhase};
use crate::model::moves::ReleaseRef;
use crate::model::plan::Plan;
use crate::model::release::ImagePath;
use crate::model::seal::Integrity;
use crate::model::snapshot::ReadFailure;
use crate::model::state_key::StateKey;
use crate::model::{ClusterIdentity, Object, ObjectId, Operation, Target};
use crate::monitor::WatchingOptions;
use crate::observe::release_state::{
    ReleaseState, ReleaseStateError, read_bodies, read_kept, read_release_state,
};
use crate::rollout::{self, WorkloadImages};
use crate::usecase::run_context::{Channels, RunContext};
use crate::usecase::{CommandError, ErrorKind, Scope, release_state};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Where a release is promoted to, and what it keeps there.
pub struct PromotionTarget {
    /// The client to the cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Release namespace.
    pub home: String,
    /// The release's name.
    pub name: String,
    /// Who acts, as the API server knows them.
    pub actor: String,
    /// Inventory, journal and lock.
    pub state: ReleaseState,
    /// The key to them, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
    /// What of it could not be read, and why.
    pub unreadable: Vec<ReadFailure>,
}

impl PromotionTarget {
    /// Reads what the cluster keeps of a release. What may not be read is no error: it becomes a finding that refuses.
    ///
    /// # Errors
    ///
    /// Where the cluster does not answer, or what it keeps of the release cannot be parsed.
    pub async fn find(scope: Scope, state_key: Option<StateKey>, name: String) -> Result<Self, CommandError> {
        let Scope { cluster, home } = scope;
        let state = read_release_state(cluster.as_ref(), &home, &name, state_key.as_ref());
        // At once: neither needs the other's answer.
        let (actor, state) = futures::join!(cluster.whoami(), state);
        let (state, unreadable) = match state {
            Ok(state) => {
                let hidden = match &state.sealing.integrity {
                    Integrity::Hidden(why) => vec![why.clone().into()],
                    _ => Vec::new(),
                };
                (state, hidden)
            }
            Err(ReleaseStateError::Api { source, .. }) if source.is_forbidden() => {
                // As if there were nothing; the finding keeps that from being taken for a first promotion.
                (ReleaseState::default(), vec![source.to_string().into()])
            }
            Err(error) => return Err(unreachable_state(&error)),
        };

        Ok(Self {
            actor: actor?,
            cluster,
            home,
            name,
            state,
            state_key,
            unreadable,
        })
    }

    /// The release, by its name and namespace.
    pub fn release(&self) -> ReleaseRef {
        ReleaseRef::new(&self.home, &self.name)
    }

    /// The cluster and the namespace, as a user knows them.
    pub fn identity(&self) -> ClusterIdentity {
        self.cluster.identity(&self.home)
    }

    /// The cluster and the namespace.
    pub fn scope(&self) -> Scope {
        Scope {
            cluster: self.cluster.clone(),
            home: self.home.clone(),
        }
    }

    /// Whether the seal or its key may not be read: a finding among the others.
    pub fn is_hidden(&self) -> bool {
        matches!(self.state.sealing.integrity, Integrity::Hidden(_))
    }

    /// An error where nothing may be written, as what the cluster keeps cannot be believed.
    ///
    /// # Errors
    ///
    /// Where it was altered, is not sealed, cannot be verified, or a later version wrote it.
    pub fn check_state(&self) -> Result<(), CommandError> {
        release_state::check_writable(&self.state.sealing, &self.home, &self.name)
    }

    /// The journal of an earlier run that is not finished.
    pub fn open_journal(&self) -> Option<&Journal> {
        let journal = self.state.head.as_ref().map(|head| &head.value.current);
        journal.filter(|journal| journal.is_open())
    }

    /// Members and history; empty where nothing was promoted yet.
    pub fn inventory(&self) -> Inventory {
        let stored = self.state.inventory.as_ref();
        stored.map(|stored| stored.value.clone()).unwrap_or_default()
    }

    /// What an execution is given here, whatever it does.
    pub fn run_context(&self, run: &RunOptions, channels: &Channels) -> RunContext {
        RunContext {
            channels: channels.clone(),
            cluster: self.cluster.clone(),
            actor: self.actor.clone(),
            watching: WatchingOptions {
                policy: rollout::RolloutPolicy {
                    timeout: run.settings.timeout_seconds,
                    settle: run.settings.settle_seconds,
                    strict: run.settings.strict_wait,
                    unknown_health: run.settings.unknown_health,
                    ..rollout::RolloutPolicy::default()
                },
                log_lines: run.log_lines,
                ..WatchingOptions::default()
            },
            limits: run.limits,
            keep_history: run.keep_history,
            insecure_registries: run.insecure_registries.clone(),
            state_key: self.state_key.clone(),
        }
    }

    /// What an execution is given that takes up an open journal: what it is judged by is in the journal, and the tested
    /// images are in the record beside it.
    ///
    /// # Errors
    ///
    /// Where the plan or the release of the open promotion cannot be read from the cluster.
    pub async fn run_context_from_journal(
        &self,
        run: &RunOptions,
        channels: &Channels,
    ) -> Result<RunContext, CommandError> {
        let context = self.run_context(run, channels);
        // One that prepares has written neither yet, and is only taken back; a deletion has nothing to be judged.
        let is_judged = |journal: &&Journal| {
            journal.phase != JournalPhase::Preparing && journal.operation == Operation::Promote
        };
        let Some(journal) = self.open_journal().filter(is_judged) else {
            return Ok(context);
        };

        let (cluster, key) = (self.cluster.as_ref(), self.state.key());
        let (bodies, record) = futures::join!(
            read_bodies(cluster, journal, key),
            read_kept(cluster, &journal.record, false, key)
        );
        let promotion = bodies.map_err(|error| unreachable_state(&error))?.promotion;
        let Record { release, desired, .. } = record.map_err(|error| unreachable_state(&error))?;
        let release = parse_release(release.into_bytes(), Path::new("the stored release"))?.release;

        let plan = &promotion.plan;
        let images = &release.spec.images;
        let mut context = context.with_criteria(images, &plan.members, &promotion.criteria, &self.home);
        // Either is enough: who takes up may ask for more than was planned, and not for less.
        let policy = &mut context.watching.policy;
        policy.strict |= plan.settings.strict_wait;
        policy.unknown_health = policy.unknown_health.stricter(plan.settings.unknown_health);
        context.watching.workloads = workloads(plan, &desired, &release.spec.image_paths);
        Ok(context)
    }
}

/// The images that the recorded objects name, as far as the plan knows where these are reached.
fn workloads(plan: &Plan, desired: &[Object], paths: &[ImagePath]) -> BTreeMap<ObjectId, WorkloadImages> {
    let steps = plan.steps.iter().map(|step| &step.target);
    let targets = plan
        .members
        .iter()
        .chain(steps)
        .map(|target| (target.id(), target));
    let targets: HashMap<ObjectId, &Target> = targets.collect();
    let workload = |object: &Object| {
        let id = object.id();
        let images = WorkloadImages::find(targets.get(&id)?, object, paths)?;
        Some((id, images))
    };
    desired.iter().filter_map(workload).collect()
}

fn unreachable_state(error: &ReleaseStateError) -> CommandError {
    CommandError::from_error(ErrorKind::Unreachable, error)
}
