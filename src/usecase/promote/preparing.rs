//! From a session to a plan that the server has been asked about.
//!
//! What is read comes first and in full (objects, autoscalers, the past, claims, other releases), since planning is pure and
//! asks for nothing. Then the plan; then the server and the registries are asked about its steps; last, what the answers
//! mean is told as findings, waived where that was asked for, and merged. Whatever could not be read travels along as a
//! finding: it never ends the preparation, so that a user sees all that is wrong at once.

use super::approved_plan::check_unchanged;
use super::images;
use super::request::DryRun;
use super::rolling_back::{self, RollbackFacts};
use super::session::Session;
use super::sources;
use crate::model::Object;
use crate::model::check::{Check, path_in_item};
use crate::model::finding::Comparison;
use crate::model::inventory::Inventory;
use crate::model::names::{self, applyset_id};
use crate::model::phrase::counted;
use crate::model::plan::{PreflightFinding, Severity};
use crate::model::release::PublicRelease;
use crate::model::seal::Integrity;
use crate::model::snapshot::{ReadFailure, Snapshot};
use crate::plan::{self, Facts, PlanPolicy, Planned};
use crate::preflight::RehearsalPolicy;
use crate::registry::RegistryOptions;
use crate::report::{FindingGroup, aside_notes, group_findings};
use crate::signing::Refusal;
use crate::usecase::comparing::{self, ComparisonFacts, ComparisonRequest};
use crate::usecase::system::{random_id, today};
use crate::usecase::{CommandError, ErrorKind};
use crate::{observe, preflight};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What is promoted, and by which plan.
pub struct Prepared {
    /// What was compared.
    pub comparison: Comparison,
    /// The plan, and what speaks against it.
    pub planned: Planned,
    /// Whether the history says already that this release is promoted.
    is_recorded: bool,
    /// Images that the preflight found in their registries.
    pub(super) seen_images: BTreeSet<String>,
}

impl Prepared {
    /// Whether the plan changes no object.
    pub fn changes_nothing(&self) -> bool {
        changes_nothing(&self.planned)
    }

    /// Whether there is nothing to do, not even to write it into the history.
    pub fn is_done(&self) -> bool {
        self.changes_nothing() && self.is_recorded
    }

    /// An error where findings refuse. It only counts them: they have been shown.
    ///
    /// # Errors
    ///
    /// Where a finding refuses and no waiver names its check.
    pub fn check_refusals(&self) -> Result<(), CommandError> {
        check_refusals(&self.planned)
    }
}

/// As [`Prepared::check_refusals`], of any plan.
///
/// # Errors
///
/// Where a finding refuses and no waiver names its check.
pub fn check_refusals(planned: &Planned) -> Result<(), CommandError> {
    let groups = group_findings(&planned.findings);
    let is_error = |group: &&FindingGroup| group.finding.severity == Severity::Error;
    let errors: Vec<_> = groups.iter().filter(is_error).collect();
    if errors.is_empty() {
        return Ok(());
    }

    let checks: BTreeSet<&str> = errors.iter().map(|group| group.finding.check.name()).collect();
    let checks: Vec<&str> = checks.into_iter().collect();
    let (count, checks) = (counted(errors.len(), "error"), checks.join(", "));
    let run = planned.plan.operation.noun();
    let message = format!("{run} refused: {count} ({checks}); nothing was changed");
    Err(CommandError::new(ErrorKind::Refused, message))
}

/// What was read for the plan.
struct Observations {
    comparison: Comparison,
    facts: Facts,
    /// What the objects need beside themselves.
    needed: Snapshot,
    /// The claims that the plan may lose data of.
    claims: Vec<Object>,
}

/// What the steps of a preparation share.
struct Preparation<'s> {
    session: &'s Session,
    release: PublicRelease,
    inventory: Inventory,
}

impl Session {
    /// Compares, plans, and has the server try what is planned.
    ///
    /// # Errors
    ///
    /// The cluster does not answer, or an approved plan no longer fits it. What refuses is a finding of the plan.
    pub async fn prepare(&self) -> Result<Prepared, CommandError> {
        let preparation = Preparation {
            session: self,
            release: self.inputs.release.public(self.target.state.key()),
            inventory: self.target.inventory(),
        };
        let observed = preparation.observe().await?;
        let comparison = &observed.comparison;
        preparation.check_repaired(comparison)?;
        let (planned, policy) = preparation.draft(comparison, &observed.facts).await?;

        let changes_something = !changes_nothing(&planned);
        // A plan without a step has nothing that the server could refuse.
        let is_asked = self.request.dry_run != Some(DryRun::Client);
        let (mut planned, seen_images) = if is_asked && changes_something {
            preparation.ask(planned, &observed).await
        } else {
            (planned, BTreeSet::new())
        };

        if changes_something && !is_asked && self.request.rehearsal.is_some() {
            planned.findings.push(preparation.rehearsal_left_out());
        }

        // After the answers: a step that turned out to change nothing deletes nothing.
        plan::name_data_loss(&mut planned, comparison, &observed.claims, &policy);
        preparation.add_release_findings(&mut planned);
        if changes_something {
            let notes = aside_notes(&comparison.objects);
            planned.findings.extend(notes.into_iter().map(untouched));
        }
        // Once all findings are there, and before they are merged: a waiver names one object's.
        plan::waive(&mut planned, &policy.waivers);
        planned.findings = plan::merge_findings(planned.findings);

        // Last: what was approved is the plan with its answers and waivers, as it was shown.
        if let Some(approved) = &self.approved {
            check_unchanged(approved, &planned.plan)?;
        }
        let promoted = preparation.inventory.promoted();
        Ok(Prepared {
            is_recorded: promoted.is_some_and(|entry| entry.release == preparation.release),
            comparison: observed.comparison,
            planned,
            seen_images,
        })
    }
}

impl Preparation<'_> {
    /// Reads what the plan rests on.
    async fn observe(&self) -> Result<Observations, CommandError> {
        let target = &self.session.target;
        let cluster = target.cluster.as_ref();
        let ComparisonFacts {
            comparison,
            needed: read,
            autoscalers: (autoscalers, mut unreadable),
            ..
        } = self.compare().await?;
        unreadable.extend(target.unreadable.iter().cloned());

        let key = target.state.key();
        let (past, unread) = comparing::past(cluster, &self.inventory, &self.release, &comparison, key).await;
        unreadable.extend(unread.map(ReadFailure::from));
        let needed: Vec<String> = plan::claims_needed(&comparison).into_iter().collect();
        let (claims, unread) = observe::claims(cluster, &needed).await;
        unreadable.extend(unread);

        // An approved plan keeps its id and its time: what is derived from them stays the same.
        let (id, now) = match &self.session.approved {
            Some(plan) => (plan.id.clone(), plan.created_at),
            None => (random_id()?, Timestamp::now()),
        };
        let facts = Facts {
            id,
            release: self.release.clone(),
            namespace: target.home.clone(),
            cluster: Some(target.identity()),
            revision: self.revision(),
            now,
            actor: target.actor.clone(),
            autoscalers,
            unreadable,
            past,
        };
        Ok(Observations {
            comparison,
            facts,
            needed: read,
            claims,
        })
    }

    /// An error where what is to be repaired alone is not in the release.
    fn check_repaired(&self, comparison: &Comparison) -> Result<(), CommandError> {
        let repair = self.session.request.policy.repair.as_ref();
        let Some(only) = repair.and_then(|repair| repair.only.as_ref()) else {
            return Ok(());
        };
        let home = &self.session.target.home;
        let desired = comparison
            .objects
            .iter()
            .filter(|object| object.desired.is_some());
        if desired
            .map(|object| object.id())
            .any(|id| path_in_item(only, &id, home).is_some())
        {
            return Ok(());
        }
        let name = &self.release.name;
        let message = format!("{only} is not in the promoted release {name}; nothing was changed");
        Err(CommandError::usage(message)
            .with_hint(format!("to see what drifted: kubectl delivery diff -n {home}")))
    }

    /// The revision that the plan makes, or repairs.
    fn revision(&self) -> u32 {
        let repaired = self.session.request.policy.repair.as_ref();
        let repaired = repaired.and_then(|_| self.inventory.promoted());
        repaired.map_or_else(|| self.inventory.next_revision(), |entry| entry.revision)
    }

    async fn compare(&self) -> Result<ComparisonFacts, CommandError> {
        let Session {
            inputs,
            request,
            target,
            ..
        } = self.session;
        let set = applyset_id(&names::inventory(&target.name), &target.home);
        let request = ComparisonRequest {
            inputs,
            tested: inputs.release.release.spec.objects.clone(),
            manifests: inputs.manifests.clone(),
            members: &self.inventory.members,
            home: &target.home,
            set: &set,
            // Not an approved plan's day: a rule may have expired since, whatever that plan says of its age.
            today: today(),
            mode: request.mode,
            is_brief: false,
            reads_around: false,
            reads_start_needs: false,
            // Its preflight asks about each step.
            tries_missing: false,
        };
        comparing::compare(target.cluster.as_ref(), request).await
    }

    /// Plans, with what has to be known of other releases; the policy comes back with that.
    async fn draft(
        &self,
        comparison: &Comparison,
        facts: &Facts,
    ) -> Result<(Planned, PlanPolicy), CommandError> {
        let home = &self.session.target.home;
        // Only now: which releases matter is known once it is known which objects there are.
        let (others, found) = sources::find_others(self.session, &self.inventory, comparison).await?;
        let policy = PlanPolicy {
            others,
            home: home.clone(),
            ..self.session.request.policy.clone()
        };

        let mut planned = plan::draft(comparison, &policy, facts);
        if planned.plan.repair {
            // What it is not about is a member as before.
            planned.plan.members.clone_from(&self.inventory.members);
        }
        planned.findings.extend(found);
        planned
            .findings
            .extend(plan::moved_member_notes(&self.inventory, home));
        plan::add_move_findings(&mut planned, &policy);
        Ok((planned, policy))
    }

    /// Asks the server and the registries about each step. The images that were found come back.
    async fn ask(&self, planned: Planned, observed: &Observations) -> (Planned, BTreeSet<String>) {
        let comparison = &observed.comparison;
        let Session {
            inputs,
            request,
            target,
            criteria,
            ..
        } = self.session;
        let paths = &inputs.release.release.spec.image_paths;
        let registries = RegistryOptions::new(&request.run.insecure_registries, &criteria.registries);
        let waivers = &request.policy.waivers[..];
        let mut questions = preflight::questions(&planned.plan, comparison, paths);
        let head = target.state.head.as_ref().map(|head| &head.value);
        questions.keeps_earlier = head.is_some_and(|head| !head.current.parts.is_empty());
        questions.has_gates = !inputs.environment.environment.spec.gates.is_empty();
        // The seal, and its key where the cluster is to keep that, too.
        questions.new_seals = match (&target.state.sealing.integrity, &request.state_key) {
            (Integrity::None, None) => 2,
            (Integrity::None, Some(_)) => 1,
            _ => 0,
        };

        let cluster = target.cluster.as_ref();
        let rehearsal = self.rehearsal_policy();
        let asked =
            rehearsal.map(|policy| preflight::rehearsal_questions(&planned.plan, comparison, &policy));
        let asked = asked.unwrap_or_default();
        questions.require(preflight::rehearsal_permissions(&asked));

        // Registries may be slow, and need nothing of the server's answers.
        let restored = preflight::restored_workloads(&planned.plan, comparison);
        let (answers, images, read, facts) = futures::join!(
            observe::preflight(cluster, &questions),
            images::look_up(&planned.plan, comparison, paths, (&registries, waivers)),
            rolling_back::read(cluster, &restored, comparison, &observed.needed),
            observe::rehearsal_facts(cluster, &asked)
        );
        let mut planned = preflight::take_answers(planned, comparison, &questions, &answers);
        planned.findings.extend(images.findings);

        let rollback = RollbackFacts {
            comparison,
            needed: &observed.needed,
            images: &inputs.release.release.spec.images,
            read,
            gone: images.gone,
        };
        rollback
            .check(cluster, &mut planned, (&questions, &answers))
            .await;
        // With the answers taken in: a new template is as the server says that it will be.
        if let Some(policy) = rehearsal {
            preflight::plan_rehearsals(&mut planned, comparison, &policy, &facts);
        }
        (planned, images.seen)
    }

    /// What is to be tried before anything is changed.
    fn rehearsal_policy(&self) -> Option<RehearsalPolicy<'_>> {
        let rules = &self.session.environment().spec.rehearse;
        let request = self.session.request.rehearsal;
        request.map(|request| RehearsalPolicy { request, rules })
    }

    fn rehearsal_left_out(&self) -> PreflightFinding {
        let message = "rehearsal not planned: nothing is asked of the server (--dry-run=client)".to_owned();
        plan::note(Check::Rehearsal, None, message)
    }

    /// What speaks against this release whatever its steps are.
    fn add_release_findings(&self, planned: &mut Planned) {
        planned
            .findings
            .extend(plan::quarantine(&self.inventory, &self.release));
        let refusals = &self.session.inputs.refusals;
        planned.findings.extend(refusals.iter().map(missing_statement));
    }
}

fn changes_nothing(planned: &Planned) -> bool {
    planned.plan.steps.is_empty() && planned.plan.prune.is_empty()
}

/// A signature or evidence that the environment requires and that was not shown.
fn missing_statement(refusal: &Refusal) -> PreflightFinding {
    let (message, hint) = (refusal.message.clone(), refusal.hint.clone());
    PreflightFinding {
        subject: refusal.name.clone(),
        ..plan::refuse(refusal.check, None, message, Some(hint))
    }
}

/// A note on fields that differ and that the promotion leaves as they are.
fn untouched(message: String) -> PreflightFinding {
    plan::note(Check::Ownership, None, message)
}
