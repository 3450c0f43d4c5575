//! The service that an execution judges its rollouts by.
//!
//! The order is that of a promotion: a look before the first write, each wave followed on its own, then what
//! lies outside of the release, the images, the gates, and the soak. One follower with its watches serves
//! them all, so that a wave begins with what is read already. Objects of an earlier wave are not judged
//! during a later one; proof and soak come back to them. `wait` has no waves: it joins objects as another
//! tool applies them.

use super::gates;
use super::hidden::Hiding;
use super::options::WatchingOptions;
use crate::cluster::Cluster;
use crate::model::event::{Event, EventSink};
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::verdict::Verdict;
use crate::model::{ObjectId, Target};
use crate::monitor::follow::{Follow, Update};
use crate::monitor::{MonitorContext, Rollout, Stopped, Watched};
use crate::observe::watch::Heard;
use crate::rollout::{Baseline, Deadline, Subject, is_awaited_late, pending_before, rolls_out, written_at};
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Mutex;

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
    /// When the API server was last heard.
    pub(super) server: Heard,
    /// Keeps values of Secrets out of what is shown.
    pub(super) hiding: Hiding,
    /// What is read to hear it.
    pub(super) probe_target: std::sync::Mutex<Option<Target>>,
}

#[derive(Default)]
pub(super) struct State {
    pub follow: Option<Follow>,
    /// Everything that was followed to its end, with the fields that its step changed.
    pub seen: BTreeMap<ObjectId, Watched>,
    /// What was taken out of `follow` and not dealt with yet: a future that is dropped loses nothing.
    pub open: Option<Update>,
    pub said: Said,
    /// What waits for something outside of the release: followed once everything is applied.
    pub late: Vec<Watched>,
    /// Those of them that are not waited for any longer.
    pub let_go: BTreeSet<ObjectId>,
}

/// What was said, and need not be said again.
#[derive(Default)]
pub(super) struct Said {
    /// The deadline that was last said of each object.
    deadlines: BTreeMap<ObjectId, String>,
    /// What became of each pod that was to be deleted, by uid.
    pub stuck_pods: BTreeMap<String, String>,
}

/// What is judged at the moment, and what judging is bound by.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub watched: &'a [Watched],
    pub context: &'a dyn MonitorContext,
}

impl Watching {
    /// Sends no request by itself.
    pub fn new(cluster: Arc<dyn Cluster>, events: Arc<dyn EventSink>, options: WatchingOptions) -> Self {
        Self {
            hiding: Hiding::new(cluster.clone()),
            cluster,
            events,
            options,
            state: Mutex::default(),
            before: OnceLock::new(),
            server: Heard::default(),
            probe_target: std::sync::Mutex::default(),
        }
    }

    /// Follows these besides what is followed: objects that another tool has just applied.
    pub async fn join(&self, watched: &[Watched]) {
        let mut state = self.state.lock().await;
        let State { follow, seen, .. } = &mut *state;
        let follow = follow.get_or_insert_with(|| self.start());

        self.follow_too(follow, watched).await;
        // What was followed here is proved later.
        seen.extend(watched.iter().map(|one| (one.target.id(), one.clone())));
    }

    /// Waits until everything that is followed is done; the first failure ends it. Cancel-safe.
    pub async fn progress(&self, watched: &[Watched], context: &dyn MonitorContext) -> Result<(), Stopped> {
        // Held to the end of the call: two calls never judge side by side.
        let mut state = self.state.lock().await;
        let State {
            follow, open, said, ..
        } = &mut *state;
        let follow = follow.get_or_insert_with(|| self.start());

        let judging = self.until_done(follow, open, said, Turn { watched, context });
        self.with_liveness(watched, context, judging).await
    }

    pub(super) async fn until_done(
        &self,
        follow: &mut Follow,
        open: &mut Option<Update>,
        said: &mut Said,
        turn: Turn<'_>,
    ) -> Result<(), Stopped> {
        loop {
            // A clone, and taken off only once it was dealt with: this future may be dropped in between.
            if let Some(update) = open.clone() {
                self.take(follow, update, said, turn).await?;
                *open = None;
            }

            // The last verdicts may still wait to be shown.
            *open = follow.take_update();
            if open.is_none() {
                if follow.is_done() {
                    return Ok(());
                }
                *open = Some(follow.next().await);
            }
        }
    }

    pub(super) fn start(&self) -> Follow {
        // What any follower hears shows that the server is there.
        Follow::hearing(
            self.cluster.clone(),
            self.options.policy.clone(),
            self.server.clone(),
        )
    }

    /// Follows these alone from now on.
    pub(super) async fn follow_only(&self, follow: &mut Follow, watched: &[Watched]) {
        // Forgotten with their updates: what nobody waits for any more fails nothing.
        let old: Vec<ObjectId> = follow.verdicts().map(|(id, _)| id.clone()).collect();
        old.iter().for_each(|id| follow.forget(id));
        self.follow_too(follow, watched).await;
    }

    async fn follow_too(&self, follow: &mut Follow, watched: &[Watched]) {
        let waited_for = watched.iter().filter(|one| rolls_out(&one.target, &one.answer));
        let targets: Vec<Target> = waited_for.map(|one| one.target.clone()).collect();

        // Before the subjects are made: their baselines are what the watches show by then.
        // What is not read in time is read while it is judged.
        follow.prepare(&targets, FIRST_READ).await;

        let mut subjects = Vec::with_capacity(watched.len());
        for one in watched {
            subjects.push(self.subject(follow, one).await);
        }

        follow.add(subjects);
    }

    pub(super) async fn subject(&self, follow: &Follow, one: &Watched) -> Subject {
        // The server's clock where it tells: this is held against the times of pods and Events.
        let written = written_at(&one.answer).unwrap_or_else(Timestamp::now);
        let id = one.target.id();

        let mut baseline = follow.baseline(&one.target, Some(written));
        match self.before.get().and_then(|before| before.get(&id)) {
            Some(before) => baseline.include(before),
            // Nobody looked before the write: what the times tell is said now.
            None => self.report_unhealthy(&id, pod_spec(&one.answer), &baseline).await,
        }

        let before = one.before.as_ref();
        baseline.pending =
            before.and_then(|before| pending_before(&one.target, before, &self.options.policy));

        let mut subject = Subject::new(one.target.clone(), &one.answer, written)
            .with_baseline(baseline)
            .with_seen_images(self.options.seen_images.iter().cloned());
        subject.is_served_within = self.is_served_within(one);
        subject
    }

    /// Waits for what something outside of the release brings about, now that everything is applied.
    async fn follow_late(&self, state: &mut State, context: &dyn MonitorContext) -> Result<(), Stopped> {
        let State {
            follow,
            seen,
            open,
            said,
            late,
            let_go,
        } = state;
        if late.is_empty() {
            return Ok(());
        }

        // Taken: a second proof does not wait for them again.
        let watched = std::mem::take(late);
        let follow = follow.get_or_insert_with(|| self.start());
        // It is of a wave that is through: from here on only these are followed.
        *open = None;
        self.follow_only(follow, &watched).await;
        self.until_done(
            follow,
            open,
            said,
            Turn {
                watched: &watched,
                context,
            },
        )
        .await?;

        // A note says that it was let go and not that it came: the soak would wait for it all over again.
        let noted = |verdict: Option<&Verdict>| matches!(verdict, Some(Verdict::Done { note: Some(_) }));
        let_go.extend(
            follow
                .verdicts()
                .filter(|(_, one)| noted(*one))
                .map(|(id, _)| id.clone()),
        );

        seen.extend(watched.into_iter().map(|one| (one.target.id(), one)));
        Ok(())
    }

    /// Whether the Service that an APIService names is of the release.
    fn is_served_within(&self, one: &Watched) -> bool {
        let text = |field: &str| one.answer.text(&format!("/spec/service/{field}"));
        let is_named = |service: &Target| {
            service.name == text("name") && service.namespace.as_deref() == Some(text("namespace"))
        };

        one.target.resource.kind == "APIService" && self.options.services.iter().any(is_named)
    }

    pub(super) fn note(&self, object: Option<ObjectId>, message: String) {
        // What the cluster says may be quoted in it.
        self.events.emit(Event::Note {
            object,
            message: self.hiding.text(&message),
        });
    }

    /// Takes what is new of an object: shows it, helps it on, and tells its failure.
    pub(super) async fn take(
        &self,
        follow: &mut Follow,
        update: Update,
        said: &mut Said,
        turn: Turn<'_>,
    ) -> Result<(), Stopped> {
        let Update {
            object,
            verdict,
            deadline,
            stuck_pods,
        } = update;

        // A failure that a fresh read does not confirm was the watch's: what holds comes as an update.
        if matches!(verdict, Verdict::Failed { .. })
            && !follow.confirm(&object, turn.context.patience()).await
        {
            return Ok(());
        }

        let verdict = with_deadline(verdict, &object, deadline, &mut said.deadlines);
        // Before anything is shown of it: a node's words may quote a Secret.
        let verdict = self.hiding.verdict(follow, &object, verdict).await;
        self.events.emit(Event::Rollout {
            object: object.clone(),
            verdict: verdict.clone(),
        });

        for pod in &stuck_pods {
            self.delete_stuck_pod(follow, &object, pod, said, turn).await?;
        }

        match verdict {
            Verdict::Failed { cause } => Err(self
                .report_object_failure(follow, object, cause, turn.watched)
                .await
                .into()),
            Verdict::Waiting { .. } | Verdict::Done { .. } => Ok(()),
        }
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

    if said
        .insert(object.clone(), text.clone())
        .is_some_and(|before| before == text)
    {
        return verdict;
    }

    Verdict::waiting(*done, *total, format!("{why}; {text}"))
}

#[async_trait]
impl Rollout for Watching {
    async fn before(&self, targets: &[Target]) {
        self.record_baselines(targets).await;
    }

    async fn follow(&self, watched: &[Watched], context: &dyn MonitorContext) -> Result<(), Stopped> {
        let judging = async {
            let mut state = self.state.lock().await;
            let State {
                follow,
                seen,
                open,
                said,
                late,
                ..
            } = &mut *state;
            let follow = follow.get_or_insert_with(|| self.start());
            // What is left over is of an earlier wave, or of a call that was dropped.
            *open = None;

            // What lies outside of the release would hold up the next wave: `prove` waits for it in the end.
            let (later, now): (Vec<Watched>, Vec<Watched>) = watched
                .iter()
                .cloned()
                .partition(|one| is_awaited_late(&one.target, &one.answer));
            late.extend(later);

            self.follow_only(follow, &now).await;
            self.until_done(follow, open, said, Turn { watched, context })
                .await?;

            seen.extend(watched.iter().map(|one| (one.target.id(), one.clone())));
            Ok(())
        };
        self.with_liveness(watched, context, judging).await
    }

    async fn prove(&self, context: &dyn MonitorContext) -> Result<(), Stopped> {
        let judging = async {
            let mut state = self.state.lock().await;
            // By now everything is applied, and with it what may serve these.
            self.follow_late(&mut state, context).await?;

            if !self.options.tested.is_empty() {
                self.prove_images(&mut state, context).await?;
            }

            gates::check(self, &self.options.gates, context).await
        };
        // None of its own to ask for: what the last wave asked for shows whether the server is there.
        self.with_liveness(&[], context, judging).await
    }

    async fn soak(
        &self,
        watched: &[Watched],
        time: Duration,
        context: &dyn MonitorContext,
    ) -> Result<(), Stopped> {
        let judging = async {
            let mut state = self.state.lock().await;
            self.soak_followed(&mut state, time, Turn { watched, context })
                .await
        };
        self.with_liveness(watched, context, judging).await
    }
}
