//! One object that is followed, from judgement to judgement: what was told of it, what is known now, and when
//! to look again.

use super::view::Needed;
use crate::model::verdict::Health;
use crate::model::{Object, ObjectId};
use crate::rollout::{Assessment, Memory, MonitoredObject, ProgressDeadline, StuckPod};
use jiff::Timestamp;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// A controller that needs longer than this to take up what was written is worth a line.
const TAKEN_UP: Duration = Duration::from_secs(2);

/// A first read that takes longer than this is worth a line.
const READ: Duration = Duration::from_secs(5);

/// One change of what is known of an object's rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The object.
    pub object: ObjectId,
    /// Its verdict now.
    pub verdict: Health,
    /// When it fails for lack of progress; none where it is not waiting.
    pub deadline: Option<ProgressDeadline>,
    /// When its ready pods have lived long enough, where nothing else is waited for.
    pub settled_at: Option<Timestamp>,
    /// Pods that must be deleted, by uid, for it to go on. The same one is named once.
    pub stuck_pods: Vec<StuckPod>,
}

/// One object that is followed.
pub(super) struct Followed {
    pub subject: MonitoredObject,
    pub needed: Needed,
    pub memory: Memory,
    pub last: Option<Assessment>,
    /// The last judgement that became an update.
    pub reported: Option<Assessment>,
    pub since: tokio::time::Instant,
    /// When to judge it though nothing has changed.
    pub due: Option<Timestamp>,
    /// A hash of its content when it was judged last.
    content: Option<u64>,
    /// Whether it was judged last because something has changed, and not by time alone.
    pub moved: bool,
}

impl Followed {
    /// Judged at the next opportunity.
    pub fn new(subject: MonitoredObject, needed: Needed) -> Self {
        let since = tokio::time::Instant::now();
        let due = Some(Timestamp::MIN);
        Self {
            subject,
            needed,
            memory: Memory::default(),
            last: None,
            reported: None,
            since,
            due,
            content: None,
            moved: false,
        }
    }

    /// How long to wait for a read that has not ended, before that is said.
    pub fn unread_for(&self) -> Option<Duration> {
        READ.checked_sub(self.since.elapsed())
            .filter(|left| !left.is_zero())
    }

    /// Takes a judgement; what is new in it, and when to judge again.
    pub fn take(&mut self, id: &ObjectId, judgement: Assessment, now: Timestamp) -> Option<Update> {
        self.due = judgement.look_again_at;

        let mut new = None;
        let left = TAKEN_UP.saturating_sub(self.since.elapsed());
        // Each write waits some milliseconds for its controller: no line is told of that.
        if judgement.premature && self.reported.is_none() && !left.is_zero() {
            self.due = [self.due, now.checked_add(left).ok()].into_iter().flatten().min();
        } else if let Some(update) = update(id, self.reported.as_ref(), &judgement) {
            new = Some(update);
            self.reported = Some(judgement.clone());
        }

        // Told or not: whoever asks for a verdict gets the newest.
        self.last = Some(judgement);
        new
    }

    /// Whether its content is another one than at the last look.
    pub fn has_moved(&mut self, object: Option<&Object>) -> bool {
        let content = object.map(hash_content);
        let last = std::mem::replace(&mut self.content, content);
        last.is_some() && last != content
    }

    /// Has a pod named once more, at that time, if it must still be deleted then.
    pub fn name_stuck_pod_again(&mut self, uid: &str, at: Option<Timestamp>) {
        // Forgotten among what was told: the next judgement that names it is news.
        if let Some(reported) = &mut self.reported {
            reported.stuck_pods.retain(|pod| pod.uid != uid);
        }

        self.due = [self.due, at].into_iter().flatten().min();
    }

    /// In a time of silence it could not get on.
    pub fn excuse(&mut self, silence: Duration) {
        // This time alone: `--timeout` is the clock of whoever promotes, and runs on.
        let at = self
            .memory
            .progress_at
            .and_then(|at| at.checked_add(silence).ok());
        self.memory.progress_at = at.or(self.memory.progress_at);
    }
}

/// A hash of what others than its controller write: everything but the status, and of its metadata labels and annotations.
fn hash_content(object: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    let fields = object.value().as_object().into_iter().flatten();
    for (name, value) in fields.filter(|(name, _)| *name != "status" && *name != "metadata") {
        (name, value).hash(&mut hasher);
    }
    for path in ["/metadata/labels", "/metadata/annotations"] {
        object.at(path).hash(&mut hasher);
    }
    hasher.finish()
}

/// What is new in a judgement.
fn update(id: &ObjectId, last: Option<&Assessment>, now: &Assessment) -> Option<Update> {
    let known =
        |pod: &&StuckPod| last.is_some_and(|last| last.stuck_pods.iter().any(|one| one.uid == pod.uid));
    let stuck_pods: Vec<StuckPod> = now.stuck_pods.iter().filter(|one| !known(one)).cloned().collect();

    // Another pod that settles says the same for longer.
    let is_same = last.is_some_and(|last| last.verdict == now.verdict && last.settled_at == now.settled_at);
    if is_same && stuck_pods.is_empty() {
        return None;
    }

    Some(Update {
        object: id.clone(),
        verdict: now.verdict.clone(),
        deadline: now.deadline.clone(),
        settled_at: now.settled_at,
        stuck_pods,
    })
}
