//! Proves that what runs is what was tested.
//!
//! It comes after the rollouts, for a pod that is ready may still run another image than its spec seems to
//! say, and it looks at every member that runs pods, not only at what this promotion has changed. What is
//! unknown is looked at again: a node reports some time after a container starts, a registry tells one index
//! from another, and a watch may be broken. A wrong image ends it at once, and what stays unknown ends it
//! without blame. Where nothing runs, nothing is proved: pods that an object wants are waited for until the
//! deadline, and of any other it is told why it has none.

use super::service::{FIRST_READ, Watching};
use super::state::MonitorState;
use super::unproved::Unproved;
use crate::model::event::Event;
use crate::model::k8s::ownership::Owners;
use crate::model::phrase::{format_seconds, list_first};
use crate::model::running::ImageTrees;
use crate::model::verdict::Cause;
use crate::model::verification::{ImageVerification, ObjectVerification, VerificationSummary};
use crate::model::{ObjectId, Target};
use crate::monitor::follow::Follow;
use crate::monitor::{MonitorContext, Stopped, Watched};
use crate::observe::OwnerReader;
use crate::rollout::{
    MonitoredObject, Proof, TestedImages, WorkloadImages, WorkloadPods, is_watched, prove, prove_chained,
    runs_pods, verify, verify_absent, verify_unnamed,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Namespaces that a sentence names; the rest is counted.
const NAMESPACES: usize = 10;

/// How often what is not known yet is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// How often once it has taken long.
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// What was found so far.
#[derive(Default)]
struct Found {
    trees: ImageTrees,
    owners: OwnerReader,
    /// What is settled.
    objects: Vec<ObjectVerification>,
    /// Objects whose pods are waited for, which was said.
    awaited: BTreeSet<ObjectId>,
    /// Whether it is unknown what runs.
    unknown: Lasting,
    /// Whether owners could not be read for a reason that passes.
    unread_owners: Lasting,
}

/// For how long something has been so. What was not so in between begins anew.
#[derive(Default)]
struct Lasting(Option<Instant>);

impl Lasting {
    fn measure(&mut self, is_so: bool) -> Duration {
        let since = self.0.filter(|_| is_so);
        self.0 = is_so.then(|| since.unwrap_or_else(Instant::now));
        self.0.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Watching {
    /// Proves the images of everything that was followed, and of the other members.
    pub(super) async fn prove_images(
        &self,
        state: &mut MonitorState,
        context: &dyn MonitorContext,
    ) -> Result<VerificationSummary, Stopped> {
        let follow = state.follow.get_or_insert_with(|| self.start());
        let seen: Vec<Watched> = state
            .seen
            .values()
            .filter(|one| self.has_pods(&one.target))
            .cloned()
            .collect();
        let mut open = self.take_up(follow, &seen, &state.seen).await;

        let mut found = Found::default();
        // A hook that was skipped, or what nobody applied.
        let absent = self.options.workloads.iter().filter(|(id, _)| !open.contains(id));
        found
            .objects
            .extend(absent.map(|(_, one)| verify_absent(one, &self.options.tested)));

        let start = Instant::now();
        loop {
            found.owners.forget_transient();
            self.read_owners(follow, &open, &mut found.owners).await;
            let mut unproved = match self.prove_open(follow, &mut open, &mut found).await {
                Ok(unproved) => unproved,
                Err((object, cause)) => {
                    return Err(self.fail_proof(follow, (object, cause), &seen, &found).await);
                }
            };
            // What a registry has told may prove some at once.
            if self
                .ask_registries(&mut found.trees, std::mem::take(&mut unproved.unfamiliar))
                .await
            {
                continue;
            }

            if open.is_empty() {
                return Ok(self.report_verification(found.objects));
            }

            // Whose pods these are that an owner's read does not tell by then stays unknown, and fails nothing.
            let is_unread = found.owners.owners().has_transient();
            if found.unread_owners.measure(is_unread) >= self.options.unknown_limit {
                found.owners.give_up();
                continue;
            }

            let deadline = Duration::from_secs(self.deadline().into());
            let unknown_for = found.unknown.measure(unproved.is_unknown());
            let waited = (unknown_for, start.elapsed());
            if let Some(late) = unproved.give_up_after(self, waited, (context.patience(), deadline))? {
                return Err(self.fail_proof(follow, late, &seen, &found).await);
            }
            let is_long = start.elapsed() > self.options.unknown_limit;
            tokio::time::sleep(if is_long { LONG_PAUSE } else { PAUSE }).await;
        }
    }

    /// Follows what is proved; which objects these are.
    async fn take_up(
        &self,
        follow: &mut Follow,
        seen: &[Watched],
        all_seen: &BTreeMap<ObjectId, Watched>,
    ) -> Vec<ObjectId> {
        // What no step touched belongs to the release as well: its tags may have moved.
        let others = self
            .options
            .members
            .iter()
            .filter(|one| self.has_pods(one) && !all_seen.contains_key(&one.id()));
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
        targets.iter().map(Target::id).collect()
    }

    /// Whether an object runs pods whose images can be proved: by its kind, or because it names images.
    fn has_pods(&self, target: &Target) -> bool {
        runs_pods(target) || self.workload(&target.id()).is_some()
    }

    fn workload(&self, object: &ObjectId) -> Option<&WorkloadImages> {
        self.options.workloads.get(object)
    }

    /// How long pods that an object wants are waited for.
    fn deadline(&self) -> u32 {
        let policy = &self.options.policy;
        policy.timeout.unwrap_or(policy.deadline)
    }

    /// Reads the owners above the pods of what is open, as far as their kinds are not watched: each once.
    async fn read_owners(&self, follow: &Follow, open: &[ObjectId], reader: &mut OwnerReader) {
        // Each round reads one owner further up.
        loop {
            let unknown = follow.unknown_owners(open, reader.owners());
            if unknown.is_empty() {
                return;
            }
            reader.read(&*self.cluster, unknown).await;
        }
    }

    /// Proves what is not proved yet, and leaves what cannot be told now; else the object that runs something else.
    async fn prove_open(
        &self,
        follow: &Follow,
        open: &mut Vec<ObjectId>,
        found: &mut Found,
    ) -> Result<Unproved, (ObjectId, Cause)> {
        let mut unproved = Unproved::default();
        let mut left = Vec::new();
        for id in std::mem::take(open) {
            let (workload, proof) = self.proof(follow, &id, found);
            let verify = |proof: &Proof| {
                workload
                    .as_ref()
                    .map(|one| verify(one, &self.options.tested, proof))
            };

            // Nothing that comes later makes it right: it is told at once.
            if let Some(cause) = proof.wrong.first() {
                found.objects.extend(verify(&proof));
                return Err((id, cause.clone()));
            }

            if proof.is_settled() {
                found.objects.extend(verify(&proof));
                for message in &proof.expected {
                    self.note(Some(id.clone()), message);
                }
                continue;
            }

            // A single one that may still become known is worth the wait for all.
            unproved.passes |= follow.may_become_known(&id);
            unproved.unread.extend(proof.unread);
            unproved.unreported.extend(proof.unknown);
            unproved.unresolved.extend(proof.unresolved);
            unproved.unfamiliar.extend(proof.unfamiliar);
            if let Some(why) = proof.awaited {
                if found.awaited.insert(id.clone()) {
                    self.note(
                        Some(id.clone()),
                        &format!("{why}; fails after {}", format_seconds(self.deadline().into())),
                    );
                }
                unproved.awaited.get_or_insert((id.clone(), why));
            }
            let outdated = proof.outdated.into_iter().next().map(|cause| (id.clone(), cause));
            unproved.outdated = unproved.outdated.or(outdated);
            left.push(id);
        }

        *open = left;
        Ok(unproved)
    }

    /// Ends the proof at an object.
    async fn fail_proof(
        &self,
        follow: &Follow,
        (object, cause): (ObjectId, Cause),
        seen: &[Watched],
        found: &Found,
    ) -> Stopped {
        // Which images were proved by then helps to understand it.
        self.report_verification(found.objects.clone());
        self.report_object_failure(follow, object, cause, seen)
            .await
            .into()
    }

    /// Reports what is known of each image, and counts it.
    fn report_verification(&self, mut objects: Vec<ObjectVerification>) -> VerificationSummary {
        let workloads = self.options.workloads.values();
        let named = workloads.flat_map(|one| one.tested(&self.options.tested));
        let proved = objects.iter().flat_map(|object| &object.images);
        let named: BTreeSet<&str> = named
            .map(|image| image.reference.as_str())
            .chain(proved.map(|one| one.reference.as_str()))
            .collect();
        let unnamed = verify_unnamed(&named, &self.options.tested);
        objects.push(unnamed);

        // What cannot be read is told in the words of a server.
        for image in objects.iter_mut().flat_map(|object| &mut object.images) {
            image.change_message(|message| self.hiding.text(message));
        }

        let summary = VerificationSummary::new(&objects);
        let images: Vec<ImageVerification> = objects.into_iter().flat_map(|object| object.images).collect();
        self.events.emit(Event::Verification {
            images,
            summary: summary.clone(),
        });
        summary
    }

    /// Asks registries for images that no release records, each once; whether there was one.
    async fn ask_registries(&self, trees: &mut ImageTrees, mut references: Vec<String>) -> bool {
        // Pods of one image report one reference.
        references.sort();
        references.dedup();

        let found = match &self.options.resolver {
            Some(resolver) => resolver.resolve(&references).await,
            // With nobody to ask, what the node says stands as it is.
            None => vec![Ok(Vec::new()); references.len()],
        };

        for (reference, tree) in references.iter().zip(found) {
            if let Some(digest) = reference
                .rsplit_once('@')
                .and_then(|(_, digest)| digest.parse().ok())
            {
                trees.insert(digest, tree);
            }
        }
        !references.is_empty()
    }

    /// What is known of an object's pods, and the images that it names.
    fn proof(&self, follow: &Follow, id: &ObjectId, found: &Found) -> (Option<WorkloadImages>, Proof) {
        let tested = TestedImages {
            images: &self.options.tested,
            trees: &found.trees,
            injected: &self.options.injected,
        };
        let known = self.workload(id).cloned();
        if let Some(workload) = known.as_ref().filter(|one| one.has_chained_pods()) {
            let mut proof = prove_workload(follow, workload, found.owners.owners(), tested);
            if workload.target.namespace.is_none() {
                let namespaces = list_first(self.options.namespaces.iter(), NAMESPACES, ", ");
                let note = format!("pods checked in namespaces {namespaces} only");
                proof = proof.limited_to(&namespaces);
                proof.expected.push(note);
            }
            return (known, proof);
        }

        let looked = follow.look(id, |subject, view| {
            // What the release names is what the cluster holds: a wave was applied before its images are looked at.
            let live = || WorkloadImages::find(&subject.target, view.object?, &[]);
            let proof = prove(subject, view, follow.policy(), tested);
            (known.clone().or_else(live), proof)
        });
        looked.unwrap_or_else(|| {
            let unread = Some(format!("{id} is not watched"));
            let proof = Proof {
                unread,
                ..Proof::default()
            };
            (known, proof)
        })
    }
}

/// What is known of the pods that a chain of owners leads to.
fn prove_workload(
    follow: &Follow,
    workload: &WorkloadImages,
    owners: &Owners,
    tested: TestedImages<'_>,
) -> Proof {
    // Of the built-in kinds that name images only a PodTemplate has no rollout.
    if !is_watched(&workload.target) {
        return Proof {
            idle: Some("does not create pods".into()),
            ..Proof::default()
        };
    }

    let id = workload.target.id();
    let proof = follow.look_at_pods(&id, owners, |subject, live, pods, owners| {
        let pods = WorkloadPods::select(live, workload, pods.iter().copied(), owners);
        prove_chained(subject, live, follow.policy(), tested, (workload, &pods))
    });
    proof.unwrap_or_else(|unread| {
        let cause = Some(unread.cause);
        let (unread, doubt) = if unread.is_transient {
            (cause, None)
        } else {
            (None, cause)
        };
        Proof {
            unread,
            doubt,
            ..Proof::default()
        }
    })
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
        status_before: None,
        soak: None,
    }
}
