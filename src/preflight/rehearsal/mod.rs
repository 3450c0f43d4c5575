//! Which pods are tried before a promotion, and what each of them is.
//!
//! Only workloads that the environment or their own annotation allows, and of these only what the plan changes: first the
//! template in the cluster, which a rollback would bring back, then the new one. Of the new one only where all that it
//! refers to is there and stays as it is: a pod that reads a ConfigMap of before proves nothing of the one to come. What
//! must not run twice is refused; what cannot be tried yet is noted. Both by name.

mod obstacles;
mod pod;
mod selectors;

use self::obstacles::Obstacle;
use self::pod::template;
use crate::model::check::Check;
use crate::model::environment::RehearseRule;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::k8s::kinds::built_in;
use crate::model::k8s::pod_references::references;
use crate::model::names::REHEARSE_ANNOTATION;
use crate::model::plan::{Action, Plan, PlanStep, PreflightFinding};
use crate::model::preflight::{Permission, PermissionUse};
use crate::model::rehearsal::{
    NamespaceFacts, PlannedRehearsal, RehearsalFacts, RehearsalQuestions, RehearsalRequest, SELECTING_KINDS,
    TemplateVersion,
};
use crate::model::verb::Verb;
use crate::model::{Object, ObjectId};
use crate::plan::{Planned, note, refuse};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is asked for, and of which workloads the environment allows it.
#[derive(Clone, Copy, Debug)]
pub struct RehearsalPolicy<'a> {
    /// What is asked for.
    pub request: RehearsalRequest,
    /// The environment's rules.
    pub rules: &'a [RehearseRule],
}

/// A workload that may be tried and that the plan changes.
struct Candidate<'a> {
    id: ObjectId,
    /// As it is; none where it is created.
    current: Option<&'a Object>,
    /// As it will be.
    new: &'a Object,
}

impl RehearsalPolicy<'_> {
    fn allows(&self, object: &ObjectComparison) -> bool {
        let is_marked = |one: &Object| one.annotation(REHEARSE_ANNOTATION) == Some("true");
        let objects = object.desired.iter().chain(object.live.object());
        let id = object.id();
        let is_named = self.rules.iter().any(|rule| rule.target.matches(&id));
        // A rule without a kind speaks of whatever has pods, and not of its Services.
        let has_pods = || object.desired.as_ref().is_some_and(|one| template(one).is_some());
        objects.into_iter().any(is_marked) || is_named && has_pods()
    }

    fn allowed<'c>(&self, comparison: &'c Comparison) -> Vec<&'c ObjectComparison> {
        let desired = comparison.objects.iter().filter(|one| one.desired.is_some());
        desired.filter(|one| self.allows(one)).collect()
    }

    fn candidates<'p>(&self, plan: &'p Plan, comparison: &'p Comparison) -> Vec<Candidate<'p>> {
        let candidate = |object: &&'p ObjectComparison| {
            let id = object.id();
            let step = plan.steps.iter().find(|step| step.target.id() == id)?;
            Some(Candidate {
                current: object.live.object(),
                new: object_after(step)?,
                id,
            })
        };
        self.allowed(comparison).iter().filter_map(candidate).collect()
    }
}

/// What a step leaves; none where that is nothing.
fn object_after(step: &PlanStep) -> Option<&Object> {
    match &step.action {
        Action::Apply { expected, .. } => Some(expected),
        Action::Create { object } | Action::Recreate { object } => Some(object),
        Action::Delete { .. } => None,
    }
}

/// What has to be read for a plan.
pub fn rehearsal_questions(
    plan: &Plan,
    comparison: &Comparison,
    policy: &RehearsalPolicy<'_>,
) -> RehearsalQuestions {
    let mut asked = RehearsalQuestions::default();
    for candidate in policy.candidates(plan, comparison) {
        let Some(namespace) = candidate.id.namespace.clone() else {
            continue;
        };
        let specs = [candidate.current, Some(candidate.new)].into_iter().flatten();
        let mut specs = specs.filter_map(|one| template(one)?.get("spec"));
        let mut mounts = specs.by_ref().flat_map(references);
        if mounts.any(|one| one.kind == "PersistentVolumeClaim") {
            asked.claims_in.insert(namespace.clone());
        }
        asked.namespaces.insert(namespace);
    }
    asked
}

/// The permissions that it takes to try pods.
pub fn rehearsal_permissions(asked: &RehearsalQuestions) -> BTreeMap<Permission, PermissionUse> {
    let mut permissions = BTreeMap::new();
    let mut add = |(group, kind): (&str, &str), verb, namespace: &str, purpose: &str| {
        let Some(resource) = built_in(group, kind) else {
            return;
        };
        let permission = Permission {
            group: resource.group,
            resource: resource.plural,
            subresource: String::new(),
            namespace: Some(namespace.into()),
            verb,
        };
        let purpose = purpose.into();
        permissions.insert(
            permission,
            PermissionUse {
                purpose,
                ..PermissionUse::default()
            },
        );
    };
    for namespace in &asked.namespaces {
        for verb in [Verb::Get, Verb::List, Verb::Watch, Verb::Create, Verb::Delete] {
            add(("", "Pod"), verb, namespace, "to rehearse");
        }
        for kind in SELECTING_KINDS {
            add(kind, Verb::List, namespace, "to rehearse without being selected");
        }
    }
    for namespace in &asked.claims_in {
        let claims = ("", "PersistentVolumeClaim");
        add(
            claims,
            Verb::List,
            namespace,
            "to rehearse beside what claims hold",
        );
    }
    permissions
}

/// Adds to a plan the pods that are tried before it, and what cannot be.
pub fn plan_rehearsals(
    planned: &mut Planned,
    comparison: &Comparison,
    policy: &RehearsalPolicy<'_>,
    facts: &RehearsalFacts,
) {
    if policy.allowed(comparison).is_empty() {
        planned.findings.push(nothing_allowed());
        return;
    }
    let candidates = policy.candidates(&planned.plan, comparison);
    if candidates.is_empty() {
        let message = "no rehearsal: no workload that may be rehearsed changes".to_owned();
        planned.findings.push(note(Check::Rehearsal, None, message));
        return;
    }

    let unread = NamespaceFacts::default();
    let (mut pods, mut findings) = (Vec::new(), Vec::new());
    for candidate in &candidates {
        let namespace = candidate.id.namespace.as_deref().unwrap_or_default();
        let rehearsing = Rehearsing {
            candidate,
            plan: &planned.plan,
            comparison,
            request: policy.request,
            facts: facts.get(namespace).unwrap_or(&unread),
        };
        let (mut planned, mut found) = rehearsing.plan();
        pods.append(&mut planned);
        findings.append(&mut found);
    }
    planned.findings.append(&mut findings);
    planned.plan.rehearsals = pods;
}

fn nothing_allowed() -> PreflightFinding {
    let message = format!(
        "no workload may be rehearsed: the environment names none under rehearse, and none carries the annotation \
         {REHEARSE_ANNOTATION}"
    );
    let hint = "name workloads of which a second pod does no harm under spec.rehearse of the environment";
    refuse(Check::Rehearsal, None, message, Some(hint.into()))
}

/// One workload.
struct Rehearsing<'a> {
    candidate: &'a Candidate<'a>,
    plan: &'a Plan,
    comparison: &'a Comparison,
    request: RehearsalRequest,
    facts: &'a NamespaceFacts,
}

impl Rehearsing<'_> {
    /// Its pods, and what speaks against them: where anything does, there are none.
    fn plan(&self) -> (Vec<PlannedRehearsal>, Vec<PreflightFinding>) {
        let id = &self.candidate.id;
        let refused = |one: Obstacle| {
            let message = format!("cannot be rehearsed: {}", one.why);
            refuse(Check::Rehearsal, Some(id), message, one.hint)
        };
        if let Some(obstacle) = obstacles::of_kind(id) {
            return (Vec::new(), vec![refused(obstacle)]);
        }
        let unread = self.facts.unreadable.iter();
        let unread = unread.map(|why| Obstacle::from(format!("cannot read {why}")));
        let mut obstacles: Vec<Obstacle> = unread.collect();

        let (templates, mut findings) = self.templates();
        let mut pods = Vec::new();
        for (version, object) in templates {
            let Some(template) = template(object) else {
                continue;
            };
            let spec = template.get("spec").unwrap_or(&Value::Null);
            obstacles.extend(obstacles::of_template(spec, self.facts, self.request.runs_init));
            match pod::plan(self.plan, id, version, object, self.facts) {
                Ok(pod) => pods.push(pod),
                Err(mut found) => obstacles.append(&mut found),
            }
        }
        if !obstacles.is_empty() {
            // Both templates mostly have the same: once is enough.
            obstacles.dedup_by(|one, other| one.why == other.why);
            pods.clear();
        }
        findings.extend(obstacles.into_iter().map(refused));
        (pods, findings)
    }

    /// What is tried, in order; and a note on each that is left out.
    fn templates(&self) -> (Vec<(TemplateVersion, &Object)>, Vec<PreflightFinding>) {
        let Candidate { id, current, new } = self.candidate;
        let scope = self.request.scope;
        let (mut templates, mut notes) = (Vec::new(), Vec::new());
        let left_out = |version: TemplateVersion, why: &str| {
            note(
                Check::Rehearsal,
                Some(id),
                format!("{version} not rehearsed: {why}"),
            )
        };

        if scope.includes(TemplateVersion::Current) {
            match current {
                Some(live) => templates.push((TemplateVersion::Current, *live)),
                None => notes.push(left_out(TemplateVersion::Current, "it does not exist yet")),
            }
        }
        if scope.includes(TemplateVersion::New) {
            let is_same = current.is_some_and(|live| template(live) == template(new));
            match self.find_change(new) {
                _ if is_same && !templates.is_empty() => {}
                Some(why) => notes.push(left_out(TemplateVersion::New, &why)),
                None => templates.push((TemplateVersion::New, *new)),
            }
        }
        (templates, notes)
    }

    /// What the template refers to and is not as it will be.
    fn find_change(&self, workload: &Object) -> Option<String> {
        let spec = template(workload)?.get("spec")?;
        let namespace = self.candidate.id.namespace.as_deref();
        let named = references(spec).into_iter().map(|one| {
            let id = ObjectId::new("", one.kind, namespace, &one.name);
            (id, one.optional)
        });
        let class = |field: &str, group: &str, kind: &str| {
            let name = spec.get(field)?.as_str().filter(|name| !name.is_empty())?;
            Some((ObjectId::new(group, kind, None, name), false))
        };
        let classes = [
            class("priorityClassName", "scheduling.k8s.io", "PriorityClass"),
            class("runtimeClassName", "node.k8s.io", "RuntimeClass"),
        ];
        named
            .chain(classes.into_iter().flatten())
            .find_map(|(id, is_optional)| self.why_not_as_it_will_be(&id, is_optional))
    }

    fn why_not_as_it_will_be(&self, id: &ObjectId, is_optional: bool) -> Option<String> {
        let mut steps = self.plan.steps.iter().chain(&self.plan.prune);
        if let Some(step) = steps.find(|step| step.target.id() == *id) {
            let what = match &step.action {
                Action::Create { .. } => "created",
                Action::Delete { .. } => "deleted",
                Action::Apply { .. } | Action::Recreate { .. } => "changed",
            };
            return Some(format!("{id} is {what} by this promotion"));
        }
        let mut missing = self.comparison.requirements.iter();
        // What is missing refuses the promotion; where that is waived, the pod would only wait for it.
        (!is_optional && missing.any(|one| one.object == *id))
            .then(|| format!("{id} is not there as it is needed"))
    }
}

#[cfg(test)]
mod tests;
