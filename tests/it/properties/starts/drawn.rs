//! Workloads that refer to objects of their own, and what happens to those.

use super::ground::{Ground, Node};
use super::need::{Event, Need};
use crate::harness::TestCluster;
use crate::proof::random::Random;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ScaledToZero,
    CronJob,
    SuspendedJob,
}

/// One workload, and what happened behind its pods.
pub struct Drawn {
    pub name: String,
    kind: Kind,
    needs: Vec<Need>,
    /// What is to be named of it; nothing where nothing harms.
    pub causes: BTreeSet<String>,
    pub events: Vec<Event>,
}

impl Drawn {
    pub fn any(random: &mut Random, ground: &Ground, name: String, is_harmed: bool) -> Self {
        let running = [
            Kind::Deployment,
            Kind::StatefulSet,
            Kind::DaemonSet,
            Kind::ReplicaSet,
        ];
        let others = [Kind::ScaledToZero, Kind::CronJob, Kind::SuspendedJob];
        // The sample is of pods that run.
        let kind = if ground.node == Node::Real || random.chance(60) {
            random.one(&running)
        } else {
            random.one(&others)
        };
        let mut needs: Vec<Need> = Vec::new();
        let wanted = 1 + random.below(4);
        for at in 0.. {
            if needs.len() >= wanted || at > 8 && !needs.is_empty() {
                break;
            }
            let need = Need::any(random, ground, format!("{name}-{at}"));
            let is_free = need.slot().is_none() || needs.iter().all(|other| other.slot() != need.slot());
            // Of a node without its label a DaemonSet wants nothing.
            if is_free && !(kind == Kind::DaemonSet && need.is_label()) {
                needs.push(need);
            }
        }
        let required = needs.len();
        for at in 0..random.below(3) {
            needs.push(Need::optional(random, format!("{name}-o{at}")));
        }
        let mut drawn = Self {
            name,
            kind,
            needs,
            causes: BTreeSet::new(),
            events: Vec::new(),
        };
        drawn.let_happen(random, if is_harmed { required } else { 0 });
        drawn
    }

    /// At least one of the first needs is harmed, where there are any; the others may see what harms nothing.
    fn let_happen(&mut self, random: &mut Random, required: usize) {
        let first = (required > 0).then(|| random.below(required));
        let runs = self.runs();
        for (at, need) in self.needs.iter().enumerate() {
            let is_harmed = Some(at) == first || at < required && random.chance(30);
            if is_harmed {
                let (event, cause) = need.harm(random, runs);
                self.events.push(event);
                self.causes.insert(cause);
            } else if random.chance(70) {
                self.events.extend(need.harmless(random));
            }
        }
    }

    /// Whether pods of it run.
    pub fn runs(&self) -> bool {
        !matches!(self.kind, Kind::ScaledToZero | Kind::CronJob | Kind::SuspendedJob)
    }

    pub fn is_harmed(&self) -> bool {
        !self.causes.is_empty()
    }

    /// `Kind/name`.
    pub fn id(&self) -> String {
        let kind = match self.kind {
            Kind::Deployment | Kind::ScaledToZero => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::CronJob => "CronJob",
            Kind::SuspendedJob => "Job",
        };
        format!("{kind}/{}", self.name)
    }

    pub fn given(&self, ground: &Ground) -> Vec<Value> {
        self.needs.iter().flat_map(|need| need.given(ground)).collect()
    }

    pub fn labels(&self) -> impl Iterator<Item = String> {
        self.needs
            .iter()
            .filter_map(Need::label)
            .map(|label| format!("{label}=1"))
    }

    /// The manifest.
    pub fn object(&self, ground: &Ground) -> Value {
        let registry = &TestCluster::get().registry;
        let mut spec = ground.pod_spec();
        spec["initContainers"] = json!([{"name": "init", "image": format!("{registry}/shop/migrate:1.0.0")}]);
        spec["containers"] = json!([{"name": "main", "image": format!("{registry}/test/sleep:1.0.0")}]);
        for need in &self.needs {
            need.write(&mut spec);
        }
        let labels = json!({"app": self.name});
        let is_job = matches!(self.kind, Kind::CronJob | Kind::SuspendedJob);
        if is_job {
            spec["restartPolicy"] = "Never".into();
        }
        let template = json!({"metadata": {"labels": labels}, "spec": spec});
        let spec = match self.kind {
            Kind::CronJob => {
                json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}})
            }
            Kind::SuspendedJob => json!({"suspend": true, "template": template}),
            _ => json!({"selector": {"matchLabels": labels}, "template": template}),
        };
        let version = if is_job { "batch/v1" } else { "apps/v1" };
        let id = self.id();
        let kind = id.split('/').next().unwrap_or_default();
        let mut object =
            json!({"apiVersion": version, "kind": kind, "metadata": {"name": self.name}, "spec": spec});
        match self.kind {
            Kind::StatefulSet => object["spec"]["serviceName"] = self.name.as_str().into(),
            Kind::ScaledToZero => object["spec"]["replicas"] = 0.into(),
            _ => {}
        }
        object
    }
}
