//! What the watches hold, and the view of it that surrounds one object.

use super::collection::{Collection, State};
use super::indexed::Indexed;
use super::reduce::{reduce, stub};
use crate::cluster::WatchEvent;
use crate::model::occurrence::Occurrence;
use crate::model::pod::PodFacts;
use crate::model::{Object, ObjectId, Target};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// What the watches hold.
#[derive(Debug)]
pub struct Contents {
    objects: Indexed<Object>,
    pods: Indexed<PodFacts>,
    occurrences: Indexed<Occurrence>,
    states: HashMap<Collection, State>,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            objects: Indexed::new(controller),
            pods: Indexed::new(|pod| Some(&pod.controller.as_ref()?.uid)),
            occurrences: Indexed::new(|one| Some(&one.about)),
            states: HashMap::new(),
        }
    }
}

fn controller(object: &Object) -> Option<&str> {
    let owners = object.at("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
    owner.get("uid")?.as_str()
}

impl Contents {
    /// An object that is held.
    pub fn object(&self, target: &Target) -> Option<&Object> {
        self.objects.get(&target.id())
    }

    /// Pods that an object of that uid controls.
    pub fn pods_of(&self, uid: &str) -> impl Iterator<Item = &PodFacts> {
        self.pods.of(uid)
    }

    /// What an object of that uid controls, other than pods.
    pub fn owned_by(&self, uid: &str) -> impl Iterator<Item = &Object> {
        self.objects.of(uid)
    }

    /// Events about an object of that uid.
    pub fn occurrences_of(&self, uid: &str) -> impl Iterator<Item = &Occurrence> {
        self.occurrences.of(uid)
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
    pub fn state(&self, collection: &Collection) -> Option<&State> {
        self.states.get(collection)
    }

    /// How many objects are held.
    pub fn len(&self) -> usize {
        self.objects.len() + self.pods.len() + self.occurrences.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn set_state(&mut self, collection: &Collection, state: State) {
        self.states.insert(collection.clone(), state);
    }

    /// Takes one event of a watch.
    pub(super) fn take(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Present(object) => self.insert(object),
            WatchEvent::Deleted(object) => self.remove(&object.id()),
            WatchEvent::Bookmark(_) => {}
        }
    }

    /// Takes an object of a list or a watch.
    pub(super) fn insert(&mut self, object: Object) {
        let id = object.id();
        match (id.group.as_str(), id.kind.as_str()) {
            ("", "Pod") => {
                let facts = PodFacts::reduce(&object);
                // A pod without a controller may be judged itself.
                if facts.controller.is_none() {
                    self.objects.insert(id.clone(), stub(&object));
                }
                self.pods.insert(id, facts);
            }
            ("", "Event") => self.occurrences.insert(id, Occurrence::reduce(&object)),
            _ => self.objects.insert(id, reduce(object)),
        }
    }

    fn remove(&mut self, id: &ObjectId) {
        self.objects.remove(id);
        match (id.group.as_str(), id.kind.as_str()) {
            ("", "Pod") => self.pods.remove(id),
            ("", "Event") => self.occurrences.remove(id),
            _ => {}
        }
    }

    /// Removes what a fresh list of the collection no longer holds.
    pub(super) fn keep_only(&mut self, collection: &Collection, listed: &BTreeSet<ObjectId>) {
        if !collection.fields.is_empty() {
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
            self.remove(id);
        }
    }

    fn keep_only_named(&mut self, collection: &Collection, listed: &BTreeSet<ObjectId>) {
        let Some(name) = collection.fields.strip_prefix("metadata.name=") else { return };
        let resource = &collection.resource;
        let id = ObjectId::new(&resource.group, &resource.kind, collection.namespace.as_deref(), name);
        if !listed.contains(&id) {
            self.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::built_in;
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
        let mut contents = Contents::default();
        contents.insert(pod("a", Some("r")));
        assert_eq!(contents.len(), 1);
    }
}
