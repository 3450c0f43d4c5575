//! What one pod of a workload uses of a quota, as admission makes it of the workload's template.
//!
//! Nobody sees a pod before it is made: one that was tried says what admission adds. Like is compared with like, so that a
//! pod of now and one to come are both taken as admission makes them, or both as they are written.

use super::limits::LimitRanges;
use crate::model::k8s::pod_usage::{Usage, is_same, pod_usage};
use crate::model::k8s::quota_scopes::{PodSpec, Scopes};
use crate::model::preflight::{Answers, DryRunResult, PodDryRun, Questions};
use crate::model::unknown::Unknown;
use crate::model::{Object, ObjectId};
use crate::objects::template;
use serde_json::Value;
use std::collections::HashMap;

/// What one pod of a workload uses.
pub(super) struct Uses {
    /// One that is made anew.
    pub made: Usage,
    /// One of the same template that is there already.
    pub retained: Usage,
    /// One of before.
    pub before: Usage,
}

/// Pods that were tried, as admission makes them.
pub(super) struct Pods<'a> {
    new: HashMap<&'a ObjectId, &'a Object>,
    old: HashMap<&'a ObjectId, &'a Object>,
}

fn by_workload<'a>(asked: &'a [PodDryRun], answers: &'a [DryRunResult]) -> HashMap<&'a ObjectId, &'a Object> {
    // A pod that was refused is a finding of its own.
    let made = |(dry_run, answer): (&'a PodDryRun, &'a DryRunResult)| match answer {
        DryRunResult::Accepted(Some(pod)) => Some((&dry_run.workload, &**pod)),
        _ => None,
    };
    asked.iter().zip(answers).filter_map(made).collect()
}

impl<'a> Pods<'a> {
    pub(super) fn new(asked: &'a Questions, answers: &'a Answers) -> Self {
        Self {
            new: by_workload(&asked.pods, &answers.pods),
            old: by_workload(&asked.old_pods, &answers.old_pods),
        }
    }

    /// What a pod of a workload uses, and what one uses now; why not, where that is not known. Like is compared with
    /// like: both with what admission adds to them (defaults of a LimitRange, sidecars), or both without it.
    pub(super) fn uses(
        &self,
        id: &ObjectId,
        object: &Object,
        old: Option<&Object>,
        (limits, scopes): (&LimitRanges<'_>, &Scopes),
    ) -> Result<Uses, Unknown> {
        // What was tried has its old defaults in it, and nothing tells them from what the manifest says.
        if let Some(range) = &limits.changed {
            return Err(Unknown::new(format_args!("this promotion changes {range} first")));
        }

        let (new, before) = self.specs(id, object, old);
        // Of the next pods only: the server gives them their defaults when they are made.
        let with_defaults = limits.with_defaults(new.spec);
        let made = PodSpec {
            spec: &with_defaults,
            ..new
        };

        let unknown = || {
            Unknown::new(format_args!(
                "the quota scopes of the pods of {id} depend on admission"
            ))
        };
        let usage = |pod: PodSpec<'_>| match scopes.counts(pod) {
            Some(true) => Ok(pod_usage(pod.spec)),
            Some(false) => Ok(Usage::new()),
            None => Err(unknown()),
        };

        let before = before.map_or_else(|| Ok(Usage::new()), usage)?;
        Ok(Uses {
            made: usage(made)?,
            retained: usage(new)?,
            before,
        })
    }

    /// The pods of a workload, as it will be and as it is.
    fn specs<'s>(
        &'s self,
        id: &ObjectId,
        object: &'s Object,
        old: Option<&'s Object>,
    ) -> (PodSpec<'s>, Option<PodSpec<'s>>) {
        let made = |pods: &'s HashMap<&ObjectId, &'a Object>| {
            pods.get(id)?.at("/spec").map(|spec| PodSpec {
                spec,
                is_admitted: true,
            })
        };
        // Without admission: a default may be missing in it.
        let plain = |object: &'s Object| PodSpec {
            spec: template(object).map_or(&Value::Null, |template| &template["spec"]),
            is_admitted: false,
        };

        let new = made(&self.new);
        let Some(live) = old else {
            return (new.unwrap_or_else(|| plain(object)), None);
        };
        // Alike in all that a quota counts: the one that was tried stands for the one that is there.
        if asks_the_same(object, live) {
            let spec = new.unwrap_or_else(|| plain(object));
            return (spec, Some(spec));
        }

        // One as admission makes it beside one as it is written would charge what admission adds as new.
        match new.zip(made(&self.old)) {
            Some((new, old)) => (new, Some(old)),
            None => (plain(object), Some(plain(live))),
        }
    }
}

/// Whether the pods of a workload ask for what they ask for now, and are of the same scopes, as far as a template says.
pub(super) fn asks_the_same(object: &Object, live: &Object) -> bool {
    // By these fields, beside the resources, a pod changes from one quota's scope to another's.
    let scoped = ["activeDeadlineSeconds", "priorityClassName", "affinity"];
    let specs = template(object)
        .zip(template(live))
        .map(|(new, old)| (&new["spec"], &old["spec"]));
    specs.is_some_and(|(new, old)| is_same(new, old) && scoped.iter().all(|field| new[*field] == old[*field]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn web(image: &str, resources: &Value) -> Object {
        let containers = json!([{"name": "web", "image": image, "resources": resources}]);
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 9, "template": {"spec": {"containers": containers}}}}))
        .unwrap()
    }

    /// A pod as admission makes it.
    fn pod(cpu: &[&str]) -> Object {
        let containers: Vec<Value> = cpu
            .iter()
            .map(|cpu| json!({"resources": {"requests": {"cpu": cpu}}}))
            .collect();
        Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1"}, "spec": {"containers": containers}}))
            .unwrap()
    }

    #[test]
    fn what_admission_adds_is_on_both_sides() {
        let old = web("web:1", &json!({}));
        let id = old.id();
        let (new_pod, old_pod) = (pod(&["100m", "20m"]), pod(&["50m", "20m"]));
        let pods = Pods {
            new: HashMap::from([(&id, &new_pod)]),
            old: HashMap::from([(&id, &old_pod)]),
        };

        let (none, all) = (LimitRanges::none(), Scopes::from_quota(&web("none", &json!({}))));
        let uses =
            |pods: &Pods<'_>, object: &Object, old| pods.uses(&id, object, old, (&none, &all)).unwrap();
        let cpu = |uses: Uses| (uses.made["cpu"], uses.before.get("cpu").copied());

        // Admission adds a sidecar to both pods: it is no request of the release.
        assert_eq!(
            cpu(uses(&pods, &web("web:2", &json!({})), Some(&old))),
            (120, Some(120)),
            "an image"
        );

        let more = web("web:1", &json!({"requests": {"cpu": "100m"}}));
        assert_eq!(
            cpu(uses(&pods, &more, Some(&old))),
            (120, Some(70)),
            "a request of its own"
        );

        assert_eq!(cpu(uses(&pods, &more, None)), (120, None), "a new one");
        // Only the new one could be tried: both are taken as they are written.
        let untried = Pods {
            new: HashMap::from([(&id, &new_pod)]),
            old: HashMap::new(),
        };
        assert_eq!(
            cpu(uses(&untried, &more, Some(&old))),
            (100, None),
            "without it on both sides"
        );
    }
}
