//! What is followed, and how each object is judged: from which time on, against what stood before, and with
//! what it may rely on within its own release.
//!
//! Baselines are made once the watches have been read, or their time is over; what the watches show by then is
//! what a rollout is compared with.

use super::service::{FIRST_READ, Watching};
use super::state::MonitorState;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::{ObjectId, Target};
use crate::monitor::Watched;
use crate::monitor::follow::Follow;
use crate::rollout::{MonitoredObject, pending_before, rolls_out, status_before, written_at};
use jiff::Timestamp;

impl Watching {
    /// Follows these besides what is followed: objects that another tool has just applied.
    pub async fn join(&self, watched: &[Watched]) {
        let mut state = self.state.lock().await;
        let MonitorState { follow, seen, .. } = &mut *state;
        let follow = follow.get_or_insert_with(|| self.start());

        self.follow_too(follow, watched).await;
        // What was followed here is proved later.
        seen.extend(watched.iter().map(|one| (one.target.id(), one.clone())));
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

    pub(super) async fn subject(&self, follow: &Follow, one: &Watched) -> MonitoredObject {
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

        let mut subject = MonitoredObject::new(one.target.clone(), &one.answer, written)
            .with_baseline(baseline)
            .with_seen_images(self.options.seen_images.iter().cloned());
        subject.is_served_within = self.is_served_within(one);
        subject.status_before = status_before(&one.answer, before);
        subject
    }

    /// Whether the Service that an APIService names is of the release.
    fn is_served_within(&self, one: &Watched) -> bool {
        let text = |field: &str| one.answer.text(&format!("/spec/service/{field}"));
        let is_named = |service: &Target| {
            service.name == text("name") && service.namespace.as_deref() == Some(text("namespace"))
        };

        one.target.resource.kind == "APIService" && self.options.services.iter().any(is_named)
    }
}
