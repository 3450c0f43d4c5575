//! The view of the store that surrounds one subject.
//!
//! Where a collection that a verdict needs is not read, or was not followed for some seconds, the view says
//! so and is believed in nothing else: what is missing in it may be there.

use crate::model::k8s::known_kind::KnownKind;
use crate::model::k8s::ownership::kind_between;
use crate::model::{Object, Target};
use crate::observe::watch::{Collection, Contents, WatchState};
use crate::rollout::{RolloutContext, WatchScope, needs};
use std::collections::BTreeSet;

/// What must be watched for an object, and whether a verdict can do without it.
pub(super) type Needed = Vec<(Collection, bool)>;

/// What must be watched for an object; in these namespaces also its pods, and what commonly stands between.
pub(super) fn needed(
    target: &Target,
    object: Option<&Object>,
    pod_namespaces: Option<&BTreeSet<String>>,
) -> Needed {
    let collection = |need: &WatchScope| match need.namespace.as_deref() {
        // By its name: a role may let a single object of a cluster-scoped kind be read.
        None if !need.resource.namespaced => Collection::of_one(&need.resource, &target.name),
        namespace => Collection::new(&need.resource, namespace),
    };

    let needs = needs(target, object);
    let mut all: Needed = needs
        .iter()
        .map(|need| (collection(need), need.optional))
        .collect();
    for namespace in pod_namespaces.into_iter().flatten() {
        // No verdict needs them: without a right to read pods, what runs is unknown.
        for kind in [KnownKind::Pod, kind_between(&target.resource.kind)] {
            let one = Collection::new(&kind.resource(), Some(namespace));
            if !all.iter().any(|(known, _)| *known == one) {
                all.push((one, true));
            }
        }
    }
    all
}

/// Whether more may be needed once the object is known: what its spec refers to.
pub(super) fn may_need_more(target: &Target) -> bool {
    target.resource.group == "admissionregistration.k8s.io"
}

/// Whether everything that a verdict needs has been read once, as far as it can be.
pub(super) fn is_read(needed: &Needed, contents: &Contents) -> bool {
    needed.iter().all(|(one, optional)| match contents.state(one) {
        None | Some(WatchState::Loading(None)) => false,
        // It fails and is tried again: only what a verdict can do without is not waited for.
        Some(WatchState::Loading(Some(_))) => *optional,
        // Answered, if not well: waiting makes nothing of it better.
        Some(WatchState::Synced | WatchState::Stale(_) | WatchState::Unreadable(_)) => true,
    })
}

/// Whether something that a verdict needs is not known for a reason that passes.
pub(super) fn may_become_known(needed: &Needed, contents: &Contents) -> bool {
    let required = needed.iter().filter(|(_, optional)| !optional);
    let mut states = required.map(|(one, _)| contents.state(one));
    states.any(|state| matches!(state, None | Some(WatchState::Loading(_) | WatchState::Stale(_))))
}

/// Why what a collection holds says nothing.
pub(super) fn why_unknown(collection: &Collection, contents: &Contents) -> Option<String> {
    let what = &collection.resource.plural;
    match contents.state(collection) {
        Some(WatchState::Synced) => None,
        None | Some(WatchState::Loading(None)) => Some(format!("{what} not read yet")),
        // Of a stale collection what is shown may be gone, and what is missing may be there.
        Some(WatchState::Loading(Some(error)) | WatchState::Stale(error) | WatchState::Unreadable(error)) => {
            Some(format!("{what}: {error}"))
        }
    }
}

/// What surrounds an object.
pub(super) fn surroundings<'c>(
    target: &Target,
    needed: &Needed,
    contents: &'c Contents,
) -> RolloutContext<'c> {
    let mut view = RolloutContext {
        object: contents.object(target),
        ..RolloutContext::default()
    };

    let mut required = needed.iter().filter(|(_, optional)| !optional);
    view.unreadable = required.find_map(|(one, _)| why_unknown(one, contents));

    // Only here: how it went says something where nothing has taken its place.
    let Some(object) = view.object else {
        view.departed = contents.departed(target);
        return view;
    };

    let uid = object.uid();
    view.owned = contents.owned_by(uid).collect();
    view.pods = contents.pods_of(uid).collect();
    // The pods of a Deployment belong to its ReplicaSets.
    for owned in &view.owned {
        view.pods.extend(contents.pods_of(owned.uid()));
    }
    // No controller leads to a bare pod.
    if object.kind() == "Pod" {
        view.pods.extend(
            target
                .namespace
                .as_deref()
                .and_then(|space| contents.pod(space, &target.name)),
        );
    }

    let owned = view.owned.iter().map(|one| one.uid());
    let pods = view.pods.iter().map(|pod| pod.uid.as_str());
    // A refused pod is told of by an Event about its ReplicaSet, and not about the Deployment.
    let uids: Vec<&str> = [uid].into_iter().chain(owned).chain(pods).collect();
    view.occurrences = uids
        .into_iter()
        .flat_map(|uid| contents.occurrences_of(uid))
        .collect();

    if object.kind().ends_with("WebhookConfiguration") {
        view.others = contents.endpoint_slices();
    }
    view
}
