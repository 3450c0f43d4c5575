//! APIServices.

use super::super::fields::condition;
use super::super::status::KindStatus;
use crate::model::Object;
use crate::model::verdict::Health;

/// Done when the API server can reach what serves it.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    let verdict = match condition(object, "Available") {
        Some(one) if one.status == "True" => Health::ready(),
        Some(one) => Health::progressing(0, 1, format!("not available: {}", one.says())),
        None => Health::progressing(0, 1, "waiting for the API server to check its availability"),
    };

    // One without a service is served by the API server itself.
    let is_outside = object
        .at("/spec/service")
        .is_some_and(|service| !service.is_null());
    KindStatus {
        is_outside,
        ..KindStatus::without_pods(verdict)
    }
}
