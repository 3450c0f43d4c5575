//! How long an object may be without progress, with its arithmetic.
//!
//! The deadline moves whenever a figure rises above its best so far: a rollout of many pods may take hours
//! while its pods come up, and one that stands still ends in minutes. `--timeout` caps it, counted from the
//! first look. It is shown as a sum, so that whoever reads "no progress for 630 s" sees which field of which
//! spec to change.

use super::fields::number;
use super::subject::Memory;
use crate::model::Object;
use crate::model::k8s::pod::{ContainerState, PodFacts};
use crate::model::phrase::format_seconds;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// What `progressDeadlineSeconds` holds when there is no deadline.
const ENDLESS: u32 = i32::MAX as u32;

/// How long an object may be without progress: a sum, with the name of each part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Budget {
    parts: Vec<(u32, &'static str)>,
    /// Whether there is no deadline at all.
    endless: bool,
}

impl Budget {
    /// Of an object with a pod template: the deadline of its spec or the policy's, and what its probes need.
    pub fn from_object(object: &Object, template: &str, policy_seconds: u32) -> Self {
        let own = object.at("/spec/progressDeadlineSeconds").and_then(Value::as_u64);
        let mut budget = match own {
            Some(seconds) => Self::from_seconds(seconds as u32, "progressDeadlineSeconds"),
            None => Self::from_seconds(policy_seconds, "default"),
        };

        budget.endless = own == Some(u64::from(ENDLESS));
        // While these pass no figure rises, and nothing is wrong.
        budget.add(startup(object.at(template)), "startup probe");
        budget.add(number(object, "/spec/minReadySeconds"), "minReadySeconds");
        budget
    }

    /// No deadline of its own: only `--timeout` ends it.
    pub fn endless() -> Self {
        Self {
            parts: Vec::new(),
            endless: true,
        }
    }

    /// Of one part.
    pub fn from_seconds(seconds: u32, name: &'static str) -> Self {
        Self {
            parts: vec![(seconds, name)],
            endless: false,
        }
    }

    fn add(&mut self, seconds: u32, name: &'static str) {
        if seconds > 0 {
            self.parts.push((seconds, name));
        }
    }

    fn seconds(&self) -> i64 {
        self.parts.iter().map(|(seconds, _)| i64::from(*seconds)).sum()
    }
}

/// The longest time that the startup probes of a template allow.
fn startup(template: Option<&Value>) -> u32 {
    let list = |field: &str| template.and_then(|one| one.pointer(field)?.as_array());
    let containers = [list("/spec/containers"), list("/spec/initContainers")];

    let longest = containers
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|container| {
            let probe = container.get("startupProbe")?;
            let get = |field: &str, default| probe.get(field).and_then(Value::as_u64).unwrap_or(default);
            // Where the probe does not say, the defaults of the API.
            Some(get("initialDelaySeconds", 0) + get("periodSeconds", 10) * get("failureThreshold", 3))
        });

    longest.max().unwrap_or(0) as u32
}

/// When an object fails for lack of progress. Shows with its arithmetic: `10m30s
/// (progressDeadlineSeconds: 600, startup probe: 30s)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressDeadline {
    /// When.
    pub at: Timestamp,
    /// Seconds without progress, or since the start where `capped`.
    pub seconds: i64,
    /// What the seconds are the sum of.
    pub parts: Vec<(u32, String)>,
    /// Whether `--timeout` ends it before its own deadline would.
    pub capped: bool,
}

impl ProgressDeadline {
    /// Its length, `10m`.
    pub fn length(&self) -> String {
        format_seconds(self.seconds.unsigned_abs())
    }

    /// What its length is made of, behind a blank: ` (progressDeadlineSeconds: 600)`, ` (--timeout)`.
    pub fn arithmetic(&self) -> String {
        let is_sum = self.parts.len() > 1;
        let part = |(seconds, name): &(u32, String)| match name.ends_with("Seconds") {
            // A field of the API keeps its own unit.
            true => format!("{name}: {seconds}"),
            false if is_sum => format!("{name}: {}", format_seconds((*seconds).into())),
            false => name.clone(),
        };

        let parts: Vec<_> = self.parts.iter().map(part).collect();
        if parts.is_empty() {
            return String::new();
        }
        format!(" ({})", parts.join(", "))
    }
}

impl fmt::Display for ProgressDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.length(), self.arithmetic())
    }
}

/// The deadline as it stands after this look: moved where a figure rose.
pub(super) fn deadline(
    figures: Vec<u32>,
    budget: &Budget,
    timeout: Option<u32>,
    memory: &mut Memory,
    now: Timestamp,
) -> Option<ProgressDeadline> {
    let started = *memory.started.get_or_insert(now);

    let rose = figures
        .iter()
        .enumerate()
        .any(|(at, figure)| memory.best.get(at).is_none_or(|best| figure > best));

    // A figure without a best yet is a rise too: the status has got further (its ReplicaSet is there).
    if rose || memory.progress_at.is_none() {
        memory.progress_at = Some(now);
    }

    if memory.best.len() < figures.len() {
        memory.best.resize(figures.len(), 0);
    }
    // The best so far and not the last one: what falls and comes up again (a crash loop) is no progress.
    for (best, figure) in memory.best.iter_mut().zip(figures) {
        *best = figure.max(*best);
    }

    let after = |from: Timestamp, seconds: i64| from.checked_add(SignedDuration::from_secs(seconds)).ok();
    let own = after(memory.progress_at.unwrap_or(now), budget.seconds())
        .filter(|_| !budget.endless)
        .map(|at| {
            let parts = budget
                .parts
                .iter()
                .map(|(seconds, name)| (*seconds, (*name).to_owned()))
                .collect();
            ProgressDeadline {
                at,
                seconds: budget.seconds(),
                parts,
                capped: false,
            }
        });

    // From the first look and not from the last progress: `--timeout` ends it however much moves.
    let cap = timeout.and_then(|seconds| {
        let at = after(started, i64::from(seconds))?;
        Some(ProgressDeadline {
            at,
            seconds: seconds.into(),
            parts: vec![(seconds, "--timeout".into())],
            capped: true,
        })
    });

    [own, cap].into_iter().flatten().min_by_key(|one| one.at)
}

/// Figures of progress of pods: each only rises while they come up. Restarts are none of them.
pub(super) fn figures(pods: &[&PodFacts]) -> Vec<u32> {
    let count = |is: &dyn Fn(&&&PodFacts) -> bool| pods.iter().filter(is).count() as u32;
    let containers = |is: &dyn Fn(&ContainerState) -> bool| {
        pods.iter()
            .flat_map(|pod| &pod.containers)
            .filter(|one| is(&one.state))
            .count() as u32
    };

    vec![
        count(&|_| true),
        count(&|pod| pod.node.is_some()),
        // Its node has come to it.
        containers(&|state| !matches!(state, ContainerState::Unknown)),
        containers(&|state| matches!(state, ContainerState::Running { .. })),
        // An init container, say, is through.
        containers(&|state| matches!(state, ContainerState::Terminated { exit } if exit.code == 0)),
        count(&|pod| pod.ready),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn deployment() -> Object {
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"progressDeadlineSeconds": 100, "minReadySeconds": 5, "template": {"spec": {"containers": [
                {"startupProbe": {"initialDelaySeconds": 3, "periodSeconds": 2, "failureThreshold": 10}}, {"startupProbe": {}}]}}}}))
        .unwrap()
    }

    #[test]
    fn the_deadline_shows_its_arithmetic_and_moves_with_progress() {
        let budget = Budget::from_object(&deployment(), "/spec/template", 600);
        let mut memory = Memory::default();

        let first = deadline(vec![0, 1], &budget, None, &mut memory, at(0)).unwrap();
        assert_eq!(
            first.to_string(),
            "2m15s (progressDeadlineSeconds: 100, startup probe: 30s, minReadySeconds: 5)"
        );
        assert_eq!(first.at, at(135));

        // Nothing moves, and then something does: 135 s from there.
        assert_eq!(
            deadline(vec![0, 1], &budget, None, &mut memory, at(50))
                .unwrap()
                .at,
            at(135)
        );
        assert_eq!(
            deadline(vec![0, 2], &budget, None, &mut memory, at(60))
                .unwrap()
                .at,
            at(195)
        );

        // A container that crashes and starts again: the end stays where it is.
        assert_eq!(
            deadline(vec![0, 1], &budget, None, &mut memory, at(70))
                .unwrap()
                .at,
            at(195),
            "a fall"
        );
        assert_eq!(
            deadline(vec![0, 2], &budget, None, &mut memory, at(80))
                .unwrap()
                .at,
            at(195),
            "up again"
        );
    }

    #[test]
    fn a_timeout_caps_the_deadline_however_much_moves() {
        let budget = Budget::from_object(&deployment(), "/spec/template", 600);
        let mut memory = Memory::default();
        deadline(vec![0], &budget, Some(140), &mut memory, at(0));

        // Its own deadline has moved to 235 s by now.
        let capped = deadline(vec![1], &budget, Some(140), &mut memory, at(100)).unwrap();
        assert_eq!(
            (capped.at, capped.capped, capped.to_string()),
            (at(140), true, "2m20s (--timeout)".to_owned())
        );
    }

    #[test]
    fn the_largest_number_means_no_deadline_as_in_kubernetes() {
        let mut object = deployment();
        object.value_mut()["spec"]["progressDeadlineSeconds"] = json!(2_147_483_647);

        let budget = Budget::from_object(&object, "/spec/template", 600);
        assert_eq!(
            deadline(vec![], &budget, None, &mut Memory::default(), at(0)),
            None
        );
    }
}
