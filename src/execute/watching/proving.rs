//! Proves that what runs is what was tested.

use super::service::{FIRST_READ, State, Watching};
use crate::execute::follow::Follow;
use crate::execute::services::Watched;
use crate::model::journal::Failure;
use crate::model::verdict::CauseKind;
use crate::model::{ObjectId, Target};
use crate::rollout::{Proof, Subject, Surroundings, is_watched, prove};
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// How long a node may take to report the image ID of a container that runs.
const REPORTED: Duration = Duration::from_secs(20);

impl Watching {
    /// Proves the images of everything that was followed, and of the other members.
    pub(super) async fn prove_images(&self, state: &mut State) -> Result<(), Box<Failure>> {
        let follow = state.follow.get_or_insert_with(|| self.start());
        let seen: Vec<Watched> = state.seen.values().cloned().collect();
        let others =
            self.options.members.iter().filter(|one| is_watched(one) && !state.seen.contains_key(&one.id()));
        let others: Vec<Subject> = others.map(member).collect();
        let targets: Vec<Target> = seen
            .iter()
            .map(|one| one.target.clone())
            .chain(others.iter().map(|one| one.target.clone()))
            .collect();
        let until = Instant::now() + REPORTED;
        follow.prepare(&targets, FIRST_READ).await;
        let known: Vec<ObjectId> = follow.verdicts().map(|(id, _)| id.clone()).collect();
        let subjects: Vec<Subject> = seen
            .iter()
            .filter(|one| !known.contains(&one.target.id()))
            .map(|one| self.subject(follow, one))
            .collect();
        follow.add(subjects.into_iter().chain(others));
        loop {
            let proofs: Vec<_> =
                targets.iter().map(|one| (one.id(), self.proof(follow, &one.id()))).collect();
            if let Some((id, cause)) = proofs.iter().find_map(|(id, proof)| Some((id, proof.wrong.first()?)))
            {
                return Err(self.tell(follow, id.clone(), cause.clone(), &seen).await);
            }
            let unknown: Vec<_> = proofs.iter().flat_map(|(_, proof)| proof.unknown.clone()).collect();
            if unknown.is_empty() {
                for (id, said) in
                    proofs.iter().flat_map(|(id, proof)| proof.expected.iter().map(move |said| (id, said)))
                {
                    self.note(Some(id.clone()), said.clone());
                }
                return Ok(());
            }
            if Instant::now() >= until {
                let message = format!(
                    "no node has reported what it runs, after {} s: {}",
                    REPORTED.as_secs(),
                    unknown.join(", ")
                );
                return Err(self.tell_plain(CauseKind::WrongImage, message));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn proof(&self, follow: &Follow, id: &ObjectId) -> Proof {
        let read = |subject: &Subject, view: &Surroundings<'_>| {
            prove(subject, view, follow.policy(), &self.options.tested, &self.options.injected)
        };
        follow.look(id, read).unwrap_or_default()
    }
}

/// A member that nothing was written to: whichever revision it is at counts.
pub(super) fn member(target: &Target) -> Subject {
    Subject {
        target: target.clone(),
        uid: String::new(),
        generation: 0,
        started_at: Timestamp::now(),
        baseline: Default::default(),
        seen_images: Default::default(),
        soak: None,
    }
}
