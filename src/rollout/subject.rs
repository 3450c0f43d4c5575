//! What is judged: one object as our write left it, what surrounds it, and what is remembered of it between two looks.
//!
//! The baseline is how things stood before the write. Restarts, Events and broken pods of that time must
//! neither be counted nor blamed on the release; best is a look before the write, and second best what times
//! tell afterwards.

use super::needs::rolls_out;
use super::pod_text;
use super::policy::RolloutPolicy;
use crate::model::identity::optional_uid;
use crate::model::k8s::pod::PodFacts;
use crate::model::occurrence::Occurrence;
use crate::model::running::RanBefore;
use crate::model::{Object, Target, Uid};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One object as our write left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MonitoredObject {
    /// The object.
    pub target: Target,
    /// Its uid; none where it is not known (`wait`): then whichever object is there counts.
    #[serde(with = "optional_uid")]
    pub uid: Option<Uid>,
    /// The generation that our write returned; 0 for kinds that have none, and where nothing was written.
    pub generation: i64,
    /// When its step began.
    pub started_at: Timestamp,
    /// How things stood before.
    #[serde(default)]
    pub baseline: Baseline,
    /// Image references that the preflight found in their registries.
    #[serde(default)]
    pub seen_images: BTreeSet<String>,
    /// Whether what serves it is of the release: then it is not outside.
    #[serde(default)]
    pub is_served_within: bool,
    /// Whether there is anything to wait for ([`rolls_out`]); where not, nothing is watched for it.
    #[serde(default = "yes")]
    pub rolls_out: bool,
    /// The status as our write found it, where that write may have changed the spec: it may be of the spec before. None
    /// where nothing was written.
    #[serde(default)]
    pub status_before: Option<Value>,
    /// How things stood when the soak began; from then on nothing may get worse.
    #[serde(default)]
    pub soak: Option<Baseline>,
}

fn yes() -> bool {
    true
}

impl MonitoredObject {
    /// From the answer to our write; `started_at` is when its step began, by the server's clock as far as it is known
    /// ([`written_at`]).
    pub fn new(target: Target, answer: &Object, started_at: Timestamp) -> Self {
        Self {
            rolls_out: rolls_out(&target, answer),
            target,
            uid: Uid::parse(answer.uid()),
            // Of the answer and not of a later read, in which somebody else may have written another.
            generation: answer.generation(),
            started_at,
            baseline: Baseline::default(),
            seen_images: BTreeSet::new(),
            is_served_within: false,
            status_before: None,
            soak: None,
        }
    }

    /// With what stood before.
    #[must_use]
    pub fn with_baseline(mut self, baseline: Baseline) -> Self {
        self.baseline = baseline;
        self
    }

    /// With the image references that the preflight found in their registries.
    #[must_use]
    pub fn with_seen_images(mut self, images: impl IntoIterator<Item = String>) -> Self {
        self.seen_images.extend(images);
        self
    }
}

/// When an object was last written other than by its controllers' status updates, by the server's clock, which has
/// whole seconds.
pub fn written_at(answer: &Object) -> Option<Timestamp> {
    // An entry with a subresource is a controller's (`status`) or an autoscaler's (`scale`).
    let of_status = |entry: &&Value| entry.get("subresource").is_none();
    let times = answer
        .managed_fields()
        .iter()
        .filter(of_status)
        .filter_map(|entry| entry.get("time")?.as_str());

    times.filter_map(|time| time.parse().ok()).max()
}

/// The status that a write has found, where the write may have changed the spec; `before` is the object before it, where
/// that is known.
pub fn status_before(answer: &Object, before: Option<&Object>) -> Option<Value> {
    // What was of the spec before is of this one as well.
    let is_same_spec = |before: &Object| {
        before.uid() == answer.uid() && answer.generation() > 0 && before.generation() == answer.generation()
    };
    let is_changed = !before.is_some_and(is_same_spec);
    is_changed.then(|| answer.at("/status").cloned().unwrap_or_default())
}

/// How things stood before our write, so that nothing old is counted or blamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Baseline {
    /// Restarts of each container that ran, by `pod uid/container`.
    pub restarts: BTreeMap<String, u32>,
    /// Each container as it was, by `pod uid/container`.
    pub ran: BTreeMap<String, RanBefore>,
    /// How often each Event had been seen, by its uid.
    pub occurrences: BTreeMap<String, u32>,
    /// What was already broken, one phrase each.
    pub broken: Vec<String>,
    /// What the object itself was waiting for, where it was there and not ready.
    pub pending: Option<String>,
}

impl Baseline {
    /// How things stand now; where a time is given (by the server's clock), only what was there before it.
    pub fn from_context(context: &RolloutContext<'_>, before: Option<Timestamp>) -> Self {
        let mut baseline = Self::default();
        // Strictly before: times have whole seconds, and a pod of the very second of our write may be new.
        let was_there =
            |time: Option<Timestamp>| before.is_none_or(|before| time.is_some_and(|time| time < before));

        for pod in context.pods.iter().filter(|pod| was_there(pod.created)) {
            for container in &pod.containers {
                let key = format!("{}/{}", pod.uid, container.name);
                let (container_id, image) = (container.container_id.clone(), container.image.clone());
                let ran = RanBefore {
                    container_id,
                    image,
                    digest: container.digest(),
                };
                baseline.ran.insert(key.clone(), ran);
                baseline.restarts.insert(key, container.restarts);
            }

            if let Some(what) = pod_text::trouble(pod) {
                baseline.broken.push(format!("pod {}: {what}", pod.name));
            }
        }

        for occurrence in context.occurrences.iter().filter(|one| was_there(one.last)) {
            baseline
                .occurrences
                .insert(occurrence.uid.clone(), occurrence.count);
        }

        baseline
    }

    /// Takes in what an earlier one knows: the times of a server have whole seconds, and tell less than having looked.
    pub fn include(&mut self, earlier: &Self) {
        let take = |mine: &mut BTreeMap<String, u32>, theirs: &BTreeMap<String, u32>| {
            for (key, count) in theirs {
                let known = mine.entry(key.clone()).or_default();
                *known = (*known).max(*count);
            }
        };

        take(&mut self.restarts, &earlier.restarts);
        take(&mut self.occurrences, &earlier.occurrences);

        // States and no counts: of these the look that was taken before the write holds.
        self.ran.clone_from(&earlier.ran);
        self.broken.clone_from(&earlier.broken);
    }

    /// How many pods there were.
    pub(super) fn pods(&self) -> usize {
        // Each container has an entry of its own, below the uid of its pod.
        let of_container = |key: &String| key.split('/').next().map(str::to_owned);
        self.restarts
            .keys()
            .filter_map(of_container)
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// Restarts of a container before, none where it did not run.
    pub fn restarts_of(&self, pod: &PodFacts, container: &str) -> Option<u32> {
        self.restarts.get(&format!("{}/{container}", pod.uid)).copied()
    }

    /// Whether an Event says something that it did not say before.
    pub fn is_new(&self, occurrence: &Occurrence) -> bool {
        // An Event that is seen again keeps its uid, and counts up.
        self.occurrences
            .get(&occurrence.uid)
            .is_none_or(|count| *count < occurrence.count)
    }
}

/// What the watches show of one object, and of what belongs to it.
#[derive(Clone, Debug, Default)]
pub struct RolloutContext<'a> {
    /// The object itself; none where the watch does not show it.
    pub object: Option<&'a Object>,
    /// How it was when it went, where it goes by itself once it has run and the watch saw it go.
    pub departed: Option<&'a Object>,
    /// What it controls, other than pods: ReplicaSets, ControllerRevisions, Jobs.
    pub owned: Vec<&'a Object>,
    /// The pods that it controls, itself or through what it controls; the object itself where it is a pod.
    pub pods: Vec<&'a PodFacts>,
    /// Events about any of these.
    pub occurrences: Vec<&'a Occurrence>,
    /// Other objects that [`needs`](super::needs) names, such as the EndpointSlices of a webhook's service.
    pub others: Vec<&'a Object>,
    /// Why what is needed could not be read.
    pub unreadable: Option<String>,
    /// Whether its kind is known to have no status subresource.
    pub lacks_status: bool,
}

/// One object as it was written, what surrounds it, and when.
pub(super) struct Case<'a> {
    pub subject: &'a MonitoredObject,
    pub context: &'a RolloutContext<'a>,
    pub policy: &'a RolloutPolicy,
    pub now: Timestamp,
}

/// What must be remembered between two looks at the same object. Start with the default.
///
/// It belongs to one subject. Whoever follows an object anew starts with an empty one, so that deadlines, graces and
/// settle times of another wave do not run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// When it was first judged.
    pub started: Option<Timestamp>,
    /// Uid under which it was seen.
    pub uid: Option<String>,
    /// Whether it goes by itself once it has run.
    pub is_cleaned_up: bool,
    /// Whether it had run well when it was last seen, and goes by itself.
    pub has_run: bool,
    /// The best of each figure of progress so far.
    pub best: Vec<u32>,
    /// When one of them last rose.
    pub progress_at: Option<Timestamp>,
    /// When each present sign of failure was first seen.
    pub signs: BTreeMap<String, Timestamp>,
    /// When each container without a readiness probe was first seen running, by `pod uid/container/restarts`.
    pub settling: BTreeMap<String, Timestamp>,
    /// The status that may be of an older spec, and the generation that it was first seen at.
    pub status_before: Option<(i64, Value)>,
    /// Whether its controller has written its status since.
    pub has_reported: bool,
}
