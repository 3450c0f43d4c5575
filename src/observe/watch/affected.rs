//! Which objects a change is about: the one that changed, and whatever controls it.

use crate::model::ObjectId;
use std::collections::{BTreeSet, HashMap};

/// What has changed.
#[derive(Debug, Default)]
pub struct AffectedObjects {
    /// Objects that changed, of which something changed that they control, or that an Event is about.
    pub ids: BTreeSet<ObjectId>,
    /// Whether a watch stands otherwise than before: then everything is to be looked at.
    pub all: bool,
}

/// Pod, ReplicaSet, Deployment: owners are followed no further up than this.
const HEIGHT: usize = 4;

/// Which object has a uid, and which uid controls it.
#[derive(Debug, Default)]
pub(super) struct Uids {
    known: HashMap<String, (ObjectId, Option<String>)>,
}

impl Uids {
    pub fn add(&mut self, uid: &str, id: &ObjectId, controller: Option<&str>) {
        let is_known =
            |known: &(ObjectId, Option<String>)| known.0 == *id && known.1.as_deref() == controller;
        // Most changes are of a status: the identity is copied only where it is new.
        if !self.known.get(uid).is_some_and(is_known) {
            self.known
                .insert(uid.to_owned(), (id.clone(), controller.map(Into::into)));
        }
    }

    pub fn remove(&mut self, uid: &str) {
        self.known.remove(uid);
    }

    /// The object of that uid, what controls it, and so on.
    pub fn above(&self, uid: &str) -> impl Iterator<Item = ObjectId> {
        let first = self.known.get(uid);
        let up = |(_, owner): &&(ObjectId, Option<String>)| self.known.get(owner.as_deref()?);

        std::iter::successors(first, up)
            // Owner references are what somebody wrote: those that go in a circle end here, too.
            .take(HEIGHT)
            .map(|(id, _)| id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_changes_touches_all_that_control_it() {
        let id = |kind: &str| ObjectId::new("", kind, Some("shop"), "web");
        let mut uids = Uids::default();
        uids.add("p", &id("Pod"), Some("r"));
        assert_eq!(uids.above("p").count(), 1, "its controller is not known yet");

        uids.add("r", &id("ReplicaSet"), Some("d"));
        uids.add("d", &id("Deployment"), None);

        let touched: Vec<_> = uids.above("p").map(|id| id.kind).collect();
        assert_eq!(touched, ["Pod", "ReplicaSet", "Deployment"]);
        assert_eq!(uids.above("x").count(), 0);
    }
}
