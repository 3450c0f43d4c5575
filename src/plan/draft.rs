//! From a comparison to a plan: one item for each desired object, then the steps.

use super::content::expect_present;
use super::dress::{carry_restart, dress, set_restart, template_annotations};
use super::hooks::{self, Hook, When};
use super::item::{Item, Kind};
use super::policy::{Facts, Planned, Policy, note, refuse};
use super::waves::{self, OrderError};
use super::{autoscaled, checks, prune, restart, undo};
use crate::model::finding::Comparison;
use crate::model::names::{API_VERSION, RESTART_ANNOTATION, applyset_id, inventory};
use crate::model::plan::{Action, Expect, Plan, PlanStep, PreflightFinding};
use crate::model::{FieldPath, Object, ObjectId, Sha256Digest};
use std::collections::{BTreeMap, BTreeSet};

/// Plans the promotion that a comparison calls for.
///
/// What the server says of each step comes later: see [`super::settle`].
pub fn draft(comparison: &Comparison, policy: &Policy, facts: &Facts) -> Planned {
    let set = applyset_id(&inventory(&facts.release.name), &facts.namespace);
    let mut findings = checks::of_comparison(comparison, policy);
    let unread = |why: &String| {
        let hint = "docs/permissions.md has a Role that suffices".to_owned();
        refuse("unreadable", None, format!("expected to read all that counts, found: {why}"), Some(hint))
    };
    findings.extend(facts.unreadable.iter().map(unread));
    let autoscaled = autoscaled::workloads(comparison, &facts.autoscalers);
    let hooks = Hooks::of(comparison, &mut findings);
    let mut items = Vec::new();
    for object in &comparison.objects {
        let Some(desired) = &object.desired else { continue };
        let id = object.id();
        if policy.is_external(&id, &facts.namespace) || hooks.skipped.contains(&id) {
            continue;
        }
        let mut body = desired.clone();
        body.set_namespace(object.target.namespace.as_deref());
        if let Some(live) = object.live.object() {
            carry_restart(&mut body, live);
        }
        dress(&mut body, &set);
        let is_autoscaled = autoscaled.contains(&id);
        let (item, found) = Item::new(object, body, is_autoscaled, &set, policy);
        findings.extend(found);
        items.extend(item);
    }
    restart_readers(&mut items, &facts.id);
    run_hooks_again(&mut items);
    let waves = order(&items, &mut findings);
    let target = |item: &Item<'_>| item.object.target.clone();
    let unchanged = items.iter().filter(|item| item.kind == Kind::Nothing).map(target).collect();
    let members = items.iter().map(target).collect();
    let steps = steps(items, &waves, &hooks);
    let next = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let (prune, pruned) = prune::prune(comparison, policy, facts, &set, next);
    findings.extend(pruned);
    let plan = Plan {
        api_version: API_VERSION.into(),
        kind: "Plan".into(),
        id: facts.id.clone(),
        release: facts.release.clone(),
        namespace: facts.namespace.clone(),
        revision: facts.revision,
        created_at: facts.now,
        actor: facts.actor.clone(),
        steps,
        prune,
        unchanged,
        members,
        waivers: policy.waivers.clone(),
        settings: policy.settings.clone(),
    };
    Planned { plan, findings }
}

/// Workloads whose configuration changes and whose template does not get a new annotation, so that their pods restart.
fn restart_readers(items: &mut [Item<'_>], promotion: &str) {
    let changed: BTreeSet<ObjectId> = items
        .iter()
        .filter(|item| {
            matches!((&*item.body.gvk().group, &*item.body.gvk().kind), ("", "ConfigMap" | "Secret"))
        })
        .filter(|item| item.changes_data())
        .map(|item| item.object.id())
        .collect();
    if changed.is_empty() {
        return;
    }
    for item in items.iter_mut().filter(|item| item.object.live.object().is_some()) {
        if item.changes_template() {
            continue;
        }
        let read = restart::configuration_read_by(&item.body);
        let names: Vec<String> =
            read.intersection(&changed).map(|id| format!("{} {}", id.kind, id.name)).collect();
        let Some(path) = template_annotations(&item.body).filter(|_| !names.is_empty()) else { continue };
        // Not a hash of the values: whoever may read the workload may not be meant to read the Secret.
        let value = Sha256Digest::of(format!("{promotion}\n{}", names.join("\n")).as_bytes());
        set_restart(&mut item.body, value.short());
        let path = path.iter().fold(FieldPath::root(), |path, step| path.field(step));
        item.change(path.field(RESTART_ANNOTATION), &format!("its pods read {}", names.join(", ")));
    }
}

/// A hook runs with every promotion that changes something, not only when its own Job changes.
fn run_hooks_again(items: &mut [Item<'_>]) {
    if items.iter().all(|item| item.kind == Kind::Nothing) {
        return;
    }
    for item in items.iter_mut().filter(|item| is_hook(item)) {
        if item.object.live.object().is_some() {
            item.kind = Kind::Recreate;
            item.why = "a hook runs again".into();
        }
    }
}

fn is_hook(item: &Item<'_>) -> bool {
    hooks::hook_of(&item.body).is_ok_and(|hook| hook.is_some())
}

/// What hooks say of the objects of a release.
#[derive(Default)]
struct Hooks {
    /// Objects that a promotion does not apply.
    skipped: BTreeSet<ObjectId>,
    /// For a Job, the one that undoes it.
    undo_jobs: BTreeMap<ObjectId, Object>,
}

impl Hooks {
    fn of(comparison: &Comparison, findings: &mut Vec<PreflightFinding>) -> Self {
        let all = comparison.objects.iter().filter_map(|one| Some((one.id(), one.desired.as_ref()?)));
        let mut hooks = Self { skipped: hooks::not_applied(all), undo_jobs: BTreeMap::new() };
        for object in &comparison.objects {
            let (id, Some(desired)) = (object.id(), &object.desired) else { continue };
            match hooks::hook_of(desired) {
                Err(found) => {
                    let message = format!("expected a hook that is understood, found {found}");
                    findings.push(refuse("hooks", Some(&id), message, None));
                }
                Ok(Some(Hook { when: When::Never, .. })) => {
                    findings.push(note(
                        "hooks",
                        Some(&id),
                        "is not applied: a hook of deletions and rollbacks".into(),
                    ));
                }
                Ok(Some(_)) if hooks::outlives_its_policy(desired) => {
                    findings.push(note(
                        "hooks",
                        Some(&id),
                        "stays after it has run, until the next promotion".into(),
                    ));
                }
                Ok(_) => {}
            }
            let Some(name) = hooks::undone_by(desired) else { continue };
            let undo = ObjectId { name: name.into(), ..id.clone() };
            let job = comparison
                .objects
                .iter()
                .find(|other| other.id() == undo)
                .and_then(|job| job.desired.clone());
            match job {
                Some(mut job) => {
                    job.set_namespace(undo.namespace.as_deref());
                    hooks.undo_jobs.insert(id, job);
                }
                None => {
                    let message =
                        format!("expected the Job {name} that undoes it in the release, found none");
                    findings.push(refuse("hooks", Some(&id), message, None));
                }
            }
        }
        hooks
    }
}

/// The wave of each item; where the order cannot be kept, findings.
fn order(items: &[Item<'_>], findings: &mut Vec<PreflightFinding>) -> Vec<u32> {
    let errors = match waves::waves(items.iter().map(|item| (item.object.id(), &item.body))) {
        Ok(waves) => return waves,
        Err(errors) => errors,
    };
    for error in errors {
        let (object, message) = match error {
            OrderError::Cycle(ids) => {
                let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
                (
                    None,
                    format!(
                        "expected an order, found objects that wait for each other: {}",
                        names.join(" → ")
                    ),
                )
            }
            OrderError::Unknown { object, names } => {
                (Some(object), format!("expected the release to hold what this waits for, found no {names}"))
            }
        };
        let hint = format!("change the annotation {}", crate::model::names::AFTER_ANNOTATION);
        findings.push(refuse("order", object.as_ref(), message, Some(hint)));
    }
    vec![0; items.len()]
}

fn steps(items: Vec<Item<'_>>, waves: &[u32], hooks: &Hooks) -> Vec<PlanStep> {
    let each = items.into_iter().zip(waves);
    let mut steps: Vec<PlanStep> = each.filter_map(|(item, wave)| step(item, *wave, hooks)).collect();
    steps.sort_by_key(|step| step.wave);
    for (id, step) in (0..).zip(&mut steps) {
        step.id = id;
    }
    steps
}

fn step(item: Item<'_>, wave: u32, hooks: &Hooks) -> Option<PlanStep> {
    let Item { object: compared, body: object, kind, take_over, changes, why } = item;
    let live = compared.live.object();
    let undo_job = hooks.undo_jobs.get(&compared.id());
    let (action, undo) = match (kind, live) {
        (Kind::Nothing, _) => return None,
        (Kind::Apply, Some(live)) => {
            let expected = Box::new(compared.predicted.as_ref().unwrap_or(&object).without_managed_fields());
            let undo = undo::of_apply(live, &object);
            (Action::Apply { object, take_over, expected }, undo)
        }
        (Kind::Recreate, Some(live)) => {
            let undo = undo::of_create(&object, Some(live), undo_job);
            (Action::Recreate { object }, undo)
        }
        (_, None) | (Kind::Create, _) => {
            let undo = undo::of_create(&object, None, undo_job);
            (Action::Create { object }, undo)
        }
    };
    let expect = match (&action, live) {
        (Action::Create { .. }, _) | (_, None) => Expect::Absent,
        (action, Some(live)) => expect_present(action, live),
    };
    Some(PlanStep { id: 0, wave, target: compared.target.clone(), action, expect, undo, why, changes })
}
