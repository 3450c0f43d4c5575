//! The loop that feeds verdicts to an execution.
//!
//! Watches write into a store and say which objects a change is about. These are judged together, at most
//! every few milliseconds, with those whose verdict may change by time alone; only what is new in a verdict
//! comes out. Nothing is polled.
//!
//! A verdict that time alone has brought is not trusted where it is a failure: a watch on which nothing comes
//! looks like an object on which nothing moves. [`Follow::confirm`] reads anew what it was judged by. While
//! the API server is silent, no controller gets on, and the deadlines move by that time.

mod blocker;
mod chained_pods;

pub use self::blocker::Blocker;
use super::clock::MonotonicTime;
use super::followed::{Followed, Update};
use super::status_kinds::StatusKinds;
use super::view::{Needed, is_read, may_become_known, may_need_more, needed, surroundings};
use crate::cluster::Cluster;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::verdict::Health;
use crate::model::{ObjectId, Target};
use crate::observe::watch::{AffectedObjects, Collection, ServerLiveness, WatchStore};
use crate::rollout::{Baseline, MonitoredObject, RolloutContext, RolloutPolicy, StuckPod, assess};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Many events come at once in a rollout; they are judged together, at most this often.
const ROUND: Duration = Duration::from_millis(40);

/// Judging takes at most one part in so many of the time: the API server may be on the same processor.
const SHARE: u32 = 4;

/// An API server that was heard since then answers; what it does not answer all the same stays so.
const ANSWERS: Duration = Duration::from_secs(5);

/// One write: of which object, to which generation, and when.
type Written = (ObjectId, i64, Timestamp);

fn written(subject: &MonitoredObject) -> Written {
    (subject.target.id(), subject.generation, subject.started_at)
}

/// Follows rollouts until it is dropped.
pub struct Follow {
    cluster: Arc<dyn Cluster>,
    store: WatchStore,
    policy: RolloutPolicy,
    clock: MonotonicTime,
    /// Objects whose pods are found by the chains of their owners, with the namespaces in which these are looked for.
    chained: BTreeMap<ObjectId, BTreeSet<String>>,
    status_kinds: StatusKinds,
    followed: BTreeMap<ObjectId, Followed>,
    /// Writes since which a controller has written the object's status; outlives what is followed.
    reported: BTreeSet<Written>,
    content_moved: Arc<Notify>,
    updates: VecDeque<Update>,
    /// When to judge again at the earliest.
    round: Instant,
    /// How much silence of the API server is made up for.
    allowed_absences: Duration,
    #[cfg(test)]
    pub(in super::super) judged: usize,
}

impl Follow {
    /// Starts without subjects.
    pub fn start(cluster: Arc<dyn Cluster>, policy: RolloutPolicy) -> Self {
        Self::with_liveness(cluster, policy, ServerLiveness::default())
    }

    /// Starts without subjects, and notes each time that the API server is heard.
    pub fn with_liveness(cluster: Arc<dyn Cluster>, policy: RolloutPolicy, liveness: ServerLiveness) -> Self {
        // Silences of before have held none of its subjects up.
        let allowed_absences = liveness.silences();
        Self {
            store: WatchStore::with_liveness(cluster.clone(), liveness),
            cluster,
            policy,
            clock: MonotonicTime::start(),
            chained: BTreeMap::new(),
            status_kinds: StatusKinds::default(),
            reported: BTreeSet::new(),
            content_moved: Arc::default(),
            followed: BTreeMap::new(),
            updates: VecDeque::new(),
            round: Instant::now(),
            allowed_absences,
            #[cfg(test)]
            judged: 0,
        }
    }

    /// Has the pods of these objects watched as well in these namespaces, which no rule of their kinds does.
    #[must_use]
    pub fn with_pods_of(mut self, objects: impl IntoIterator<Item = (ObjectId, BTreeSet<String>)>) -> Self {
        self.chained.extend(objects);
        self
    }

    /// Rings where the content of what is followed has moved.
    #[must_use]
    pub fn ringing(mut self, content_moved: Arc<Notify>) -> Self {
        self.content_moved = content_moved;
        self
    }

    /// Starts the watches that these objects need and waits until they have been read, at most `limit` (then they are
    /// read while the rollout goes on; false). Call it before the objects are written: what was there before becomes known.
    pub async fn prepare(&mut self, targets: &[Target], limit: Duration) -> bool {
        for target in targets {
            self.watch(target);
        }
        // While the watches read.
        self.status_kinds.find(&*self.cluster, targets, limit).await;
        self.store.synced(limit).await
    }

    /// Watches what an object needs.
    fn watch(&mut self, target: &Target) -> Needed {
        // What is needed may depend on the object, where that is known already.
        let pods_in = self.chained.get(&target.id());
        let needed = needed(target, self.store.contents().object(target), pods_in);
        for (collection, _) in &needed {
            self.store.ensure(collection);
        }
        needed
    }

    /// How things stand with an object: restarts, Events, what is broken. Where it has been written already, only what
    /// was there before that.
    pub fn baseline(&self, target: &Target, before: Option<Timestamp>) -> Baseline {
        let contents = self.store.contents();
        let needed = needed(target, contents.object(target), self.chained.get(&target.id()));
        Baseline::from_context(&surroundings(target, &needed, &contents), before)
    }

    /// Follows these too. One that was followed is followed anew.
    pub fn add(&mut self, subjects: impl IntoIterator<Item = MonitoredObject>) {
        for subject in subjects {
            let needed = if subject.rolls_out {
                self.watch(&subject.target)
            } else {
                Vec::new()
            };
            let mut one = Followed::new(subject, needed);
            // It was followed before, in a wave, and is followed again in the soak.
            one.memory.has_reported = self.reported.contains(&written(&one.subject));
            self.followed.insert(one.subject.target.id(), one);
        }

        // Whoever is new is judged at once.
        self.round = Instant::now();
    }

    /// Follows it no longer.
    pub fn forget(&mut self, object: &ObjectId) {
        self.followed.remove(object);
        self.updates.retain(|update| update.object != *object);
    }

    /// From now on nothing may get worse: an exit, or a pod that stays unready, fails its object.
    pub fn begin_soak(&mut self) {
        let contents = self.store.contents();
        for one in self.followed.values_mut() {
            let view = surroundings(&one.subject.target, &one.needed, &contents);
            // Without a time: whatever is there now counts.
            one.subject.soak = Some(Baseline::from_context(&view, None));
            // Judged again at once, now against this.
            one.due = Some(Timestamp::MIN);
        }
    }

    /// The next change of a verdict. Waits for ever where nothing changes any more. Cancel-safe.
    pub async fn next(&mut self) -> Update {
        loop {
            if let Some(update) = self.updates.pop_front() {
                return update;
            }

            // A drop here or below loses nothing: what was judged waits in `updates`.
            tokio::time::sleep_until(self.round).await;
            let again = self.assess();
            if !self.updates.is_empty() {
                continue;
            }

            // A timer that wakes a hair early would find nothing due.
            let pause = again.map(|at| self.clock.until(at) + Duration::from_millis(1));
            match pause {
                // What comes first: a change, or a verdict that changes by time alone.
                Some(pause) => drop(tokio::time::timeout(pause, self.store.changed()).await),
                None => self.store.changed().await,
            }
        }
    }

    /// A change that is known already and was not taken yet.
    pub fn take_update(&mut self) -> Option<Update> {
        self.updates.pop_front()
    }

    /// Judges what has changed or is due, and says when to look again though nothing changes.
    fn assess(&mut self) -> Option<Timestamp> {
        let began = Instant::now();
        let now = self.clock.now();
        self.make_up_for_silence();

        // Taken as one, before anybody is judged: what changes meanwhile is of the next round.
        let touched = self.store.contents().take_touched();
        let ids = self.to_assess(&touched, now);
        for id in &ids {
            // A failure that time alone has brought is confirmed before it is believed.
            self.judge_one(id, now, touched.ids.contains(id));
        }

        self.round = Instant::now() + ROUND.max(began.elapsed() * (SHARE - 1));
        self.followed.values().filter_map(|one| one.due).min()
    }

    fn to_assess(&self, touched: &AffectedObjects, now: Timestamp) -> Vec<ObjectId> {
        // No owner leads from a slice to the webhook that calls its service.
        let slices = touched.ids.iter().any(|id| id.kind == "EndpointSlice");
        let is_open = |(id, one): &(&ObjectId, &Followed)| {
            touched.all
                || one.due.is_some_and(|at| at <= now)
                || touched.ids.contains(*id)
                || slices && may_need_more(&one.subject.target)
        };

        self.followed
            .iter()
            .filter(is_open)
            .map(|(id, _)| id.clone())
            .collect()
    }

    fn judge_one(&mut self, id: &ObjectId, now: Timestamp, moved: bool) {
        let Self {
            followed,
            store,
            policy,
            chained,
            status_kinds,
            reported,
            content_moved,
            ..
        } = self;
        let Some(one) = followed.get_mut(id) else { return };

        // Its spec names the services that it calls, and may name others by now.
        if one.subject.rolls_out && may_need_more(&one.subject.target) {
            let object = &one.subject.target;
            one.needed = needed(object, store.contents().object(object), chained.get(id));
            one.needed
                .iter()
                .for_each(|(collection, _)| store.ensure(collection));
        }

        let contents = store.contents();
        // A view that is read in part would say "not there". After some seconds it is judged all the
        // same: that a read does not end has to be told, and has its deadline.
        if let (false, Some(left)) = (is_read(&one.needed, &contents), one.unread_for()) {
            one.due = now.checked_add(left).ok();
            return;
        }

        let mut view = surroundings(&one.subject.target, &one.needed, &contents);
        view.lacks_status = status_kinds.lacks_status(&one.subject.target);
        let judgement = assess(&one.subject, &view, policy, &mut one.memory, now);
        self.updates.extend(one.take(id, judgement, now));
        if one.has_moved(view.object) {
            content_moved.notify_one();
        }
        if one.memory.has_reported {
            reported.insert(written(&one.subject));
        }

        one.moved = moved;
        #[cfg(test)]
        {
            self.judged += 1;
        }
    }

    /// While the API server is silent, no controller gets on.
    fn make_up_for_silence(&mut self) {
        let silences = self.store.liveness().silences();
        if let Some(new) = silences
            .checked_sub(self.allowed_absences)
            .filter(|new| !new.is_zero())
        {
            self.followed.values_mut().for_each(|one| one.excuse(new));
            // Each silence is made up for once.
            self.allowed_absences = silences;
        }
    }

    /// Whether an object that was judged failed is so. What only time has shown may be of a watch that sees nothing any
    /// more: what it is judged by is read anew. Where it has not failed, its verdict comes as an update. Waits for as
    /// long as the API server is silent.
    pub async fn confirm(&mut self, object: &ObjectId, limit: Duration) -> bool {
        let Some(one) = self.followed.get(object) else {
            return false;
        };

        // What a change has shown is fresh; what time has shown may be of a watch that nobody serves.
        if !one.moved {
            let collections: Vec<Collection> = one.needed.iter().map(|(one, _)| one.clone()).collect();
            let limit = limit.max(ANSWERS);
            // Endless while the server is silent: whoever waits for this ends it (`with_liveness`).
            while !self.store.refresh(&collections, limit).await && self.store.liveness().silent() >= ANSWERS
            {
            }
            self.judge_one(object, self.clock.now(), true);
        }

        let last = self.followed.get(object).and_then(|one| one.last.as_ref());
        let is_failed = matches!(last.map(|last| &last.verdict), Some(Health::Failed { .. }));
        // A failure that now reads otherwise is an update, and comes back here as a fresh one.
        is_failed && !self.updates.iter().any(|update| update.object == *object)
    }

    /// Reads anew what everything is judged by, and judges it; false where it cannot be had within the limit.
    pub async fn refresh(&mut self, limit: Duration) -> bool {
        let needed = self.followed.values().flat_map(|one| &one.needed);
        let mut collections: Vec<Collection> = needed.map(|(one, _)| one.clone()).collect();

        collections.sort();
        collections.dedup();

        let is_fresh = self.store.refresh(&collections, limit).await;
        // Whatever could be read anew is newer than what was.
        self.assess();
        is_fresh
    }

    /// Names a pod once more in a while, if it must still be deleted then.
    pub fn name_stuck_pod_again(&mut self, object: &ObjectId, pod: &StuckPod, pause: Duration) {
        let at = self.clock.now().checked_add(pause).ok();
        if let Some(one) = self.followed.get_mut(object) {
            one.name_stuck_pod_again(&pod.uid, at);
        }
    }

    /// Whether something that a verdict on it needs is not known for a reason that passes.
    pub fn may_become_known(&self, object: &ObjectId) -> bool {
        let contents = self.store.contents();
        self.followed
            .get(object)
            .is_some_and(|one| may_become_known(&one.needed, &contents))
    }

    /// The last verdict on each object; none where it has not been judged.
    pub fn verdicts(&self) -> impl Iterator<Item = (&ObjectId, Option<&Health>)> {
        self.followed
            .iter()
            .map(|(id, one)| (id, one.last.as_ref().map(|last| &last.verdict)))
    }

    /// Whether nothing more is waited for.
    pub fn is_done(&self) -> bool {
        self.verdicts()
            .all(|(_, verdict)| verdict.is_some_and(Health::is_settled))
    }

    /// What the watches show of an object now.
    pub fn look<T>(
        &self,
        object: &ObjectId,
        read: impl FnOnce(&MonitoredObject, &RolloutContext<'_>) -> T,
    ) -> Option<T> {
        let one = self.followed.get(object)?;

        Some(read(
            &one.subject,
            &surroundings(&one.subject.target, &one.needed, &self.store.contents()),
        ))
    }

    /// The pod's spec in a followed object, as the cluster holds it.
    pub fn pod_spec(&self, object: &ObjectId) -> Option<Value> {
        self.pod_spec_of(&self.followed.get(object)?.subject.target)
    }

    /// The pod's spec in an object that the watches show.
    pub fn pod_spec_of(&self, target: &Target) -> Option<Value> {
        self.store.contents().object(target).and_then(pod_spec).cloned()
    }

    /// The policy that it judges by.
    pub fn policy(&self) -> &RolloutPolicy {
        &self.policy
    }
}
