//! The service that an execution judges its rollouts by.

use super::gates;
use super::hidden::Hidden;
use super::options::WatchingOptions;
use super::telling::tell;
use crate::cluster::{Cluster, DeleteOptions, Deleted};
use crate::execute::follow::{Follow, Update};
use crate::execute::services::{Rollout, Watched};
use crate::model::event::{Event, EventSink};
use crate::model::journal::Failure;
use crate::model::kinds::built_in;
use crate::model::plan::Propagation;
use crate::model::pod_spec::pod_spec;
use crate::model::verdict::{Cause, CauseKind, Verdict};
use crate::model::{ObjectId, Target};
use crate::rollout::{Baseline, Deadline, Nudge, Subject, written_at};
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long the first read of the watches may take before judging begins without it.
pub(super) const FIRST_READ: Duration = Duration::from_secs(15);

/// Judges rollouts through watches. One for each promotion; its revert may use it too.
pub struct Watching {
    pub(super) cluster: Arc<dyn Cluster>,
    pub(super) events: Arc<dyn EventSink>,
    pub(super) options: WatchingOptions,
    pub(super) state: Mutex<State>,
    /// How things stood before the first write; a run that takes up another one's work has no such time.
    pub(super) before: OnceLock<BTreeMap<ObjectId, Baseline>>,
}

#[derive(Default)]
pub(super) struct State {
    pub follow: Option<Follow>,
    /// Everything that was followed to its end, with the fields that its step changed.
    pub seen: BTreeMap<ObjectId, Watched>,
    /// What was taken out of `follow` and not dealt with yet: a future that is dropped loses nothing.
    open: Option<Update>,
    /// The deadline that was last said of each object.
    deadlines: BTreeMap<ObjectId, String>,
}

impl Watching {
    /// Sends no request by itself.
    pub fn new(cluster: Arc<dyn Cluster>, events: Arc<dyn EventSink>, options: WatchingOptions) -> Self {
        Self { cluster, events, options, state: Mutex::default(), before: OnceLock::new() }
    }

    /// Follows these besides what is followed: objects that another tool has just applied.
    pub async fn join(&self, watched: &[Watched]) {
        let mut state = self.state.lock().await;
        let State { follow, seen, .. } = &mut *state;
        let follow = follow.get_or_insert_with(|| self.start());
        self.follow_too(follow, watched).await;
        seen.extend(watched.iter().map(|one| (one.target.id(), one.clone())));
    }

    /// Waits until everything that is followed is done; the first failure ends it. Cancel-safe.
    pub async fn progress(&self, watched: &[Watched]) -> Result<(), Box<Failure>> {
        let mut state = self.state.lock().await;
        let State { follow, open, deadlines, .. } = &mut *state;
        let follow = follow.get_or_insert_with(|| self.start());
        self.until_done(follow, open, deadlines, watched).await
    }

    async fn until_done(
        &self,
        follow: &mut Follow,
        open: &mut Option<Update>,
        deadlines: &mut BTreeMap<ObjectId, String>,
        watched: &[Watched],
    ) -> Result<(), Box<Failure>> {
        loop {
            if let Some(update) = open.clone() {
                self.take(follow, update, deadlines, watched).await?;
                *open = None;
            }
            // The last verdicts may still wait to be shown.
            *open = follow.take_update();
            match (&open, follow.is_done()) {
                (Some(_), _) => {}
                (None, true) => return Ok(()),
                (None, false) => *open = Some(follow.next().await),
            }
        }
    }

    pub(super) fn start(&self) -> Follow {
        Follow::start(self.cluster.clone(), self.options.policy.clone())
    }

    /// Follows these alone from now on.
    async fn follow_only(&self, follow: &mut Follow, watched: &[Watched]) {
        let old: Vec<ObjectId> = follow.verdicts().map(|(id, _)| id.clone()).collect();
        old.iter().for_each(|id| follow.forget(id));
        self.follow_too(follow, watched).await;
    }

    async fn follow_too(&self, follow: &mut Follow, watched: &[Watched]) {
        let targets: Vec<Target> = watched.iter().map(|one| one.target.clone()).collect();
        follow.prepare(&targets, FIRST_READ).await;
        let subjects: Vec<Subject> = watched.iter().map(|one| self.subject(follow, one)).collect();
        follow.add(subjects);
    }

    pub(super) fn subject(&self, follow: &Follow, one: &Watched) -> Subject {
        let written = written_at(&one.answer).unwrap_or_else(Timestamp::now);
        let id = one.target.id();
        let mut baseline = follow.baseline(&one.target, Some(written));
        match self.before.get().and_then(|before| before.get(&id)) {
            Some(before) => baseline.include(before),
            None => self.say_broken(&id, &baseline),
        }
        Subject::new(one.target.clone(), &one.answer, written)
            .with_baseline(baseline)
            .with_seen_images(self.options.seen_images.iter().cloned())
    }

    pub(super) fn note(&self, object: Option<ObjectId>, message: String) {
        self.events.emit(Event::Note { object, message: (self.options.clean)(&message) });
    }

    /// Takes what is new of an object: shows it, helps it on, and tells its failure.
    async fn take(
        &self,
        follow: &Follow,
        update: Update,
        deadlines: &mut BTreeMap<ObjectId, String>,
        watched: &[Watched],
    ) -> Result<(), Box<Failure>> {
        let verdict = self.cleaned(with_deadline(update.verdict, &update.object, update.deadline, deadlines));
        self.events.emit(Event::Rollout { object: update.object.clone(), verdict: verdict.clone() });
        for nudge in &update.nudges {
            self.nudge(&update.object, nudge).await;
        }
        match verdict {
            Verdict::Failed { cause } => Err(self.tell(follow, update.object, cause, watched).await),
            Verdict::Waiting { .. } | Verdict::Done { .. } => Ok(()),
        }
    }

    fn cleaned(&self, verdict: Verdict) -> Verdict {
        let clean = |text: String| (self.options.clean)(&text);
        match verdict {
            Verdict::Waiting { done, total, why } => Verdict::Waiting { done, total, why: clean(why) },
            Verdict::Done { note } => Verdict::Done { note: note.map(clean) },
            Verdict::Failed { cause } => {
                Verdict::Failed { cause: Cause { message: clean(cause.message), ..cause } }
            }
        }
    }

    /// Deletes a pod that holds a rollout up.
    async fn nudge(&self, object: &ObjectId, nudge: &Nudge) {
        let Some(kind) = built_in("", "Pod") else { return };
        let target = Target::new(&kind, Some(&nudge.namespace), &nudge.pod);
        let options = DeleteOptions {
            uid: nudge.uid.clone(),
            resource_version: None,
            propagation: Propagation::Background,
            dry_run: false,
            not_after: None,
        };
        let what = format!("pod {}: {}", nudge.pod, nudge.why);
        let message = match self.cluster.delete(&target, &options).await {
            Ok(Deleted::Gone | Deleted::Going(_)) => format!("deleted {what}"),
            Ok(Deleted::WasAbsent) => return,
            Err(error) => format!("cannot delete {what}: {error}"),
        };
        self.note(Some(object.clone()), message);
    }

    /// Tells a failure with what helps to understand it.
    pub(super) async fn tell(
        &self,
        follow: &Follow,
        object: ObjectId,
        cause: Cause,
        watched: &[Watched],
    ) -> Box<Failure> {
        let occurrences = follow
            .look(&object, |subject, view| {
                let news = view.occurrences.iter().filter(|one| subject.baseline.is_new(one));
                news.map(|one| (*one).clone()).collect::<Vec<_>>()
            })
            .unwrap_or_default();
        let spec = follow.look(&object, |_, view| view.object.and_then(pod_spec).cloned()).flatten();
        let hidden = Hidden::of(&*self.cluster, object.namespace.as_deref(), spec.as_ref()).await;
        let clean = |text: &str| (self.options.clean)(&hidden.hide(text));
        let namespace = object.namespace.as_deref();
        let lines = self.options.log_lines;
        let telling = tell(&*self.cluster, namespace, &cause, &occurrences, lines, &clean).await;
        let cause = Cause { message: hidden.hide(&cause.message), ..cause };
        let changes = watched.iter().find(|one| one.target.id() == object);
        let changes = changes.map(|one| one.changes.iter().map(ToString::to_string).collect());
        self.events.emit(Event::Failed {
            object: Some(object.clone()),
            cause: cause.clone(),
            logs: telling.logs,
            events: telling.events,
            changes: changes.unwrap_or_default(),
        });
        Box::new(Failure { object: Some(object), cause })
    }

    /// Tells a failure that is of no single object.
    pub(super) fn tell_plain(&self, kind: CauseKind, message: String) -> Box<Failure> {
        let message = (self.options.clean)(&message);
        let cause = Cause { kind, message, pod: None, container: None, previous_logs: false };
        self.events.emit(Event::Failed {
            object: None,
            cause: cause.clone(),
            logs: Vec::new(),
            events: Vec::new(),
            changes: Vec::new(),
        });
        Box::new(Failure { object: None, cause })
    }
}

/// A waiting verdict with the arithmetic of its deadline, which is said once, and again where it changes.
fn with_deadline(
    verdict: Verdict,
    object: &ObjectId,
    deadline: Option<Deadline>,
    said: &mut BTreeMap<ObjectId, String>,
) -> Verdict {
    let (Verdict::Waiting { done, total, why }, Some(deadline)) = (&verdict, deadline) else {
        return verdict;
    };
    let text = match deadline.capped {
        true => format!("fails if not done within {deadline}"),
        false => format!("fails where nothing moves for {deadline}"),
    };
    if said.insert(object.clone(), text.clone()).is_some_and(|before| before == text) {
        return verdict;
    }
    Verdict::waiting(*done, *total, format!("{why}; {text}"))
}

#[async_trait]
impl Rollout for Watching {
    async fn before(&self, targets: &[Target]) {
        self.take_down(targets).await;
    }

    async fn follow(&self, watched: &[Watched]) -> Result<(), Box<Failure>> {
        let mut state = self.state.lock().await;
        let State { follow, seen, open, deadlines } = &mut *state;
        let follow = follow.get_or_insert_with(|| self.start());
        *open = None;
        self.follow_only(follow, watched).await;
        self.until_done(follow, open, deadlines, watched).await?;
        seen.extend(watched.iter().map(|one| (one.target.id(), one.clone())));
        Ok(())
    }

    async fn prove(&self) -> Result<(), Box<Failure>> {
        let mut state = self.state.lock().await;
        if !self.options.tested.is_empty() {
            self.prove_images(&mut state).await?;
        }
        gates::check(self, &self.options.gates).await
    }

    async fn soak(&self, watched: &[Watched], time: Duration) -> Result<(), Box<Failure>> {
        let mut state = self.state.lock().await;
        let State { follow, open, deadlines, .. } = &mut *state;
        let follow = follow.get_or_insert_with(|| self.start());
        *open = None;
        self.follow_only(follow, watched).await;
        self.until_done(follow, open, deadlines, watched).await?;
        follow.begin_soak();
        let end = Instant::now() + time;
        let mut gates_at = Instant::now() + gates::BETWEEN;
        loop {
            tokio::select! {
                update = follow.next() => self.take(follow, update, deadlines, watched).await?,
                () = tokio::time::sleep_until(end) => break,
                () = tokio::time::sleep_until(gates_at) => {
                    gates::check_again(self, &self.options.gates).await?;
                    gates_at = Instant::now() + gates::BETWEEN;
                }
            }
        }
        // An object that is on its way at the end was not well all the time.
        if let Some((id, Some(Verdict::Waiting { why, .. }))) =
            follow.verdicts().find(|(_, one)| matches!(one, Some(Verdict::Waiting { .. })))
        {
            let message = format!("{id} is not well at the end of the soak: {why}");
            return Err(self.tell_plain(CauseKind::Soak, message));
        }
        gates::check_again(self, &self.options.gates).await
    }
}
