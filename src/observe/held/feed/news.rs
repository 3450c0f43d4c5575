//! What a feed has to say: objects whose content moved, and watches that stand otherwise than before.

use crate::cluster::ApiError;
use crate::model::ObjectId;
use crate::model::drift::WatchErrorReason;
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
