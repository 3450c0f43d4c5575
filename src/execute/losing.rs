//! Before a finished promotion is reverted: what it created may hold data by now, which goes only where its
//! name was said.
//!
//! It looks ahead at what the undo of each step will decide, by the same marks and uids, and reads only the
//! kinds by which data goes. It changes nothing, and refuses with everything that would go at once, so that
//! one more try is enough.

use super::moving::belongs_elsewhere;
use super::not_begun::refused;
use super::run::Start;
use super::services::{RunReport, Services};
use super::step_status::is_made_by;
use crate::model::event::Event;
use crate::model::journal::{StepPart, StepProgress, StepState};
use crate::model::keep::keep_mark;
use crate::model::moves::ReleaseRef;
use crate::model::{Object, ObjectId};
use crate::observe::claims;
use crate::plan::{allowance, lost_by_undo};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// Why it must not begin: data would go that nobody has allowed to go. None where it may.
pub(super) async fn refusal(
    start: &Start,
    own: &ReleaseRef,
    allowed: &BTreeSet<String>,
    services: &Services,
) -> Option<RunReport> {
    let is_allowed = |id: &ObjectId| {
        allowed
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&allowance(id)))
    };

    let mut lost = losses(start, own, services).await;
    lost.retain(|id, _| !is_allowed(id));
    if lost.is_empty() {
        return None;
    }

    let reasons: Vec<String> = lost
        .iter()
        .map(|(id, why)| format!("{id}: its data would be deleted: {why}"))
        .collect();
    let hint = |id: &ObjectId| format!("add --allow-data-loss {} to delete its data", allowance(id));

    Some(refused(
        format!("{}; nothing was changed", reasons.join("; ")),
        lost.keys().map(hint).collect(),
    ))
}

/// What loses its data by undoing all steps, and how.
async fn losses(start: &Start, own: &ReleaseRef, services: &Services) -> BTreeMap<ObjectId, String> {
    let (journal, bodies) = (&start.head.current, &start.inputs.bodies);
    let cluster = services.cluster.as_ref();

    let done = journal
        .steps
        .iter()
        .filter(|step| matches!(step.state, StepState::Intended | StepState::Done { .. }));
    let parts = done.filter_map(|step| Some((step, bodies.steps.get(&step.id)?)));
    let risky: Vec<(&StepProgress, &StepPart)> = parts.filter(|(_, part)| may_lose(part)).collect();
    let reads = join_all(risky.iter().map(|(_, part)| cluster.get(&part.step.target))).await;

    let mut found: Vec<(&StepPart, Object)> = Vec::with_capacity(risky.len());
    for ((progress, part), read) in risky.into_iter().zip(reads) {
        match read {
            // The undo leaves it to the release that has it now.
            Ok(Some(live)) if belongs_elsewhere(part, &live, own, &start.inventory).is_some() => {}
            Ok(Some(live)) if goes(progress, part, &live) => found.push((part, live)),
            Ok(_) => {}
            Err(error) => unknown(part.step.target.id(), &error.to_string(), services),
        }
    }

    // A StatefulSet names none of its claims: all of its namespace are looked at.
    let needed: BTreeSet<String> = found.iter().filter_map(|(_, live)| claims_lie_in(live)).collect();
    let (claims, unread) = claims(cluster, &needed.into_iter().collect::<Vec<_>>()).await;
    for unread in unread {
        let message = format!("whether data will be deleted is unknown: {}", unread.why);
        services.events.emit(Event::Note {
            object: None,
            message,
        });
    }

    let mut lost = BTreeMap::new();
    for (part, live) in &found {
        let (objects, why) = lost_by_undo(&part.step, part.before.as_ref(), live, &claims);
        // The namespace that holds a claim with a keep mark stays, and with it the claim.
        for object in objects.into_iter().filter(|object| keep_mark(object).is_none()) {
            lost.entry(object.id()).or_insert_with(|| why.clone());
        }
    }
    lost
}

/// Kinds by which data goes.
fn may_lose(part: &StepPart) -> bool {
    let resource = &part.step.target.resource;
    match (&*resource.group, &*resource.kind) {
        // One that was there before is not deleted by an undo, whatever the promotion made of it.
        ("", "PersistentVolumeClaim" | "PersistentVolume" | "Namespace") => part.before.is_none(),
        // A changed one can lose claims, too: where it is scaled down again.
        ("apps", "StatefulSet") => true,
        _ => false,
    }
}

/// Whether the undo touches this object: another client's stays, and so does what was created with a keep mark.
fn goes(progress: &StepProgress, part: &StepPart, live: &Object) -> bool {
    // As the undo will see it: by the uid where the step was
    // answered, else by what the object tells of itself.
    let is_ours = match &progress.state {
        StepState::Done { uid, .. } => live.has_uid(uid.as_ref()),
        _ => part
            .step
            .action
            .object()
            .is_some_and(|sent| is_made_by(sent, live)),
    };

    part.before.is_some() || (is_ours && keep_mark(live).is_none())
}

fn claims_lie_in(live: &Object) -> Option<String> {
    match live.kind() {
        "StatefulSet" => live.namespace().map(Into::into),
        "Namespace" => Some(live.name().to_owned()),
        _ => None,
    }
}

fn unknown(id: ObjectId, why: &str, services: &Services) {
    let message = format!("whether its data will be deleted is unknown: {why}");
    services.events.emit(Event::Note {
        object: Some(id),
        message,
    });
}
