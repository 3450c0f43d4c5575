//! Services: one of type LoadBalancer needs an address.

use super::super::reading::Reading;
use crate::model::Object;
use crate::model::verdict::Verdict;

/// Done when it has an address, where it asks for one.
pub(super) fn read<'a>(object: &'a Object) -> Reading<'a> {
    let has_address = object.at("/status/loadBalancer/ingress/0").is_some();
    if object.text("/spec/type") != "LoadBalancer" || has_address {
        return Reading::without_pods(Verdict::done());
    }

    Reading::waits_outside("the load balancer has no address yet")
}
