//! Whether an object wants pods, so that their absence means something.

use super::fields::number;
use super::kinds::wants_pods;
use crate::model::Object;
use crate::model::hook::{CLEANED_UP, ended};

/// Whether an object wants pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PodDemand {
    /// It does: how many, in words.
    Wanted(String),
    /// It does not now: what follows its name in a sentence.
    NotNow(String),
    /// Nothing tells.
    Unknown(String),
}

impl PodDemand {
    fn not_now(why: &str) -> Self {
        Self::NotNow(why.into())
    }

    /// That of an object that ran to its end and is not there any more.
    pub fn departed() -> Self {
        Self::NotNow(CLEANED_UP.into())
    }

    /// That of an object as the cluster holds it.
    pub fn new(object: &Object) -> Self {
        let gvk = object.gvk();
        match (&*gvk.group, &*gvk.kind) {
            ("apps", "DaemonSet") => match number(object, "/status/desiredNumberScheduled") {
                0 => Self::not_now("matches no node"),
                count => wanted(count),
            },
            ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") | ("", "ReplicationController") => {
                match object.at("/spec/replicas") {
                    Some(_) => replica_demand(number(object, "/spec/replicas")),
                    None => wanted(1),
                }
            }
            ("", "Pod") => match ended(object) {
                Some(_) => Self::not_now("completed"),
                None => wanted(1),
            },
            ("batch", "Job") => job_demand(object),
            ("batch", "CronJob") => cron_job_demand(object),
            _ => custom_demand(object),
        }
    }
}

fn wanted(count: u32) -> PodDemand {
    PodDemand::Wanted(format!("0 of {count} pods exist"))
}

fn replica_demand(count: u32) -> PodDemand {
    match count {
        0 => PodDemand::not_now("is scaled to 0 replicas"),
        count => wanted(count),
    }
}

fn job_demand(job: &Object) -> PodDemand {
    if ended(job).is_some() {
        return PodDemand::not_now("completed");
    }
    if job.at("/spec/suspend").is_some_and(|suspended| suspended == true) {
        return PodDemand::not_now("is suspended");
    }
    if job.at("/spec/completions").is_some() && number(job, "/spec/completions") == 0 {
        return PodDemand::not_now("completions: 0");
    }
    wanted(number(job, "/spec/parallelism").max(1))
}

fn cron_job_demand(cron_job: &Object) -> PodDemand {
    if cron_job
        .at("/spec/suspend")
        .is_some_and(|suspended| suspended == true)
    {
        return PodDemand::not_now("is suspended");
    }
    match cron_job.at("/status/lastScheduleTime") {
        Some(_) => PodDemand::not_now("runs no Job now"),
        None => PodDemand::not_now("has not run yet"),
    }
}

/// By the rule of its kind where there is one, and by its replicas.
fn custom_demand(object: &Object) -> PodDemand {
    let counts = ["/status/replicas", "/spec/replicas"].into_iter();
    let counts = counts.filter_map(|pointer| object.at(pointer).map(|_| number(object, pointer)));
    match (wants_pods(object), counts.max()) {
        (_, Some(0)) => PodDemand::not_now("is scaled to 0 replicas"),
        (Some(false), _) => PodDemand::not_now("no pods now, started on demand"),
        (_, Some(count)) => wanted(count),
        (Some(true), None) => PodDemand::Wanted("no pod exists".into()),
        (None, None) => PodDemand::Unknown("has no pods; whether it should have some is unknown".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn demand(kind: (&str, &str), spec: &Value, status: &Value) -> PodDemand {
        let object = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "x"}, "spec": spec, "status": status});
        PodDemand::new(&Object::new(object).unwrap())
    }

    type Case = (
        (&'static str, &'static str),
        Value,
        Value,
        Result<&'static str, &'static str>,
    );

    fn hold(cases: impl IntoIterator<Item = Case>) {
        for (kind, spec, status, expected) in cases {
            let expected = match expected {
                Ok(what) => PodDemand::Wanted(what.into()),
                Err(why) => PodDemand::NotNow(why.into()),
            };
            assert_eq!(demand(kind, &spec, &status), expected, "{kind:?} {spec} {status}");
        }
    }

    #[test]
    fn a_built_in_workload_says_whether_it_wants_pods_and_else_why_not() {
        let complete = json!({"conditions": [{"type": "Complete", "status": "True"}]});
        let job = ("batch/v1", "Job");
        let (deployment, daemon_set) = (("apps/v1", "Deployment"), ("apps/v1", "DaemonSet"));
        hold([
            (deployment, json!({}), json!({}), Ok("0 of 1 pods exist")),
            (
                deployment,
                json!({"replicas": 0}),
                json!({}),
                Err("is scaled to 0 replicas"),
            ),
            (
                daemon_set,
                json!({}),
                json!({"desiredNumberScheduled": 3}),
                Ok("0 of 3 pods exist"),
            ),
            (daemon_set, json!({}), json!({}), Err("matches no node")),
            (job, json!({}), json!({}), Ok("0 of 1 pods exist")),
            (job, json!({}), complete, Err("completed")),
            (job, json!({"suspend": true}), json!({}), Err("is suspended")),
            (job, json!({"completions": 0}), json!({}), Err("completions: 0")),
        ]);

        let cron_job = ("batch/v1", "CronJob");
        hold([
            (cron_job, json!({}), json!({}), Err("has not run yet")),
            (cron_job, json!({"suspend": true}), json!({}), Err("is suspended")),
            (
                cron_job,
                json!({}),
                json!({"lastScheduleTime": "2026-11-28T03:00:00Z"}),
                Err("runs no Job now"),
            ),
        ]);
    }

    #[test]
    fn a_custom_object_says_whether_it_wants_pods_and_else_why_not() {
        let custom = ("example.org/v1", "Database");
        let template = ("argoproj.io/v1alpha1", "WorkflowTemplate");
        let rollout = ("argoproj.io/v1alpha1", "Rollout");
        hold([
            (
                custom,
                json!({"replicas": 2}),
                json!({"replicas": 0}),
                Ok("0 of 2 pods exist"),
            ),
            (
                template,
                json!({}),
                json!({}),
                Err("no pods now, started on demand"),
            ),
            (rollout, json!({}), json!({}), Ok("no pod exists")),
            (
                custom,
                json!({}),
                json!({"replicas": 0}),
                Err("is scaled to 0 replicas"),
            ),
        ]);

        assert!(matches!(
            demand(custom, &json!({}), &json!({})),
            PodDemand::Unknown(_)
        ));
    }
}
