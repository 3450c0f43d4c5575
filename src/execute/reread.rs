//! After a revert, and after deletions: every object that was restored or deleted is read once more, so that
//! the end says only what was seen. What the control plane brought back is deleted again; what other clients
//! made or changed since is named and left in place. It fails nothing: by now everything is done, and only
//! what is said depends on it.

use super::own_namespace::creates_home;
use super::state_after::Remain;
use super::steps::Steps;
use super::undo::{Next, Undoing};
use crate::cluster::{ListRequest, paged};
use crate::model::finding::{ManagerClass, Operation};
use crate::model::journal::{Journal, StepPart, StepProgress, StepState, UndoState};
use crate::model::k8s::kinds::built_in;
use crate::model::plan::DataLoss;
use crate::model::state_key::ContentKey;
use crate::model::{Object, ObjectId, Target};
use crate::monitor::StopReason;
use crate::objects::class_of;
use crate::objects::{content_hash, same_content};
use crate::observe::release_state::Bodies;
use crate::plan::{claims_of, is_aggregated};
use futures::future::join_all;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

/// The manager that puts the rules of aggregated ClusterRoles together.
const AGGREGATION: &str = "clusterrole-aggregation-controller";

/// How long that one may take to see what was deleted.
const AGGREGATED_AGAIN: Duration = Duration::from_millis(500);

/// How often what comes back is deleted again.
const TRIES: usize = 5;

/// How what was done is read again.
pub(super) struct Rereading<'a> {
    pub steps: &'a Steps,
    pub bodies: &'a Bodies,
    pub undoing: Undoing<'a>,
}

impl Rereading<'_> {
    /// What was deleted and is there again.
    pub(super) async fn after_deletions(&self, journal: &Journal) -> Result<Vec<Remain>, StopReason> {
        let deleted =
            |step: &&StepProgress| step.is_deletion() && matches!(step.state, StepState::Done { .. });
        let deleted: Vec<_> = self.parts(journal, deleted).collect();

        self.wait_for_aggregation(deleted.iter().filter_map(|(_, part)| part.before.as_ref()))
            .await;

        let reads = deleted.iter().map(|(_, part)| self.deleted(part));
        Ok(join_all(reads)
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    /// What is not as it was after a revert.
    pub(super) async fn after_revert(&self, journal: &Journal) -> Result<Vec<Remain>, StopReason> {
        let undone = |step: &&StepProgress| {
            matches!(step.state, StepState::Intended | StepState::Done { .. })
                && matches!(step.undo, UndoState::Done { .. })
        };

        // The release namespace goes last.
        let undone = self
            .parts(journal, undone)
            .filter(|(_, part)| !creates_home(&part.step, &journal.namespace));
        let undone: Vec<_> = undone.collect();

        let created = undone.iter().filter(|(_, part)| part.before.is_none());
        self.wait_for_aggregation(created.filter_map(|(_, part)| part.step.action.object()))
            .await;

        let reads = undone.iter().map(|(progress, part)| self.undone(progress, part));
        let mut remains: Vec<Remain> = join_all(reads)
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect();
        // What the promotion itself deleted, as its plan had said: a revert brings objects back, and no data.
        let plan = &self.bodies.promotion.plan;
        let lost = plan.data_loss.iter().filter(|lost| {
            journal
                .step(lost.step)
                .is_some_and(|step| matches!(step.state, StepState::Done { .. }))
        });

        let lost: Vec<&DataLoss> = lost.collect();
        remains.extend(
            join_all(lost.iter().map(|lost| self.volume(lost)))
                .await
                .into_iter()
                .flatten(),
        );
        // Told a moment ago, in other words.
        let known: BTreeSet<&ObjectId> = lost.iter().map(|lost| &lost.object).collect();
        for (_, part) in undone {
            let claims = self.new_claims(part, journal.started_at).await;
            remains.extend(claims.into_iter().filter(|claim| !known.contains(&claim.object)));
        }

        Ok(remains)
    }

    fn parts<'j>(
        &'j self,
        journal: &'j Journal,
        is_meant: impl Fn(&&StepProgress) -> bool + 'j,
    ) -> impl Iterator<Item = (&'j StepProgress, &'j StepPart)> {
        let steps = journal.steps.iter().filter(is_meant);
        steps.filter_map(|step| Some((step, self.bodies.steps.get(&step.id)?)))
    }

    async fn wait_for_aggregation<'o>(&self, mut deleted: impl Iterator<Item = &'o Object>) {
        // The controller applies what it has in hand: a role
        // that is deleted meanwhile is created again by that.
        if deleted.any(is_aggregated) {
            tokio::time::sleep(AGGREGATED_AGAIN).await;
        }
    }

    /// An object that was deleted: nothing where it is gone.
    async fn deleted(&self, part: &StepPart) -> Result<Option<Remain>, StopReason> {
        let target = &part.step.target;
        for _ in 0..TRIES {
            let live = match self.steps.cluster.get(target).await {
                Ok(None) | Err(crate::cluster::ApiError::NotServed { .. }) => return Ok(None),
                Ok(Some(live)) => live,
                Err(error) => return Ok(Some(not_read(target, &error))),
            };
            if !is_brought_back_by_aggregation(&live) {
                let message = format!("was created again by {}; left in place", makers(&live));
                return Ok(Some(Remain::new(target.id(), message)));
            }

            let clock = self.steps.patience.start();
            // Whatever comes of the deletion, the next look says what is there.
            match self.undoing.delete(target, &live, &clock).await {
                Err(Next::Stop(problem)) => return Err(problem),
                _ => tokio::time::sleep(AGGREGATED_AGAIN / 5).await,
            }
        }

        Ok(Some(Remain::new(
            target.id(),
            "is recreated repeatedly by the control plane",
        )))
    }

    /// An object that was undone: nothing where it is as it was, or where its undo has said already what is not.
    async fn undone(&self, progress: &StepProgress, part: &StepPart) -> Result<Option<Remain>, StopReason> {
        let UndoState::Done { content, .. } = &progress.undo else {
            return Ok(None);
        };

        let target = &part.step.target;
        let Some(before) = &part.before else {
            // Another client's object, which stays, was named when it was met.
            return if content.is_empty() {
                self.deleted(part).await
            } else {
                Ok(None)
            };
        };
        // It was to stay away, as a Job that had run: its undo has said so.
        if content.is_empty() {
            return Ok(None);
        }

        let remain = match self.steps.cluster.get(target).await {
            Ok(Some(live)) => changed_since(before, content, &live, &self.steps.content),
            Ok(None) | Err(crate::cluster::ApiError::NotServed { .. }) => {
                Some("was deleted by another client since it was restored".to_owned())
            }
            Err(error) => return Ok(Some(not_read(target, &error))),
        };

        Ok(remain.map(|message| Remain::new(target.id(), message)))
    }

    /// A volume whose data the promotion deleted: a revert brings the claim back, and not what it held.
    async fn volume(&self, lost: &DataLoss) -> Option<Remain> {
        let kind = built_in(&lost.object.group, &lost.object.kind)?;

        let target = Target::new(&kind, lost.object.namespace.as_deref(), &lost.object.name);
        match self.steps.cluster.get(&target).await {
            Ok(Some(live)) if live.uid() == lost.uid && live.at("/metadata/deletionTimestamp").is_none() => {
                None
            }
            Ok(Some(live)) if live.uid() != lost.uid => Some(Remain::new(
                lost.object.clone(),
                "is new and empty: its data was deleted",
            )),
            Ok(_) => Some(Remain::new(lost.object.clone(), "was deleted with its data")),
            Err(error) => Some(not_read(&target, &error)),
        }
    }

    /// Claims that a StatefulSet got from this promotion, and that stay without it.
    async fn new_claims(&self, part: &StepPart, since: Timestamp) -> Vec<Remain> {
        let set = part
            .step
            .action
            .object()
            .filter(|set| set.kind() == "StatefulSet");
        let (Some(set), Some(kind)) = (set, built_in("", "PersistentVolumeClaim")) else {
            return Vec::new();
        };
        let has_claims = |set: &Object| {
            set.at("/spec/volumeClaimTemplates")
                .is_some_and(|list| !list.is_null())
        };

        let Some(namespace) = part.step.target.namespace.as_deref().filter(|_| has_claims(set)) else {
            return Vec::new();
        };
        // All of the namespace: by its name alone a claim tells whose it is.
        let request = ListRequest::all(&kind, Some(namespace)).with_only_metadata();
        let claims = match paged(self.steps.cluster.as_ref(), request, |claim| claim).await {
            Ok(claims) => claims,
            Err(error) => {
                let message = format!("may leave claims, which cannot be listed: {error}");
                return vec![Remain::new(part.step.target.id(), message)];
            }
        };
        // One that is older was there before, with data of its own.
        let is_new = |claim: &&Object| {
            let created = claim.text("/metadata/creationTimestamp").parse::<Timestamp>();
            let going = claim.at("/metadata/deletionTimestamp").is_some();
            // A creationTimestamp has whole seconds.
            !going && created.is_ok_and(|created| created.as_second() >= since.as_second())
        };

        let stays = |name: &str| {
            let object = ObjectId::new("", "PersistentVolumeClaim", Some(namespace), name);
            let message = format!(
                "left in place: a volume of {}, created by this promotion",
                part.step.target
            );
            let hint = format!(
                "kubectl delete {} -n {namespace}   # deletes its data",
                object.kubectl_name()
            );
            Remain {
                object,
                message,
                hint: Some(hint),
            }
        };

        claims_of(set, &claims)
            .into_iter()
            .filter(is_new)
            .map(|claim| stays(claim.name()))
            .collect()
    }
}

fn not_read(target: &Target, error: &crate::cluster::ApiError) -> Remain {
    Remain::new(target.id(), format!("could not be read again: {error}"))
}

/// Whether nobody but the aggregation controller has ever written an object.
fn is_brought_back_by_aggregation(live: &Object) -> bool {
    // One that somebody wrote has that manager's entry, too: that one is named and stays.
    live.kind() == "ClusterRole"
        && !live.managed_fields().is_empty()
        && live
            .managed_fields()
            .iter()
            .all(|entry| entry["manager"] == AGGREGATION)
}

/// What another client made of a restored object; what controllers write is theirs.
fn changed_since(before: &Object, restored: &str, live: &Object, key: &ContentKey) -> Option<String> {
    if content_hash(live, key).starts_with(restored) || same_content(before, live) {
        return None;
    }
    // Who had a hand in it before goes on writing it: that is no news.
    let known = |manager: &str| {
        before
            .managed_fields()
            .iter()
            .any(|entry| entry["manager"] == manager)
    };

    let text = |entry: &serde_json::Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let others: BTreeSet<String> = live
        .managed_fields()
        .iter()
        .filter(|entry| {
            let class = class_of(
                &text(entry, "manager"),
                Operation::from_entry(entry),
                &text(entry, "subresource"),
            );
            matches!(class, ManagerClass::Manual | ManagerClass::OtherTool)
        })
        .map(|entry| text(entry, "manager"))
        .filter(|manager| !known(manager))
        .collect();

    (!others.is_empty()).then(|| {
        format!(
            "was changed since by {}",
            others.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}

fn makers(live: &Object) -> String {
    let names: BTreeSet<&str> = live
        .managed_fields()
        .iter()
        .filter_map(|entry| entry["manager"].as_str())
        .collect();

    if names.is_empty() {
        "another client".into()
    } else {
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}
