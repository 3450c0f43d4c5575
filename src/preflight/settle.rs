//! What the server answered, taken into the plan: final objects, steps that change nothing, and refusals.
//!
//! The order counts. Answers to the tries come first: they tell what each step will leave, and by that quotas are charged,
//! steps turn out to change nothing, and prunes to take what is still referred to. Waves and numbers are worked out last,
//! when it is known which steps there are.
//!
//! An answer is about the cluster as it is now. Where the plan brings or repairs what the answer hangs on (see `firsts`), a
//! refusal is a note: else the release that mends something could never be promoted. What could not be asked is never
//! taken for a yes; it is said, and refuses where nothing of the plan could make it come true.

use super::firsts::{DeadWebhook, Firsts};
use super::pods::{pods, repaired};
use super::questions::{Compared, compared, is_answered};
use super::reached::not_reached;
use super::{new_quota, quota, refusals};
use crate::compare;
use crate::model::check::Check;
use crate::model::finding::{Comparison, HandClass, ObjectComparison};
use crate::model::plan::{Action, Plan, PlanStep, PreflightFinding, Severity, Undo};
use crate::model::preflight::{Allowed, Answer, Answers, DryRequest, Questions};
use crate::model::snapshot::Observed;
use crate::model::{Object, ObjectId};
use crate::objects::Owners;
use crate::objects::same_content;
use crate::objects::with_defaults_after;
use crate::plan::{Planned, note, refuse};
use std::collections::{BTreeMap, BTreeSet};

/// Takes the answers to [`super::questions`] into a plan; the findings come check by check.
pub fn settle(planned: Planned, comparison: &Comparison, asked: &Questions, answers: &Answers) -> Planned {
    let Planned {
        mut plan,
        mut findings,
    } = planned;

    findings.extend(rights(asked, answers));
    let compared = compared(comparison);
    let firsts = Firsts::new(&plan.steps);
    let services = services(comparison);
    excuse_unread(&mut findings, &compared, &firsts, &services);

    let (mut tried, behind) = tries(&mut plan.steps, &compared, asked, answers, &firsts, &services);
    tried.extend(answered_before(&mut plan.steps, &compared));

    for finding in &mut tried {
        let owned = |known: &PreflightFinding| {
            matches!(known.check, Check::Ownership | Check::Owners)
                && !known.objects.is_empty()
                && known.objects == finding.objects
        };
        if finding.severity != Severity::Refuse {
            continue;
        }

        // It is refused for its owners already, and the server's reason may be one of their fields.
        if findings.iter().any(owned) {
            finding.hint = Some("this may be gone once the fields of others are taken over".into());
        } else if let Some(managers) = finding
            .objects
            .first()
            .and_then(|id| in_the_way(&plan.steps, &compared, id))
        {
            finding.hint = Some(format!(
                "fields of another tool may be in the way: --adopt {managers}"
            ));
        }
    }

    findings.append(&mut tried);
    findings.extend(pods(asked, answers, &firsts, &services));
    // After the tries: an object is charged as the server says that it will be.
    findings.extend(quota::exceeded(&plan, comparison, asked, answers));
    findings.extend(new_quota::exceeded(&plan, comparison, asked, answers));

    // Only said: a quota that may not be listed is still the server's to enforce.
    let unreadable = answers.unreadable.iter();
    findings
        .extend(unreadable.map(|why| note(Check::Unreadable, None, format!("could not be checked: {why}"))));
    findings.extend(
        answers
            .warnings
            .iter()
            .map(|text| note(Check::Warnings, None, format!("the server warns: {text}"))),
    );

    // A change that was predicted may come to nothing once the server has worked it out.
    let idle: BTreeSet<u32> = plan
        .steps
        .iter()
        .filter(|step| changes_nothing(step, &compared))
        .map(|step| step.id)
        .collect();

    let (steps, idle): (Vec<_>, Vec<_>) = plan.steps.drain(..).partition(|step| !idle.contains(&step.id));
    plan.unchanged.extend(idle.into_iter().map(|step| step.target));
    plan.steps = steps;

    // With the answers taken in: what counts is what each object will refer to.
    findings.extend(keep_used(&mut plan, comparison));
    // Before the numbers: it moves steps between waves.
    follow_repairs(&mut plan.steps, &behind);
    number(&mut plan.steps, &mut plan.prune);

    // Last: an answer may have taken a step's undo away.
    for step in &plan.steps {
        if let Undo::Impossible { why } = &step.undo {
            let message = format!("cannot be undone: {why}; a failure after it is not reverted past it");
            findings.push(note(Check::Undo, Some(&step.target.id()), message));
        }
    }

    Planned { plan, findings }
}

/// Leaves what an object of the release will still refer to: what counts is the object as it will be, whatever its manifest
/// says.
fn keep_used(plan: &mut Plan, comparison: &Comparison) -> Vec<PreflightFinding> {
    if plan.prune.is_empty() {
        return Vec::new();
    }

    let after = |object: &ObjectComparison| {
        let id = object.id();
        let step = plan.steps.iter().find(|step| step.target.id() == id);
        let mut after = match step.map(|step| &step.action) {
            Some(Action::Apply { expected, .. }) => (**expected).clone(),
            Some(Action::Create { object } | Action::Recreate { object }) => object.clone(),
            Some(Action::Delete { .. }) => return None,
            // As it is there, with the fields of others that stay.
            None => object.live.object()?.clone(),
        };
        after.set_namespace(id.namespace.as_deref());
        Some(after)
    };

    let stay = comparison
        .objects
        .iter()
        .filter(|object| object.desired.is_some());
    let objects: Vec<Object> = stay.filter_map(after).collect();
    // Only references of objects: what the release or the environment asks for by name has no user to tell.
    let needed = compare::needed(&objects, &[], &[], &plan.namespace);

    let users = |step: &PlanStep| {
        let id = step.target.id();
        needed
            .iter()
            .find(|needed| needed.target().id() == id)
            .map(|needed| needed.users().to_vec())
    };

    let mut findings = Vec::new();

    plan.prune.retain(|step| match users(step) {
        Some(users) => {
            let names: Vec<String> = users.iter().map(ToString::to_string).collect();
            let message = format!("stays: still used by {}", names.join(", "));
            findings.push(note(Check::Prune, Some(&step.target.id()), message));
            false
        }
        None => true,
    });
    findings
}

/// The tools that own fields of an object from which nothing is taken over.
fn in_the_way(steps: &[PlanStep], compared: &Compared<'_>, id: &ObjectId) -> Option<String> {
    let takes_nothing = |step: &&PlanStep| matches!(step.action, Action::Apply { take_over: None, .. });
    steps
        .iter()
        .filter(takes_nothing)
        .find(|step| step.target.id() == *id)?;

    let owners = Owners::of(compared.get(id)?.live.object()?);
    let tools: BTreeSet<String> = owners
        .fields_of(|owner| owner.class == HandClass::OtherTool)
        .map(|(owner, _)| owner.manager.clone())
        .collect();
    (!tools.is_empty()).then(|| tools.into_iter().collect::<Vec<_>>().join(" --adopt "))
}

/// An apply whose answer is what is there, and that takes nothing over.
fn changes_nothing(step: &PlanStep, compared: &Compared<'_>) -> bool {
    let Action::Apply {
        expected,
        take_over: None,
        ..
    } = &step.action
    else {
        return false;
    };

    let live = compared
        .get(&step.target.id())
        .and_then(|compared| compared.live.object());
    live.is_some_and(|live| same_content(expected, live))
}

/// Ids and waves without gaps.
fn number(steps: &mut [PlanStep], prune: &mut [PlanStep]) {
    let waves: BTreeSet<u32> = steps.iter().map(|step| step.wave).collect();
    let waves: BTreeMap<u32, u32> = waves.into_iter().zip(0..).collect();

    // Ids go through both lists; waves do not: prunes count theirs from the commit on.
    for (id, step) in (0..).zip(steps.iter_mut().chain(prune.iter_mut())) {
        step.id = id;
    }
    for step in steps {
        step.wave = waves.get(&step.wave).copied().unwrap_or_default();
    }
}

fn tries(
    steps: &mut [PlanStep],
    compared: &Compared<'_>,
    asked: &Questions,
    answers: &Answers,
    firsts: &Firsts,
    services: &[&Object],
) -> (Vec<PreflightFinding>, BTreeMap<u32, u32>) {
    let (mut findings, mut behind) = (Vec::new(), BTreeMap::new());

    for (question, answer) in asked.tries.iter().zip(&answers.tries) {
        let id = question.target.id();
        let step = steps.iter_mut().find(|step| step.id == question.step);
        match (answer, &question.request) {
            (Answer::Refused { message, .. }, DryRequest::PutBack(_)) => {
                // No reason to refuse: the step can be done, and is a barrier from here on.
                if let Some(step) = step {
                    step.undo = Undo::Impossible {
                        why: format!("putting it back is refused: {message}"),
                    };
                }
            }
            // Not known is no barrier: a revert tries it, and says what came of it.
            (Answer::Unknown { .. }, DryRequest::PutBack(_)) => {}
            (
                Answer::Refused {
                    code,
                    message,
                    fields,
                },
                _,
            ) => {
                let webhook = DeadWebhook::parse(message);

                // A silent webhook says nothing of the object: whether the plan brings it back decides.
                let finding = match &webhook {
                    Some(webhook) => match (firsts.repairs(webhook, services), firsts.of_object(&id)) {
                        (Some(wave), _) => {
                            // The step itself waits for the repair as well.
                            behind.insert(question.step, wave);
                            note(Check::DryRun, Some(&id), repaired(webhook))
                        }
                        // Its definition may name another webhook then.
                        (None, Some(awaited)) if webhook.converts => note(Check::DryRun, Some(&id), awaited),
                        // Nothing of the plan helps: the step would fail half-way in the same way.
                        (None, _) => refusals::of_dead_webhook(&id, webhook, message),
                    },
                    None => match firsts.of_object(&id) {
                        Some(awaited) => note(Check::DryRun, Some(&id), awaited),
                        None => refusals::of_server(&id, *code, message, fields),
                    },
                };

                // What is the matter with a namespace is said once.
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
            // It is not there, and nothing of the plan makes it: the step could only fail.
            (Answer::Unknown { why }, _) if waits_for_nothing(why, &id, firsts) => {
                let message =
                    format!("expected a namespace or kind that is there or in the release, found: {why}");
                findings.push(refuse(Check::DryRun, Some(&id), message, None));
            }
            // What cannot be asked about is told, and refuses nothing: the step itself will find out.
            (Answer::Unknown { why }, _) => {
                let awaited = firsts.of_object(&id).or_else(|| firsts.of_namespace(&id));
                let message = awaited.unwrap_or_else(|| format!("not checked: {why}"));
                findings.push(note(Check::DryRun, Some(&id), message));
            }
            (Answer::Fine(Some(object)), DryRequest::Apply(_) | DryRequest::Replace(_)) => {
                if let Some(step) = step {
                    // With an older definition the server drops what it does not know.
                    let target = compared.get(&id).and_then(|compared| compared.predicted.as_ref());
                    let dropped = take_in(step, target, object);
                    findings.extend(dropped.map(|dropped| match firsts.of_object(&id) {
                        Some(awaited) => note(Check::DryRun, Some(&id), awaited),
                        None => dropped,
                    }));
                    // No write of such a field is refused: only the answer, beside the target, shows it.
                    findings.extend(
                        compared
                            .get(&id)
                            .and_then(|compared| kept(step, compared, object)),
                    );
                }
            }
            // Under another name, or of a deletion: the answer says yes, and not what the step will leave.
            (Answer::Fine(_), _) => {}
        }
    }
    (findings, behind)
}

/// What cannot be read because of a converting webhook that the plan mends is left as it is, and no reason to refuse.
fn excuse_unread(
    findings: &mut [PreflightFinding],
    compared: &Compared<'_>,
    firsts: &Firsts,
    services: &[&Object],
) {
    let is_unread =
        |one: &&mut PreflightFinding| one.check == Check::Unreadable && one.severity == Severity::Refuse;

    for finding in findings.iter_mut().filter(is_unread) {
        let Some(id) = finding.objects.first().cloned() else {
            continue;
        };
        let live = compared.get(&id).map(|compared| &compared.live);
        // Only where the read failed for it: other refusals of this check have nothing to do with a webhook.
        let Some(Observed::Unreadable { error, .. }) = live else {
            continue;
        };
        let Some(webhook) = DeadWebhook::parse(error).filter(|webhook| webhook.converts) else {
            continue;
        };

        if firsts.repairs(&webhook, services).is_some() || firsts.of_object(&id).is_some() {
            let message = format!(
                "not checked, and left as it is: {webhook} does not answer, and this promotion changes it; promote again once it does"
            );
            *finding = note(Check::Unreadable, Some(&id), message);
        }
    }
}

/// The Services that are there or are going to be.
fn services(comparison: &Comparison) -> Vec<&Object> {
    let both = comparison
        .objects
        .iter()
        // As it will be: a new selector may lead to a workload that the old one did not.
        .filter_map(|object| object.desired.as_ref().or(object.live.object()));
    both.filter(|object| object.kind() == "Service").collect()
}

/// What a webhook is asked about follows the wave that repairs it.
fn follow_repairs(steps: &mut [PlanStep], behind: &BTreeMap<u32, u32>) {
    if behind.is_empty() {
        return;
    }

    // Doubled, each wave has room for one right behind it; what comes later anyway stays where it is.
    for step in steps.iter_mut() {
        let repaired = behind.get(&step.id).filter(|wave| **wave >= step.wave);
        step.wave = repaired.map_or(step.wave * 2, |wave| wave * 2 + 1);
    }

    steps.sort_by_key(|step| step.wave);
}

/// Fields that the server keeps as they are, whatever is sent.
fn kept(step: &PlanStep, compared: &ObjectComparison, answer: &Object) -> Option<PreflightFinding> {
    let sent = step.action.object()?;

    let paths: Vec<String> = not_reached(step, compared, sent, answer)
        .into_iter()
        .map(ToString::to_string)
        .collect();

    (!paths.is_empty()).then(|| refusals::kept(&step.target.id(), &paths))
}

/// What the server drops of steps that the comparison has tried already.
fn answered_before(steps: &mut [PlanStep], compared: &Compared<'_>) -> Vec<PreflightFinding> {
    let take = |step: &mut PlanStep| {
        let compared = compared.get(&step.target.id()).copied();
        let answer = compared
            .filter(|_| is_answered(step, compared))?
            .predicted
            .as_ref()?;
        // No target to go by: what was proved is what the apply leaves.
        take_in(step, None, answer)
    };
    steps.iter_mut().filter_map(take).collect()
}

/// Whether what is missing is neither there nor made by this promotion.
fn waits_for_nothing(why: &str, id: &ObjectId, firsts: &Firsts) -> bool {
    // By the server's words for a namespace, and by those of `observe::preflight` for a kind.
    if why.contains("namespaces \"") && why.contains("not found") {
        return firsts.of_namespace(id).is_none();
    }
    why.contains("is not served yet") && firsts.of_object(id).is_none()
}

/// The answer becomes what the step is expected to give.
fn take_in(step: &mut PlanStep, target: Option<&Object>, answer: &Object) -> Option<PreflightFinding> {
    let id = step.target.id();
    let sent = step.action.object()?;
    let dropped = refusals::dropped(sent.value(), answer.value());

    if let Action::Apply { object, expected, .. } = &mut step.action {
        **expected = match target {
            // Defaults that the apply loses are sent after it: they belong to what the step leaves.
            Some(target) => with_defaults_after(answer, object, target, &step.changes),
            None => answer.without_managed_fields(),
        };
    }

    (!dropped.is_empty()).then(|| {
        let message = format!(
            "expected every field to be kept, found that the server drops {}",
            dropped.join(", ")
        );
        let hint = "is the kind's definition older than the manifest?".to_owned();
        PreflightFinding {
            paths: dropped,
            ..refuse(Check::DryRun, Some(&id), message, Some(hint))
        }
    })
}

/// Missing rights, one finding for each resource and namespace.
fn rights(asked: &Questions, answers: &Answers) -> Vec<PreflightFinding> {
    /// Resource, namespace, and whether a promotion can do without.
    type Place<'a> = (String, Option<&'a str>, bool);
    /// Verbs and purposes.
    type Missing<'a> = (Vec<&'a str>, BTreeSet<&'a str>);

    let mut missing: BTreeMap<Place<'_>, Missing<'_>> = BTreeMap::new();
    let mut findings = Vec::new();

    for (right, need) in &asked.rights {
        let resource = match (&*right.group, &*right.subresource) {
            ("", "") => right.resource.clone(),
            ("", sub) => format!("{}/{sub}", right.resource),
            (group, "") => format!("{}.{group}", right.resource),
            (group, sub) => format!("{}.{group}/{sub}", right.resource),
        };

        match answers.rights.get(right) {
            Some(Allowed::Yes) => {}
            // Verbs of one resource make one finding: a Role is mended as a whole.
            Some(Allowed::No(_)) => {
                let entry = missing
                    .entry((resource, right.namespace.as_deref(), need.optional))
                    .or_default();
                entry.0.push(&right.verb);
                entry.1.insert(&need.purpose);
            }
            // Unknown is not allowed: a right that turns out to be missing half-way is a rollback.
            Some(Allowed::Unknown(why)) => {
                let message = format!("whether {} {resource} is allowed is not known: {why}", right.verb);
                let subject = Some(right_on(&resource, right.namespace.as_deref()));
                findings.push(PreflightFinding {
                    subject,
                    ..refuse(Check::Rights, None, message, None)
                });
            }
            None => {}
        }
    }

    findings.extend(missing.into_iter().map(|((resource, namespace, optional), (verbs, purposes))| {
        let place = namespace.map_or("in the cluster".to_owned(), |name| format!("in the namespace {name}"));
        let purposes: Vec<_> = purposes.into_iter().collect();
        let (verbs, purpose) = (verbs.join(", "), purposes.join(", "));
        let message =
            format!("expected the right to {verbs} {resource} {place}, found none (needed {purpose})");
        // A promotion goes on without it, and shows less.
        if optional {
            return note(Check::Rights, None, message);
        }
        let subject = right_on(&resource, namespace);
        let namespace = namespace.map(|name| format!(" -n {name}")).unwrap_or_default();
        let verb = verbs.split(',').next().unwrap_or_default();
        let hint = format!(
            "kubectl auth can-i {verb} {resource}{namespace}; docs/permissions.md has a Role that suffices"
        );
        PreflightFinding { subject: Some(subject), ..refuse(Check::Rights, None, message, Some(hint)) }
    }));

    findings
}

/// A resource in a namespace, as a waiver names the permissions on it.
fn right_on(resource: &str, namespace: Option<&str>) -> String {
    namespace.map_or_else(
        || resource.to_owned(),
        |namespace| format!("{resource}/{namespace}"),
    )
}
