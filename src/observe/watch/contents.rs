//! What the watches hold, and the view of it that surrounds one object.
//!
//! It is found by uid: what an object controls, its pods, the Events about it. A name may have been given
//! again by then, a uid never is. Each change notes which objects it touches, so that only these are judged
//! again.

use super::affected::{AffectedObjects, Uids};
use super::collection::{Collection, WatchState};
use super::indexed::Indexed;
use super::reduce::{reduce, stub};
use super::standing::WatchHealth;
use crate::cluster::{ApiError, WatchEvent};
use crate::model::hook::is_cleaned_up;
use crate::model::k8s::ownership::OwnerFacts;
use crate::model::k8s::pod::PodFacts;
use crate::model::occurrence::Occurrence;
use crate::model::{Object, ObjectId, Target};
use crate::observe::owners::live;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use tokio::time::Instant;

/// What the watches hold.
#[derive(Debug)]
pub struct Contents {
    objects: Indexed<Object>,
    departed: HashMap<ObjectId, Object>,
    pods: Indexed<PodFacts>,
    occurrences: Indexed<Occurrence>,
    // By collection and not by kind: of one kind some namespaces may be readable and others not.
    standings: HashMap<Collection, WatchHealth>,
    uids: Uids,
    touched: AffectedObjects,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            objects: Indexed::new(controller),
            departed: HashMap::new(),
            // By the controller: other owners only have it deleted with them.
            pods: Indexed::new(|pod| Some(&pod.controller.as_ref()?.uid)),
            occurrences: Indexed::new(|one| Some(&one.about)),
            standings: HashMap::new(),
            uids: Uids::default(),
            touched: AffectedObjects::default(),
        }
    }
}

fn controller(object: &Object) -> Option<&str> {
    let owners = object.at("/metadata/ownerReferences")?.as_array()?;

    let owner = owners
        .iter()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
    owner.get("uid")?.as_str()
}

impl Contents {
    /// An object that is held.
    pub fn object(&self, target: &Target) -> Option<&Object> {
        self.objects.get(&target.id())
    }

    /// How an object that goes by itself once it has run was when it went; none where its watch did not see it go.
    pub fn departed(&self, target: &Target) -> Option<&Object> {
        self.departed.get(&target.id())
    }

    /// Pods that an object of that uid controls.
    pub fn pods_of(&self, uid: &str) -> impl Iterator<Item = &PodFacts> {
        self.pods.owned_by(uid)
    }

    /// What an object of that uid controls, other than pods.
    pub fn owned_by(&self, uid: &str) -> impl Iterator<Item = &Object> {
        self.objects.owned_by(uid)
    }

    /// What is held of an object of that uid as an owner of others.
    pub fn owner(&self, uid: &str) -> Option<OwnerFacts> {
        let id = self.uids.above(uid).next()?;
        self.objects.get(&id).map(live)
    }

    /// Events about an object of that uid.
    pub fn occurrences_of(&self, uid: &str) -> impl Iterator<Item = &Occurrence> {
        self.occurrences.owned_by(uid)
    }

    /// A pod that is held.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&PodFacts> {
        self.pods.get(&ObjectId::new("", "Pod", Some(namespace), name))
    }

    /// All pods that are held.
    pub fn pods(&self) -> impl Iterator<Item = &PodFacts> {
        self.pods.values()
    }

    /// All EndpointSlices that are held.
    pub fn endpoint_slices(&self) -> Vec<&Object> {
        let ids = self.objects.ids("discovery.k8s.io", "EndpointSlice", None);
        ids.iter().filter_map(|id| self.objects.get(id)).collect()
    }

    /// How a watch stands; none where nobody asked for it.
    pub fn state(&self, collection: &Collection) -> Option<&WatchState> {
        self.standings.get(collection).map(|standing| &standing.state)
    }

    /// What has changed since the last call.
    pub fn take_touched(&mut self) -> AffectedObjects {
        std::mem::take(&mut self.touched)
    }

    /// How many objects are held.
    pub fn len(&self) -> usize {
        self.objects.len() + self.pods.len() + self.occurrences.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn standing(&self, collection: &Collection) -> Option<&WatchHealth> {
        self.standings.get(collection)
    }

    pub(super) fn begin(&mut self, collection: &Collection) {
        self.standings.insert(collection.clone(), WatchHealth::default());
    }

    /// It was listed as a whole, by a read that began then.
    pub(super) fn answered(&mut self, collection: &Collection, began: Instant) {
        self.stand(collection, |standing| standing.answered(began));
    }

    /// Its watch goes on where it was.
    pub(super) fn resumed(&mut self, collection: &Collection) {
        self.stand(collection, WatchHealth::resumed);
    }

    /// A read that began then has failed, or, without a time, a watch.
    pub(super) fn failed(&mut self, collection: &Collection, began: Option<Instant>, error: ApiError) {
        self.stand(collection, |standing| standing.failed(began, error));
    }

    /// Whoever is judged by the collection is looked at again where it stands otherwise now.
    fn stand(&mut self, collection: &Collection, change: impl FnOnce(&mut WatchHealth)) {
        let standing = self.standings.entry(collection.clone()).or_default();
        // Most answers change nothing: judging everything again for each of them would be most of the work.
        let before = standing.state.clone();
        change(standing);
        self.touched.all |= standing.state != before;
    }

    /// Takes one event of a watch.
    pub(super) fn take(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Present(object) => self.insert(object),
            WatchEvent::Deleted(object) => {
                self.remove(&object.id());
                // Its end and its going may both come between two looks.
                if is_cleaned_up(&object) {
                    self.departed.insert(object.id(), reduce(object));
                }
            }
            WatchEvent::Bookmark(_) => {}
        }
    }

    /// Takes an object of a list or a watch.
    pub(super) fn insert(&mut self, object: Object) {
        let id = object.id();
        // An Event touches what it is about, and is no object to be judged itself.
        if id.group.is_empty() && id.kind == "Event" {
            let occurrence = Occurrence::reduce(&object);
            self.touched.ids.extend(self.uids.above(&occurrence.about));
            return self.occurrences.insert(id, occurrence);
        }

        // One is there under this name again: how an earlier one went says nothing of it.
        self.departed.remove(&id);
        self.uids.add(object.uid(), &id, controller(&object));
        // After it was added: a new object must be found by its own uid.
        self.touched.ids.extend(self.uids.above(object.uid()));

        if id.group.is_empty() && id.kind == "Pod" {
            let facts = PodFacts::reduce(&object);
            // A pod without a controller may be judged itself.
            if facts.controller.is_none() {
                self.objects.insert(id.clone(), stub(&object));
            }
            self.pods.insert(id, facts);
        } else {
            self.objects.insert(id, reduce(object));
        }
    }

    fn remove(&mut self, id: &ObjectId) {
        // A pod that somebody controls is held as facts alone.
        let pod = self.pods.get(id).map(|pod| pod.uid.clone());
        if let Some(uid) = pod.or_else(|| self.objects.get(id).map(|object| object.uid().to_owned())) {
            // Before the uid is forgotten: only by it can what controls the object be found.
            self.touched.ids.extend(self.uids.above(&uid));
            self.uids.remove(&uid);
        }

        self.objects.remove(id);
        match (id.group.as_str(), id.kind.as_str()) {
            // One without a controller is in both.
            ("", "Pod") => self.pods.remove(id),
            ("", "Event") => self.occurrences.remove(id),
            _ => {}
        }
    }

    /// Removes what a fresh list of the collection no longer holds.
    pub(super) fn keep_only(&mut self, collection: &Collection, listed: &BTreeSet<ObjectId>) {
        if !collection.fields.is_empty() {
            // It has seen one object of the kind, and knows nothing of the others.
            return self.keep_only_named(collection, listed);
        }

        let (group, kind) = (&collection.resource.group, &collection.resource.kind);
        let namespace = collection.namespace.as_deref();

        let mut held = self.objects.ids(group, kind, namespace);
        match (group.as_str(), kind.as_str()) {
            ("", "Pod") => held.extend(self.pods.ids(group, kind, namespace)),
            ("", "Event") => held.extend(self.occurrences.ids(group, kind, namespace)),
            _ => {}
        }

        for id in held.iter().filter(|id| !listed.contains(id)) {
            // Not departed: nobody saw how it ended.
            self.remove(id);
        }
    }

    fn keep_only_named(&mut self, collection: &Collection, listed: &BTreeSet<ObjectId>) {
        let Some(name) = collection.fields.strip_prefix("metadata.name=") else {
            return;
        };

        let resource = &collection.resource;
        let id = ObjectId::new(
            &resource.group,
            &resource.kind,
            collection.namespace.as_deref(),
            name,
        );
        if !listed.contains(&id) {
            self.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;
    use serde_json::json;

    fn pod(name: &str, owner: Option<&str>) -> Object {
        let owners =
            owner.map(|uid| json!([{"kind": "ReplicaSet", "name": "r", "uid": uid, "controller": true}]));
        Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owners}})).unwrap()
    }

    #[test]
    fn a_fresh_list_removes_what_went_while_nobody_watched() {
        let mut contents = Contents::default();
        contents.insert(pod("a", Some("r")));
        contents.insert(pod("b", None));

        let collection = Collection::new(&built_in("", "Pod").unwrap(), Some("shop"));
        contents.keep_only(&collection, &[pod("b", None).id()].into());

        assert_eq!(contents.pods_of("r").count(), 0);
        assert!(contents.pod("shop", "b").is_some());
    }

    #[test]
    fn of_a_pod_with_a_controller_only_the_facts_are_held() {
        // Pods are the many: held twice, they would be most of the memory.
        let mut contents = Contents::default();
        contents.insert(pod("a", Some("r")));
        assert_eq!(contents.len(), 1);
    }
}
