//! What a promotion brings or changes before the objects that depend on it: what the server says of those now is no
//! answer to what it will say then.
//!
//! A refusal is excused only by its own words: it has to name what the plan brings or changes, as the admission plugin or
//! the webhook client of the API server puts it. Everything else that a server says stands, for a refusal that is excused
//! wrongly comes back in the middle of the rollout. What is excused is told as not checked, and never as fine.

use crate::model::plan::{Action, PlanStep};
use crate::model::unreachable_webhook::{UnreachableWebhook, WebhookService};
use crate::model::{FieldPath, Object, ObjectId, WaveIndex};
use crate::objects::template;
use serde_json::Value;

/// An object that a plan creates or changes.
struct Prerequisite {
    id: ObjectId,
    object: Object,
    wave: WaveIndex,
    is_created: bool,
    /// Whether other rules of pod security are in force after it.
    sets_pod_security: bool,
}

/// The objects of a plan on which others depend.
pub(super) struct Prerequisites<'a> {
    changed: Vec<Prerequisite>,
    /// The Services that are there or are going to be.
    services: Vec<&'a Object>,
}

impl<'a> Prerequisites<'a> {
    pub(super) fn new(steps: &[PlanStep], services: Vec<&'a Object>) -> Self {
        let prerequisite = |step: &PlanStep| {
            let object = step.action.object()?;
            let is_created = matches!(step.action, Action::Create { .. });
            // A step that only takes fields over changes nothing for others.
            let is_changed = is_created || !step.changes.is_empty();
            // Workloads too: one of them may be the server behind a webhook.
            (is_changed && (is_depended_on(object) || template(object).is_some())).then(|| Prerequisite {
                id: step.target.id(),
                object: object.clone(),
                wave: step.wave,
                is_created,
                sets_pod_security: step.changes.iter().any(enforces_pod_security),
            })
        };

        Self {
            changed: steps.iter().filter_map(prerequisite).collect(),
            services,
        }
    }

    /// Why a rejection of a workload's pod says nothing yet; none where it does.
    pub(super) fn awaited_by_pod(&self, message: &str, workload: &ObjectId) -> Option<String> {
        let first = self
            .changed
            .iter()
            .find(|first| first.is_missed_by_pod(message, workload))?;
        Some(format!("pod admission not checked yet: {}", first.sentence()))
    }

    /// Why nothing that was said of a workload's pod counts: other rules of pod security are in force then.
    pub(super) fn awaited_pod_security(&self, workload: &ObjectId) -> Option<String> {
        let first = self
            .changed
            .iter()
            .find(|first| first.is_namespace_of(workload) && first.sets_pod_security)?;
        Some(format!("pod admission not checked yet: {}", first.sentence()))
    }

    /// Why a rejection of an object says nothing yet; none where it does.
    pub(super) fn awaited_definition(&self, id: &ObjectId) -> Option<String> {
        // Its schema, its conversion or the kind itself is another one by then.
        let defines = |first: &&Prerequisite| {
            first.object.kind() == "CustomResourceDefinition"
                && first.object.text("/spec/names/kind") == id.kind
                && first.object.text("/spec/group") == id.group
        };

        let first = self.changed.iter().find(defines)?;
        Some(format!("not checked yet: {}", first.sentence()))
    }

    /// Why nothing is known of an object yet whose namespace the plan creates.
    pub(super) fn awaited_namespace(&self, id: &ObjectId) -> Option<String> {
        let first = self
            .changed
            .iter()
            .find(|first| first.is_created && first.is_namespace_of(id))?;
        Some(format!("not checked yet: {}", first.sentence()))
    }

    /// The last wave that changes the webhook that did not answer: its configuration, its Service, or the workload behind
    /// that; none where the plan changes nothing of it.
    pub(super) fn repair_wave(&self, webhook: &UnreachableWebhook) -> Option<WaveIndex> {
        let repairs = |first: &&Prerequisite| first.repairs(webhook, &self.services);
        // The last of them: it answers when all of it is there.
        self.changed.iter().filter(repairs).map(|first| first.wave).max()
    }
}

/// Whether a change of a namespace is one of the labels of pod security, or of all its labels.
fn enforces_pod_security(path: &FieldPath) -> bool {
    let text = path.to_string();
    // The level and its version, but not audit and warn, which deny nothing. A map of labels that is new or
    // gone is one change, without its keys.
    text.starts_with("/metadata/labels/pod-security.kubernetes.io~1enforce") || text == "/metadata/labels"
}

fn is_depended_on(object: &Object) -> bool {
    // What admission looks at when it judges a pod, and what it calls.
    let gvk = object.gvk();
    matches!(
        (&*gvk.group, &*gvk.kind),
        (
            "",
            "Namespace" | "ServiceAccount" | "LimitRange" | "ResourceQuota" | "Service"
        ) | ("apiextensions.k8s.io" | "admissionregistration.k8s.io", _)
            | ("scheduling.k8s.io", "PriorityClass")
            | ("node.k8s.io", "RuntimeClass")
    )
}

impl Prerequisite {
    /// One sentence for all of a kind: whoever reads it wants to know what is not known, and not thirty names.
    fn sentence(&self) -> String {
        let kind = &self.id.kind;
        match &**kind {
            "Namespace" | "LimitRange" | "ResourceQuota" => {
                let verb = if self.is_created { "creates" } else { "changes" };
                format!("this promotion {verb} {} first", self.id)
            }
            "CustomResourceDefinition" if !self.is_created => {
                format!("this promotion changes the {kind} first")
            }
            _ => format!("this promotion creates the {kind} first"),
        }
    }

    /// Whether the step changes what a webhook is: its configuration, its Service, or a workload behind that.
    fn repairs(&self, webhook: &UnreachableWebhook, services: &[&Object]) -> bool {
        let object = &self.object;
        // By its new content: that names the webhooks which will be called.
        if object.gvk().group == "admissionregistration.k8s.io" {
            let hooks = object.at("/webhooks").and_then(Value::as_array);
            return hooks.is_some_and(|hooks| hooks.iter().any(|hook| hook["name"] == webhook.name));
        }
        // Behind a URL is no server of which the plan could tell.
        let Some(WebhookService { namespace, name }) = &webhook.service else {
            return false;
        };
        if self.id.namespace.as_ref() != Some(namespace) {
            return false;
        }

        if object.kind() == "Service" {
            return object.name() == name;
        }

        let service = services.iter().find(|service| service.name() == name);
        let selector = service.and_then(|service| service.at("/spec/selector")?.as_object());
        let labels = template(object).and_then(|template| template["metadata"]["labels"].as_object());
        selector.zip(labels).is_some_and(|(selector, labels)| {
            // Without a selector somebody keeps its endpoints by hand: no labels tell who is behind it.
            !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        })
    }

    fn is_namespace_of(&self, workload: &ObjectId) -> bool {
        self.id.kind == "Namespace" && Some(&self.id.name) == workload.namespace.as_ref()
    }

    /// Whether the server misses it, or judges by it as it is now.
    fn is_missed_by_pod(&self, message: &str, workload: &ObjectId) -> bool {
        let name = &self.id.name;
        // Two namespaces may have accounts, quotas and limits of one name.
        let is_beside = self.id.namespace == workload.namespace;

        // The words of the server's own admission plugins: the Status has no more than `Forbidden` and the pod's name.
        match (&*self.id.kind, self.is_created) {
            ("ServiceAccount", true) if is_beside => {
                message.contains(&format!("serviceaccount \"{name}\" not found"))
            }
            ("Namespace", true) => message.contains(&format!("namespaces \"{name}\" not found")),
            ("Namespace", false) if self.sets_pod_security => {
                self.is_namespace_of(workload) && message.contains("violates PodSecurity")
            }
            ("PriorityClass", true) => {
                message.contains(&format!("no PriorityClass with name {name} was found"))
            }
            ("RuntimeClass", true) => message.contains(&format!("RuntimeClass \"{name}\" not found")),
            // Whether it fits into the changed one is added up: see `quota`.
            ("ResourceQuota", false) if is_beside => message.contains(&format!("exceeded quota: {name},")),
            // Its defaults give the amount that a quota wants, or take the pod out of the quota's scope: the sum tells.
            ("LimitRange", _)
                if is_beside
                    && [": must specify ", "exceeded quota: "]
                        .iter()
                        .any(|words| message.contains(words)) =>
            {
                true
            }
            // Its new bounds may be wide enough: a created one judges nothing yet.
            ("LimitRange", false) if is_beside => ["usage per ", "limit to request ratio per "]
                .iter()
                .any(|words| message.contains(words)),
            _ => false,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;
    use crate::model::plan::{Expect, Undo};
    use crate::model::{StepId, Target};
    use rstest::rstest;
    use serde_json::json;

    const NO_ACCOUNT: &str = r#"pods "web-" is forbidden: error looking up service account shop/web: serviceaccount "web" not found"#;
    const QUOTA: &str = r#"pods "web-" is forbidden: exceeded quota: pods, requested: pods=1"#;
    const SECURITY: &str = r#"pods "web-" is forbidden: violates PodSecurity "baseline:latest""#;

    const ENFORCE: &str = "/metadata/labels/pod-security.kubernetes.io~1enforce";

    fn object(kind: &str, namespace: Option<&str>, name: &str) -> Object {
        let version = match kind {
            "PriorityClass" => "scheduling.k8s.io/v1",
            "Deployment" => "apps/v1",
            "ValidatingWebhookConfiguration" => "admissionregistration.k8s.io/v1",
            _ => "v1",
        };
        let mut value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
        if let Some(namespace) = namespace {
            value["metadata"]["namespace"] = namespace.into();
        }
        Object::new(value).unwrap()
    }

    pub fn step(object: Object, is_created: bool, changed: &str) -> PlanStep {
        let kind = built_in(&object.gvk().group, object.kind()).unwrap();
        let target = Target::new(&kind, object.namespace(), object.name());
        let (action, changes) = if is_created {
            (Action::Create { object }, Vec::new())
        } else {
            let expected = Box::new(object.clone());
            (
                Action::Apply {
                    object,
                    take_over: None,
                    expected,
                },
                vec![changed.parse().unwrap()],
            )
        };
        let (expect, undo, why) = (Expect::Absent, Undo::Delete, String::new());
        PlanStep {
            id: StepId::new(0),
            wave: WaveIndex::new(3),
            target,
            action,
            expect,
            undo,
            why,
            changes,
            stamps: Vec::new(),
        }
    }

    #[rstest]
    #[case::its_account(NO_ACCOUNT, "ServiceAccount web", true, "", true)]
    #[case::an_account_that_is_there(NO_ACCOUNT, "ServiceAccount web", false, "/metadata/labels", false)]
    #[case::anothers_account(NO_ACCOUNT, "ServiceAccount api", true, "", false)]
    #[case::an_account_elsewhere(NO_ACCOUNT, "ServiceAccount other/web", true, "", false)]
    // The server looks for the namespace before anything else of the pod.
    #[case::its_namespace(r#"namespaces "shop" not found"#, "Namespace shop", true, "", true)]
    #[case::its_priority(
        "no PriorityClass with name urgent was found",
        "PriorityClass urgent",
        true,
        "",
        true
    )]
    #[case::a_quota_that_is_raised(QUOTA, "ResourceQuota pods", false, "/spec/hard/pods", true)]
    // Its room is not what this promotion changes.
    #[case::another_quota(QUOTA, "ResourceQuota other", false, "/spec/hard/pods", false)]
    #[case::no_quota_of_the_plan(QUOTA, "ServiceAccount web", true, "", false)]
    #[case::its_namespaces_rules(SECURITY, "Namespace shop", false, ENFORCE, true)]
    // Labels of a namespace are many: only those of pod security change what its pods may do.
    #[case::another_label(SECURITY, "Namespace shop", false, "/metadata/labels/team", false)]
    #[case::another_namespaces_rules(SECURITY, "Namespace other", false, ENFORCE, false)]
    #[case::its_limits(
        "maximum cpu usage per Container is 1, but limit is 2",
        "LimitRange l",
        false,
        "/spec/limits",
        true
    )]
    fn a_rejected_pod_waits_only_for_what_the_promotion_brings_or_changes(
        #[case] message: &str,
        #[case] brought: &str,
        #[case] is_created: bool,
        #[case] changed: &str,
        #[case] waits: bool,
    ) {
        let workload = object("Deployment", Some("shop"), "web").id();
        let (kind, name) = brought.split_once(' ').unwrap();
        let (namespace, name) = name.split_once('/').unwrap_or(("shop", name));
        let is_namespaced = !matches!(kind, "Namespace" | "PriorityClass");
        let brought = object(kind, is_namespaced.then_some(namespace), name);

        let plan = [step(brought, is_created, changed)];
        let awaited = Prerequisites::new(&plan, Vec::new()).awaited_by_pod(message, &workload);
        assert_eq!(awaited.is_some(), waits, "{message}");
    }

    #[test]
    fn a_webhook_that_does_not_answer_is_repaired_by_its_configuration_its_service_and_its_workload() {
        let webhook = UnreachableWebhook {
            name: "hook.shop.example".into(),
            service: Some(WebhookService {
                namespace: "shop".into(),
                name: "hook".into(),
            }),
            converts: false,
        };

        let mut service = object("Service", Some("shop"), "hook");
        service.value_mut()["spec"] = json!({"selector": {"app": "hook"}});
        let deployment = |app: &str, namespace: &str| {
            let mut object = object("Deployment", Some(namespace), "hook");
            object.value_mut()["spec"] =
                json!({"template": {"metadata": {"labels": {"app": app, "x": "y"}}, "spec": {}}});
            object
        };

        let mut configuration = object("ValidatingWebhookConfiguration", None, "any");
        configuration.value_mut()["webhooks"] = json!([{"name": "hook.shop.example"}]);

        for (changed, repairs) in [
            (deployment("hook", "shop"), true),
            // With other labels, or beside a Service of another namespace: neither is behind the webhook.
            (deployment("other", "shop"), false),
            (deployment("hook", "other"), false),
            (service.clone(), true),
            (configuration, true),
        ] {
            let plan = [step(changed.clone(), false, "/spec")];
            let wave = Prerequisites::new(&plan, vec![&service]).repair_wave(&webhook);
            assert_eq!(wave.is_some(), repairs, "{:?}", changed.id());
        }
    }
}
