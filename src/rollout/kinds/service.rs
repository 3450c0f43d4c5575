//! Services: one of type LoadBalancer needs an address.

use super::super::status::KindStatus;
use crate::model::Object;
use crate::model::verdict::Health;

/// Done when it has an address, where it asks for one.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    let has_address = object.at("/status/loadBalancer/ingress/0").is_some();
    if object.text("/spec/type") != "LoadBalancer" || has_address {
        return KindStatus::without_pods(Health::ready());
    }

    KindStatus::waits_outside("waiting for a load balancer address")
}
