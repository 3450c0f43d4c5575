//! A map with a second way in: by the uid that each value belongs to.

use crate::model::ObjectId;
use std::collections::{BTreeSet, HashMap};

/// Values by identity, and by the uid that they belong to.
#[derive(Debug)]
pub(super) struct Indexed<V> {
    by_id: HashMap<ObjectId, V>,
    by_uid: HashMap<String, BTreeSet<ObjectId>>,
    uid_of: fn(&V) -> Option<&str>,
}

impl<V> Indexed<V> {
    pub fn new(uid_of: fn(&V) -> Option<&str>) -> Self {
        Self {
            by_id: HashMap::new(),
            by_uid: HashMap::new(),
            uid_of,
        }
    }

    pub fn insert(&mut self, id: ObjectId, value: V) {
        // The value before may belong to another uid, under which this one would be found as well.
        self.remove(&id);
        if let Some(uid) = (self.uid_of)(&value) {
            self.by_uid.entry(uid.to_owned()).or_default().insert(id.clone());
        }
        self.by_id.insert(id, value);
    }

    pub fn remove(&mut self, id: &ObjectId) {
        let Some(value) = self.by_id.remove(id) else {
            return;
        };

        let Some(uid) = (self.uid_of)(&value) else { return };
        if let Some(ids) = self.by_uid.get_mut(uid) {
            ids.remove(id);
            // Pods of a rollout come and go: uids without any would pile up.
            if ids.is_empty() {
                self.by_uid.remove(uid);
            }
        }
    }

    pub fn get(&self, id: &ObjectId) -> Option<&V> {
        self.by_id.get(id)
    }

    /// Values that belong to the uid.
    pub fn owned_by(&self, uid: &str) -> impl Iterator<Item = &V> {
        let ids = self.by_uid.get(uid).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id))
    }

    /// Identities of a kind, in a namespace where one is given; in order.
    pub fn ids(&self, group: &str, kind: &str, namespace: Option<&str>) -> BTreeSet<ObjectId> {
        let is_its = |id: &&ObjectId| {
            id.kind == kind
                && id.group == group
                && (namespace.is_none() || id.namespace.as_deref() == namespace)
        };
        self.by_id.keys().filter(is_its).cloned().collect()
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.by_id.values()
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ObjectId {
        ObjectId::new("", "Pod", Some("shop"), name)
    }

    #[test]
    fn a_value_that_moves_to_another_owner_is_found_there_alone() {
        let mut map = Indexed::<(String, u8)>::new(|value| Some(&value.0));
        map.insert(id("a"), ("x".into(), 1));
        map.insert(id("a"), ("y".into(), 2));

        assert_eq!(map.owned_by("x").count(), 0);
        assert_eq!(map.owned_by("y").map(|value| value.1).collect::<Vec<_>>(), [2]);

        map.remove(&id("a"));
        assert_eq!((map.owned_by("y").count(), map.len()), (0, 0));
    }

    #[test]
    fn identities_are_listed_by_kind_and_namespace() {
        let mut map = Indexed::<u8>::new(|_| None);
        map.insert(id("a"), 1);
        map.insert(ObjectId::new("", "Pod", Some("other"), "b"), 1);
        // A kind that begins alike.
        map.insert(ObjectId::new("", "PodTemplate", Some("shop"), "c"), 1);

        assert_eq!(map.ids("", "Pod", Some("shop")), [id("a")].into());
        assert_eq!(map.ids("", "Pod", None).len(), 2);
    }
}
