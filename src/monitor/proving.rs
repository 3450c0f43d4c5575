//! Proves that what runs is what was tested.
//!
//! It comes after the rollouts, for a pod that is ready may still run another image than its spec seems to
//! say, and it looks at every member that runs pods, not only at what this promotion has changed. What is
//! unknown is looked at again: a node reports some time after a container starts, a registry tells one index
//! from another, and a watch may be broken. A wrong image ends it at once, and what stays unknown ends it
//! without blame.

use super::service::{FIRST_READ, Watching};
use super::state::State;
use crate::model::running::ImageTrees;
use crate::model::verdict::CauseKind;
use crate::model::{ObjectId, Target};
use crate::monitor::follow::Follow;
use crate::monitor::{MonitorContext, StopReason, Stopped, Watched};
use crate::rollout::{MonitoredObject, Proof, RolloutContext, is_watched, prove, runs_pods};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long a node may take to report the image ID of a container that runs.
const REPORTED: Duration = Duration::from_secs(20);

/// How often what is not known yet is looked at.
const PAUSE: Duration = Duration::from_millis(200);

impl Watching {
    /// Proves the images of everything that was followed, and of the other members.
    pub(super) async fn prove_images(
        &self,
        state: &mut State,
        context: &dyn MonitorContext,
    ) -> Result<(), Stopped> {
        let mut trees = ImageTrees::default();

        let follow = state.follow.get_or_insert_with(|| self.start());
        let seen: Vec<Watched> = state
            .seen
            .values()
            .filter(|one| runs_pods(&one.target))
            .cloned()
            .collect();

        // What no step touched belongs to the release as well: its tags may have moved.
        let others = self
            .options
            .members
            .iter()
            .filter(|one| runs_pods(one) && !state.seen.contains_key(&one.id()));
        let others: Vec<MonitoredObject> = others.map(member).collect();

        let targets = seen
            .iter()
            .map(|one| &one.target)
            .chain(others.iter().map(|one| &one.target));
        let targets: Vec<Target> = targets.cloned().collect();

        follow.prepare(&targets, FIRST_READ).await;

        // Each wave was followed alone: those before the last are taken up again.
        let known: BTreeSet<ObjectId> = follow.verdicts().map(|(id, _)| id.clone()).collect();
        let again = seen.iter().filter(|one| !known.contains(&one.target.id()));
        let mut subjects: Vec<MonitoredObject> = Vec::new();
        for one in again {
            subjects.push(self.subject(follow, one).await);
        }
        follow.add(subjects.into_iter().chain(others));

        let start = Instant::now();
        let mut open: Vec<ObjectId> = targets.iter().map(Target::id).collect();
        loop {
            let mut unproved = self.prove_open(follow, &mut open, &seen, &trees).await?;
            // What a registry has told may prove some at once.
            if self
                .ask_registries(&mut trees, std::mem::take(&mut unproved.unfamiliar))
                .await
            {
                continue;
            }

            if open.is_empty() {
                return Ok(());
            }

            unproved.give_up_after(self, start.elapsed(), context.patience())?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Proves what is not proved yet, and leaves what cannot be told now.
    async fn prove_open(
        &self,
        follow: &Follow,
        open: &mut Vec<ObjectId>,
        seen: &[Watched],
        trees: &ImageTrees,
    ) -> Result<Unproved, Stopped> {
        let mut unproved = Unproved::default();
        let mut left = Vec::new();
        for id in std::mem::take(open) {
            let proof = self.proof(follow, &id, trees);

            // Nothing that comes later makes it right: it is told at once.
            if let Some(cause) = proof.wrong.first() {
                return Err(self
                    .report_object_failure(follow, id, cause.clone(), seen)
                    .await
                    .into());
            }

            if proof.unknown.is_empty() && proof.unread.is_none() {
                for message in &proof.expected {
                    self.note(Some(id.clone()), message);
                }
                continue;
            }

            // A single one that may still become known is worth the wait for all.
            unproved.passes |= follow.may_become_known(&id);
            unproved.unread.extend(proof.unread);
            unproved.unreported.extend(proof.unknown);
            unproved.unfamiliar.extend(proof.unfamiliar);
            left.push(id);
        }

        *open = left;
        Ok(unproved)
    }

    /// Asks registries for images that no release records, each once; whether there was one.
    async fn ask_registries(&self, trees: &mut ImageTrees, mut references: Vec<String>) -> bool {
        // Pods of one image report one reference.
        references.sort();
        references.dedup();

        let found = match &self.options.resolver {
            Some(resolver) => resolver.resolve(&references).await,
            // With nobody to ask, what the node says stands as it is.
            None => vec![Vec::new(); references.len()],
        };

        for (reference, platforms) in references.iter().zip(found) {
            if let Some(digest) = reference
                .rsplit_once('@')
                .and_then(|(_, digest)| digest.parse().ok())
            {
                // An empty answer as well: a registry that did not say is asked no second time.
                trees.insert(digest, platforms);
            }
        }
        !references.is_empty()
    }

    fn proof(&self, follow: &Follow, id: &ObjectId, trees: &ImageTrees) -> Proof {
        let read = |subject: &MonitoredObject, view: &RolloutContext<'_>| {
            prove(
                subject,
                view,
                follow.policy(),
                (&self.options.tested, trees),
                &self.options.injected,
            )
        };

        let unread = || Proof {
            unread: Some(format!("{id} is not followed")),
            ..Proof::default()
        };

        follow.look(id, read).unwrap_or_else(unread)
    }
}

/// What is not known of the images that run.
#[derive(Default)]
struct Unproved {
    /// Why pods are not known.
    unread: Vec<String>,
    /// Containers of which no node has said what they run.
    unreported: Vec<String>,
    /// References that only a registry can tell.
    unfamiliar: Vec<String>,
    /// Whether something cannot be read for a reason that passes.
    passes: bool,
}

impl Unproved {
    /// Ends the proof where it has waited long enough.
    fn give_up_after(
        &self,
        watching: &Watching,
        waited: Duration,
        patience: Duration,
    ) -> Result<(), Stopped> {
        // The API server is away and not the node: its patience counts, and nothing is said of what runs.
        if self.passes {
            let problem = StopReason::Unreachable {
                seconds: patience.as_secs(),
            };
            return if waited < patience {
                Ok(())
            } else {
                Err(problem.into())
            };
        }

        if waited < REPORTED {
            return Ok(());
        }

        let seconds = REPORTED.as_secs();
        let message = match self.unread.first() {
            Some(why) => format!("what runs cannot be told, after {seconds} s: {why}"),
            None => {
                format!(
                    "no node has reported what it runs, after {seconds} s: {}",
                    self.unreported.join(", ")
                )
            }
        };

        Err(watching.report_failure(CauseKind::Unverified, &message).into())
    }
}

/// A member that nothing was written to: whichever revision it is at counts.
pub(super) fn member(target: &Target) -> MonitoredObject {
    MonitoredObject {
        target: target.clone(),
        uid: None,
        generation: 0,
        started_at: Timestamp::now(),
        baseline: Default::default(),
        seen_images: Default::default(),
        is_served_within: false,
        // No answer to a write tells whether there is anything to wait for.
        rolls_out: is_watched(target),
        soak: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::super::{Watching, WatchingOptions};
    use super::*;
    use crate::model::event::{Event, EventSink};
    use std::sync::Arc;

    struct Nobody;

    impl EventSink for Nobody {
        fn emit(&self, _: Event) {}
    }

    #[test]
    fn a_digest_that_no_node_reports_is_waited_for_and_then_not_called_a_wrong_one() {
        let watching = Watching::new(
            Arc::new(Fake::default()),
            Arc::new(Nobody),
            WatchingOptions::default(),
        );

        let unproved = Unproved {
            unreported: vec!["container main".into()],
            ..Unproved::default()
        };
        let minute = Duration::from_secs(60);
        assert_eq!(
            unproved.give_up_after(&watching, Duration::from_secs(19), minute),
            Ok(())
        );

        // A node that is slow to report must not put a release into quarantine.
        match unproved.give_up_after(&watching, Duration::from_secs(20), minute) {
            Err(Stopped::Failed(failure)) => assert_eq!(failure.cause.kind, CauseKind::Unverified),
            other => panic!("expected a failure, found {other:?}"),
        }
    }
}
