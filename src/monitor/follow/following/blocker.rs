//! What holds a rollout up, as one line of a log says it: the numbers, the pod and the last event about it.

use super::Follow;
use crate::model::ObjectId;
use crate::model::k8s::pod::{ContainerState, PodFacts};
use crate::model::occurrence::Occurrence;
use crate::model::phrase::{format_seconds, shorten};
use crate::model::verdict::Health;
use crate::monitor::follow::followed::Followed;
use crate::monitor::follow::view::surroundings;
use crate::rollout::RolloutContext;
use jiff::Timestamp;
use std::time::Duration;

/// Characters of what a node or a controller says: a scheduler names every node that it has tried.
const WORDS: usize = 300;

/// Reasons for which a container waits while nothing is wrong.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// What is waited for with the least time left.
pub struct Blocker {
    /// The object.
    pub object: ObjectId,
    /// The numbers, the pod that is not ready, and the last event about it.
    pub message: String,
    /// How long it may still take; none where it has no deadline.
    pub left: Option<Duration>,
    /// How many more objects are waited for.
    pub others: usize,
}

impl Follow {
    /// How long it is until a time of the followed objects' clock.
    pub fn millis_until(&self, at: Timestamp) -> u64 {
        u64::try_from(self.clock.until(at).as_millis()).unwrap_or(u64::MAX)
    }

    /// What holds the rollout up; none where everything is ready. Its texts are those of the cluster.
    pub fn blocker(&self) -> Option<Blocker> {
        let now = self.clock.now();
        let deadline = |one: &Followed| one.last.as_ref()?.deadline.as_ref().map(|one| one.at);
        let waiting =
            self.followed
                .iter()
                .filter_map(|(id, one)| match one.last.as_ref().map(|last| &last.verdict) {
                    None => Some((id, one, "not read yet")),
                    Some(Health::Progressing { message: why, .. }) => Some((id, one, why.as_str())),
                    Some(_) => None,
                });
        let waiting: Vec<_> = waiting.collect();
        // One without a deadline comes last: it ends nothing.
        let (object, one, why) = waiting
            .iter()
            .min_by_key(|(_, one, _)| deadline(one).unwrap_or(Timestamp::MAX))?;

        let contents = self.store.contents();
        let view = surroundings(&one.subject.target, &one.needed, &contents);
        let details = describe_trouble(&view, now);
        Some(Blocker {
            object: (*object).clone(),
            message: [(*why).to_owned()]
                .into_iter()
                .chain(details)
                .collect::<Vec<_>>()
                .join("; "),
            left: deadline(one).map(|at| self.clock.until(at)),
            others: waiting.len() - 1,
        })
    }
}

/// The pod that is furthest from ready with the last event about it; where there is none, the last event about what owns it.
fn describe_trouble(view: &RolloutContext<'_>, now: Timestamp) -> Option<String> {
    let unready = view.pods.iter().filter(|pod| pod.is_running() && !pod.ready);
    // The youngest: an old revision's pods are older than those that are waited for.
    let Some(pod) = unready.max_by_key(|pod| (is_stuck(pod), pod.created)) else {
        let last = view.occurrences.iter().max_by_key(|one| one.last)?;
        return Some(format!(
            "{} {}: {}",
            last.about_name,
            last.reason,
            event_text(last, now)
        ));
    };

    let (state, words) = describe_state(pod);
    let about = view.occurrences.iter().filter(|one| one.about == pod.uid);
    let text = match about.max_by_key(|one| one.last) {
        Some(event) => event_text(event, now),
        None => shorten(one_line(&words), WORDS),
    };
    let text = if text.is_empty() {
        text
    } else {
        format!(": {text}")
    };
    Some(format!("pod {} {state}{text}", pod.name))
}

/// Whether it does not come up by itself within moments.
fn is_stuck(pod: &PodFacts) -> bool {
    let is_stuck = |state: &ContainerState| matches!(state, ContainerState::Waiting { reason, .. } if !STARTING.contains(&reason.as_str()));
    pod.unscheduled.is_some() || pod.containers.iter().any(|one| is_stuck(&one.state))
}

/// The state of a pod in kubectl's words, and what the node or the scheduler says about it.
fn describe_state(pod: &PodFacts) -> (String, String) {
    if let Some((reason, message)) = &pod.unscheduled {
        return (reason.clone(), message.clone());
    }

    let waiting = pod.containers.iter().find_map(|one| match &one.state {
        ContainerState::Waiting { reason, message } if !reason.is_empty() => {
            Some((reason.clone(), message.clone()))
        }
        ContainerState::Terminated { exit } if exit.code != 0 => Some((
            exit.reason.clone(),
            format!("container {} exited with code {}", one.name, exit.code),
        )),
        _ => None,
    });
    waiting.unwrap_or_else(|| match pod.phase.as_str() {
        "Running" => ("is running and not ready".to_owned(), String::new()),
        phase => (phase.to_owned(), String::new()),
    })
}

/// What an event says, and how long ago.
fn event_text(event: &Occurrence, now: Timestamp) -> String {
    let text = shorten(one_line(&event.message), WORDS);
    // By the clock of who reports it, which may be ahead of ours.
    let age = event
        .last
        .map(|last| Duration::try_from(now.duration_since(last)).unwrap_or_default());
    match age {
        Some(age) => format!("{text} (event {} ago)", format_seconds(age.as_secs())),
        None => text,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
