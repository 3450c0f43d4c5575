//! What a feed has to say: objects whose content moved, and watches that stand otherwise than before.

use crate::cluster::ApiError;
use crate::model::drift::WatchErrorReason;
use crate::model::k8s::controller::Controller;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::{Gvk, Object, ObjectId, Target};
use crate::observe::held::collections::{Collections, HeldObject};
use crate::observe::watch::Collection;
use std::collections::{BTreeMap, BTreeSet};

/// What has happened since somebody asked last.
#[derive(Debug, Default)]
pub struct FeedNews {
    /// Objects whose content moved, each once. Their number is bounded by what is held and was deleted meanwhile.
    pub moved: BTreeMap<ObjectId, Moved>,
    /// Watches that do not follow any more, and those that follow again, in order.
    pub watches: Vec<WatchChange>,
}

/// Which releases an object may be of that moved.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// What controls it, and what controls that.
    pub controllers: Vec<ObjectId>,
    /// The labels that make it a member of a release: before and after.
    pub sets: BTreeSet<String>,
}

impl Moved {
    /// Notes which releases an object may be of that moved.
    pub(super) fn note(&mut self, object: &Object, before: Option<&HeldObject>, collections: &Collections) {
        let after = object.label(APPLYSET_PART_OF_LABEL);
        let before = before.and_then(|before| before.label(APPLYSET_PART_OF_LABEL));
        let sets = [after, before].into_iter().flatten();
        self.sets.extend(sets.map(String::from));
        self.controllers = controllers(object, collections);
    }
}

/// What controls an object; of what a ReplicaSet controls, what controls that.
fn controllers(object: &Object, collections: &Collections) -> Vec<ObjectId> {
    let Some(controller) = Controller::from_object(object.value()) else {
        return Vec::new();
    };
    let namespace = object.namespace();
    let set = KnownKind::ReplicaSet.resource();
    let mut found = vec![controller_id(&controller, namespace)];
    if controller.kind == set.kind {
        let held = collections.get(&Target::new(&set, namespace, &controller.name));
        let held = held.and_then(|held| held.parse().ok());
        let above = held.and_then(|held| Controller::from_object(held.value()));
        found.extend(above.map(|above| controller_id(&above, namespace)));
    }
    found
}

fn controller_id(controller: &Controller, namespace: Option<&str>) -> ObjectId {
    let gvk = Gvk::new(&controller.api_version, &controller.kind);
    ObjectId::new(&gvk.group, &gvk.kind, namespace, &controller.name)
}

/// That a watch stands otherwise than before.
#[derive(Debug)]
pub struct WatchChange {
    /// What it is of.
    pub collection: Collection,
    /// Why it does not follow any more; none where it follows again.
    pub error: Option<ApiError>,
}

/// What kind of error it is.
pub fn reason_of(error: &ApiError) -> WatchErrorReason {
    match error {
        error if error.is_forbidden() => WatchErrorReason::Forbidden,
        error if error.is_expired() => WatchErrorReason::Expired,
        error if error.is_not_found() => WatchErrorReason::NotServed,
        ApiError::Timeout { .. }
        | ApiError::Connect { .. }
        | ApiError::Broken { .. }
        | ApiError::Credentials { .. }
        | ApiError::TooLate => WatchErrorReason::Connection,
        _ => WatchErrorReason::Server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_watches_are_counted_by_who_has_to_do_something() {
        let status = |code| ApiError::Status {
            code,
            reason: String::new(),
            message: String::new(),
            causes: Vec::new(),
        };
        let not_served = ApiError::NotServed {
            resource: "things.example.com/v1".into(),
        };
        for (error, reason) in [
            (status(403), WatchErrorReason::Forbidden),
            (status(401), WatchErrorReason::Forbidden),
            (status(410), WatchErrorReason::Expired),
            (not_served, WatchErrorReason::NotServed),
            (ApiError::Timeout { seconds: 5 }, WatchErrorReason::Connection),
            (status(500), WatchErrorReason::Server),
        ] {
            assert_eq!(reason_of(&error), reason, "{error}");
        }
    }
}
