//! From arguments to a plan that the server has been asked about.

use super::images;
use super::request::{DryRun, Request, RunOptions};
use super::sources;
use crate::cluster::Cluster;
use crate::load;
use crate::load::parse_release;
use crate::model::Target;
use crate::model::check::Check;
use crate::model::finding::Comparison;
use crate::model::inventory::Inventory;
use crate::model::journal::{Journal, JournalPhase, Judging};
use crate::model::names::{self, applyset_id};
use crate::model::plan::{Plan, PreflightFinding, Severity};
use crate::model::release::RecordedImage;
use crate::model::seal::Integrity;
use crate::model::snapshot::Unread;
use crate::model::state_key::StateKey;
use crate::monitor::WatchingOptions;
use crate::observe::home::{Home, HomeError, read_bodies, read_home, read_kept};
use crate::plan::{self, Facts, Planned, Policy};
use crate::usecase::run_context::RunContext;
use crate::usecase::comparing::{self, Compared, Question};
use crate::usecase::gates;
use crate::usecase::images::AskRegistries;
use crate::usecase::scope::today;
use crate::usecase::signals::Signals;
use crate::usecase::{CommandError, ErrorKind, Scope, random};
use crate::{observe, preflight, rollout};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Where a release is promoted to, and what it keeps there.
pub struct PromotionTarget {
    /// The door to the cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Home namespace.
    pub home: String,
    /// The release's name.
    pub name: String,
    /// Who acts, as the API server knows them.
    pub actor: String,
    /// Inventory, journal and lock.
    pub kept: Home,
    /// The key to them, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
    /// What of it could not be read, and why.
    unreadable: Vec<Unread>,
}

impl PromotionTarget {
    /// Where a request goes.
    pub async fn find(request: &Request) -> Result<Self, CommandError> {
        let name = request.inputs.release.release.metadata.name.clone();
        let mut place = Self::named(request.scope.clone(), request.state_key.clone(), name).await?;
        if request.discard_state {
            place.kept = Home::default();
        }
        Ok(place)
    }

    /// By a release's name.
    pub async fn named(
        scope: Scope,
        state_key: Option<StateKey>,
        name: String,
    ) -> Result<Self, CommandError> {
        let Scope { cluster, home } = scope;
        let kept = read_home(cluster.as_ref(), &home, &name, state_key.as_ref());
        let (actor, kept) = futures::join!(cluster.whoami(), kept);
        let (kept, unreadable) = match kept {
            Ok(kept) => {
                // One finding among the others: a promotion refuses.
                let hidden = match &kept.sealing.integrity {
                    Integrity::Hidden(why) => vec![why.clone().into()],
                    _ => Vec::new(),
                };
                (kept, hidden)
            }
            // One finding among the others: a promotion refuses.
            Err(HomeError::Api { source, .. }) if source.is_forbidden() => {
                (Home::default(), vec![source.to_string().into()])
            }
            Err(error) => return Err(CommandError::from_error(ErrorKind::Unreachable, &error)),
        };
        Ok(Self {
            actor: actor?,
            cluster,
            home,
            name,
            kept,
            state_key,
            unreadable,
        })
    }

    /// Whether the seal or its key may not be read: a finding among the others.
    pub fn is_hidden(&self) -> bool {
        matches!(self.kept.sealing.integrity, Integrity::Hidden(_))
    }

    /// The journal of an earlier run that is not finished.
    pub fn open_journal(&self) -> Option<&Journal> {
        self.kept
            .head
            .as_ref()
            .map(|head| &head.value.current)
            .filter(|journal| journal.is_open())
    }

    fn inventory(&self) -> Inventory {
        self.kept
            .inventory
            .as_ref()
            .map(|stored| stored.value.clone())
            .unwrap_or_default()
    }

    /// What an execution is given: rollouts are proved by the release's images.
    pub fn acting(
        &self,
        run: &RunOptions,
        signals: &Signals,
        images: &[RecordedImage],
        members: &[Target],
        judging: &Judging,
    ) -> RunContext {
        let mut acting = self.acting_without_release(run, signals);
        acting.watching.gates = gates::runnable_gates(&judging.gates, &self.home);
        acting.watching.tested = images.to_vec();
        acting.watching.resolver = Some(Arc::new(AskRegistries));
        acting.watching.injected = judging.injected.clone();
        acting.watching.policy.health_checks = judging.health_checks.clone();
        acting.watching.policy.not_waited = judging.wait.clone();
        acting.watching.services = services_of(members);
        acting.watching.members = members.to_vec();
        acting
    }

    /// What an execution is given that takes up an open journal: what it is judged by is in the journal, and the tested
    /// images are in the record beside it.
    pub async fn acting_on_open(&self, run: &RunOptions, signals: &Signals) -> Result<RunContext, CommandError> {
        let Some(journal) = self
            .open_journal()
            .filter(|journal| journal.phase != JournalPhase::Preparing)
        else {
            return Ok(self.acting_without_release(run, signals));
        };
        let cluster = self.cluster.as_ref();
        let key = self.kept.key();
        let (bodies, record) = futures::join!(
            read_bodies(cluster, journal, key),
            read_kept(cluster, &journal.record, false, key)
        );
        let unreadable = |error: HomeError| CommandError::from_error(ErrorKind::Unreachable, &error);
        let promotion = bodies.map_err(unreadable)?.promotion;
        let record = record.map_err(unreadable)?.release.into_bytes();
        let release = parse_release(record, Path::new("the recorded release"))?.release;
        let plan = &promotion.plan;
        let mut acting = self.acting(
            run,
            signals,
            &release.spec.images,
            &plan.members,
            &promotion.judging,
        );
        acting.watching.policy.strict |= plan.settings.strict_wait;
        Ok(acting)
    }

    /// What an execution is given that judges no images.
    fn acting_without_release(&self, run: &RunOptions, signals: &Signals) -> RunContext {
        RunContext {
            signals: signals.clone(),
            cluster: self.cluster.clone(),
            actor: self.actor.clone(),
            watching: WatchingOptions {
                policy: rollout::Policy {
                    timeout: run.settings.timeout_seconds,
                    settle: run.settings.settle_seconds,
                    strict: run.settings.strict_wait,
                    ..rollout::Policy::default()
                },
                log_lines: run.log_lines,
                ..WatchingOptions::default()
            },
            limits: run.limits,
            keep_history: run.keep_history,
            state_key: self.state_key.clone(),
        }
    }
}

/// The Services among the members of a release.
fn services_of(members: &[Target]) -> Vec<Target> {
    let is_service = |one: &&Target| one.resource.group.is_empty() && one.resource.kind == "Service";
    members.iter().filter(is_service).cloned().collect()
}

/// What is promoted, and by which plan.
pub struct Prepared {
    /// What was compared.
    pub comparison: Comparison,
    /// The plan, and what speaks against it.
    pub planned: Planned,
    /// Whether the history says already that this release is promoted.
    pub is_recorded: bool,
    /// Images that the preflight found in their registries.
    pub seen_images: BTreeSet<String>,
}

/// Compares, plans, and has the server try what is planned.
pub async fn prepare(request: &Request, place: &PromotionTarget) -> Result<Prepared, CommandError> {
    let Request { inputs, written, .. } = request;
    let cluster = place.cluster.as_ref();
    let identity = inputs.release.public(place.kept.key());
    let inventory = place.inventory();
    let now = written
        .as_ref()
        .map_or_else(Timestamp::now, |plan| plan.created_at);
    let set = applyset_id(&names::inventory(&place.name), &place.home);
    let question = Question {
        inputs,
        tested: inputs.release.release.spec.objects.clone(),
        manifests: inputs.manifests.clone(),
        members: &inventory.members,
        home: &place.home,
        set: &set,
        // Not the plan's day: a rule may have expired since, whatever the plan says of its age.
        today: today(),
        mode: request.mode,
        is_brief: false,
        reads_around: false,
    };
    let Compared {
        comparison,
        autoscalers: (autoscalers, mut unreadable),
        ..
    } = comparing::compare(cluster, question).await?;
    unreadable.extend(place.unreadable.iter().cloned());
    let (past, unread) = comparing::past(cluster, &inventory, &identity, &comparison, place.kept.key()).await;
    unreadable.extend(unread.map(Unread::from));
    let needed: Vec<String> = plan::claims_needed(&comparison).into_iter().collect();
    let (claims, unread) = observe::claims(cluster, &needed).await;
    unreadable.extend(unread);
    let facts = Facts {
        // A written plan keeps its id: what it derives from it stays the same.
        id: match written {
            Some(plan) => plan.id.clone(),
            None => random::id()?,
        },
        release: identity.clone(),
        namespace: place.home.clone(),
        revision: inventory.next_revision(),
        now,
        actor: place.actor.clone(),
        autoscalers,
        unreadable,
        past,
    };
    let (others, found) = sources::others(request, place, &inventory, &comparison).await?;
    let policy = &Policy {
        others,
        home: place.home.clone(),
        ..request.policy.clone()
    };
    let mut planned = plan::draft(&comparison, policy, &facts);
    planned.findings.extend(found);
    planned
        .findings
        .extend(plan::told_of_moved(&inventory, &place.home));
    plan::tell_moves(&mut planned, policy);
    let mut seen_images = BTreeSet::new();
    let something = !planned.plan.steps.is_empty() || !planned.plan.prune.is_empty();
    if something && request.dry_run != Some(DryRun::Client) {
        let mut asked = preflight::questions(&planned.plan, &comparison);
        let head = place.kept.head.as_ref().map(|head| &head.value);
        asked.keeps_earlier = head.is_some_and(|head| !head.current.parts.is_empty());
        asked.has_gates = !inputs.environment.environment.spec.gates.is_empty();
        asked.new_seals = match (&place.kept.sealing.integrity, &request.state_key) {
            (Integrity::None, None) => 2,
            (Integrity::None, Some(_)) => 1,
            _ => 0,
        };
        let answers = observe::preflight(cluster, &asked);
        let paths = &inputs.release.release.spec.image_paths;
        let looking = images::look(&planned.plan, &comparison, paths);
        let (answers, found) = futures::join!(answers, looking);
        planned = preflight::settle(planned, &comparison, &asked, &answers);
        planned.findings.extend(found.findings);
        seen_images = found.seen;
    }
    plan::name_data_loss(&mut planned, &comparison, &claims, policy);
    planned.findings.extend(plan::quarantine(&inventory, &identity));
    planned
        .findings
        .extend(inputs.refusals.iter().map(|refusal| PreflightFinding {
            check: refusal.check,
            objects: Vec::new(),
            paths: Vec::new(),
            subject: refusal.name.clone(),
            message: refusal.message.clone(),
            hint: Some(refusal.hint.clone()),
            severity: Severity::Refuse,
        }));
    if something {
        planned.findings.extend(
            crate::report::aside_notes(&comparison.objects)
                .into_iter()
                .map(untouched),
        );
    }
    plan::waive(&mut planned, &policy.waivers);
    planned.findings = plan::merge_findings(planned.findings);
    if let Some(written) = written {
        refuse_if_moved(written, &planned.plan)?;
    }
    let is_recorded = inventory
        .promoted()
        .is_some_and(|entry| entry.release == identity);
    Ok(Prepared {
        comparison,
        planned,
        is_recorded,
        seen_images,
    })
}

/// A note on fields that differ and that the promotion leaves as they are.
fn untouched(message: String) -> PreflightFinding {
    PreflightFinding {
        check: Check::Ownership,
        objects: Vec::new(),
        paths: Vec::new(),
        subject: None,
        message,
        hint: None,
        severity: Severity::Note,
    }
}

/// The plan that a file holds; one that only a later program understands is an error.
pub fn read_plan(path: &Path) -> Result<Plan, CommandError> {
    let plan: Plan = load::typed_json(&load::bytes(path)?, path).map_err(|error| {
        CommandError::usage(format!("expected a plan in {}, found: {error}", path.display()))
            .with_hint("kubectl delivery promote RELEASE --dry-run=server -o json > plan.json writes one")
    })?;
    if plan.format_version.is_newer() {
        let message = format!(
            "the plan in {} has format version {}, which only a later kubectl-delivery writes",
            path.display(),
            plan.format_version
        );
        return Err(CommandError::usage(message).with_hint("write a plan with this one"));
    }
    Ok(plan)
}

/// A written plan runs as it was approved, or not at all.
fn refuse_if_moved(written: &Plan, now: &Plan) -> Result<(), CommandError> {
    let (was, is) = (&written.release, &now.release);
    let is_other = !was.seems(is);
    if is_other || written.namespace != now.namespace {
        let message = format!(
            "expected the release and namespace of the plan ({} {} in {}), found {} {} in {}",
            was.name,
            was.digest.short(),
            written.namespace,
            is.name,
            is.digest.short(),
            now.namespace
        );
        return Err(CommandError::new(ErrorKind::Refused, message));
    }
    let moved = plan::moved(written, now);
    if moved.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = moved.iter().map(ToString::to_string).collect();
    let message = format!(
        "expected the cluster of the plan, found that it has moved: {}; nothing was changed",
        names.join(", ")
    );
    Err(CommandError::new(ErrorKind::Refused, message).with_hint("write and approve a new plan"))
}
