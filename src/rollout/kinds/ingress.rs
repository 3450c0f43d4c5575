//! Ingresses. Many controllers never write an address, so that waiting for one would be waiting for ever: it is waited
//! for as for anything outside of the release.

use super::super::status::KindStatus;
use crate::model::Object;
use crate::model::verdict::Health;

/// Done when it has an address.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    if object.at("/status/loadBalancer/ingress/0").is_some() {
        return KindStatus::without_pods(Health::ready());
    }

    KindStatus::waits_outside("waiting for an ingress controller to assign an address")
}
