//! What the objects of a plan were before it, and that they still are what it saw.
//!
//! Most were read for the plan a moment ago and are taken as they were: a write names their resourceVersion. What is
//! not at hand is read under the lock and held against the plan; one that differs ends the run before anything is
//! written.

use super::not_begun::refused;
use super::services::{RunReport, Services};
use super::step_status::who_changed;
use crate::model::plan::{Expect, Plan, PlanStep};
use crate::model::{Object, ObjectId, StepId};
use crate::objects::expect_holds;
use futures::future::join_all;
use std::collections::{BTreeMap, HashMap};

/// Whether an object is the one that the step was planned for. It was read for the plan, which holds the hash of just this
/// content; whether it has moved since is the server's to say, by its resourceVersion.
fn is_seen(step: &PlanStep, object: &Object) -> bool {
    matches!(&step.expect, Expect::Present { uid, .. } if uid == object.uid())
}

/// What the steps' objects are now, under the lock; the end where one is no longer what the plan saw.
pub(super) async fn pre_images(
    plan: &Plan,
    mut known: HashMap<ObjectId, Object>,
    services: &Services,
) -> Result<BTreeMap<StepId, Object>, RunReport> {
    let (mut found, mut moved, mut unread) = (BTreeMap::new(), Vec::new(), Vec::new());

    let mut to_read = Vec::new();
    for step in plan.steps.iter().chain(&plan.prune) {
        // What is absent, or made by this plan itself, has no pre-image.
        if !matches!(step.expect, Expect::Present { .. }) {
            continue;
        }
        match known
            .remove(&step.target.id())
            .filter(|object| is_seen(step, object))
        {
            Some(object) => drop(found.insert(step.id, object)),
            None => to_read.push(step),
        }
    }

    let reads = to_read.iter().map(|step| services.cluster.get(&step.target));
    for (step, read) in to_read.iter().zip(join_all(reads).await) {
        match read {
            Ok(Some(object)) if expect_holds(step, Some(&object)) => drop(found.insert(step.id, object)),
            Ok(Some(object)) => moved.push(format!("{}: {}", step.target, who_changed(None, &object))),
            Ok(None) => moved.push(format!("{}: was deleted by another client", step.target)),
            Err(error) => unread.push(format!("{}: {error}", step.target)),
        }
    }
    // Told first: to plan again would not help.
    if !unread.is_empty() {
        let message = format!(
            "objects of the plan cannot be read: {}; nothing was changed",
            unread.join("; ")
        );
        let hint = "grant get on these objects, and promote again".to_owned();
        return Err(refused(message, vec![hint]));
    }
    if moved.is_empty() {
        return Ok(found);
    }

    Err(moved_since(&moved.join("; ")))
}

/// The end of a plan that is not of what is there any more.
pub(super) fn moved_since(what: &str) -> RunReport {
    let message = format!("the cluster changed since the plan was made: {what}; nothing was changed");
    refused(message, vec!["promote again, with a new plan".into()])
}
