//! The loop that feeds verdicts to an execution.

use super::clock::Clock;
use super::view::{Needed, is_read, may_need_more, needed, surroundings};
use crate::cluster::Cluster;
use crate::model::verdict::Verdict;
use crate::model::{ObjectId, Target};
use crate::observe::watch::Store;
use crate::rollout::{Baseline, Deadline, Judgement, Memory, Nudge, Policy, Subject, Surroundings, judge};
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Many events come at once in a rollout; they are judged together, at most this often.
const ROUND: Duration = Duration::from_millis(40);

/// One change of what is known of an object's rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The object.
    pub object: ObjectId,
    /// Its verdict now.
    pub verdict: Verdict,
    /// When it fails for lack of progress; none where it is not waiting.
    pub deadline: Option<Deadline>,
    /// Pods that must be deleted, by uid, for it to go on. The same one is named once.
    pub nudges: Vec<Nudge>,
}

/// A controller that needs longer than this to take up what was written is worth a line.
const TAKEN_UP: Duration = Duration::from_secs(2);

struct Followed {
    subject: Subject,
    needed: Needed,
    memory: Memory,
    last: Option<Judgement>,
    /// The last judgement that became an update.
    told: Option<Judgement>,
    since: tokio::time::Instant,
}

/// Follows rollouts until it is dropped.
pub struct Follow {
    store: Store,
    policy: Policy,
    clock: Clock,
    followed: BTreeMap<ObjectId, Followed>,
    updates: VecDeque<Update>,
    judged: tokio::time::Instant,
}

impl Follow {
    /// Starts without subjects.
    pub fn start(cluster: Arc<dyn Cluster>, policy: Policy) -> Self {
        Self {
            store: Store::new(cluster),
            policy,
            clock: Clock::start(),
            followed: BTreeMap::new(),
            updates: VecDeque::new(),
            judged: tokio::time::Instant::now(),
        }
    }

    /// Starts the watches that these objects need and waits until they have been read, at most `limit` (then they are
    /// read while the rollout goes on; false). Call it before the objects are written: what was there before becomes known.
    pub async fn prepare(&mut self, targets: &[Target], limit: Duration) -> bool {
        for target in targets {
            self.watch(target);
        }
        self.store.synced(limit).await
    }

    /// Watches what an object needs.
    fn watch(&mut self, target: &Target) -> Needed {
        let needed = needed(target, self.store.contents().object(target));
        for (collection, _) in &needed {
            self.store.ensure(collection);
        }
        needed
    }

    /// How things stand with an object: restarts, Events, what is broken. Where it has been written already, only what
    /// was there before that.
    pub fn baseline(&self, target: &Target, before: Option<Timestamp>) -> Baseline {
        let contents = self.store.contents();
        let needed = needed(target, contents.object(target));
        Baseline::of(&surroundings(target, &needed, &contents), before)
    }

    /// Follows these too. One that was followed is followed anew.
    pub fn add(&mut self, subjects: impl IntoIterator<Item = Subject>) {
        for subject in subjects {
            let needed = self.watch(&subject.target);
            let id = subject.target.id();
            let since = tokio::time::Instant::now();
            let memory = Memory::default();
            self.followed.insert(id, Followed { subject, needed, memory, last: None, told: None, since });
        }
        self.judged = self.judged.checked_sub(ROUND).unwrap_or(self.judged);
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
            one.subject.soak = Some(Baseline::of(&view, None));
        }
    }

    /// The next change of a verdict. Waits for ever where nothing changes any more. Cancel-safe.
    pub async fn next(&mut self) -> Update {
        loop {
            if let Some(update) = self.updates.pop_front() {
                return update;
            }
            tokio::time::sleep_until(self.judged + ROUND).await;
            let again = self.judge_all();
            if !self.updates.is_empty() {
                continue;
            }
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

    /// Judges everything now, and says when to look again though nothing changes.
    fn judge_all(&mut self) -> Option<Timestamp> {
        self.judged = tokio::time::Instant::now();
        let now = self.clock.now();
        for one in self.followed.values_mut().filter(|one| may_need_more(&one.subject.target)) {
            one.needed = needed(&one.subject.target, self.store.contents().object(&one.subject.target));
            one.needed.iter().for_each(|(collection, _)| self.store.ensure(collection));
        }
        let contents = self.store.contents();
        let mut again = None;
        for (id, one) in &mut self.followed {
            if !is_read(&one.needed, &contents) {
                continue;
            }
            let view = surroundings(&one.subject.target, &one.needed, &contents);
            let judgement = judge(&one.subject, &view, &self.policy, &mut one.memory, now);
            again = [again, judgement.look_again_at].into_iter().flatten().min();
            if judgement.premature && one.told.is_none() && one.since.elapsed() < TAKEN_UP {
                let later = now.checked_add(TAKEN_UP.saturating_sub(one.since.elapsed())).ok();
                again = [again, later].into_iter().flatten().min();
            } else if let Some(update) = update(id, one.told.as_ref(), &judgement) {
                self.updates.push_back(update);
                one.told = Some(judgement.clone());
            }
            one.last = Some(judgement);
        }
        again
    }

    /// The last verdict on each object; none where it has not been judged.
    pub fn verdicts(&self) -> impl Iterator<Item = (&ObjectId, Option<&Verdict>)> {
        self.followed.iter().map(|(id, one)| (id, one.last.as_ref().map(|last| &last.verdict)))
    }

    /// Whether every object is done.
    pub fn is_done(&self) -> bool {
        self.verdicts().all(|(_, verdict)| matches!(verdict, Some(Verdict::Done { .. })))
    }

    /// What the watches show of an object now.
    pub fn look<T>(
        &self,
        object: &ObjectId,
        read: impl FnOnce(&Subject, &Surroundings<'_>) -> T,
    ) -> Option<T> {
        let one = self.followed.get(object)?;
        Some(read(&one.subject, &surroundings(&one.subject.target, &one.needed, &self.store.contents())))
    }

    /// The policy that it judges by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// What is new in a judgement.
fn update(id: &ObjectId, last: Option<&Judgement>, now: &Judgement) -> Option<Update> {
    let known = |nudge: &&Nudge| last.is_some_and(|last| last.nudges.iter().any(|one| one.uid == nudge.uid));
    let nudges: Vec<Nudge> = now.nudges.iter().filter(|one| !known(one)).cloned().collect();
    let is_same = last.is_some_and(|last| last.verdict == now.verdict);
    if is_same && nudges.is_empty() {
        return None;
    }
    Some(Update { object: id.clone(), verdict: now.verdict.clone(), deadline: now.deadline.clone(), nudges })
}
