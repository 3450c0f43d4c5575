//! The deletion of a release: a promotion to nothing. Its members are compared, planned, tried and deleted as a prune does
//! it, under a journal of its own; what is kept of the release stays, so that a revert brings its objects back.

use super::promote::{DryRun, JournalGoal, OpenPromotion, PromotionTarget, RunOptions, check_refusals};
use super::recovery::{Recovery, RecoveryAction};
use super::run_context::{Channels, run_error};
use super::system::random_id;
use super::{CommandError, ErrorKind, Scope, comparing, release_state, status};
use crate::cluster::ConnectionOptions;
use crate::execute::{self, Confirmed, OpenJournalAction, Promotion, RunReport, Unconfirmed};
use crate::model::check::Check;
use crate::model::event::{Event, RunCommand, StartedRelease};
use crate::model::finding::Comparison;
use crate::model::inventory::{HistoryEntry, Inventory, Record};
use crate::model::journal::SuccessCriteria;
use crate::model::plan::{PreflightFinding, Severity};
use crate::model::release::PublicDigest;
use crate::model::run_end::CurrentRelease;
use crate::model::snapshot::{Observed, ReadFailure};
use crate::model::state_key::StateKey;
use crate::model::{ClusterIdentity, Object, ObjectId, Operation};
use crate::observe::release_state::read_record;
use crate::plan::{self, Facts, Past, PlanPolicy, Planned};
use crate::{observe, preflight};
use jiff::Timestamp;
use std::collections::HashMap;

/// One deletion, as it is asked for.
pub struct Request {
    /// The release's name.
    pub name: String,
    /// How the cluster is reached.
    pub connection: ConnectionOptions,
    /// What it may do.
    pub policy: PlanPolicy,
    /// Where it ends, where nothing is to be deleted.
    pub dry_run: Option<DryRun>,
    /// The key to what the release keeps, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
    /// How it runs.
    pub run: RunOptions,
}

/// A deletion whose release was found.
pub struct Deletion {
    request: Request,
    target: PromotionTarget,
}

/// The plan of a deletion, with what the server said of it.
pub struct Prepared {
    /// The plan, and what speaks against it.
    pub planned: Planned,
    /// What stays, and why.
    pub left: Vec<LeftInPlace>,
    comparison: Comparison,
}

/// An object that a deletion leaves in place.
pub struct LeftInPlace {
    /// The object.
    pub object: ObjectId,
    /// Why.
    pub reason: String,
    /// Whether it goes where it is named.
    pub can_be_named: bool,
}

impl Prepared {
    /// An error where findings refuse. It only counts them: they have been shown.
    ///
    /// # Errors
    ///
    /// Where a finding refuses and no waiver names its check.
    pub fn check_refusals(&self) -> Result<(), CommandError> {
        check_refusals(&self.planned)
    }
}

impl Deletion {
    /// Reads what the cluster keeps of the release.
    ///
    /// # Errors
    ///
    /// There is no such release, the cluster cannot be reached, or what it keeps of the release cannot be believed.
    pub async fn open(request: Request) -> Result<Self, CommandError> {
        let scope = Scope::connect(&request.connection).await?;
        let target = PromotionTarget::find(scope, request.state_key.clone(), request.name.clone()).await?;
        if target.is_hidden() || !target.unreadable.is_empty() {
            let whys: Vec<String> = target.unreadable.iter().map(|one| one.why.clone()).collect();
            let message = format!(
                "cannot read the state of release {}: {}",
                target.name,
                whys.join("; ")
            );
            return Err(CommandError::new(ErrorKind::Refused, message));
        }
        target.check_state()?;
        if target.state.inventory.is_none() && target.state.head.is_none() {
            let PromotionTarget {
                cluster, home, name, ..
            } = &target;
            return Err(release_state::no_release(cluster.as_ref(), home, name, "delete").await);
        }
        Ok(Self { request, target })
    }

    /// The release's name.
    pub fn name(&self) -> &str {
        &self.target.name
    }

    /// The cluster and the namespace, as a user knows them.
    pub fn identity(&self) -> ClusterIdentity {
        self.target.identity()
    }

    /// What is promoted, as it was read.
    pub fn current_release(&self) -> CurrentRelease {
        CurrentRelease::from_entry(self.target.inventory().promoted())
    }

    /// The first event of its run.
    pub fn started(&self) -> Event {
        let named = StartedRelease {
            name: self.target.name.clone(),
            version: None,
            digest: PublicDigest::Withheld,
        };
        let known = self.current().map(|entry| entry.release.into());
        Event::Started {
            command: RunCommand::Delete,
            release: known.unwrap_or(named),
            cluster: self.identity(),
        }
    }

    /// Whether it ends with the plan.
    pub fn is_dry_run(&self) -> bool {
        self.request.dry_run.is_some()
    }

    /// What is promoted, or else what was tried last.
    pub fn current(&self) -> Option<HistoryEntry> {
        let inventory = self.target.inventory();
        inventory.promoted().or(inventory.history.last()).cloned()
    }

    /// Whether no release is promoted and nothing of one is left.
    pub fn is_done(&self) -> bool {
        let inventory = self.target.inventory();
        inventory.promoted().is_none() && inventory.members.is_empty()
    }

    /// An earlier run that is not finished, where this is no dry run.
    ///
    /// # Errors
    ///
    /// It is a promotion, which is resumed or rolled back first.
    pub async fn open_run(&self, channels: &Channels) -> Result<Option<OpenPromotion>, CommandError> {
        let Some(open) = self.target.open_journal().filter(|_| !self.is_dry_run()) else {
            return Ok(None);
        };
        let is_same = open.operation == Operation::Delete;
        let goal = JournalGoal::new(open, None, is_same)?;
        let context = self.target.run_context_from_journal(&self.request.run, channels);
        let action = RecoveryAction::Resolve {
            journal: open.id.clone(),
            action: OpenJournalAction::Resume,
        };
        let confirmed = self.request.confirmed.clone();
        let recovery = Recovery::new(self.target.release(), action, confirmed, context.await?)?;
        Ok(Some(OpenPromotion { recovery, goal }))
    }

    /// Removes the lock that a killed run has left.
    pub async fn remove_abandoned_lock(&self) {
        let PromotionTarget {
            cluster, home, name, ..
        } = &self.target;
        execute::remove_abandoned_lock(cluster.as_ref(), home, name).await;
    }

    /// Reads the state again: it is another once an earlier run has ended.
    ///
    /// # Errors
    ///
    /// Where the cluster does not answer, or what it keeps of the release cannot be parsed.
    pub async fn read_again(&mut self) -> Result<(), CommandError> {
        let (scope, name) = (self.target.scope(), self.target.name.clone());
        self.target = PromotionTarget::find(scope, self.request.state_key.clone(), name).await?;
        Ok(())
    }

    /// Compares the members, plans, and has the server try what is planned.
    ///
    /// # Errors
    ///
    /// The cluster does not answer. What refuses is a finding of the plan.
    pub async fn prepare(&self) -> Result<Prepared, CommandError> {
        let cluster = self.target.cluster.as_ref();
        let inventory = self.target.inventory();
        let comparison = comparing::compare_members(cluster, &inventory.members).await?;

        let policy = self.policy(&inventory).await?;
        let needed: Vec<String> = plan::claims_needed(&comparison).into_iter().collect();
        let (claims, unread) = observe::claims(cluster, &needed).await;
        let facts = self.facts(&inventory, unread)?;
        let mut planned = plan::draft_deletion(&comparison, &policy, &facts);
        if self.request.dry_run != Some(DryRun::Client) {
            planned = self.ask(planned, &comparison).await;
        }

        plan::name_data_loss(&mut planned, &comparison, &claims, &policy);
        let moved = plan::moved_member_notes(&inventory, &self.target.home);
        planned.findings.extend(moved);
        plan::waive(&mut planned, &policy.waivers);
        let left = take_left(&mut planned.findings);
        Ok(Prepared {
            planned,
            left,
            comparison,
        })
    }

    /// What is allowed, with what the release was promoted under.
    async fn policy(&self, inventory: &Inventory) -> Result<PlanPolicy, CommandError> {
        let mut policy = PlanPolicy {
            home: self.target.home.clone(),
            settings: self.request.run.settings.clone(),
            ..self.request.policy.clone()
        };
        let stored = inventory.promoted().filter(|entry| !entry.record.is_empty());
        if let Some(entry) = stored {
            let (cluster, key) = (self.target.cluster.as_ref(), self.target.state.key());
            let record = read_record(cluster, entry, false, key).await;
            let record = record.map_err(|error| release_state::home_error(&error))?;
            let environment = status::environment_of_then(record.terms);
            let environment = environment.map_err(|why| CommandError::new(ErrorKind::Refused, why))?;
            policy.external = environment.spec.external;
        }
        Ok(policy)
    }

    fn facts(&self, inventory: &Inventory, unreadable: Vec<ReadFailure>) -> Result<Facts, CommandError> {
        let Some(entry) = self.current() else {
            let message = format!("no promotion of {} in its history", self.target.name);
            return Err(CommandError::new(ErrorKind::Refused, message));
        };
        Ok(Facts {
            id: random_id()?,
            release: entry.release,
            namespace: self.target.home.clone(),
            cluster: Some(self.identity()),
            revision: inventory.next_revision(),
            now: Timestamp::now(),
            actor: self.target.actor.clone(),
            autoscalers: Vec::new(),
            unreadable,
            past: Past::default(),
        })
    }

    /// Asks the server about each deletion.
    async fn ask(&self, planned: Planned, comparison: &Comparison) -> Planned {
        let mut questions = preflight::questions(&planned.plan, comparison, &[]);
        let head = self.target.state.head.as_ref().map(|head| &head.value);
        questions.keeps_earlier = head.is_some_and(|head| !head.current.parts.is_empty());
        let answers = observe::preflight(self.target.cluster.as_ref(), &questions).await;
        preflight::take_answers(planned, comparison, &questions, &answers)
    }

    /// What the cluster alone says beyond the release's namespace, and what nobody has allowed.
    pub fn unconfirmed(&self, prepared: &Prepared) -> Vec<Unconfirmed> {
        // A key outside of the cluster vouches for the state.
        if self.request.state_key.is_some() {
            return Vec::new();
        }
        let objects = prepared.comparison.objects.iter();
        let live: HashMap<ObjectId, &Object> = objects
            .filter_map(|one| Some((one.id(), one.live.object()?)))
            .collect();
        let plan = &prepared.planned.plan;
        execute::unconfirmed_deletions(plan, |id| live.get(id).copied(), &self.request.confirmed)
    }

    /// Executes the plan.
    ///
    /// # Errors
    ///
    /// The run could not begin. How one that began has ended is in the answer.
    pub async fn execute(self, prepared: Prepared, channels: &Channels) -> Result<RunReport, CommandError> {
        let plan = prepared.planned.plan;
        channels.events.emit(Event::Planned {
            steps: plan::planned_steps(&plan),
        });

        let services = self
            .target
            .run_context(&self.request.run, channels)
            .into_services()?;
        let objects = prepared.comparison.objects.into_iter();
        let before = objects.filter_map(|object| match (object.id(), object.live) {
            (id, Observed::Present(live)) => Some((id, live)),
            _ => None,
        });
        let inventory = self.target.state.inventory.as_ref();
        let promotion = Promotion {
            plan,
            before: before.collect(),
            planned_on: inventory.map(|stored| stored.resource_version.clone()),
            record: Record::default(),
            criteria: SuccessCriteria::default(),
            discard_state: false,
        };
        let report = execute::promote(promotion, &services).await;
        report.map_err(|error| run_error(&error))
    }
}

/// Takes out of the findings what stays: it is shown in the plan itself.
fn take_left(findings: &mut Vec<PreflightFinding>) -> Vec<LeftInPlace> {
    let is_left = |finding: &mut PreflightFinding| {
        finding.check == Check::Prune && finding.severity == Severity::Note && finding.objects.len() == 1
    };
    let left = findings.extract_if(.., is_left);
    let mut left: Vec<LeftInPlace> = left
        .filter_map(|finding| {
            Some(LeftInPlace {
                can_be_named: !finding.hints.is_empty(),
                object: finding.objects.into_iter().next()?,
                reason: finding.message,
            })
        })
        .collect();
    left.sort_by(|one, other| one.object.cmp(&other.object));
    left
}
